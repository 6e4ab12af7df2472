"""What is drawn like the characters: the queries that find it, and which titles and addresses name a character after all.

A search for rivals finds the character itself most of the time, so a result is judged before it is downloaded, by the words
of its title and addresses: accents, capitals, punctuation and one or two wrong letters do not hide a name.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import chain, groupby, zip_longest
from urllib.parse import unquote

RIVAL_TEMPLATES = ("characters like {name}", "{name}'s friends and family", "{name} fan character")
PHRASE_TEMPLATE = "{phrase} characters"
PHRASES_PER_NAME = 2
MOST_RIVAL_QUERIES = 20
"""Of one run, whatever the number of names."""
FEWEST_TITLES = 2
"""In which a phrase must stand, so that it is more than one picture's own name."""
LONGEST_PHRASE = 3

SHORTEST_INSIDE = 7
"""Letters of a name that counts inside a longer word too: "crayonshinchan"; shorter ones are in many words."""
SHORTEST_MISSPELT, SHORTEST_TWICE_MISSPELT = 6, 10
"""Letters of a name that may have one wrong letter, and two; the first letter must be right, for Wario is not Mario."""
SHORTEST_FIRST_NAME = 4
WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7ff]")
"""Letters of scripts that set no space around a name: Thai, Lao, Burmese, Khmer, Chinese, Japanese; Korean adds to it."""

FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+", "a an and are as at by de for from how in is la le of on or s that the this to vs what who with you your"
    )
)
NO_FIRST_NAMES = frozenset(
    re.findall(
        r"\w+",
        """aunt baby black blue brother captain count crazy daddy detective doctor dragon emperor father general
        giant good grand grandma grandpa great green inspector iron king lady little lord madame magic mama
        master miss mister monster mother officer papa panda pink prince princess professor queen red robot
        scary sergeant silver sister snow space spider star strong super teenage uncle white wicked wild wonder
        yellow young""",
    )
)
"""First words of names that many others share: "a sleeping princess" is not Princess Peach."""
AFTER_FIRST_NAME = frozenset(("", "and", "s", "or", "with", "vs", "in", "at", "from"))
"""What follows a first name that stands for the whole: "Mickey and friends". "" is the end, a comma..."""
GENERIC_WORDS = frozenset(
    re.findall(
        r"\w+",
        """amazon anime animated animation art background backgrounds best cartoon cartoons character characters clip clipart
        color coloring colouring comic comics cute download downloads drawing drawings easy episode etsy facebook fan fanart
        fandom film free full gallery gif hd high icon icons illustration illustrations image images instagram jpeg jpg logo
        movie new official page pages pattern photo photos picture pictures pinterest png poster posters printable quality
        resolution season series sheet show sketch sticker stickers stock svg top transparent tv vector vectors video
        wallpaper wallpapers webp wiki wikipedia youtube""",
    )
)
"""Words of pictures of anything: they tell no show."""


@lru_cache(4096)
def words_of(text: str) -> tuple[str, ...]:
    """A text's words: letters without accents, lower case; digits apart; "BugsBunny" is two."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unquote(text))
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", spaced) if not unicodedata.combining(letter))
    runs = groupby(plain.casefold(), _kind)
    return tuple("".join(run) for kind, run in runs if kind)


def _kind(letter: str) -> str:
    """What a character is in a word: a letter (also a vowel sign, as of Hindi), a digit, or "" for what is none."""
    if letter.isdecimal():
        return "digit"
    return "letter" if letter.isalnum() or unicodedata.category(letter)[0] == "M" else ""


def names_character(text: str, name: str, *, is_title: bool = False) -> bool:
    """Whether a text or an address has a character's name: as it is, as one word, with "s", or misspelt.

    is_title: the first of several names, standing alone, counts too: "Mickey & friends", but not "Mickey Rooney".
    """
    return _has_name(text, name) or (is_title and _has_first_name(text, name))


def _has_name(text: str, name: str) -> bool:
    words, length = words_of(text), len(words_of(name))
    target = "".join(words_of(name))
    if not target:
        return False
    windows = ("".join(words[k : k + size]) for size in range(1, length + 3) for k in range(len(words) - size + 1))
    may_be_inside = len(target) >= SHORTEST_INSIDE or WITHOUT_SPACES.search(target)
    return any(_is_spelling(window, target) for window in windows) or (
        bool(may_be_inside) and any(target in word for word in words)
    )


def _is_spelling(window: str, target: str) -> bool:
    if re.sub("e?s$", "", window) == re.sub("e?s$", "", target):
        return True
    wrong = 2 if len(target) >= SHORTEST_TWICE_MISSPELT else 1
    if len(target) < SHORTEST_MISSPELT or window[0] != target[0] or abs(len(window) - len(target)) > wrong:
        return False
    return SequenceMatcher(None, window, target, autojunk=False).ratio() >= 1 - wrong / len(target)


def _has_first_name(title: str, name: str) -> bool:
    first, *others = words_of(name) or ("",)
    if not others or len(first) < SHORTEST_FIRST_NAME or first in NO_FIRST_NAMES:
        return False
    segments = map(words_of, re.split(r"[^\w\s'’&-]|\s[-–—]\s", title.replace("&", " and ")))
    pairs = chain(*(zip_longest(words, words[1:], fillvalue="") for words in segments))
    return any(word == first and following in AFTER_FIRST_NAME for word, following in pairs)


def rival_queries(titles_by_name: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """At most MOST_RIVAL_QUERIES queries that find what is drawn like the characters, those of each name in turn.

    titles_by_name: every character, with the titles of pictures that were found for it.
    """
    queries = [list[str]() for _ in titles_by_name]
    for mine, (name, titles) in zip(queries, titles_by_name.items(), strict=True):
        phrases = [PHRASE_TEMPLATE.format(phrase=phrase) for phrase in _phrases(titles, titles_by_name)]
        own = [template.format(name=name) for template in RIVAL_TEMPLATES]
        mine += filter(None, chain(*zip_longest(phrases, own)))
    in_turn = filter(None, chain(*zip_longest(*queries)))
    return tuple(dict.fromkeys(in_turn))[:MOST_RIVAL_QUERIES]


def _phrases(titles: Iterable[str], characters: Collection[str]) -> list[str]:
    """The other names in the titles, of the show or of who is in it: "looney tunes", "daffy duck". Commonest first."""
    left_out = GENERIC_WORDS.union(*map(words_of, characters))
    counts: Counter[str] = Counter()
    for words in map(words_of, dict.fromkeys(titles)):
        counts.update({phrase for phrase in _runs(words) if left_out.isdisjoint(phrase.split())})
    common = [phrase for phrase, count in counts.items() if count >= FEWEST_TITLES]
    chosen = list[str]()
    for phrase in sorted(common, key=lambda phrase: (-counts[phrase], -len(phrase.split()), phrase)):
        overlaps = any(set(phrase.split()) & set(other.split()) for other in chosen)
        if not overlaps and not any(_has_name(phrase, character) for character in characters):
            chosen.append(phrase)
    return chosen[:PHRASES_PER_NAME]


def _runs(words: Sequence[str]) -> Iterable[str]:
    """The runs of up to LONGEST_PHRASE words that may be a name; a single word of fewer than five letters is none."""
    for size in range(1, LONGEST_PHRASE + 1):
        for k in range(len(words) - size + 1):
            run = words[k : k + size]
            is_name = not {run[0], run[-1]} & FUNCTION_WORDS and not any(word.isdigit() for word in run)
            if is_name and (size > 1 or len(run[0]) > 4):
                yield " ".join(run)

"""The words of the page, as HTML. Labels are folder names from anywhere, so all are escaped."""

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cartoons.classifier import Prediction
from cartoons.examples import captions
from cartoons.markdown import plain
from cartoons.model_folder import OTHER_LABEL, Example, ModelInfo
from cartoons.page.sentences import BRIGHT, BUT_FOR_ONE, DELETED, EXAMPLE, OWN_CHARACTERS, WHERE_IT_LOOKED
from cartoons.serving.corrections import NONE_OF_THESE

BARS = 4
"""Characters with a bar of their own."""

FIRST_HUE, GOLDEN_ANGLE = 40, 137.5
"""The characters' colours, in degrees: each a golden angle from the one before, so that the first dozens are apart."""

MOST_LISTED = 8
"""Up to this many characters are named one by one."""

CERTAIN = 0.6
"""At least so probable is a character that is named without "perhaps", where model.json has no certain_threshold."""

CLOSE = 0.5
"""The second character is asked about as well if it is at least so probable for each 1.0 of the first."""

WORTH_NAMING = 0.1
"""The least probability of a character that the page brings up."""


def title(info: ModelInfo) -> str:
    """What the browser's tab and a shared link show: plain text, which Gradio escapes."""
    return f"{plain(info.name)} · Cartoon Classifier"


def link_words(page: str, characters: Sequence[str], is_example: bool) -> tuple[str, str]:
    """A shared link's title and description, as plain text; page: the page's title."""
    names = ", ".join(characters) if len(characters) <= MOST_LISTED else f"{len(characters)} characters"
    return f"Who is this? {page}" if is_example else page, f"It names {names} in a picture, or says no."


def opening(characters: Sequence[str], notice: str) -> str:
    """The title, what the page does, and, when another model than the one asked for answers, why."""
    warning = f'<p id="notice" role="status">{html.escape(notice)}</p>' if notice else ""
    every = f"<details><summary>All {len(characters)}</summary><p>{', '.join(map(_name, characters))}</p></details>"
    fold = every if len(characters) > MOST_LISTED else ""
    return f"<h1>Cartoon Classifier</h1><p>Show me a picture: is it {listed(characters, 'or')}?</p>{fold}{warning}"


def loading(characters: Sequence[str], css: str) -> str:
    """What is seen until Gradio's scripts have built the page, where the title will stand; page.js takes it away.

    css: style.css, whose lines about it come with it, as Gradio brings the others later.
    """
    style = "".join(line for line in css.splitlines() if line.startswith("#loading"))
    return f'<div id="loading"><style>{style}</style>{opening(characters, "")}</div>'


def question(characters: Sequence[str]) -> str:
    """What stands in the answer's place before any picture."""
    return f'<div class="empty"><h2>Who is it?</h2><p>I know {listed(characters, "and")}.</p></div>'


def problem(sentence: str) -> str:
    """What stands there when a picture could not be answered."""
    return f'<div class="problem"><h2>That did not work</h2><p>{html.escape(sentence)}</p></div>'


def answer_html(answer: Prediction, info: ModelInfo, picture_id: str, mask: str = "", *, is_example: bool = False) -> str:
    """The answer to a picture: in words, as bars, and a button that shows where the network looked.

    picture_id: what the picture's address holds, by which the page tells an answer of the picture before.
    mask: of heat_map.py, "" where the model cannot say where it looked. is_example: it is what the page opens with.
    """
    kind, title, sentence = in_words(answer, info.certain_threshold)
    example = f"<small>{EXAMPLE}</small>" if is_example else ""
    looked = f'<button type="button" class="looked" aria-pressed="false" value="{mask}">{WHERE_IT_LOOKED}</button>'
    looked += f"<p>{BRIGHT}</p>"
    return (
        f'<div class="{kind}" data-picture="{picture_id}">{example}<h2>{title}</h2><p>{sentence}</p></div>'
        f"{bars(answer, info)}{looked if mask else ''}"
    )


def in_words(answer: Prediction, certain_threshold: float | None) -> tuple[str, str, str]:
    """What kind of answer it is (known, perhaps or unknown), its headline, and a sentence with what to try next, as HTML.

    certain_threshold: of 1 minus the probability, up to which a character is named without "perhaps".
    """
    (first, p), (second, q) = [*answer.probabilities.items(), ("", 0.0)][:2]
    percent = shares(answer)
    if not answer.known:
        closest = f"; the closest is {_name(first)} ({percent[first]}%)" if p >= WORTH_NAMING else ""
        looks = f"It looks like none of my characters{closest}."
        if p > 1 - sum(answer.probabilities.values()):
            looks = f"It is nearest to {_name(first)} ({percent[first]}%), but not so near that I would name it."
        return "unknown", "I don’t know this one", f"{looks} Try a picture that shows one of them alone."
    certain = 1 - CERTAIN if certain_threshold is None else certain_threshold
    if 1 - p <= certain:
        return "known", _name(first), f"{percent[first]}% sure"
    if q >= max(WORTH_NAMING, CLOSE * p):
        sentence = f"{percent[first]}% and {percent[second]}% sure. Try a picture that shows one character alone."
        return "perhaps", f"{_name(first)} or {_name(second)}?", sentence
    sentence = f"{percent[first]}% sure; it may be none of my characters. Try a larger or clearer picture of one alone."
    return "perhaps", f"Perhaps {_name(first)}", sentence


def so_far(done: int, files: int) -> str:
    """How far many pictures have come."""
    return f"{done} of {files}"


def all_done(answered: int, files: int) -> str:
    """What came of many pictures."""
    return f"{answered} of {files} answered{'; the others say why not' if answered < files else ''}."


def shares(answer: Prediction) -> dict[str, int]:
    """The likeliest characters, the others together (as ""), and none of these (as OTHER_LABEL), in whole per cent, which
    add up to 100; the largest first."""
    ranked = list(answer.probabilities.items())
    rows = dict(ranked[:BARS]) | ({"": sum(probability for _, probability in ranked[BARS:])} if ranked[BARS:] else {})
    rows[OTHER_LABEL] = max(0.0, 1 - sum(answer.probabilities.values()))
    return percentages(dict(sorted(rows.items(), key=lambda row: -row[1])))


def share_rows(answer: Prediction, info: ModelInfo) -> list[tuple[str, int, int | None]]:
    """Of each of `shares`: its name as HTML, the share, and a character's hue in degrees."""
    hues = {label: round(FIRST_HUE + k * GOLDEN_ANGLE) % 360 for k, label in enumerate(info.characters)}
    others = len(hues) - BARS
    names = {OTHER_LABEL: NONE_OF_THESE, "": "1 other" if others == 1 else f"{others} others"}
    return [(names.get(label) or _name(label), share, hues.get(label)) for label, share in shares(answer).items()]


def bars(answer: Prediction, info: ModelInfo) -> str:
    """`share_rows` as a list."""
    lines = [
        f'<li class="rest" style="--share: {share}%"><span>{name}</span><b>{share}%</b></li>'
        if hue is None
        else f'<li style="--share: {share}%; --hue: {hue}">{name}<b>{share}%</b></li>'
        for name, share, hue in share_rows(answer, info)
    ]
    return f'<ul id="bars"{"" if answer.known else " class=muted"}>{"".join(lines)}</ul>'


def percentages(parts: Mapping[str, float]) -> dict[str, int]:
    """Parts of 1 as whole per cent that add up to 100: the largest remainders are rounded up."""
    whole = {name: int(part * 100) for name, part in parts.items()}
    by_remainder = sorted(parts, key=lambda name: whole[name] - parts[name] * 100)
    for name in by_remainder[: max(0, 100 - sum(whole.values()))]:
        whole[name] += 1
    return whole


def colophon(info: ModelInfo, takes_corrections: bool = False) -> str:
    """How to make a page for other characters, which model answers here, of when, and what becomes of the pictures."""
    kept = f", {BUT_FOR_ONE}" if takes_corrections else ""
    return (
        f"<p>{OWN_CHARACTERS}</p><p>Model <b>{html.escape(plain(info.name))}</b> · revision <code>{info.revision}</code> · "
        f"<time>{html.escape(info.created[:10])}</time> · {DELETED}{kept}</p>"
    )


def about_examples(examples: Sequence[tuple[Path, Example]]) -> str:
    """What each example shows, for page.js to name its button by, and whose it is where a licence asks for that."""
    names = "".join(f"<li>{html.escape(plain(caption))}</li>" for caption in captions(examples))
    credit = "; ".join(dict.fromkeys(map(_credit, (example for _, example in examples if example.license))))
    return f"<ul hidden>{names}</ul>" + (f"<p>Pictures: {credit}</p>" if credit else "")


def _credit(example: Example) -> str:
    """Whose a picture is and under which licence, with a link to its page."""
    words = html.escape(plain(f"{example.author or 'unnamed'}, {example.license}"))
    if not re.match("https?://", example.page_url):
        return words
    return f'<a href="{html.escape(example.page_url)}" target="_blank" rel="noopener nofollow">{words}</a>'


def listed(names: Sequence[str], conjunction: str) -> str:
    """("a", "b", "c") as "a, b and c"; a long list as its length."""
    if len(names) > MOST_LISTED:
        return f"one of {len(names)} characters" if conjunction == "or" else f"{len(names)} characters"
    marked = [_name(name) for name in names]
    return f"{', '.join(marked[:-1])} {conjunction} {marked[-1]}" if len(marked) > 1 else marked[0]


def _name(label: str) -> str:
    """A label, escaped, for CSS to capitalise."""
    return f'<span class="name">{html.escape(plain(label))}</span>'


def capitalised(label: str) -> str:
    """A label as plain text, for where CSS cannot capitalise it."""
    return re.sub(r"(?<!\S)\S", lambda first: first[0].upper(), plain(label))

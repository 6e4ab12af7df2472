"""Rivals: what is searched for pictures drawn like the characters, and which results show a character after all."""

from pathlib import Path

import pytest
from test_scraping import good

from cartoons.scraping.none_of_these import other_results, shown_character
from cartoons.scraping.selection import select
from cartoons.search.engines import ResultPage, SearchResult
from cartoons.search.rivals import MOST_RIVAL_QUERIES, names_character, rival_queries
from cartoons.search.searcher import RetryPolicy, Searcher


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bugs Bunny, a rabbit", "bugs bunny"),
        ("https://a.example/img/bugs_bunny-2.png", "bugs bunny"),
        ("https://a.example/Bugs%20Bunny.jpg", "bugs bunny"),
        ("https://bugsbunny.example/1.jpg", "bugs bunny"),
        ("MyBugsBunnyFan", "bugs bunny"),
        ("BUGS BUNNY\u2019S friends", "bugs bunny"),
        ("Bug Bunny", "bugs bunny"),
        ("Micky Maus und Mickie Mouse", "mickey mouse"),
        ("Donal Duck", "donald duck"),
        ("Crayon Shin-chan", "shinchan"),
        ("crayonshinchan.gif", "shinchan"),
        ("Sinchan drawing", "shinchan"),
        ("Pok\u00e9mon Pikach\u00fa", "pikachu"),
        ("\u0427\u0435\u0440\u043d\u044b\u0439 \u043a\u043e\u0442", "\u041a\u043e\u0442"),
        ("\u092e\u094b\u091f\u0942 \u092a\u0924\u0932\u0941", "\u092e\u094b\u091f\u0942"),
        ("\ud53c\uce74\uce04\ub294", "\ud53c\uce74\uce04"),
        ("\u30af\u30ec\u30e8\u30f3\u3057\u3093\u3061\u3083\u3093\u58c1\u7d19", "\u3057\u3093\u3061\u3083\u3093"),
    ],
)
def test_names_are_found_however_they_are_written(text: str, name: str) -> None:
    assert names_character(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Minnie Mouse", "mickey mouse"),
        ("Daisy Duck and Daffy Duck", "donald duck"),
        ("Lola Bunny with Babs Bunny", "bugs bunny"),
        ("Wario", "mario"),
        ("Boruto", "naruto"),
        ("a customer tomorrow", "tom"),
        ("Princess Daisy", "princess peach"),
        ("Marge Simpson", "homer simpson"),
        ("Raichu, Pichu", "pikachu"),
        ("Dorami", "doraemon"),
        ("https://a.example/cartoon/12.jpg", "bugs bunny"),
        ("anything", "\u2728"),
        ("Sofia, a little princess", "princess peach"),
        ("Detective and thief", "detective conan"),
        ("\u043a\u043e\u0442\u043e\u0440\u043e\u0435", "\u041a\u043e\u0442"),
        ("\u091f\u092e\u093e\u091f\u0930", "\u092e\u094b\u091f\u0942"),
        ("", "bugs bunny"),
    ],
)
def test_rivals_and_other_words_are_no_names(text: str, name: str) -> None:
    assert not names_character(text, name, is_title=True)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Mickey & Friends", True),
        ("Mickey's birthday", True),
        ("Goofy, Mickey, Pluto", True),
        ("Happy birthday Mickey!", True),
        ("Mickey Rooney", False),
        ("a mouse and a cat", False),
    ],
)
def test_a_first_name_that_stands_alone_counts_in_a_title(title: str, expected: bool) -> None:
    assert names_character(title, "mickey mouse", is_title=True) is expected
    assert not names_character(title, "mickey mouse")


TITLES = ["Bugs Bunny - Looney Tunes", "Bugs Bunny and Daffy Duck, Looney Tunes", "Bugs Bunny png", "Bugs vs Daffy Duck"]


def test_queries_come_from_the_names_and_the_titles_and_stay_few() -> None:
    queries = rival_queries({"bugs bunny": TITLES, "daffy duck": []})
    assert queries == (
        "looney tunes characters",
        "characters like daffy duck",
        "characters like bugs bunny",
        "daffy duck's friends and family",
        "bugs bunny's friends and family",
        "daffy duck fan character",
        "bugs bunny fan character",
    )
    many = rival_queries({f"name {k}": TITLES for k in range(50)})
    assert len(many) == len(set(many)) == MOST_RIVAL_QUERIES
    assert rival_queries({}) == ()


def test_the_name_of_a_site_is_no_show(tmp_path: Path) -> None:
    class Engine:
        name, licenses = "sites", frozenset({"any"})

        def page(self, query: str, _number: int, _license: str) -> ResultPage:
            sites = ("www.pngwing.com", "pngwing.com", "looneytunes.example", "a.example")
            titles = (
                "Bugs Bunny | PNGWing",
                "Bugs Bunny 2 | PNGWing",
                "Bugs Bunny, Looney Tunes",
                "Looney Tunes: Bugs Bunny",
            )
            found = [
                SearchResult(f"https://i.example/{query}/{k}", title=title, page_url=f"https://{site}/{k}")
                for k, (site, title) in enumerate(zip(sites, titles, strict=True))
            ]
            return ResultPage.of(found if query == "bugs bunny" else found[:1], False)

    searcher = Searcher([Engine()], tmp_path, "any", RetryPolicy(pause_s=0), lambda _: None)
    queries = {result.query for result in other_results(searcher, {"bugs bunny": ("bugs bunny",), "_other": ("cows",)})}
    assert "looney tunes characters" in queries
    assert not [query for query in queries if "pngwing" in query]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "https://a.example/1.jpg"}, "its address was found for red fox too"),
        ({"title": "The Red Foxes"}, "its title names red fox"),
        ({"url": "https://a.example/red-fox.jpg"}, "its address names red fox"),
        ({"page_url": "https://a.example/wiki/Red_fox"}, "its address names red fox"),
        ({"title": "a wolf"}, ""),
        ({"title": "red fox", "label": "green frog"}, ""),
        ({"title": "red fox", "query": ""}, ""),  # a person listed it
    ],
)
def test_why_a_result_shows_a_character(values: dict[str, str], reason: str) -> None:
    result = SearchResult(**{"url": "https://a.example/9.jpg", "label": "_other", "query": "wolves"} | values)
    found = {"red fox": {"https://a.example/1.jpg"}, "_other": {"https://a.example/9.jpg"}}
    assert shown_character(result, found) == (reason and f"shows a character: {reason}")


def test_a_picture_that_a_search_for_others_finds_too_stays_the_character_s() -> None:
    mine, other = good("a", 1, "one"), good("_other", 1, "two", 300, query="wolves")
    rows = select([mine, good("a", 2, "three"), other], {}, {"a": 1})
    assert [(row.status, row.group == rows[0].group) for row in rows] == [
        ("kept", True),
        ("spare", False),
        ("rejected", True),
    ]
    assert rows[2].reason == "shows a character: looks the same as a picture of a"
    assert select(rows, {}, {"a": 1}) == rows
    listed = select([mine, good("_other", 1, "two", 300)], {}, {})
    assert [row.status for row in listed] == ["two labels"] * 2  # a person said that it shows none: nobody knows
    kept = select([mine, other], {other.sha256: "_other"}, {})
    assert [row.status for row in kept] == ["duplicate", "kept"]
    assert [row.status for row in select([mine, other, good("b", 1, "four")], {}, {})] == ["two labels"] * 3

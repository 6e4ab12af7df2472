"""The page's HTML and pictures, without a server: words, heat maps, link previews."""

import ast
import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import EXAMPLES, ROOT, colour_info
from PIL import Image

from cartoons.classifier import Prediction
from cartoons.page.heat_map import mask_url
from cartoons.page.link_preview import LinkPreview
from cartoons.page.result_card import result_card
from cartoons.page.words import bars, loading, opening, share_rows
from cartoons.resize import RESIZES
from cartoons.serving.asgi import public_address

PAGE = ROOT / "cartoons" / "page"
ENGLISH = re.compile(r"^[A-Z][a-z]|\b[a-z]+ [a-z]+\b| [a-z]+ ")
NOT_SAID = {"Upload file", "Capture from camera", "Nothing to ask.", "Enter", "Error", "Thumbs.db"}
"""In the page's scripts: names that Gradio and the browser give, and an error that nobody sees."""

HOSTILE = '"><script>alert(1)</script>'


def alpha(url: str) -> np.ndarray:
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).getchannel("A")).astype(int)


@pytest.mark.parametrize("rule", [rule for rule in RESIZES if not rule.startswith("grey")])
@pytest.mark.parametrize("size", [(160, 100), (100, 160), (100, 100)])
def test_the_light_lies_over_the_part_of_the_picture_that_the_network_saw(rule: str, size: tuple[int, int]) -> None:
    """What is red in the square is lit, where it is in the picture."""
    seen, middle = Image.new("RGB", size, "grey"), (0.6, 0.3)
    left, top = (round(share * length) for share, length in zip(middle, size, strict=True))
    seen.paste("red", (left - 4, top - 4, left + 4, top + 4))
    square = np.asarray(RESIZES[rule](seen, 56)).astype(float)
    found = alpha(mask_url(np.clip(square[..., 0] - square[..., 2] - 60, 0, None), size, rule))
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (column + 0.5) / found.shape[1] == pytest.approx(middle[0], abs=0.04)
    assert (row + 0.5) / found.shape[0] == pytest.approx(middle[1], abs=0.04)
    assert found.shape[1] / found.shape[0] == pytest.approx(size[0] / size[1], rel=0.05)
    assert found.min() == 51


def test_the_longest_picture_has_a_mask() -> None:
    assert alpha(mask_url(np.ones((7, 7)), (3, 30_000), "crop-bilinear")).shape == (64, 1)


def test_a_heat_map_of_nothing_dims_everything() -> None:
    assert alpha(mask_url(np.zeros((7, 7)), (64, 64), "pad-white-bicubic")).max() == 51


@pytest.mark.parametrize(("count", "folds"), [(2, 0), (8, 0), (9, 1), (300, 1)])
def test_more_than_eight_characters_are_listed_in_a_fold(count: int, folds: int) -> None:
    names = [f"name {number}" for number in range(count - 1)] + [HOSTILE]
    text = opening(names, "")
    assert text.count("<details>") == folds
    assert all(f">name {number}<" in text for number in range(count - 1))
    assert "<script" not in text + loading(names, "")


def test_each_character_has_a_colour_of_its_own() -> None:
    names = tuple(f"name {number}" for number in range(12))
    answer = Prediction(names[0], dict.fromkeys(names, 1 / 12), 0.5, True)
    hues = {
        tuple(re.findall(r"--hue: (\d+)", bars(answer, colour_info(labels=(*names[k:], *names[:k], "_other")))))
        for k in range(12)
    }
    assert len({hue for four in hues for hue in four}) == 12


def test_a_character_called_as_a_row_of_the_page_keeps_its_share() -> None:
    names = ("none of these", "1 other", "a", "b", "c")
    answer = Prediction(names[0], dict(zip(names, (0.6, 0.2, 0.1, 0.05, 0.03), strict=True)), 0.02, True)
    rows = share_rows(answer, colour_info(labels=(*names, "_other")))
    assert [(re.sub("<.*?>", "", name), share) for name, share, _ in rows] == [
        ("none of these", 60),
        ("1 other", 20),
        ("a", 10),
        ("b", 5),
        ("1 other", 3),
        ("none of these", 2),
    ]


@pytest.mark.parametrize("name", ["red fox", HOSTILE, "W" * 200, "漫" * 60, "a & b"])
@pytest.mark.parametrize("known", [True, False])
def test_the_card_of_an_answer_is_whole_and_its_words_fit(name: str, known: bool) -> None:
    answer = Prediction(name, {name: 0.7, "green frog": 0.2}, 0.1 if known else 0.9, known)
    card = ElementTree.fromstring(result_card(answer, colour_info(labels=(name, "green frog", "_other"))))
    texts = [element for element in card if element.tag.endswith("text")]
    assert ["".join(text.itertext()) for text in texts[1:]] == [name, "70%", "green frog", "20%", "none of these", "10%"]
    assert "".join(texts[0].itertext()) == (name if known else "I don’t know this one")
    widths = [float(element.get("width", 0)) for element in card if element.tag.endswith("rect")]
    assert widths == [1200, 1200, 510, 357, 510, 102, 510, 51]
    assert all(int(text.get("font-size", 0)) >= 16 for text in texts)
    assert bool(texts[1].get("textLength")) == (len(name) > 50)


def test_what_a_visitor_reads_stands_in_sentences_and_words() -> None:
    """No English in a script, nor elsewhere in Python, but for what api.py tells programs."""
    found = set()
    for path in PAGE.glob("*.js"):
        code = re.sub(r"(^|\s)//.*", "", path.read_text(), flags=re.MULTILINE)
        literals = {"".join(parts) for parts in re.findall(r'"([^"\n]*)"|`([^`]*)`|\'([^\'\n]*)\'', code)}
        found |= {text for text in literals if not re.match(r"[#.(\[]", text)} - NOT_SAID  # selectors
    for path in {*PAGE.glob("*.py")} - {PAGE / "sentences.py", PAGE / "words.py", PAGE / "api.py"}:
        nodes = [*ast.walk(ast.parse(path.read_text()))]
        docstrings = [node.value for node in nodes if isinstance(node, ast.Expr)]
        texts = [node for node in nodes if isinstance(node, ast.Constant) and node not in docstrings]
        plain_texts = {re.sub(r"<[^>]*(>|$)", "", text.value) for text in texts if isinstance(text.value, str)}
        found |= {text for text in plain_texts if not re.search("[={}]", text)}  # code
    assert [text for text in found if ENGLISH.search(re.sub(r"\$\{.*?\}", "0", text))] == []


PREVIEW = LinkPreview("Cartoon Classifier", ["red fox", HOSTILE], [EXAMPLES / "shinchan-1.png", EXAMPLES / "other-1.png"])


def test_the_tags_of_a_link() -> None:
    assert 'og:image" content="https://a.example/preview.png"' in PREVIEW.tags("https://a.example")
    one = PREVIEW.tags("https://a.example", "shinchan-1")
    assert 'og:image" content="https://a.example/preview.png?example=shinchan-1"' in one
    assert 'og:url" content="https://a.example/?example=shinchan-1"' in one
    for example in (HOSTILE, "n" * 300, "../../etc/passwd", "https://elsewhere.example/"):
        assert PREVIEW.tags("https://a.example", example) == PREVIEW.tags("https://a.example")
        assert PREVIEW.picture(example) == PREVIEW.picture()
    assert "<script" not in PREVIEW.tags("https://a.example")
    assert "og:image" not in PREVIEW.tags("")  # an address that is not absolute is none
    assert "og:image" not in LinkPreview("Cartoons", ["red fox"], []).tags("https://a.example")


@pytest.mark.parametrize("count", [1, 2, 4, 5, 8, 40])
def test_the_picture_of_a_link(count: int) -> None:
    paths: list[Path] = sorted(EXAMPLES.glob("*.png")) * 4
    picture = LinkPreview("Cartoons", ["red fox"], paths[:count]).picture()
    assert picture is not None
    shown = Image.open(io.BytesIO(picture))
    assert (shown.format, shown.size) == ("PNG", (1200, 630))
    assert LinkPreview("Cartoons", ["red fox"], []).picture() is None


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"host": "127.0.0.1:7860"}, "http://127.0.0.1:7860"),
        ({"host": "[::1]:7860"}, "http://[::1]:7860"),
        (
            {"host": "10.1.2.3", "x-forwarded-host": "user-name.hf.space", "x-forwarded-proto": "https"},
            "https://user-name.hf.space",
        ),
        ({"host": "a.example", "x-forwarded-proto": "https,http"}, "https://a.example"),
        ({"host": 'a.example"><script>'}, ""),
        ({"host": "a.example/path"}, ""),
        ({"host": "a.example", "x-forwarded-proto": "javascript"}, ""),
        ({}, ""),
    ],
)
def test_the_address_of_the_page_is_the_one_that_the_visitor_has(headers: dict[str, str], address: str) -> None:
    scope = {"scheme": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    assert public_address(scope) == address


@pytest.mark.parametrize(
    ("root", "address"), [("/cartoons", "http://a.example/cartoons"), ("https://b.example/c/", "https://b.example/c")]
)
def test_the_address_of_the_page_below_a_path(monkeypatch: pytest.MonkeyPatch, root: str, address: str) -> None:
    monkeypatch.setenv("GRADIO_ROOT_PATH", root)
    assert public_address({"scheme": "http", "headers": [(b"host", b"a.example")]}) == address

"""The training report: what it says, what it leaves out, what it must never show, and how it looks in a real browser."""

import copy
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import AXE, draw_shape
from PIL import Image
from playwright.sync_api import Browser

from cartoons.report import captions
from cartoons.report.contact_sheet import write_contact_sheet
from cartoons.report.figures import confusion
from cartoons.report.pages import shown
from cartoons.report.svg import WIDTH_PX, fitted
from cartoons.report.training_report import write

pytestmark = pytest.mark.slow  # a dozen figures are drawn for most of them
LABELS = ["bugs bunny", "mickey mouse", "shinchan"]
ODD = ["<script>alert(1)</script>", "😀 日本 & \"quotes\" 'too'", "long " * 40, "$x^2$ \\frac", "a\x07b\udc80c"]
Findings = dict[str, Any]


class Page(HTMLParser):
    """What a page refers to, its tags, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.source = path.read_text()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.refers += [value for key, value in attrs if key in ("src", "href", "srcset") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def matrix(labels: list[str]) -> list[list[int]]:
    """30 pictures each, of which every label but the first loses 2 to the one before."""
    counts = [[0] * len(labels) for _ in labels]
    for k in range(len(labels)):
        counts[k][k] = 28 if k else 30
        if k:
            counts[k][k - 1] = 2
    return counts


def minimal(labels: list[str] = LABELS) -> Findings:
    """Findings without anything that may be missing."""
    row = {"pictures": 30, "precision": 0.9, "precision_95": [0.8, 0.97], "recall": 28 / 30, "recall_95": [0.85, 0.98]}
    return {
        "name": "three <of> them",
        "labels": [*labels, "_other"],
        "characters": labels,
        "protocol": "leaving whole sources out (9 sources, 4 rounds of training)",
        "created": "2026-01-02T03:04:05+00:00",
        "arch": "tiny_net",
        "recipe": "fast",
        "revision": "0123456789ab",
        "pictures": dict.fromkeys([*labels, "_other"], 30),
        "balanced_accuracy": 0.9555,
        "balanced_accuracy_95": [0.91, 0.98],
        "accuracy": 0.95,
        "macro_f1": 0.94,
        "per_class": {label: row | ({"recall": 0.7} if k == 1 else {}) for k, label in enumerate(labels)},
        "confusion": matrix(labels),
        "unknown": {"threshold": 0.4, "rule": "1 - highest", "characters_kept": 0.95, "named_share": 0.95},
        "calibration": {"ece_before": 0.08, "ece_after": 0.03, "temperature": 1.4},
        "reliability": {"before": [], "after": []},
        "duplicates": {"alike": 1, "leaked": 0, "of": 0},
        "left_out": [],
        "history": [],
        "top_losses": [],
        "mislabelled": [],
        "batch": [],
    }


def full(pictures: Path, labels: list[str] = LABELS) -> Findings:
    """Findings with everything, and drawn pictures, two of which cannot be opened."""
    pictures.mkdir(exist_ok=True)
    paths = []
    for k in range(6):
        paths.append(str(pictures / f"{k}.png"))
        draw_shape("round", k).save(paths[-1])
    (pictures / "torn.png").write_bytes(Path(paths[0]).read_bytes()[:90])
    paths += [str(pictures / "torn.png"), str(pictures / "gone & <away>.png")]
    bins = [{"confidence": c, "accuracy": c - 0.05, "pictures": n} for c, n in ((0.4, 4), (0.7, 20), (0.96, 300))]
    curve = {"false_accept": [0.0, 0.1, 1.0], "kept": [0.0, 0.9, 1.0]}
    kind = {"pictures": 200, "auroc": 0.97, "refused": 0.9}
    found = minimal(labels)
    found["unknown"] |= {"photographs": kind, "unseen_cartoons": kind | {"refused": 0.5}}
    return found | {
        "roc": {"photographs": curve, "unseen_cartoons": curve},
        "reliability": {"before": bins, "after": bins},
        "robustness": {
            "as they are": {"pictures": 90, "balanced_accuracy": 0.95},
            "grey": {"pictures": 90, "balanced_accuracy": 0.85},
            "mirrored": {"pictures": 90, "balanced_accuracy": 0.96},
        },
        "duplicates": {"alike": 12, "leaked": 3, "of": 20},
        "left_out": [[paths[6], "cut short"]],
        "split": "training 70, validation 20",
        "passed_over": {"hidden": 3, "not a picture but <text>": 1234},
        "history": [
            {"epoch": k + 1, "train_loss": 2 / (k + 1), "valid_loss": 2.2 / (k + 1), "balanced_accuracy": 0.9}
            for k in range(4)
        ],
        "lr_finder": {"lr": [10**k for k in range(-6, 1)], "loss": [2.0, 2.0, 1.9, 1.2, 0.8, 1.0, 9.0], "suggested": 1e-3},
        "learning_curve": {
            "shares": [0.25, 0.5, 1.0],
            "balanced_accuracy": [0.81, 0.85, 0.89],
            "recall": {label: [0.8, 0.85, 0.9] for label in labels},
            "reached": 0.9555,
            "with_twice": 0.9667,
            "gains_most": labels[0],
        },
        "precision": {
            "kept": "fp16",
            "candidates": [
                {"name": "fp32", "megabytes": 18.8, "milliseconds": 8.2, "balanced_accuracy": 0.95, "auroc": 0.9},
                {"name": "fp16", "megabytes": 9.4, "milliseconds": 8.0, "balanced_accuracy": 0.95},
            ],
        },
        "top_losses": [
            {"path": path, "label": labels[0], "answer": labels[1], "probability": 0.9, "loss": 3.0} for path in paths
        ],
        "mislabelled": [
            {"path": path, "label": labels[0], "suggested": labels[1], "probability": 0.97} for path in paths[5:]
        ],
        "batch": [{"path": path, "label": labels[0]} for path in paths[:3]],
    }


def augmented(label: str = LABELS[0]) -> list[tuple[str, list[Image.Image]]]:
    return [(label, [draw_shape("square", k, size=224) for k in range(4)])]


FIGURES = {
    f"{key}.svg"
    for key in (
        "confusion",
        "per-class",
        "unknown",
        "reliability",
        "robustness",
        "training",
        "learning-curve",
        "learning-rate",
    )
}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def check(folder: Path) -> tuple[Page, Page]:
    """What holds of every report, whatever was found; its two pages."""
    index, pictures = Page(folder / "index.html"), Page(folder / "pictures.html")
    for page in (index, pictures):
        assert all((folder / target).is_file() for target in page.refers if target != "data:,"), page.refers
        assert not re.search(r"https?://|//[a-z]", page.source)
        assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object")]
        assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert not [target for target in index.refers if target.startswith("pictures/") or "jpg" in target]
    assert "data:image" not in index.source
    for path in folder.glob("*.svg"):
        tree = ElementTree.parse(path)
        assert not {element.tag.split("}")[1] for element in tree.iter()} & {"script", "image", "foreignObject"}
    assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]
    return index, pictures


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    """The report of everything, to be read only, and what it was made of."""
    home = tmp_path_factory.mktemp("whole")
    found = full(home / "data")
    write(home / "report", copy.deepcopy(found), augmented())
    return home / "report", found


def test_everything_that_was_found_is_told(whole: tuple[Path, Findings]) -> None:
    folder, found = whole
    index, pictures = check(folder)
    assert files(folder) >= FIGURES | {"index.html", "report.json", "pictures.html"}
    assert json.loads((folder / "report.json").read_text()) == found
    for words in (
        "three <of> them",
        "0.956",
        "0.910 to 0.980",
        "leaving whole sources out (9 sources, 4 rounds of training)",
        "Mickey Mouse: found in 21 of 30 pictures",
        "Of 30 Bugs Bunny pictures from sites the model never saw, it found 30.",
        "3 of its 20 pictures",
        "1 file was left out.",
        "Split found in the folder: training 70, validation 20.",
        "not a picture but <text>",
        "1,234",
        "meant to leave 95\u202f% of the characters’ pictures named",
        "9.4 MB instead of 18.8",
        "0123456789ab",
    ):
        assert words in index.text, words
    for words in ("Probably mislabelled", "Suggested: Mickey Mouse", "gone & <away>.png", "torn.png", "cut short"):
        assert words in pictures.text, words
    assert str(folder.parent) not in index.source
    assert len(list((folder / "pictures").glob("*.jpg"))) == 6 + 4


def test_what_was_not_found_is_left_out(tmp_path: Path) -> None:
    found = minimal()
    write(tmp_path, found, [])
    index, pictures = check(tmp_path)
    assert {path.name for path in tmp_path.glob("*.svg")} == {"confusion.svg", "per-class.svg"}
    assert "When pictures are changed" not in index.text
    assert "No pictures were given" in pictures.text
    assert json.loads((tmp_path / "report.json").read_text()) == found


def test_every_key_that_may_be_missing_may_be_null_or_gone(tmp_path: Path) -> None:
    needed = {"name", "labels", "characters", "balanced_accuracy"}
    everything = full(tmp_path / "data")
    optional = everything.keys() - needed
    for name, found in (
        ("gone", {key: everything[key] for key in needed}),
        ("null", everything | dict.fromkeys(optional)),
        ("some", everything | dict.fromkeys(["protocol", "unknown", "per_class", "pictures"])),
        ("others", everything | dict.fromkeys(["calibration", "confusion", "balanced_accuracy_95"])),
    ):
        write(tmp_path / name, found, [])
        check(tmp_path / name)


def test_numbers_that_json_does_not_know_become_null(tmp_path: Path) -> None:
    found = full(tmp_path / "data")
    found["history"][1]["valid_loss"] = float("nan")
    found["lr_finder"]["loss"][-1] = float("inf")
    found["robustness"]["grey"]["balanced_accuracy"] = float("nan")
    found["per_class"]["shinchan"] |= {"precision": float("nan"), "precision_95": [float("nan"), float("nan")]}
    write(tmp_path / "report", found, [])
    check(tmp_path / "report")
    kept = json.loads((tmp_path / "report" / "report.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert kept["history"][1]["valid_loss"] is None
    assert kept["per_class"]["shinchan"]["precision_95"] is None


def test_a_second_report_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write(folder, full(tmp_path / "data"), augmented())
    write(folder, minimal(), [])
    assert files(folder) == {"index.html", "pictures.html", "report.json", "confusion.svg", "per-class.svg"}


def test_labels_are_folder_names_from_anywhere(tmp_path: Path) -> None:
    found = full(tmp_path / "data", ODD)
    write(tmp_path / "report", found, augmented(ODD[0]))
    index, pictures = check(tmp_path / "report")
    for page in (index, pictures):
        assert shown(ODD[0]) in page.text
    assert "😀 日本" in index.text
    assert "😀 日本" in (tmp_path / "report" / "confusion.svg").read_text()
    assert "$x^2$" in (tmp_path / "report" / "per-class.svg").read_text().lower()
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == found


def test_the_same_findings_give_the_same_bytes(whole: tuple[Path, Findings]) -> None:
    folder, found = whole
    again = folder.with_name("again")
    write(again, copy.deepcopy(found), augmented())
    assert files(folder) == files(again)
    for name in files(folder):
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name


@pytest.mark.parametrize("size", [2, 3, 12, 40])
def test_the_matrix_fits_whatever_its_size(size: int) -> None:
    names = [f"Character Number {k}" for k in range(size)]
    drawing = confusion(names, matrix(names))
    root = ElementTree.fromstring(drawing.svg)
    assert (root.get("width"), root.get("height")) == (str(drawing.width_px), str(drawing.height_px))
    assert drawing.width_px <= (400 if size < 4 else 1060)
    texts = [element for element in root.iter() if element.tag.endswith("}text")]
    assert len(texts) >= 2 * size + size * size
    assert all(0 <= float(text.get("x", -1)) <= drawing.width_px for text in texts)


def test_readings_say_what_the_numbers_say() -> None:
    found = minimal()
    assert captions.confusion(found).endswith("taking Shinchan for Mickey Mouse: 2 of 30 pictures.")
    found["confusion"] = [[30, 0, 0], [0, 30, 0], [0, 0, 30]]
    assert captions.confusion(found) == "All 90 pictures from sites the model never saw got the right name."
    found["protocol"] = "holding groups of alike pictures out"
    assert "the model was not trained on" in captions.confusion(found)
    found["protocol"] = "leaving whole sources out (3 sources, 3 rounds of training); shinchan, of one source, in groups"
    assert "the model was not trained on" in captions.confusion(found)
    found["per_class"]["bugs bunny"] = {"pictures": 3, "recall": 0.0}  # a name that was never given
    found["per_class"]["shinchan"]["precision"] = 0.8
    doubt = "The answer to doubt most is Shinchan: right 80\u202f% of the times it was given."
    assert captions.per_class(found) == f"{doubt} With 3 pictures, Bugs Bunny was judged on the fewest."
    found["robustness"] = {"as they are": {"balanced_accuracy": 0.95}, "grey": {"balanced_accuracy": 0.948}}
    assert captions.robustness(found).startswith("None of these changes costs a hundredth")
    found["robustness"]["grey"]["balanced_accuracy"] = 0.8
    assert captions.robustness(found) == "The change that costs most is “grey”: balanced accuracy 0.800 instead of 0.950."
    found["history"] = [{"epoch": k, "train_loss": 1 / k, "valid_loss": abs(k - 2) + 0.1} for k in (1, 2, 3)]
    assert "lowest at epoch 2" in captions.training(found)
    found["calibration"] = {"ece_before": 0.02, "ece_after": 0.03}
    assert "no nearer than" in captions.reliability(found)
    found["confusion"] = [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert captions.confusion(found).startswith("Of 1 Bugs Bunny picture the model was not trained on, it found 1. ")


def found_in(pictures: int, *recalls: float) -> Findings:
    """Findings of so many held-out pictures of each character."""
    row = {"pictures": pictures, "precision": 1.0, "precision_95": [1.0, 1.0], "recall_95": [1.0, 1.0]}
    return minimal() | {"per_class": {label: row | {"recall": r} for label, r in zip(LABELS, recalls, strict=True)}}


@pytest.mark.parametrize(
    ("found", "says", "says_not"),
    [
        (found_in(9, 1, 1, 0.5), "too few to say", "0.956</p>"),
        (found_in(9, 1, 1, 0.5), "9 held-out pictures of Bugs Bunny; at least 10 of each are needed", "None"),
        (found_in(1, 1, 1, 0), "1 held-out picture of Bugs Bunny", "None"),
        (found_in(10, 1, 1, 0.5), "0.956", "too few"),
        (found_in(3, 1, 1, 1), "0.44 to 1.00", "1.00 to 1.00"),
        (found_in(3, 1, 1, 1), "every picture was named rightly", "None"),
        (
            found_in(10, 0.9, 0.9, 0.9),
            "No single character: all were found in 90\u202f% of their pictures",
            "Weakest</dt><dd>Bugs",
        ),
        (
            found_in(10, 1, 0.9, 0.9),
            "Mickey Mouse and Shinchan were found in 90\u202f% of their pictures",
            "Weakest</dt><dd>Mickey",
        ),
        (found_in(10, 1, 0.9, 0.9), "Each character was judged on 10 pictures", "on the fewest"),
        (minimal(), "Whichever name it gave was right 90\u202f%", "doubt most"),
        (minimal() | {"labels": LABELS}, "3 characters<", "none of these"),
    ],
)
def test_no_more_is_claimed_than_was_measured(tmp_path: Path, found: Findings, says: str, says_not: str) -> None:
    write(tmp_path, found, [])
    check(tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert says in text
    assert says_not not in text.lower()


def test_of_one_character_the_share_named_right_is_told(tmp_path: Path) -> None:
    found = minimal(LABELS[:1]) | {"balanced_accuracy": 1.0, "accuracy": 1.0, "confusion": [[30]]}
    found["robustness"] = {name: {"pictures": 30, "balanced_accuracy": 1.0} for name in ("as they are", "grey")}
    named = {"pictures": 30, "right": 0.9, "right_95": [0.74, 0.97]}
    found["unknown"] |= {"characters": {"per_class": {LABELS[0]: named}}, "threshold": 3.4e-10}
    write(tmp_path, found, [])
    check(tmp_path)
    text = " ".join(Page(tmp_path / "index.html").text.split())
    assert "0.900 Share named right over 1 character, on pictures" in text
    assert "Bugs Bunny: found in 27 of 30 pictures, 90 % (95 % interval 74 % to 97 %)." in text
    assert "above 3.4e-10, meant to leave" in text
    assert "1 character and “none of these”" in text
    for always in ("guessing", "right name", "1.000", "When pictures are changed"):
        assert always not in text


@pytest.mark.parametrize("unseen", [True, False, None])
def test_characters_it_never_saw_are_claimed_where_that_is_true(tmp_path: Path, unseen: bool | None) -> None:
    write(tmp_path / "report", full(tmp_path / "data") | {"strangers_unseen": unseen}, [])
    text = (tmp_path / "report" / "index.html").read_text() + (tmp_path / "report" / "unknown.svg").read_text()
    assert ("characters it never saw" in text) == bool(unseen)
    assert ("other cartoons" in text) == (not unseen)


def test_only_wrong_answers_are_where_it_was_wrong(tmp_path: Path) -> None:
    found, folder = full(tmp_path / "data"), tmp_path / "report"
    for row in found["top_losses"][:3]:
        row["answer"] = row["label"]
    write_contact_sheet(folder, found, [])
    assert Page(folder / "pictures.html").text.count("it said") == len(found["top_losses"]) - 3
    found["top_losses"] = found["top_losses"][:3]
    write_contact_sheet(folder, found, [])
    text = Page(folder / "pictures.html").text
    assert "it said" not in text
    assert "No answer about a held-out picture was wrong." in text


def test_each_page_names_the_command_that_acts_on_it(tmp_path: Path, whole: tuple[Path, Findings]) -> None:
    folder = tmp_path / "a model" / "report"
    write(folder, full(tmp_path / "data") | {"folder": "my data/-cartoons"}, [])
    index, pictures = check(folder)
    assert f"python scrape.py review 'my data/-cartoons' --model '{tmp_path / 'a model'}'" in pictures.text
    assert "python scrape.py review DIR --model DIR" in index.text
    assert str(tmp_path) not in index.source
    assert "python scrape.py review DIR --model" in check(whole[0])[1].text


@pytest.mark.parametrize("labels", [LABELS, [f"character {k}" for k in range(20)]], ids=["three", "twenty"])
def test_no_text_of_a_figure_is_too_small_for_a_phone(tmp_path: Path, labels: list[str]) -> None:
    """On a phone 360 px wide, 16 of which are margin on either side, no letter is below 11 px."""
    write(tmp_path / "report", full(tmp_path / "data", labels), [])
    for path in (tmp_path / "report").glob("*.svg"):
        text = path.read_text()
        width = int(re.search(r'<svg [^>]*width="(\d+)"', text)[1])  # type: ignore[index]
        scale = min(1, (360 - 32) / width) if width <= WIDTH_PX else 1  # wider ones scroll
        sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", text)]
        assert sizes
        assert min(sizes) * scale >= 11, path.name


def test_long_names_are_cut_by_how_wide_they_are() -> None:
    assert fitted("Bugs Bunny", 100) == "Bugs Bunny"
    assert fitted("B" * 200, 100).endswith("…")
    assert len(fitted("日" * 200, 100)) < len(fitted("B" * 200, 100))
    assert fitted("B" * 200, 1) == "…"


@pytest.mark.parametrize("labels", [LABELS, ODD[:3] + [f"character {k}" for k in range(37)]], ids=["three", "forty"])
def test_a_browser_shows_it_all_on_a_desk_and_on_a_phone(browser: Browser, tmp_path: Path, labels: list[str]) -> None:
    folder = tmp_path / "report"
    write(folder, full(tmp_path / "data", labels), augmented(labels[0]))
    for width in (1200, 320):
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
            tab, complaints, asked = context.new_page(), [], []
            tab.on("console", lambda message, heard=complaints: heard.append(message.text))
            tab.on("pageerror", lambda error, heard=complaints: heard.append(str(error)))
            tab.on("dialog", lambda dialog, heard=complaints: (heard.append(dialog.message), dialog.dismiss()))
            tab.on("request", lambda request, heard=asked: heard.append(request.url))
            for name in ("index.html", "pictures.html"):
                tab.goto((folder / name).as_uri())
                assert tab.evaluate("document.documentElement.scrollWidth") == width, (name, width)
                assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)"), name
                assert tab.locator("img").count() > 5
                ends = "table => table.parentElement.getBoundingClientRect().right - table.getBoundingClientRect().right"
                assert all(tab.evaluate(f"[...document.querySelectorAll('table')].map({ends}).map(room => room > -1)")), name
                if width == 320:
                    tab.evaluate(AXE)
                    assert [one["nodes"] for one in tab.evaluate("axe.run(document)")["violations"]] == [], name
            assert complaints == []
            assert all(url.startswith(("file:", "data:")) for url in asked)
            context.close()

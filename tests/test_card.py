"""The model card describes every model.json that was ever written, whatever metrics it has."""

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, colour_info
from huggingface_hub import ModelCard

from cartoons import model_folder
from cartoons.markdown import markdown, plain
from cartoons.model_card import Published, model_card, without_place
from cartoons.model_folder import Example

INTERVAL = [0.8, 1.0]
ROW = {"pictures": 9, "recall": 0.9, "recall_95": INTERVAL, "precision": 0.95, "precision_95": INTERVAL}
KIND = {"pictures": 20, "auroc": 0.97, "refused": 0.9}
METRICS: dict[str, Any] = {
    "balanced_accuracy": 0.9,
    "balanced_accuracy_95": INTERVAL,
    "accuracy": 0.91,
    "macro_f1": 0.92,
    "recall": {"red fox": 0.9, "green frog": 0.8},
    "pictures": {"red fox": 9, "green frog": 7},
    "per_class": {"red fox": ROW, "green frog": ROW | {"pictures": 7, "recall": 0.8}},
    "protocol": "one source out at a time",
    "duplicates": {"alike": 3, "leaked": 2, "of": 9},
    "calibration": {"ece_before": 0.1, "ece_after": 0.05},
    "unknown": {"characters_kept": 0.95, "false_accept_rate": 0.05, "photographs": KIND, "unseen_cartoons": KIND},
    "strangers_unseen": True,
    "robustness": {"as they are": {"balanced_accuracy": 0.9, "pictures": 16}},
    "precision": {
        "kept": "float16",
        "candidates": [
            {
                "name": "float16",
                "megabytes": 7.1,
                "milliseconds": 9.0,
                "balanced_accuracy": 0.9,
                "auroc": None,
                "label_changes": 0,
            }
        ],
    },
    "parity": {"pictures": 16, "largest_difference": 1e-5},
    "learning_curve": {
        "shares": [0.25, 0.5, 1.0],
        "balanced_accuracy": [0.7, 0.8, 0.85],
        "recall": {"red fox": [0.7, 0.8, 0.85]},
        "reached": 0.9,
        "with_twice": 0.93,
        "gains_most": "red fox",
    },
}
CHARACTERS = {"pictures": 16, "named": 0.95, "right": 0.93, "right_95": INTERVAL, "certain": 0.8}
CHARACTERS["named_95"] = [0.9, 0.99]
CHARACTERS["per_class"] = {"red fox": {"pictures": 9, "right": 0.9, "right_95": INTERVAL}}
TODAY = {"refused_95": INTERVAL, "certain": 0.01}
UNKNOWN = {
    "characters_kept": 0.95,
    "named_share": 0.95,
    "right_share": 0.97,
    "characters": CHARACTERS,
    "photographs": KIND | TODAY,
    "unseen_cartoons": KIND | TODAY,
}
DATASET = {"pictures": {"red fox": 9, "green frog": 7, "_other": 20}, "sources": 3, "sha256": "ab" * 32}


def described(metrics: dict[str, Any], **more: Any) -> str:
    info = colour_info(metrics=metrics, dataset=DATASET, sha256={"model.onnx": "cd" * 32}, **more)
    for published in (None, Published("toon/model", "toon/pictures", [("examples/x.png", "red fox")])):
        card = model_card(info, published)
        assert ModelCard(card).data.library_name == "fastai"
    return card


def test_a_whole_description_gives_every_section() -> None:
    card = described(METRICS)
    for words in (
        "## How good it is",
        "one source out at a time",
        "2 of 9 pictures",
        "0.900 (0.800 to 1.000)",
        "## When it says",
        "let 5% of photographs through",
        "## How it takes other versions",
        "16 of the pictures",
        "## What it was trained on",
        "Green frog is found least often",
        "float16 (kept)",
        "0.850 with all: at that rate, twice as many may bring this model from 0.900 to about 0.930. red fox gained most.",
    ):
        assert words in card


def rows(**counts: tuple[int, float]) -> dict[str, Any]:
    """per_class of so many pictures and such a recall."""
    return {"per_class": {name: ROW | {"pictures": n, "recall": recall} for name, (n, recall) in counts.items()}}


@pytest.mark.parametrize(
    ("change", "says", "says_not"),
    [
        (rows(fox=(30, 0.9), frog=(9, 0.8)), "**too few to say**, with 9 held-out pictures of frog", "**0.900**"),
        (rows(fox=(30, 0.9), frog=(1, 0.8)), "**too few to say**, with 1 held-out picture of frog", "pictures of frog"),
        (rows(fox=(30, 0.9), frog=(0, 0.0)), "**too few to say**, with 0 held-out pictures of frog", "**0.900**"),
        (rows(fox=(30, 0.9), frog=(10, 0.8)), "Balanced accuracy over the characters: **0.900**", "too few"),
        (
            rows(fox=(30, 0.9), frog=(20, 0.8), owl=(30, 0.8), cat=(30, 0.8), cow=(30, 0.8)),
            "4 characters are found least often; frog was judged on 20 pictures only.",
            "and owl",
        ),
        (rows(fox=(30, 0.9), frog=(20, 0.8)), "Frog is found least often; frog was judged on 20 pictures only", "few"),
        (rows(fox=(30, 0.9), frog=(30, 0.9)), "- Each character was judged on 30 pictures.", "least often"),
        (rows(fox=(30, 0.9), frog=(20, 0.9)), "- Frog was judged on 20 pictures only.", "least often"),
        (rows(a=(30, 0.9), b=(20, 0.8), c=(20, 0.8)), "B and c are found least often", "B is found"),
        ({"strangers_unseen": True}, "Cartoons of characters it never saw sometimes", "Other characters"),
        ({"strangers_unseen": False}, "Other characters may get a name", "characters it never saw"),
        ({"unknown": {}}, "Other characters may get a name", "characters it never saw"),
        ({"accuracy_95": [0.8, 0.96]}, "accuracy 0.910 (0.800 to 0.960)", "redraw"),
        ({"accuracy_95": [0.8, 0.96]}, "accuracy, too few to say: 7 pictures of green frog, 95 % interval 0.8", "redraw"),
        ({"balanced_accuracy": 1.0, "balanced_accuracy_95": [1.0, 1.0]}, "chance is 0.500", "1.000 to 1.000"),
        (
            {"per_class": {"fox": ROW | {"pictures": 3, "recall": 1.0, "recall_95": [1.0, 1.0]}}},
            "1.000 (0.439 to 1.000)",
            "None",
        ),
        ({}, "| photographs | 20 | 0.970 | 90.0% (69.9% to 97.2%) |", "None"),
    ],
)
def test_what_is_claimed_is_what_was_measured(change: dict[str, Any], says: str, says_not: str) -> None:
    card = described(METRICS | change)
    assert says in card.replace("\n  ", " ")
    assert says_not not in card


def test_a_model_without_none_of_these_says_nothing_of_them() -> None:
    card = described(METRICS | {"unknown": {"characters_kept": 0.95}}, labels=("red fox", "green frog"))
    assert "none of these" not in card
    assert "treat every answer as a guess among the names it knows" in card


def test_every_interval_is_the_one_that_was_measured() -> None:
    """An artwork counts once everywhere, so the same share has one interval, not two."""
    card = described(METRICS | {"unknown": UNKNOWN | {"certain_right": 0.981}, "strangers": 7}, certain_threshold=0.25)
    assert card.count("90.0% (80.0% to 100.0%)") + card.count("**90.0%** (80.0% to 100.0%)") == 4
    assert "95.0% (90.0% to 99.0%) of the characters' pictures" in card
    assert "98.1% of the names said without it are right" in card
    assert "20 cartoons of 7 characters it never saw" in card
    assert "| red fox | 9 | 0.900 (0.800 to 1.000) | 0.950 (0.800 to 1.000) | 0.900 (0.800 to 1.000) |" in card
    assert "| green frog | 7 | 0.800 (0.800 to 1.000) | 0.950 (0.800 to 1.000) |  |" in card


@pytest.mark.parametrize(
    ("measured", "says", "says_not"),
    [
        ({}, ": 97% of the names said without it are right, where", "without it.\n"),
        ({"certain_right": 0.0}, ": 0.0% of the names said without it are right, where", "97%"),
        ({"certain_right": None}, ": of the pictures held out, none was given a name without it.\n", "97%"),
    ],
)
def test_how_often_a_sure_name_is_right_is_measured_and_no_target(
    measured: dict[str, Any], says: str, says_not: str
) -> None:
    card = described(METRICS | {"unknown": UNKNOWN | measured}, certain_threshold=0.25)
    assert f'a name is said with "perhaps"{says}' in card
    assert says_not not in card
    assert ("of the characters' pictures are named so" in card) == (measured != {"certain_right": None})


def test_thresholds_that_are_nearly_nothing_are_no_zeros() -> None:
    card = described(METRICS | {"unknown": UNKNOWN}, certain_threshold=2e-6, unknown_threshold=3e-9)
    assert "is above 3e-09" in card
    assert "Below a probability of 0.999998 a name" in card


def test_a_threshold_that_nothing_was_refused_by_is_said_too() -> None:
    alone = {"characters_kept": 0.95, "named_share": 0.95, "characters": CHARACTERS, "right_share": 0.97}
    card = described(METRICS | {"unknown": alone}, labels=("red fox", "green frog"), certain_threshold=0.25)
    assert "## In one number" in card
    assert "it names 95.0% (90.0% to 99.0%) of the characters' pictures" in card
    assert 'Below a probability of 0.750 a name is said with "perhaps"' in card


def test_one_character_has_no_accuracy_among_characters() -> None:
    card = described(METRICS | {"unknown": UNKNOWN}, labels=("red fox", "_other"), certain_threshold=0.25)
    assert "It knows one character only" in card
    assert "chance is" not in card
    assert "balanced_accuracy" not in card
    assert "other versions" not in card  # in which it would name the right one of one, always


def test_a_model_without_a_second_threshold_says_nothing_of_it() -> None:
    card = described(METRICS | {"unknown": UNKNOWN}, certain_threshold=None)
    assert "a name is said with" not in card
    assert "leave 95% of the characters' pictures named" in card


def test_a_converted_model_is_not_said_to_know_what_it_does_not_know() -> None:
    card = described({"parity": METRICS["parity"]}, recipe="converted", unknown_threshold=1.0)
    assert "or says that it knows none" not in card


def test_three_numbers_say_what_a_visitor_wants_to_know() -> None:
    card = described(METRICS | {"unknown": UNKNOWN}, certain_threshold=0.25, commit="ab" * 20 + "+")
    for words in (
        "Of 16 pictures of its characters, **93.0%** (80.0% to 100.0%) are named right",
        "Of 20 cartoons of characters it never saw, **90.0%** (80.0% to 100.0%) are refused",
        "Of 20 photographs, **90.0%**",
        "red fox 90.0% of 9",
        "leave 95% of the characters' pictures named",
        'Below a probability of 0.750 a name is said with "perhaps": 97% of',
        "at commit `abababababab`, with changes,",
    ):
        assert words in card


@pytest.mark.parametrize("missing", METRICS)
def test_whatever_is_missing_is_left_out(missing: str) -> None:
    card = described({name: value for name, value in METRICS.items() if name != missing})
    assert "None" not in card
    assert "\n\n\n" not in card
    assert "# colours" in card


@pytest.mark.parametrize("names", [(), ("parity",), ("balanced_accuracy", "balanced_accuracy_95", "accuracy", "macro_f1")])
def test_little_is_enough(names: tuple[str, ...]) -> None:
    assert "## Use" in described({name: METRICS[name] for name in names})


def test_the_embedded_models_card_can_be_made() -> None:
    info = model_folder.read(ROOT / "model")[0]
    card = model_card(info, Published("toon/four"))
    row = info.metrics["per_class"]["donald duck"]
    assert f"| donald duck | {row['pictures']} | {row['recall']:.3f} (" in card
    assert info.metrics["protocol"] in card


EVIL = {
    '"><script>alert(1)</script>': r'"\>\<script\>alert(1)\</script\>',
    "a|b": r"a\|b",
    "*x* _y_ `z`": r"\*x\* \_y\_ \`z\`",
    "[x](http://y.example)": r"\[x\](http\://y.example)",
    "![x](//y) www.y.example": r"\!\[x\](//y) \www.y.example",
    "---": r"\---",
    "- x": r"\- x",
    "1. x": r"1\. x",
    ": yes": r"\: yes",
    "@all <b>": r"\@all \<b\>",
    "\x1b[31mred": r"\[31mred",
    "a\u202eb\u200fc\ufeff": "abc",
    "x" * 200: "x" * 200,
    "🦊 日本": "🦊 日本",
    "{{ 7 * 7 }} {% x %}": r"\{\{ 7 \* 7 \}\} \{% x %\}",
    "$x^2$ &amp; ~a~": r"\$x^2\$ \&amp; \~a\~",
    "# x\n---\ny": r"\# x --- y",
}
"""What anybody may call a character, a model, an author or a source, and how Markdown shows it as it is."""


@pytest.mark.parametrize("words", EVIL)
def test_words_of_others_stay_words(words: str) -> None:
    assert markdown(words) == EVIL[words]
    shown = plain(words)
    labels = (shown, "green frog", "_other")
    rows = {"per_class": dict.fromkeys(labels[:2], ROW), "recall": {}, "protocol": words, "strangers_unseen": words}
    characters = CHARACTERS | {"per_class": {shown: CHARACTERS["per_class"]["red fox"]}}
    info = colour_info(
        **dict.fromkeys(("name", "arch", "recipe", "commit"), shown),
        labels=labels,
        metrics=METRICS | rows | {"unknown": UNKNOWN | {"characters": characters}},
        dataset={"pictures": {shown: 9}, "sources": words, "sha256": words},
        versions={shown: shown},
        certain_threshold=0.25,
        examples=(Example("x-1.jpg", shown, "CC BY 4.0", shown, f"https://a.example/{words}"),),
        sha256={"model.onnx": "cd" * 32},
    )
    card = model_card(info, Published("toon/model", None, [("examples/x-1.jpg", shown)]))
    read = ModelCard(card).data
    assert read.model_name == shown
    assert read.widget[0]["example_title"] == shown
    body = card.split("\n---\n", 1)[1]
    assert not [line for line in body.splitlines() if line in ("---", "===")]
    prose = re.sub(r"`[^`\n]*`|```.*?```", "", body, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<\w|(?<!\\)\]\((?!https://huggingface)|\x1b|\u202e|\u200f", prose)
    assert {line.count("|") - line.count("\\|") for line in body.splitlines() if line.startswith("| ")} <= {3, 4, 5, 6}


@pytest.mark.parametrize("place", ["runs/mine", "/home/me/my model", "-x", "a'b\"c", "🦊", "a\nb", "a`b", "a\\b"])
def test_the_card_says_how_to_use_the_folder_where_it_lies(place: str) -> None:
    info = colour_info(metrics={"parity": METRICS["parity"]}, sha256={"model.onnx": "cd" * 32})
    card = model_card(info, folder=Path(place))
    assert f"Classifier.load(Path({place!r}))" in card
    assert "python app.py --model " in card
    assert without_place(card) == model_card(info) == without_place(model_card(info))
    if place.isalpha():
        assert place not in without_place(card)

"""What the page says, before anybody sees it."""

import pytest
from conftest import colour_info

from cartoons.classifier import Prediction
from cartoons.page.words import bars, in_words, percentages


def answer(known: bool = True, **probabilities: float) -> Prediction:
    ranked = dict(sorted(probabilities.items(), key=lambda row: -row[1]))
    first = next(iter(ranked))
    return Prediction(first, ranked, 1 - ranked[first], known)


STATES = [
    (answer(fox=0.94, frog=0.02), None, "known", "fox", "94% sure"),
    (answer(fox=0.60, frog=0.39), None, "known", "fox", "60% sure"),
    (answer(fox=0.59, frog=0.05), None, "perhaps", "Perhaps fox", "Try a larger or clearer picture"),
    (answer(fox=0.94, frog=0.02), 0.05, "perhaps", "Perhaps fox", "94% sure"),
    (answer(fox=0.30, frog=0.02), 0.75, "known", "fox", "30% sure"),
    (answer(fox=0.45, frog=0.40), None, "perhaps", "fox or frog?", "45% and 40% sure"),
    (answer(fox=0.45, frog=0.22), None, "perhaps", "Perhaps fox", "45% sure"),
    (answer(fox=0.15, frog=0.09), None, "perhaps", "Perhaps fox", "15% sure"),
    (answer(fox=0.50), None, "perhaps", "Perhaps fox", "50% sure"),
    (answer(False, fox=0.14, frog=0.02), None, "unknown", "I don’t know this one", "the closest is fox (14%)"),
    (answer(False, fox=0.6, frog=0.1), None, "unknown", "I don’t know this one", "nearest to fox (60%), but not so near"),
    (answer(False, fox=0.09, frog=0.02), None, "unknown", "I don’t know this one", "none of my characters. Try"),
]


@pytest.mark.parametrize(("given", "certain_threshold", "kind", "headline", "says"), STATES)
def test_three_honest_answers(
    given: Prediction, certain_threshold: float | None, kind: str, headline: str, says: str
) -> None:
    written = in_words(given, certain_threshold)
    found, title, sentence = (words.replace('<span class="name">', "").replace("</span>", "") for words in written)
    assert (found, title) == (kind, headline)
    assert says in sentence


@pytest.mark.parametrize(
    ("shares", "then"),
    [
        ((1.0,), [100]),
        ((1 / 3, 1 / 3, 1 / 3), [34, 33, 33]),
        ((0.996, 0.004), [100, 0]),
        ((0.945, 0.011, 0.011, 0.011, 0.022), [95, 1, 1, 1, 2]),
        ((0.29, 0.71), [29, 71]),
        ((0.285, 0.285, 0.43), [29, 28, 43]),
    ],
)
def test_percentages_add_up_to_100(shares: tuple[float, ...], then: list[int]) -> None:
    assert list(percentages({str(k): share for k, share in enumerate(shares)}).values()) == then


def test_the_headline_and_the_bars_say_the_same_number() -> None:
    """Rounded one by one, these shares would add up to 98: a bar says 97% where a sentence of its own said 98%."""
    given = answer(fox=0.9755, frog=0.0085, owl=0.0083, toad=0.0001)
    assert in_words(given, None)[2] == "97% sure"
    assert "97%</b>" in bars(given, colour_info(labels=("fox", "frog", "owl", "toad", "_other")))


def test_bars_hold_the_likeliest_the_others_and_none_of_these_escaped() -> None:
    labels = tuple(f"<b>{k}" for k in range(7))
    info = colour_info(labels=(*labels, "_other"))
    shown = bars(answer(**dict.fromkeys(labels, 0.1)), info)
    assert shown.count("<li") == 6
    assert "3 others</span><b>30%" in shown
    assert "none of these</span><b>30%" in shown
    assert "&lt;b&gt;0" in shown
    assert "<b>0" not in shown

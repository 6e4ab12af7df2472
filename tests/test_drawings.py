"""The forty drawings that the embedded model is tried on."""

from collections import Counter

from conftest import ROOT

DRAWINGS = ROOT / "tests" / "drawings"


def test_there_are_forty_in_five_styles() -> None:
    pictures = list(DRAWINGS.rglob("*.png"))
    characters = {"bugs bunny": 7, "donald duck": 7, "mickey mouse": 6, "shinchan": 6}
    assert Counter(path.parent.name for path in pictures) == {**characters, "_other": 14}
    styles = Counter(path.name.split("-")[0] for path in pictures)
    assert styles == {"outline": 8, "flat": 8, "painted": 8, "pixel": 8, "pencil": 8}
    assert max(path.stat().st_size for path in pictures) <= 20_000

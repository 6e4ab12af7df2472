"""What the card of a converted learner says: nothing was measured, and which files it opens in another way than the page."""

from cartoons.model_folder import ModelInfo

OPENED = {
    "transparent": "the page lays them on white; fastai drops the transparency and sees the colours beneath, mostly black",
    "EXIF-turned": "the page turns them upright; fastai leaves them as the camera held them",
    "animated": "the page shows the first frame that is not blank; fastai the first",
    "unusual": "the page opens what Pillow, and so fastai, takes for no picture",
    "16-bit": "the page scales them to 8 bits; fastai shows all but the darkest as white",
    "32-bit": "the page scales them to 8 bits; fastai cuts off what is below 0 or above 255",
    "large JPEG": "the page reads those of at least 2048 px on both sides at a reduced scale; fastai at the full one",
}
"""How the page and fastai's own PILImage open the kinds of files on which they usually differ."""


def unmeasured(info: ModelInfo) -> str:
    """How good it is, as far as that is known."""
    parity = info.metrics.get("parity")
    if parity is None:
        return "## How good it is\n\nNot measured."
    said = f"""## How good it is

Not measured: it was converted from a fastai learner, and answers as that does (the same label on all {parity["pictures"]}
pictures tried, probabilities within {parity["largest_difference"]:.1e}). It never says that it does not know."""
    rows = "\n".join(f"- {sentence}" for sentence in opened_otherwise(info))
    if not rows:
        return said
    return f"""{said}

Files of some kinds the learner opens in another way than the page, so that the two may answer differently:

{rows}"""


def opened_otherwise(info: ModelInfo) -> list[str]:
    """A sentence for each kind of files that the learner opens in another way than the page."""
    said = []
    for kind, found in info.metrics.get("parity", {}).get("opened_otherwise", {}).items():
        opened = found["pictures"] - found["not_opened"]
        parts = [OPENED[kind]] if kind in OPENED else []
        if found["not_opened"]:
            parts.append(f"the learner fails on {found['not_opened']} of {found['pictures']}")
        if opened:
            gap = f"probabilities differ by up to {found['largest_difference']:.2g}"
            parts.append(f"{gap}, the label on {found['other_label']} of {opened} tried")
        said.append(f"{kind[0].upper()}{kind[1:]} files: {'; '.join(parts)}.")
    return said

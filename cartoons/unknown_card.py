"""What the model card says of pictures of none of the characters, and of what that costs on pictures of them."""

from collections.abc import Mapping
from typing import Any

from cartoons.model_folder import OTHER_LABEL, ModelInfo


def three_numbers(info: ModelInfo) -> str:
    """What a visitor wants to know; "" where it was not measured, as by older programs."""
    measured: dict[str, Any] = info.metrics.get("unknown", {})
    if not (characters := measured.get("characters")):
        return ""
    per_class = "; ".join(f"{name} {row['right']:.1%} of {row['pictures']}" for name, row in characters["per_class"].items())
    lines = [
        f"- Of {characters['pictures']} pictures of its characters, {_percent(characters, 'right')} are named right, each "
        f"character counting the same: {per_class}.",
        *(
            f"- Of {measured[kind]['pictures']} {words}, {_percent(measured[kind], 'refused')} are refused; "
            f'{measured[kind]["certain"]:.1%} get a name without "perhaps".'
            for kind, words in (("unseen_cartoons", _strange_cartoons(info)), ("photographs", "photographs"))
            if kind in measured
        ),
    ]
    return "## In three numbers\n\n" + "\n".join(lines)


def unknown(info: ModelInfo) -> str:
    """When it says that it does not know, and when "perhaps"."""
    measured: dict[str, Any] = info.metrics.get("unknown", {})
    found = {name: measured[name] for name in ("photographs", "unseen_cartoons") if name in measured}
    rows = "\n".join(
        f"| {_stranger(name, info)} | {kind['pictures']} | {kind['auroc']:.3f} | {kind['refused']:.1%} |"
        for name, kind in found.items()
    )
    if OTHER_LABEL in info.labels and not rows:
        return """## When it says "I don't know"

No picture of "none of these" was held out, so how often it refuses them was not measured."""
    if not rows:
        return """## When it says "I don't know"

It was trained without pictures of "none of these", so treat every answer as a guess among the names it knows."""
    aim = "set by the characters' pictures alone"
    if "photographs" in measured and "false_accept_rate" in measured:
        aim = f"set to let {measured['false_accept_rate']:.0%} of photographs through, if that spares them"
    if "named_share" in measured:
        aim = (
            f"set to leave {measured['named_share']:.0%} of the characters' pictures named, each character counting the same"
        )
    apart = "Those below were not trained on, but others of their kind may have been."
    if info.metrics.get("strangers_unseen"):
        apart = "Each cartoon below was judged by a model that never saw its character."
    certain = ""
    if "characters" in measured:
        certain = (
            f'Above {info.certain_threshold:.3f} a name is said with "perhaps": {measured["right_share"]:.0%} of the names '
            "said without it are right, where\neach character and all that is none of them count the same. "
            f"{measured['characters']['certain']:.1%} of the characters' pictures are named so.\n"
        )
    return f"""## When it says "I don't know"

When {info.unknown_rule} is above {info.unknown_threshold:.3f}: {aim}.
So set, it names {measured["characters_kept"]:.1%} of the characters' pictures that it never saw.
{certain}{apart}

| none of these | pictures | AUROC | refused |
|---|---|---|---|
{rows}"""


def _percent(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_95"]
    return f"**{row[name]:.1%}** ({low:.1%} to {high:.1%})"


def _strange_cartoons(info: ModelInfo) -> str:
    return "cartoons of characters it never saw" if info.metrics.get("strangers_unseen") else "other cartoons"


def _stranger(name: str, info: ModelInfo) -> str:
    return name.replace("_", " ") if name == "photographs" or info.metrics.get("strangers_unseen") else "others"

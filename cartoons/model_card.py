"""The model card: README.md of a model folder, with the front matter that the Hugging Face Hub reads.

Its text is in model_card.md, a Jinja2 template of Markdown. Front matter: https://huggingface.co/docs/hub/model-cards
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CardData, EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader

from cartoons.console import command
from cartoons.errors import counted
from cartoons.evaluation import learning_curve
from cartoons.evaluation.intervals import TOO_FEW, too_few, wilson, without_empty_intervals
from cartoons.markdown import code, markdown, plain
from cartoons.model_folder import EXAMPLES, LEARNER_FILE, OTHER_LABEL, Example, ModelInfo

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent))

IN1K = {f"tf_efficientnet_lite{k}" for k in range(5)}
"""Networks whose usual ImageNet weights the Hub has as timm/NAME.in1k."""

FILE_KINDS = {
    "transparent": "the page lays them on white; fastai drops the transparency and sees the colours beneath, mostly black",
    "EXIF-turned": "the page turns them upright; fastai leaves them as the camera held them",
    "animated": "the page shows the first frame that is not blank; fastai the first",
    "unusual": "the page opens what Pillow, and so fastai, takes for no picture",
    "16-bit": "the page scales them to 8 bits; fastai shows all but the darkest as white",
    "32-bit": "the page scales them to 8 bits; fastai cuts off what is below 0 or above 255",
    "large JPEG": "the page reads those of at least 2048 px on both sides at a reduced scale; fastai at the full one",
}
"""How the page and fastai's own PILImage open the kinds of files on which they usually differ."""

PLACE = re.compile(r"""(?<=python app\.py --model )[^\n]*|(?<=Classifier\.load\(Path\()(['"])(?:[^\\]|\\.)*?\1""")
"""Where a card says that its folder lies."""

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """Where a model folder stands on the Hugging Face Hub."""

    repo: str
    """user/name."""
    dataset: str | None = None
    """user/name of its pictures, if they are there too."""
    drawings: Sequence[tuple[str, str]] = ()
    """(path in the repository, character) of drawings for visitors to try."""


def model_card(info: ModelInfo, published: Published | None = None, folder: Path | None = None) -> str:
    """README.md of a model folder: what the model is, how it was measured and what it is bad at, from model.json alone.

    Metrics that older versions did not write are left out. published: if it goes to the Hub; folder: where it lies else.
    """
    metrics = without_empty_intervals(info.metrics)
    per_class = _per_class(metrics)
    others = {"Macro-F1": "macro_f1", "accuracy": "accuracy"}
    more = ", ".join(f"{words} {_measured(metrics, name)}" for words, name in others.items() if name in metrics)
    return card_of(
        _model_card_data(info, metrics, published),
        "model_card.md",
        info=info,
        metrics=metrics,
        published=published,
        more=f"{more}." if more else "",
        per_class=per_class,
        few=too_few(per_class),
        enough=TOO_FEW,
        held_out=sum(row["pictures"] for row in per_class.values()),
        counted=counted,
        **_unknown(info, metrics),
        number=_number,
        share=_share,
        percent=_percent,
        measured=_measured,
        md=markdown,
        code=code,
        folder=repr(str(folder or Path())),
        serve=plain(command("python", "app.py", "--model", folder or Path())),
        credits=credit_lines(info),
        weak=_weaknesses(per_class),
        learning_curve=learning_curve.in_words,
        differing=differing_files(info),
        has_learner=LEARNER_FILE in info.sha256,
    )


def without_place(card: str) -> str:
    """A folder's card with "." for the path at which it lay when the card was made."""
    return PLACE.sub(lambda place: "'.'" if place[1] else ".", card)


def shows(example: Example) -> str:
    """What an example shows, in words."""
    return {OTHER_LABEL: "none of these", "": "a picture"}.get(example.label, example.label)


def credit_lines(info: ModelInfo) -> list[str]:
    """A line of Markdown for each example: its file, what it shows and, where that is stated, whose it is."""
    lines = []
    for each in info.examples:
        parts = [markdown(shows(each)), each.author and f"by {markdown(each.author)}", markdown(each.license)]
        parts.append(each.page_url and code(each.page_url))
        lines.append(f"`{EXAMPLES}/{each.file_name}`: {', '.join(filter(None, parts))}")
    return lines


def card_of(data: CardData, template: str, **words: Any) -> str:
    """A card as a file: front matter, then a template of Markdown; where that left sections out, one empty line stands."""
    card = TEMPLATES.get_template(template).render(card_data=data.to_yaml(), **words)
    return re.sub(r"\n{3,}", "\n\n", card).rstrip() + "\n"


def _model_card_data(info: ModelInfo, metrics: Metrics, published: Published | None) -> ModelCardData:
    names = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy", "macro_f1": "macro F1"}
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=(published and published.dataset) or "imagefolder",
            dataset_name=f"pictures of {len(info.characters)} characters, judged by models that never saw them",
            metric_type="f1" if key == "macro_f1" else key,
            metric_name=name + _reservation(metrics, key),
            metric_value=round(metrics[key], 4),
        )
        for key, name in names.items()
        if key in metrics and "balanced_accuracy" in metrics and len(info.characters) > 1
    ]
    address = f"https://huggingface.co/{published.repo}/resolve/main" if published else ""
    drawings = published.drawings if published else ()
    return ModelCardData(
        library_name="fastai",
        pipeline_tag="image-classification",
        license="apache-2.0",
        base_model=f"timm/{info.arch}.in1k" if info.arch in IN1K and info.recipe != "converted" else None,
        tags=["cartoon-classifier", "image-classification", "fastai", "onnx"],
        datasets=[published.dataset] if published and published.dataset else None,
        model_name=plain(info.name) if results else None,
        eval_results=results or None,
        widget=[{"src": f"{address}/{path}", "example_title": label} for path, label in drawings] or None,
    )


def _unknown(info: ModelInfo, metrics: Metrics) -> dict[str, Any]:
    """What the card says of "I don't know": how often it does, of which pictures."""
    unseen = "unseen cartoons" if metrics.get("strangers_unseen") else "others"
    kinds = {"photographs": "photographs", "unseen_cartoons": unseen}
    unknown = metrics.get("unknown") or {}
    characters = unknown.get("characters") or {}
    strangers = counted(metrics["strangers"], "character") if metrics.get("strangers") else "characters"
    return {
        "out_of_distribution": {words: unknown[name] for name, words in kinds.items() if name in unknown},
        "unseen": f"cartoons of {strangers} it never saw",
        "characters": characters,
        "named": characters.get("per_class", {}),
        "has_threshold": info.unknown_threshold < 1 and unknown.get("characters_kept") is not None,
    }


def _per_class(metrics: Metrics) -> Mapping[str, Metrics]:
    """What was measured of each character: its pictures, recall and precision, as far as model.json says."""
    counts = metrics.get("pictures", {})
    recalls = {name: {"pictures": counts.get(name, 0), "recall": share} for name, share in metrics.get("recall", {}).items()}
    return metrics.get("per_class") or recalls


def _measured(row: Metrics, name: str) -> str:
    """A measured share with its interval: "0.923 (0.759 to 0.979)"."""
    if name not in row:
        return ""
    low, high = row.get(f"{name}_95") or (None, None)
    return f"{row[name]:.3f}" + ("" if low is None else f" ({low:.3f} to {high:.3f})")


def _reservation(metrics: Metrics, key: str) -> str:
    """What to read a metric of the model index with: its interval, and of how few pictures it is."""
    few, pair = too_few(_per_class(metrics)), metrics.get(f"{key}_95")
    return (f", too few to say: {counted(few[1], 'picture')} of {few[0]}" if few else "") + (
        f", 95 % interval {pair[0]:.3f} to {pair[1]:.3f}" if pair else ""
    )


def _number(value: float) -> str:
    """A number from 0 to 1 with three digits: "0.125", "1e-21", "0.9999"."""
    return (
        f"{value:.3f}" if value in (0, 1) or 0.0005 <= value < 0.9995 else f"{value:.3g}" if value < 0.5 else f"{value:.7g}"
    )


def _share(share: float, pictures: int, interval: Sequence[float] | None = None) -> str:
    """A share of so many pictures with its interval: "95.0% (91.3% to 97.2%)"."""
    low, high = interval or wilson(share, pictures)
    return f"{share:.1%}" + (f" ({low:.1%} to {high:.1%})" if pictures else "")


def _percent(row: Metrics, name: str) -> str:
    """A measured share with its interval: "**92.3%** (75.9% to 97.9%)"."""
    low, high = row[f"{name}_95"]
    return f"**{row[name]:.1%}** ({low:.1%} to {high:.1%})"


def _weaknesses(per_class: Mapping[str, Metrics]) -> str:
    """The characters it is worst at, unless it is as good at all, and those held out the least."""
    if not per_class:
        return ""
    recalls, counts = ({label: row[key] for label, row in per_class.items()} for key in ("recall", "pictures"))
    weakest = [label for label, recall in recalls.items() if recall == min(recalls.values())]
    fewest = min(counts, key=lambda label: counts[label])
    number, same = counted(counts[fewest], "picture"), len(set(counts.values())) == 1
    judged = f"each character was judged on {number}" if same else f"{markdown(fewest)} was judged on {number} only"
    if len(weakest) == len(recalls):
        return f"{judged[:1].upper()}{judged[1:]}."
    names = " and ".join(map(markdown, weakest)) if len(weakest) < 4 else f"{len(weakest)} characters"
    return f"{names[:1].upper()}{names[1:]} {'is' if len(weakest) == 1 else 'are'} found least often; {judged}."


def differing_files(info: ModelInfo) -> list[str]:
    """A sentence for each kind of files that a converted learner opens in another way than the page."""
    sentences = []
    for kind, found in info.metrics.get("parity", {}).get("opened_otherwise", {}).items():
        opened = found["pictures"] - found["not_opened"]
        parts = [FILE_KINDS[kind]] if kind in FILE_KINDS else []
        if found["not_opened"]:
            parts.append(f"the learner fails on {found['not_opened']} of {found['pictures']}")
        if opened:
            gap = f"probabilities differ by up to {found['largest_difference']:.2g}"
            parts.append(f"{gap}, the label on {found['other_label']} of {opened} tried")
        sentences.append(f"{kind[0].upper()}{kind[1:]} files: {'; '.join(parts)}.")
    return sentences

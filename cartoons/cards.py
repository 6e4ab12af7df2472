"""The model card and the dataset card: README.md with the front matter that the Hugging Face Hub reads.

Their text is in model_card.md and dataset_card.md, Jinja2 templates of Markdown. Front matter:
https://huggingface.co/docs/hub/model-cards
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData, EvalResult, ModelCard, ModelCardData

from cartoons.model_folder import OTHER_LABEL, ModelInfo

MODEL_TEMPLATE, DATASET_TEMPLATE = (Path(__file__).with_name(f"{kind}_card.md") for kind in ("model", "dataset"))

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

MOST_HOSTS = 20
MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~&!"})
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "n>1T")
"""The Hub's size categories, each ten times the one before; the first is of fewer than 1,000."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """Where a model folder stands on the Hugging Face Hub."""

    repo: str
    """user/name."""
    dataset: str | None = None
    """user/name of its pictures, if they are there too."""
    drawings: Sequence[tuple[str, str]] = ()
    """(path in the repository, character) of drawings for visitors to try."""


def model_card(info: ModelInfo, published: Published | None = None) -> str:
    """README.md of a model folder: what the model is, how it was measured and what it is bad at, from model.json alone.

    Metrics that older versions did not write are left out. published: if it goes to the Hub.
    """
    metrics, per_class = info.metrics, _per_class(info.metrics)
    others = {"Macro-F1": "macro_f1", "accuracy": "accuracy"}
    more = ", ".join(f"{words} {metrics[name]:.3f}" for words, name in others.items() if name in metrics)
    kinds = {"photographs": "photographs", "unseen_cartoons": "unseen cartoons" if _are_unseen(metrics) else "others"}
    unknown = metrics.get("unknown", {})
    return _text(
        ModelCard.from_template(
            _model_card_data(info, published),
            str(MODEL_TEMPLATE),
            info=info,
            metrics=metrics,
            published=published,
            more=f"{more}." if more else "",
            per_class=per_class,
            measured=_measured,
            percent=_percent,
            cell=lambda label: label.replace("|", "\\|"),
            out_of_distribution={words: unknown[name] for name, words in kinds.items() if name in unknown},
            weak=list(_weaknesses(per_class)),
            differing=differing_files(info),
        )
    )


def _text(card: ModelCard | DatasetCard) -> str:
    """The card as a file; where the template left sections out, one empty line stands."""
    return re.sub(r"\n{3,}", "\n\n", str(card)).rstrip() + "\n"


def _are_unseen(metrics: Row) -> bool:
    """Whether each cartoon of none of the characters was judged by a model that never saw its character."""
    return bool(metrics.get("strangers_unseen"))


def _model_card_data(info: ModelInfo, published: Published | None) -> ModelCardData:
    metrics, results = info.metrics, None
    names = {"balanced_accuracy": None, "accuracy": None, "macro_f1": "macro F1"}
    if "balanced_accuracy" in metrics:
        results = [
            EvalResult(
                task_type="image-classification",
                dataset_type=(published and published.dataset) or "imagefolder",
                dataset_name=f"pictures of {len(info.characters)} characters, judged by models that never saw them",
                metric_type="f1" if key == "macro_f1" else key,
                metric_name=name,
                metric_value=round(metrics[key], 4),
            )
            for key, name in names.items()
            if key in metrics
        ]
    more: dict[str, Any] = {}
    if published and published.drawings:
        address = f"https://huggingface.co/{published.repo}/resolve/main"
        more["widget"] = [{"src": f"{address}/{path}", "example_title": label} for path, label in published.drawings]
    return ModelCardData(
        library_name="fastai",
        pipeline_tag="image-classification",
        license="apache-2.0",
        base_model=f"timm/{info.arch}.in1k" if info.arch in IN1K and info.recipe != "converted" else None,
        tags=["cartoon-classifier", "image-classification", "fastai", "onnx"],
        datasets=[published.dataset] if published and published.dataset else None,
        model_name=info.name if results else None,
        eval_results=results,
        **more,
    )


def _per_class(metrics: Row) -> Mapping[str, Row]:
    """What was measured of each character: its pictures, recall and precision, as far as model.json says."""
    counts = metrics.get("pictures", {})
    recalls = {name: {"pictures": counts.get(name, 0), "recall": share} for name, share in metrics.get("recall", {}).items()}
    return metrics.get("per_class") or recalls


def _measured(row: Row, name: str) -> str:
    """A measured share with its interval: "0.923 (0.759 to 0.979)"."""
    if name not in row:
        return ""
    low, high = row.get(f"{name}_95") or (None, None)
    return f"{row[name]:.3f}" + ("" if low is None else f" ({low:.3f} to {high:.3f})")


def _percent(row: Row, name: str) -> str:
    """A measured share with its interval: "**92.3%** (75.9% to 97.9%)"."""
    low, high = row[f"{name}_95"]
    return f"**{row[name]:.1%}** ({low:.1%} to {high:.1%})"


def _weaknesses(per_class: Mapping[str, Row]) -> Iterator[str]:
    """The characters it is worst at."""
    if per_class:
        weakest = min(per_class, key=lambda name: per_class[name]["recall"])
        fewest = min(per_class, key=lambda name: per_class[name]["pictures"])
        number = per_class[fewest]["pictures"]
        yield f"{weakest.capitalize()} is found least often; {fewest} was judged on {number} pictures only."


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


def dataset_card(name: str, rows: Sequence[Row], attempts: Sequence[Row], *, with_pictures: bool = True) -> str:
    """README.md of a scraped folder: what it holds, where it is from and how to have a picture taken down.

    rows, attempts: those of metadata.jsonl and attempts.jsonl; nothing in them is trusted. with_pictures: the folder is
    published with its pictures, not as a manifest of addresses and hashes.
    """
    counts = {key: Counter(str(row.get(key) or "") for row in rows) for key in ("label", "engine", "source", "license")}
    other = f"{_markdown(OTHER_LABEL)} (none of the characters)"
    hosts = [(_code(host) if host else "not known", count) for host, count in counts["source"].most_common()]
    if rest := hosts[MOST_HOSTS:]:
        hosts[MOST_HOSTS:] = [(f"{len(rest):,} others", sum(count for _, count in rest))]
    days = sorted({day for row in rows if (day := str(row.get("fetched_at") or "")[:10])})
    return _text(
        DatasetCard.from_template(
            _dataset_card_data(name, len(rows), with_pictures),
            str(DATASET_TEMPLATE),
            title=_markdown(name),
            pictures=len(rows),
            labels=[
                (other if label == OTHER_LABEL else _markdown(label), n) for label, n in sorted(counts["label"].items())
            ],
            days=_markdown(days[0] if len(days) == 1 else f"from {days[0]} to {days[-1]}") if days else "",
            attempts=len(attempts),
            status=Counter(str(row.get("status") or "") for row in attempts),
            engines=[(_markdown(words) or "no engine", n) for words, n in counts["engine"].most_common()],
            hosts=hosts,
            licences=[(_markdown(words) or "not stated", n) for words, n in counts["license"].most_common()],
            counted=lambda n, noun, plural="s": f"{n:,} {noun}{'' if n == 1 else plural}",
            with_pictures=with_pictures,
        )
    )


def _dataset_card_data(name: str, pictures: int, with_pictures: bool) -> DatasetCardData:
    files = [{"split": "train", "path": ["*/*", "metadata.jsonl"] if with_pictures else ["metadata.jsonl"]}]
    return DatasetCardData(
        pretty_name=_plain(name),
        license="other",
        license_name="as-stated-for-each-picture",
        task_categories=["image-classification"],
        size_categories=[next((words for k, words in enumerate(SIZES[:-1]) if pictures < 10 ** (k + 3)), SIZES[-1])],
        tags=["cartoon-classifier", "cartoons"],
        # Without rows the Hub would find nothing to read, so it is told of no files.
        configs=[{"config_name": "default", "data_files": files}] if pictures else None,
    )


def _markdown(words: str) -> str:
    """Words as they are, whatever they would mean to Markdown."""
    return _plain(words).translate(MARKDOWN)


def _code(words: str) -> str:
    """A host as code, which no reader of Markdown turns into a link."""
    return "`" + _plain(words).replace("`", "'").replace("|", "/") + "`"


def _plain(words: str) -> str:
    """One line, without what YAML and Markdown cannot hold: control characters, halves of characters, unassigned ones."""
    odd = ("Cc", "Cs", "Cn", "Zl", "Zp")
    kept = "".join(" " if unicodedata.category(letter) in odd else letter for letter in words)
    return " ".join(kept.split())

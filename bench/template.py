"""The peer: the page that fastai courses end with, `learn.predict` behind `gr.Interface`.

    python -m bench.template make FILE LABEL...   write an exported learner (untrained: speed does not depend on weights)
    python -m bench.template serve FILE           serve it
    python -m bench.template floor                serve a page that does nothing with its picture: what Gradio alone takes
    python -m bench.template plain                serve the embedded model, without fastai

It has the same network as the embedded model, so that the difference is the way of serving alone.
"""

import sys
from pathlib import Path


def make(file: Path, labels: list[str]) -> None:
    from fastai.vision.all import ImageDataLoaders, Resize, vision_learner
    from PIL import Image

    folder = file.parent / "pictures"
    for label in labels:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for k in range(5):
            Image.new("RGB", (64, 64), (40 * k, 90, 60)).save(folder / label / f"{k}.png")
    dls = ImageDataLoaders.from_folder(folder, valid_pct=0.2, seed=42, item_tfms=Resize(224), bs=4, num_workers=0)
    vision_learner(dls, "tf_efficientnet_lite0", pretrained=False).export(file.resolve())


def serve(file: Path) -> None:
    import gradio as gr
    from fastai.vision.all import PILImage, load_learner

    learn = load_learner(file)
    labels = learn.dls.vocab

    def predict(picture: object) -> dict[str, float]:
        _, _, probabilities = learn.predict(PILImage.create(picture))
        return {labels[i]: float(probabilities[i]) for i in range(len(labels))}

    gr.Interface(fn=predict, inputs=gr.Image(), outputs=gr.Label(num_top_classes=4)).launch()


def floor() -> None:
    import gradio as gr

    gr.Interface(fn=lambda _: {"a": 1.0}, inputs=gr.Image(type="filepath"), outputs=gr.Label(), api_name="predict").launch()


def plain() -> None:
    import gradio as gr
    from PIL import Image

    from cartoons.classifier import Classifier
    from cartoons.model_folder import EMBEDDED_MODEL

    classifier = Classifier.load(EMBEDDED_MODEL, trusted=True)

    def predict(picture: Image.Image) -> dict[str, float]:
        [answer] = classifier.predict([picture.convert("RGB")])
        return answer.probabilities

    gr.Interface(fn=predict, inputs=gr.Image(type="pil"), outputs=gr.Label(num_top_classes=4)).launch()


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "make":
        make(Path(rest[0]), rest[1:])
    elif command == "serve":
        serve(Path(rest[0]))
    elif command == "plain":
        plain()
    else:
        floor()

"""The peer: the page that fastai courses end with, `learn.predict` behind `gr.Interface`.

    python -m bench.template make FILE LABEL...   write an exported learner (untrained: speed does not depend on weights)
    python -m bench.template serve FILE           serve it

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


if __name__ == "__main__":
    command, path, *rest = sys.argv[1:]
    make(Path(path), rest) if command == "make" else serve(Path(path))

"""Cartoon Classifier: names of characters in, a classifier on a web page out.

errors.py    the exception tree
images.py    bytes -> a safe RGB picture; the one resize and normalisation of training and serving
bundle.py    the model folder: model.onnx + model.json; read, write, verify
predict.py   Classifier: load(folder), predict(pictures) -> probabilities, known or not
page.py      the words and the style of the page
hub.py       a model folder from the Hugging Face Hub
dataset.py   the picture folder: labels, sources, groups, splits
augment.py   a picture -> a changed picture of the same character
network.py   an ImageNet network as a fastai Learner with a fresh head
learn.py     picture folder -> that Learner, trained
evaluate.py  probabilities -> accuracy with intervals, AUROC, calibration
export.py    Learner -> model folder, behind the parity gate
card.py      metrics -> the model card
"""

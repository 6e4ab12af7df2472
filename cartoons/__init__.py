"""Cartoon Classifier: names of characters in, a classifier on a web page out.

errors.py      the exception tree
images.py      bytes -> a safe RGB picture; this project's one way to make it square and normal
resize.py      every way to make a picture square that a model may name
bundle.py      the model folder: model.onnx + model.json; read, write, verify
predict.py     Classifier: load(folder), predict(pictures) -> probabilities, known or not, where it looked
page.py        the words and the style of the page
hub.py         models from the Hugging Face Hub
dataset.py     the picture folder: labels, sources, groups
duplicates.py  pictures of one artwork, found again
split.py       which pictures judge a model that never saw them
progress.py    how far a long command is
card.py        metrics -> the model card
training/      picture folder -> fastai Learner -> ONNX
evaluation/    probabilities -> figures, calibration, doubts
report/        figures -> the pages that a person looks at
convert/       somebody's fastai learner -> model folder
"""

"""Cartoon Classifier: names of characters in, a classifier on a web page out.

errors.py      the exception tree
files.py       atomic writes, JSON Lines, a folder's lock
image_scan/    a picture's bytes before they are decoded: what costs too much, what can be left out
image_modes.py   pixels of any mode and depth -> 8-bit RGB or RGBA; TIFF of samples that Pillow has no mode for
images.py      bytes -> a safe RGB picture; this project's one way to make it square and normal
resize.py      every way to make a picture square that a model may name
model_folder.py  the model folder: model.onnx + model.json; read, write, verify
strict_json.py   JSON from anybody: parsed strictly, values checked
onnx_graph.py  an ONNX graph, tried in a process of its own and checked before anything relies on it
examples.py    pictures to try a model with
classifier.py  Classifier: load(folder), predict(pictures) -> probabilities, known or not, where it looked
answer_table.py    many pictures -> CSV: a row per file with its answer, or why there is none
picture_files.py   the files below a folder: which may be pictures, which are passed over
folder_layout.py   what its folders are: labels, parts of a split, or neither
metadata.py    what metadata.jsonl says of each picture, and whether its licence lets it be shown
picture_folder.py  the three together: the pictures of a folder, each with its label
dataset.py     the picture folder as training takes it: labels, sources, groups, hashes
near_duplicates.py  copies, resizes and mirror images of one artwork get one group
splits.py      which pictures are held out: folds, cross-validation
malloc.py      memory that is free goes back to the system
ctrl_c.py      Ctrl-C while a program loads
packages.py    which packages are missing, and how to install them
console.py     text, signals and exit codes, whatever the console is
progress.py    what is being done, how far it is, how long it will take
live_line.py   the terminal's lines that say so
proxies.py     the proxies that the environment names
markdown.py    words of other people in Markdown: escaped
model_card.py  metrics -> the model card (model_card.md)
dataset_card.py  metadata -> the dataset card (dataset_card.md)
img2dataset.py   URLs to img2dataset, its pictures back
search/        names of characters -> URLs of pictures
download/      URLs -> bytes, or the reason why not
scraping/      both, cleaned, into a picture folder
serving/       the network -> the classifier: uploads, checks, routes
page/          what a visitor sees
review/        a picture folder cleaned by eye
hub/           the Hugging Face Hub: models pulled, pushed, deployed as pages
training/      picture folder -> fastai Learner -> ONNX
evaluation/    probabilities -> figures, calibration, doubts
report/        figures -> the pages that a person looks at
convert/       somebody's fastai learner -> model folder
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036
    print("Python 3.11 or newer is needed; this is %d.%d, %s." % (*sys.version_info[:2], sys.executable), file=sys.stderr)  # noqa: UP031
    sys.exit(2)

# Nobody is told that this program runs. Each library reads its switch while it is imported, so this stands before any module
# of the package; whatever imports onnxruntime is one of them (tests/test_structure.py).
os.environ |= {
    "ORT_DISABLE_TELEMETRY": "1",  # else a device id and a queue under ~/.cache, and events to onnxruntime's maker
    "HF_HUB_DISABLE_TELEMETRY": "1",  # else the Hub is asked who might be calling, and told
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # else a bar for each file, beside our own line (progress.py)
}

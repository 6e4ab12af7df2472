"""A picture folder to a trained fastai Learner, and that to a graph.

config.py            what the command line says, and what can be refused of it without torch
arch.py              the name of a network, and its weights, refused without torch
recipes.py           the numbers of fast, thorough and finetune
run.py               the pictures, and what lies on disk: half done, finished
lock.py              one train.py at a time in a model folder
augment.py           a picture -> a changed picture of the same character
redraw.py            a picture -> the same in outlines, pencil, flat colours or pixels
views.py             the views of a picture that training sees: itself, and changed ones
feature_store.py     what the frozen part of a network makes of them, kept for every later training
network.py           an ImageNet network as a fastai Learner with a fresh head
callbacks.py         a checkpoint per epoch, RegMixup, frozen batch normalisation, CPU, GPU or several processes
sampling.py          which picture training sees next, and which view of it
outlier_classes.py   what the pictures of `_other` show, told apart in training
cached_features.py   the recipes for a laptop, fast and thorough: the frozen part's features are cached
finetune.py          the recipe for a GPU, or several: fast.ai's fine_tune
cross_validation.py  either recipe, fold by fold, to held-out predictions
quantize.py          fp32, fp16 weights or int8: measured, then chosen
evaluate.py          held-out predictions -> model.json, the card and the report
examples.py          pictures to try the model with
export.py            Learner -> ONNX behind the parity gate
fastai_export.py     the learner itself, as files for others
"""

"""A picture folder to a trained fastai Learner, and that to a graph.

augment.py     a picture -> a changed picture of the same character
network.py     an ImageNet network as a fastai Learner with a fresh head
frozen.py      what fine-tuning on few pictures leaves as ImageNet made it
callbacks.py  training that a kill cannot undo
sampling.py    which picture training sees next, and which view of it
cached_features.py   the recipes for a laptop: the front of the network frozen, the rest trained on what it sees
run.py   a picture folder looked through, and what is to be done with it
hardware.py    where a network is trained: a CPU, a GPU, several processes
finetune.py    the recipe for a GPU, or several: fast.ai's fine_tune
cross_validation.py  rounds of training and judging, with either recipe
fastai_export.py  the learner itself, as files for others
export.py      Learner -> ONNX behind the parity gate
quantize.py   fp32, fp16 weights or int8: measured, then chosen
"""

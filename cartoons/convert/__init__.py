"""A fastai learner, of anyone's, to a model folder.

learner.py       the whole way: load, measure, export, compare, write
learner_file.py  a learner's file, found on this machine or on the Hub
unpickle.py      that file, opened, with the real cause when it does not open
inference.py     the learner asked about picture files, as learn.predict asks it; its labels
pictures.py      drawn files of every kind, to ask it about
pipeline.py      what a learner does to a picture before its network sees it
parity.py        the gate: its answers against the page's, file in
"""

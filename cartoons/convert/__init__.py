"""A fastai learner, of anyone's, to a model folder.

learner.py   the whole way: load, measure, export, compare, write
pipeline.py  what a learner does to a picture before its network sees it
unpickle.py  a learner's file, opened, with the real cause when it does not open
"""

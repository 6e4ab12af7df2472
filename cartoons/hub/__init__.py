"""The Hugging Face Hub, through huggingface_hub alone: only this package imports that.

pull.py     a model from the Hub, in bounded time; or from its cache
push.py     a model folder, or a picture folder, to the Hub in one commit
space.py    what a Space is made of, and what would be refused
deploy.py   a Space that runs, from a model
corrections.py  visitors' corrections, to a dataset
errors.py   what went wrong, in a sentence
"""

"""A picture folder cleaned by eye: the picture folder in, decisions and, on command, a cleaner folder out.

decisions.py  what a person said of which picture, on disk as soon as it is said
shelf.py      the pictures of a folder, with what its metadata says of them
ranking.py    which of them to look at first, by a model's opinion
apply.py      the decisions carried out
desk.py       what the page asks for and tells: all but Gradio
server.py     the page, with page.css and page.js
"""

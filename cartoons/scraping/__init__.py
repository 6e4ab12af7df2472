"""Addresses of pictures to a clean picture folder, in rounds that a kill cannot spoil.

labels.py    a label's folder and its searches
seeker.py    a label, and what was found for it and not tried yet
scraper.py       search, fetch, clean, decide, settle, until every label has enough
local.py     pictures of this machine, as if they had been found
memory.py    how many pictures are in memory at once
image_checks.py  bytes -> a picture worth keeping, or why not
manifest.py      the log: what became of each address
selection.py     which of the pictures stay: no copies, nothing under two labels, no more than asked
layout.py        the folder made so
papers.py    its card and its report
publish.py   it, on the Hugging Face Hub
progress.py      how far each label is
child.py     all of it as a process of its own, for train.py
"""

"""Names of characters, or pictures that are there, to a clean picture folder, in steps that a kill only delays.

config.py    what scrape.py is asked for; a name's label, queries and folder
sources.py   where pictures come from: url lists, engines, this machine
none_of_these.py  what is searched for `_other`, and which results show a character after all
scraper.py   download, clean, select, lay out, until each label has enough
image_checks.py  bytes -> a picture worth keeping, or why not
manifest.py  what became of each address: attempts.jsonl
selection.py  which of the pictures stay (no copies, nothing under two labels, no more than asked), and the folder made so
progress.py  how far each label is, a line each
publish.py   its card, its report, and both on the Hugging Face Hub
"""

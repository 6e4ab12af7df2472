"""The report of a model folder: pages that open offline.

index.py     everything, written: index.html, report.json, pictures.html
contact.py   pictures.html, the sheet that stays at home
document.py  the frame of both pages
plates.py    which figures there are, and their words
readings.py  findings -> sentences
figures.py   confusion, precision and recall, robustness, drawn
curves.py    training, learning rate, reliability, ROC, drawn
drawing.py   the sheet that figures are drawn on
"""

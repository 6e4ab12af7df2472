"""Reports: pages that open offline.

training_report.py  of a model folder, written: index.html, report.json, pictures.html
scrape_report.py    report.html of a scraped folder
contact.py   pictures.html, the sheet that stays at home
document.py  the frame of all pages
plates.py    which figures there are, and their words
readings.py  findings -> sentences
figures.py   confusion, precision and recall, robustness, drawn
curves.py    training, learning rate, reliability, ROC, drawn
drawing.py   the sheet that figures are drawn on
"""

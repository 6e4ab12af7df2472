"""Reports: pages that open offline.

training_report.py  of a model folder, written: index.html, report.json, pictures.html
scrape_report.py    report.html of a scraped folder
contact_sheet.py    pictures.html, which stays at home
captions.py         findings -> sentences
learning_curve.py   what more pictures would bring, as a figure
figures.py          confusion, precision and recall, robustness, training, learning rate, reliability, ROC, drawn
svg.py              matplotlib's figures -> SVG for any page
pages.py            pages.html, its Jinja2 templates, filled in
"""

"""Held-out predictions to what is said of a model.

metrics.py         accuracy with intervals, calibration, robustness: the figures of model.json
intervals.py       95 % intervals of shares, from counts, and when those are too few
ood.py             pictures of none of the characters: the two thresholds, and how well they work
calibration.py     temperature scaling, calibration error, reliability diagram
learning_curve.py  how much more pictures would help
label_issues.py    the pictures to look at first: top losses, probably wrong labels
corruptions.py     a picture -> the same as people really send it
"""

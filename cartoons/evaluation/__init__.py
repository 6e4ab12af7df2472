"""What out-of-fold answers say of a model.

metrics.py       accuracy with intervals, when it does not know, how it takes changed pictures
intervals.py     95 % intervals of shares, and when they are of too few pictures
calibration.py   whether "90 % sure" is right nine times in ten
label_issues.py  the pictures to look at first: worst answers, probably wrong labels
corruptions.py   a picture -> the same as people really send it
"""

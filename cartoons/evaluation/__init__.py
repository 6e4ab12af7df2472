"""What out-of-fold answers say of a model.

held_out.py      pictures, and what a model that never saw them says of each
metrics.py       accuracy with intervals, how it takes changed pictures, and all the figures together
ood.py           when it says that it does not know, and what that costs
bootstrap.py     intervals, alike pictures redrawn together
calibration.py   whether "90 % sure" is right nine times in ten
label_issues.py  the pictures to look at first: worst answers, probably wrong labels
corruptions.py   a picture -> the same as people really send it
"""

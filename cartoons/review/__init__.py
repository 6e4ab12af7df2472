"""A picture folder cleaned by eye: the picture folder in, decisions and, on command, a cleaner folder out.

decisions.py  the pictures of a folder, and what a person decided about which, on disk at once
ranking.py    which of them to look at first, by a model's opinion
opinions.py   the model's opinions, made in the background
review.py     a folder under review: what the page shows, asks and is told
corrections.py  what visitors of the page say is right, under review
apply.py      the decisions carried out
server.py     the page, with review.css; review.js, show.js and act.js run in the browser, in this order
"""

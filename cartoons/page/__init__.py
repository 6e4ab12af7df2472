"""What a visitor sees.

layout.py        the page and its API as gr.Blocks
words.py         what is said of a model and a picture, as HTML
sentences.py     what is said whatever the model and the picture
answers.py       an answer with the picture it is of
correct.py       what is right where an answer was wrong
heat_map.py      where the network looked, over the picture
result_card.py   an answer as a picture, to pass on
api.py           endpoints for programs, and the tool for MCP clients
snippets.py      programs that ask the page, to copy
many.py          many pictures at once: a table
link_preview.py  what is seen of a link to the page elsewhere
page.js          the buttons, paste and drop, shrinking, uploads
answer.js        where it looked; a link, and a picture of the answer, to pass on
many.js          many pictures: folders, uploads, a table that sorts
style.css        how it looks
favicon.svg      its sign in a browser's tab
"""

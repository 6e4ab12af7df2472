"""What a visitor sees.

layout.py   the page and its API as gr.Blocks
words.py    what is said on it, as HTML
page.js     the buttons, paste and drop
style.css   how it looks
"""

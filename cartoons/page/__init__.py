"""What a visitor sees.

layout.py   the page and its API as gr.Blocks
words.py    what is said on it, as HTML
style.css   how it looks
"""

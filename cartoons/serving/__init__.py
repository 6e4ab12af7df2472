"""What serves a page.

environment.py  the variables of the environment that keep a page from starting
"""

"""Words of other people in Markdown and YAML: they stay words, whatever they would mean there."""

import re
import unicodedata

MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~&!@$"})
NOT_SHOWN = ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")
JOINERS = "\u200c\u200d"
"""Of the invisible characters those that words and emoji need; the others may turn the direction of what follows."""


def markdown(words: str) -> str:
    """Words that Markdown shows as they are, wherever on a line they stand: no list, no rule, no link."""
    escaped = re.sub(r"(://|\bwww(?=\.))", r"\\\1", plain(words).translate(MARKS), flags=re.IGNORECASE)
    return re.sub(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=:]))", r"\1\\", escaped)


def code(words: str) -> str:
    """Words as code, which no reader of Markdown turns into a link."""
    return "`" + plain(words).replace("`", "'").replace("|", "/") + "`"


def plain(words: str) -> str:
    """One line, without what YAML and Markdown cannot hold or would not show."""
    shown = (" " if unicodedata.category(letter) in NOT_SHOWN else letter for letter in words)
    return " ".join("".join(each for each in shown if unicodedata.category(each) != "Cf" or each in JOINERS).split())

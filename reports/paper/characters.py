"""This module turns any text into LaTeX for pdflatex and its standard fonts, and says how wide it will be."""

from __future__ import annotations

import re
import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}",
    '"': "''",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "§": r"\S{}",
    "[": "{[}",  # at the start of a row it would be an option of the \\ or \midrule before, and so would a star
    "*": "{*}",
} | {c: f"\\{c}" for c in "&%$#_{}"}
#: Widths of Computer Modern's letters in hundredths of a quad; 55 for those that are not named.
_WIDTHS = {
    28: "il.,:;!'|",
    31: "fj",
    36: "I()[]/- rst",
    45: "ceza",
    50: "0123456789vxy?_↑↓†‡§",
    56: "bdhknopqug",
    69: "FLEJZTSCBP",
    78: "ADGHKNOQRUVXY±−+=<>",
    97: "mwMW%&@∞",
}
_WIDTH = {character: width for width, characters in _WIDTHS.items() for character in characters}
#: Font sizes that a table may shrink to, and how wide a letter is in points where ten-point type has one of 10.
FONTS = {r"\small": 0.925, r"\footnotesize": 0.85, r"\scriptsize": 0.8, r"\tiny": 0.68}
_BREAKS = re.compile(r"(\\textbar\{\}|\\_|[/:,@+=.])")


def escape(text: str) -> str:
    """Returns `text` as literal LaTeX for pdflatex and its standard fonts: accents stay, other scripts become code
    points.
    """
    return "".join(_SPECIAL.get(c) or _plain(c) for c in unicodedata.normalize("NFC", text))


def _plain(character: str) -> str:
    if character.isspace() or not character.isprintable():
        return " "
    if ord(character) < 128 or (0xC0 <= ord(character) < 0x180 and character not in "×÷ĸŉſ"):
        return character
    bare = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return "".join(_SPECIAL.get(c, c) for c in bare) or f"{{[}}U+{ord(character):04X}]"


def breakable(text: str) -> str:
    """Returns `text` as `escape` does, with a line break allowed behind the signs inside signatures and paths."""
    return _BREAKS.sub(r"\1\\allowbreak ", escape(text))


def width_pt(text: str, font: str = "") -> float:
    """Returns about how wide `text` is set, in points; font: a key of `FONTS`, or "" for ten points."""
    hundredths = sum(_WIDTH.get(c) or 55 * max(1, len(_plain(c)) - 2) for c in unicodedata.normalize("NFC", text))
    return hundredths / 10 * FONTS.get(font, 1.0)


def filled(text: str, most: int) -> list[str]:
    """Returns the words of a text (hyphens divide them too) in lines of at most `most` characters, if words allow."""
    lines: list[str] = []
    for word in re.findall(r"(?:[^\s-]+-*|-+)(?: [↑↓])?", text):
        glue = "" if lines and lines[-1].endswith("-") else " "
        if lines and len(lines[-1]) + len(glue) + len(word) <= most:
            lines[-1] += glue + word
        else:
            lines.append(word)
    return lines or [""]

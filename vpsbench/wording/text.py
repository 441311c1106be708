"""Texts as they may be shown: whole sentences, lists, and no character that could mislead the eye."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 400  # characters of any one text from outside; longer ones are cut, and end in "…"
# Controls, direction marks, lone surrogates, separators.
_HIDDEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: str, longest: int = LONGEST) -> str:
    r"""Text from outside as it may be shown: what is invisible or turns the reading order is spelt out.

    A name can hold terminal escapes, or marks that make the rest of a line read backwards. Each appears as
    its code point (``\u202e``) instead.
    """
    text = " ".join(text.splitlines())
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in text)


def sentence(text: str) -> str:
    """Ends as a sentence does."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

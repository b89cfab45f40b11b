"""What PostgreSQL takes for a text."""

from __future__ import annotations


def storable(text: str) -> str:
    """Return the text with what no database takes replaced: null characters and halves of surrogate pairs.

    For words of others that are kept beside something that matters, which must not fail over them.
    """
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")

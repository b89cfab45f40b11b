"""Our docstrings are plain text with `code` and lines `name: what it is`; Sphinx expects reStructuredText."""

from __future__ import annotations

import inspect
import re

from sphinx.application import Sphinx

CODE = re.compile(r"(`[^`]+`)")
# What reStructuredText would take for the marks of links, emphasis and substitutions.
MARK = re.compile(r"(?<=\w)_(?!\w)|[*|\\]")
VALUE = re.compile(r"(?P<names>[a-z_]\w*(?:, [a-z_]\w*)*): (?P<text>.*)")
SENTENCE = re.compile(r"(?<=\.) (?=[a-z_]\w*(?:, [a-z_]\w*)*: )")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", rewrite)
    for part in ("description", "options", "arguments"):
        app.connect(f"sphinx-click-process-{part}", rewrite_help)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def rewrite(
    _app: Sphinx, _what: str, _name: str, subject: object, _options: object, lines: list[str]
) -> None:
    """Put each `name: what it is` on a line of a list, and each example into a block of code."""
    names = _names_of(subject)
    written: list[str] = []
    for line in _whole_lines(lines, names):
        if line.startswith("    "):
            if not (written and written[-1].startswith("    ")):
                written += ["", ".. code-block:: python", ""]
            written.append("    " + line)
            continue
        if written and written[-1].startswith("    ") and line:
            written.append("")
        for sentence in SENTENCE.split(line):
            found = _value(sentence, names)
            if found is not None:
                marked = ", ".join(f"``{name}``" for name in found["names"].split(", "))
                written += ["", f"- {marked}: {_escaped(found['text'])}"]
            elif written and written[-1].startswith("- ") and sentence:
                written += ["", _escaped(sentence)]
            else:
                written.append(_escaped(sentence))
    lines[:] = [*written, ""]


def rewrite_help(_app: Sphinx, _context: object, lines: list[str]) -> None:
    """Keep the helps of commands from being taken for links, such as `whsec_…`."""
    lines[:] = [
        line if line.lstrip().startswith((".. ", ":")) else _escaped(line) for line in lines
    ]


def _value(sentence: str, names: set[str]) -> re.Match[str] | None:
    """Read `name: what it is`, where it is about one of these names."""
    found = VALUE.match(sentence)
    return found if found and set(found["names"].split(", ")) <= names else None


def _whole_lines(lines: list[str], names: set[str]) -> list[str]:
    """Join the lines of each paragraph, but begin a new one where a value, or `Raises`, begins."""
    whole: list[str] = []
    for line in lines:
        begins = _value(line, names) or line.startswith(("Raises ", "    "))
        if line and whole and whole[-1] and not whole[-1].startswith("    ") and not begins:
            whole[-1] += " " + line
        else:
            whole.append(line)
    return whole


def _names_of(subject: object) -> set[str]:
    """Parameters of a function, fields of a class: what a docstring may explain."""
    names = set(getattr(subject, "__annotations__", ()))
    names |= set(getattr(subject, "model_fields", ()))
    if callable(subject):
        try:
            names |= set(inspect.signature(subject).parameters)
        except ValueError:  # A builtin without a signature.
            return names
    return names


def _escaped(text: str) -> str:
    parts = CODE.split(text)
    return "".join(
        f"`{part}`" if part.startswith("`") and len(part) > 1 else MARK.sub(r"\\\g<0>", part)
        for part in parts
    )

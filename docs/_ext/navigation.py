"""The menu, from the lists of links that the index pages have anyway; and the language of each page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from sphinx.application import Sphinx

# Pages whose links to other pages are the menu below them, under the heading that they stand under.
INDEXES = ("index", "zh_CN/index", "decisions/README")
LINK = re.compile(r"\]\((?P<page>[\w./-]+)\.md\)")
# A page outside of the documentation, such as an example's: the link gives the file itself.
PAGE_ELSEWHERE = re.compile(r"\]\((?P<path>(?:\.\./)+[\w./-]+\.md)\)")
CHINESE = "zh_CN/"
# Chinese is written without spaces: where a line of the source ends, none may appear on the page.
CHARACTER = r"[\u2e80-\u9fff\uff00-\uffef]"
LINE_END = re.compile(rf"(?<={CHARACTER})\n *(?={CHARACTER})")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", add_menu)
    app.connect("source-read", hand_out_pages_elsewhere)
    app.connect("source-read", join_chinese_lines)
    # After the theme, which makes its menu at 500.
    app.connect("html-page-context", name_language, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_menu(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give an index page its toctrees. Pages beside it that it does not name yet come last."""
    if docname not in INDEXES:
        return
    sections = list(_sections(source[0]))
    named = {page for _caption, pages in sections for page in pages}
    beside = Path(app.srcdir, docname).parent.glob("*.md")
    spare = sorted({path.stem for path in beside} - named - {PurePosixPath(docname).name})
    sections.append(("", spare))
    source[0] += "".join(_toctree(caption, pages) for caption, pages in sections if pages)


def hand_out_pages_elsewhere(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make links to Markdown outside of the documentation links to files; Sphinx knows no such pages."""
    folder = Path(app.srcdir, docname).parent
    root = Path(app.srcdir).resolve()

    def rewritten(found: re.Match[str]) -> str:
        is_ours = (folder / found["path"]).resolve().is_relative_to(root)
        return found[0] if is_ours else f"](path:{found['path']})"

    source[0] = PAGE_ELSEWHERE.sub(rewritten, source[0])


def join_chinese_lines(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Join the lines of Chinese paragraphs without a space between them."""
    if docname.startswith(CHINESE):
        source[0] = LINE_END.sub("", source[0])


def name_language(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _tree: object
) -> None:
    """Say the page's own language to browsers and screen readers, and give Chinese pages a Chinese menu."""
    is_chinese = pagename.startswith(CHINESE)
    context["language"] = "zh-CN" if is_chinese else "en"
    if is_chinese:
        context["furo_navigation_tree"] = "".join(_chinese_menu(app, pagename, context["pathto"]))


def _chinese_menu(app: Sphinx, current: str, pathto: Callable[[str], str]) -> Iterator[str]:
    """The lists of the Chinese index, in the form of the theme's own menu."""
    index = Path(app.srcdir, f"{CHINESE}index.md").read_text("utf-8")
    for caption, pages in [*_sections(index), ("English", ["../index"])]:
        yield f'<p class="caption" role="heading"><span class="caption-text">{escape(caption)}</span></p><ul>'
        for page in pages:
            name = normpath(CHINESE + page)
            here = " current current-page" if name == current else ""
            title = escape(app.env.titles[name].astext())
            yield f'<li class="toctree-l1{here}"><a class="reference internal" href="{pathto(name)}">{title}</a></li>'
        yield "</ul>"


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading of the second level with the pages that are linked below it, once each and in order.

    A page without such headings is one section, and has no caption.
    """
    _head, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    for part in parts or [f"\n{text}"]:
        caption, _newline, body = part.partition("\n")
        pages = [found["page"] for found in LINK.finditer(body)]
        yield caption.strip(), [page for page in dict.fromkeys(pages) if not page.startswith("..")]


def _toctree(caption: str, pages: list[str]) -> str:
    named = [f":caption: {caption}"] if caption else []
    lines = ["", "", "```{toctree}", ":hidden:", *named, "", *pages, "```", ""]
    return "\n".join(lines)

"""How Sphinx builds the documentation: `make docs`. The pages stay readable as plain Markdown."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Coinpurse"
release = version = installed_version("coinpurse")
html_title = "Coinpurse"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_click",
    "sphinx_copybutton",
    # Ours: docs/_ext.
    "docstrings",
    "generated",
    "navigation",
]
exclude_patterns = ["_ext"]
root_doc = "index"

# Headings are linked to as on code hosts: `#a-heading`.
myst_heading_anchors = 3
# `<img …>` in Markdown is an image of the page's, too.
myst_enable_extensions = ["html_image"]
# Markdown without a lexer of its own, such as cron's or a Procfile's, is shown as it is.
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_use_type_comments = False
python_use_unqualified_type_names = True
# What docstrings put between single backticks is code.
default_role = "code"
# Options such as `--json` keep their two dashes.
smartquotes = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_ext/static"]
html_css_files = ["tables.css"]
html_favicon = "../src/coinpurse/web/static/purse.svg"
copybutton_exclude = ".linenos, .gp, .go"

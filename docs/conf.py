"""The configuration of the documentation: ``sphinx-build -W docs docs/_build/html``."""

from lossbench import __version__

project = "lossbench"
release = __version__
html_title = f"lossbench {__version__}"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_copyright = False
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page may begin with a heading of any level
autodoc_typehints = "signature"
autodoc_member_order = "bysource"

"""Settings of the documentation: ``python -m sphinx -W -b html docs docs/_build/html``.

Nothing is fetched from the network: no inventories of other projects, no fonts, no MathJax.
"""

import sys
from pathlib import Path

import spectral_fast

sys.path.insert(0, str(Path(__file__).parent))  # for `_reference` and `_gallery`

project = "spectral_fast"
author = "The spectral_fast developers"
release = version = spectral_fast.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "_reference",
]
exclude_patterns = [
    "_build",
    "gallery",
    "**.ipynb",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
nitpicky = False
highlight_language = "none"

# Markdown
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# Docstrings
autodoc_typehints = "none"  # numpydoc's sections have them
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "backreferences_dir": "auto_gallery/backreferences",
    "doc_module": ("spectral_fast",),
    "within_subsection_order": "_gallery.Order",
    "abort_on_example_error": True,
    "show_signature": False,
    "min_reported_time": 3600,  # the first example also compiles: its time says nothing
}

# Appearance
html_theme = "pydata_sphinx_theme"
html_title = "spectral_fast"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "getting_started": []}
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": True,
    "show_version_warning_banner": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
}
copyright = "The spectral_fast developers, BSD-3-Clause"

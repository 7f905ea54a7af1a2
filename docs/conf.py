"""The documentation site: `pip install -e '.[docs]' && sphinx-build -W docs docs/_build`."""

from importlib.metadata import version as find_version

project = "cifar-lightning"
author = "The cifar-lightning authors"
release = version = find_version("cifar-lightning")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinxcontrib.programoutput",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "cifar-lightning"
html_css_files = ["site.css"]
html_js_files = ["accessible.js"]
# Their icons are outside of all landmarks.
html_theme_options = {"top_of_page_buttons": []}
html_static_path = ["_static"]

# A link to a heading of another page, as GitHub has it: `recipes.md#sweep-a-setting`.
myst_heading_anchors = 3
# The notebook's cells are run by the tests; their outputs are not kept in git.
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
# In docstrings, `name` is code.
default_role = "code"
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
# `text` is for what is typed elsewhere than in a shell.
suppress_warnings = ["misc.highlighting_failure"]

"""How Sphinx builds the documentation: ``python -m sphinx -W -b html docs docs/_build/html``."""

import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

import jinja2
import jupytext
from sphinx.util.inspect import stringify_signature

HERE = Path(__file__).parent
TUTORIALS = HERE.parent / "examples" / "tutorials"
PAPER = HERE / "paper" / "results.json"  # numbers of the experiments of the paper, for their pages
sys.path.insert(0, str(HERE / "_extensions"))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # for the notebooks: no messages of TensorFlow's in them

project = "psychrnn"
author = "The psychrnn developers"
project_copyright = author

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # a notebook that was not run shows nothing about this version
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and units are in the text
autodoc_class_signature = "mixed"
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_numpy_docstring = False
add_module_names = False
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "psychrnn"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["psychrnn.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}


def write_notebooks() -> None:
    """Turn the scripts of ``examples/tutorials`` into notebooks, where they have changed."""
    for script in sorted(TUTORIALS.glob("*.py")):
        notebook = jupytext.read(script)
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"  # by default random, so that every file would be new
        target = HERE / "tutorials" / f"{script.stem}.ipynb"
        text = jupytext.writes(notebook, fmt="ipynb")
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def fill_in_numbers(app: Any, page: str, source: list[str]) -> None:
    """Fill the numbers of one run into the pages on the experiments of the paper."""
    if page.startswith("paper/") and PAPER.exists():
        results = json.loads(PAPER.read_text(encoding="utf-8"))
        source[0] = jinja2.Template(source[0]).render(paper=results)


def constructor_signature(app: Any, what: str, name: str, obj: Any, *others: Any) -> Any:
    """Return the arguments of a class whose metaclass hides them behind ``*args, **kwargs``."""
    if what != "class" or type(obj).__call__ is type.__call__:
        return None
    signature = inspect.signature(obj.__init__)
    without_self = list(signature.parameters.values())[1:]
    signature = signature.replace(parameters=without_self)
    return stringify_signature(signature, show_annotation=False, show_return_annotation=False), ""


def is_left_out(app: Any, what: str, name: str, obj: Any, *others: Any) -> Any:
    """Leave out fields of tuples, which the text of the class describes."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Any) -> None:
    """Write the notebooks before Sphinx looks for pages."""
    write_notebooks()
    app.connect("source-read", fill_in_numbers)
    app.connect("autodoc-process-signature", constructor_signature)
    app.connect("autodoc-skip-member", is_left_out)

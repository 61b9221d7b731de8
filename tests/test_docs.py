"""Code in the documentation runs as it is printed, and nothing public is left out of it."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path

import pytest

import psychrnn
from psychrnn.backend import params as options

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(page for page in (DOCS / "how_to").glob("*.md") if page.stem != "index")
REFERENCE = "\n".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.md")))
RECORDS = [
    options.NetworkParams,
    options.InitializerParams,
    options.LossParams,
    options.RegularizerParams,
    options.LSTMParams,
    options.GRUParams,
    options.TrainParams,
    options.CurriculumParams,
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = [part.split("```")[0] for part in page.read_text().split("```python\n")[1:]]
    assert blocks, "a how-to page without code"
    names = {"__name__": page.stem}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("folder", ["how_to", "tutorials", "background", "reference"])
def test_every_page_is_listed(folder):
    index = (DOCS / folder / "index.md").read_text()
    toctree = index.split("```{toctree}")[1].split()
    pages = [page.stem for page in (DOCS / folder).glob("*.md") if page.stem != "index"]
    if folder == "tutorials":
        pages = [script.stem for script in (ROOT / "examples" / "tutorials").glob("*.py")]
    for page in pages:
        assert page in toctree
        assert re.search(rf"\({page}\.(md|ipynb)\)", index)


@pytest.mark.parametrize("name", psychrnn.__all__)
def test_every_public_name_is_in_the_reference(name):
    kind = getattr(psychrnn, name)
    assert re.search(rf"^\.\. auto(class|function):: {kind.__module__}\.{name}$", REFERENCE, re.M)


@pytest.mark.parametrize("module", ["analysis.behavior", "analysis.dynamics",
                                    "analysis.connectivity", "plotting"])  # fmt: skip
def test_every_name_of_the_analyses_is_in_the_reference(module):
    for name in import_module(f"psychrnn.{module}").__all__:
        directive = rf"^\.\. auto(class|function):: psychrnn\.{module}\.{name}$"
        assert re.search(directive, REFERENCE, re.M), name


def test_every_option_is_in_the_reference_with_its_default():
    page = (DOCS / "reference" / "options.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", page, re.M))
    for record in RECORDS:
        for option in fields(record):
            default = "none" if option.default is None else f"`{option.default!r}`"
            if option.name != "stages":
                wanted = "required" if option.default is MISSING else default
                assert rows.pop(option.name, wanted) == wanted, option.name
                assert f"| `{option.name}` |" in page, option.name
    assert set(rows) == {"spec_rad"}

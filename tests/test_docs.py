"""Code in the documentation runs as it is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "how_to").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = [part.split("```")[0] for part in page.read_text().split("```python\n")[1:]]
    assert blocks, "a how-to page without code"
    names = {"__name__": page.stem}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)


def test_every_page_is_listed():
    index = (ROOT / "docs" / "README.md").read_text()
    for page in PAGES:
        assert f"how_to/{page.name}" in index

"""How the tests of wrong input look at an error: one sentence, of our own class."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from psychrnn import ParameterError

NAN, INF = np.nan, np.inf
RAGGED = [[1.0], [1.0, 2.0]]


@contextmanager
def refusing(*words, kind=ParameterError):
    """Check that the block fails in one readable sentence with all the words."""
    with pytest.raises(Exception) as caught:
        yield caught
    error, text = caught.value, str(caught.value)
    assert isinstance(error, kind), f"{type(error).__name__}: {text}"
    for word in words:
        assert word in text, f"{word!r} is not in: {text}"
    assert "\n" not in text and 20 < len(text) < 500, text


def refused(action, *words, kind=ParameterError):
    """Check that ``action`` fails in one readable sentence with all the words; return it."""
    with refusing(*words, kind=kind) as caught:
        action()
    return caught.value


def table(*rows):
    """Turn (keys, values, words) into one case for each key and value."""
    return [
        pytest.param(key, value, words, id=f"{key}-{i}")
        for keys, values, words in rows
        for key in keys.split()
        for i, value in enumerate(values)
    ]

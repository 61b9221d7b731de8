"""What a trained network does, for comparison with animals: arrays in, arrays out.

:mod:`~psychrnn.analysis.behavior`, :mod:`~psychrnn.analysis.dynamics` and
:mod:`~psychrnn.analysis.connectivity` load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_ROOMS = ("behavior", "connectivity", "dynamics")


def __getattr__(attribute: str) -> Any:
    if attribute not in _ROOMS:
        raise AttributeError(f"module 'psychrnn.analysis' has no attribute {attribute!r}")
    return import_module(f"psychrnn.analysis.{attribute}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})

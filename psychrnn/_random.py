"""Random generators with an owner: a seed in, the same numbers out."""

from __future__ import annotations

import numpy as np


def generator(seed: int | None, *stream: int) -> np.random.Generator:
    """Return a generator for one use of a seed; without a seed one on NumPy's global state.

    Arguments:
        seed: the owner's seed, or None to follow ``np.random.seed``.
        stream: numbers that tell uses of one seed apart, so that they stay independent.
    """
    if seed is None:
        return np.random.Generator(np.random.get_bit_generator())  # type: ignore[attr-defined]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))

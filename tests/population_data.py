"""Activity of a small population in trials of three coherences and two choices."""

from __future__ import annotations

import numpy as np
from refusals import NAN

_rng = np.random.default_rng(5)
STATES = _rng.normal(size=(60, 8, 5))
COHERENCE = _rng.choice([0.1, 0.3, 0.5], 60)
CHOICE = _rng.choice([0.0, 1.0], 60)


def orthonormal(count, size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, count)))[0].T


def with_missing(states, share, seed=0):
    """Return trials of different lengths: NaN after a step of each."""
    ends = np.random.default_rng(seed).integers(2, states.shape[1] + 1, len(states))
    late = np.arange(states.shape[1]) >= ends[:, None]
    return np.where(late[..., None] & (np.arange(len(states)) < share)[:, None, None], NAN, states)

"""Random generators with an owner: a seed in, the same numbers out."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from psychrnn import _checks

_ONE_AT_A_TIME = threading.RLock()
_HERE = threading.local()
_for_tensorflow: list[int] = []  # a seed that waits until TensorFlow is loaded


def generator(seed: int | None, *stream: int) -> np.random.Generator:
    """Return a generator for one use of a seed; without a seed one on NumPy's global state.

    Arguments:
        seed: the owner's seed, or None to follow ``np.random.seed``.
        stream: numbers that tell uses of one seed apart, so that they stay independent.
    """
    if seed is None:
        return np.random.Generator(np.random.get_bit_generator())  # type: ignore[attr-defined]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))


@contextmanager
def global_functions_seeded(seed: np.random.SeedSequence) -> Iterator[None]:
    """Let the global functions of NumPy and Python draw from a seed, and as before afterwards.

    Threads take turns, for there is one global state only.
    """
    with _ONE_AT_A_TIME:
        _HERE.depth = getattr(_HERE, "depth", 0) + 1
        of_numpy, of_python = np.random.get_state(legacy=False), random.getstate()
        own = seed.generate_state(2)
        np.random.seed(own[0])
        random.seed(int(own[1]))
        try:
            yield
        finally:
            np.random.set_state(of_numpy)
            random.setstate(of_python)
            _HERE.depth -= 1


def holds_global_functions() -> bool:
    """Tell whether this thread has them seeded, so that another one would have to wait for it."""
    return getattr(_HERE, "depth", 0) > 0


def set_seed(seed: int) -> None:
    """Fix everything random that has no seed of its own: trials, initial weights, noise.

    It seeds Python, NumPy and TensorFlow, as ``random.seed``, ``numpy.random.seed`` and
    ``tf.random.set_seed`` do. What has ``seed=`` does not depend on it.

    Arguments:
        seed: a whole number from 0 to 2**32 - 1.

    Raises:
        ParameterError: if it is another value.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> set_seed(1)
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=2)
        >>> first = task.get_trial_batch().x
        >>> set_seed(1)
        >>> bool((first == task.get_trial_batch().x).all())
        True

    """
    if _checks.seed("set_seed", seed) >= 2**32:
        raise _checks.error("set_seed", "a number below 2**32", str(seed))
    random.seed(seed)
    np.random.seed(seed)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)
    else:
        _for_tensorflow[:] = [seed]

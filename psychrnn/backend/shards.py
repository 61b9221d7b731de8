"""A batch in parts that run side by side, one on each core."""

from __future__ import annotations

import os
from typing import Any

from psychrnn._checks import error
from psychrnn.backend._tensorflow import tf

_FEWEST_TRIALS = 32  # with fewer trials a part costs more to start than it saves


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number_of_shards(where: str, wanted: int | None, trials: int) -> int:
    """Return into how many parts to divide a batch: by default one for each core.

    Raises:
        ParameterError: if more are wanted than there are trials.

    """
    if wanted is None:
        if tf.config.list_logical_devices("GPU"):
            return 1
        return max(1, min(cores(), trials // _FEWEST_TRIALS))
    if wanted > trials:
        advice = "Use larger batches or fewer shards."
        raise error(f"{where}.shards", f"at most one shard a trial, {trials}", wanted, advice)
    return wanted


class Parts:
    """How the trials of a batch are divided.

    Arguments:
        trials: number of trials.
        number: number of parts.

    """

    def __init__(self, trials: int, number: int) -> None:
        sizes = [trials // number + (part < trials % number) for part in range(number)]
        self.sizes = sizes
        self.first = [tf.constant(sum(sizes[:part])) for part in range(number)]
        self.nothing = [None] * number

    def split(self, values: Any) -> list[Any]:
        """Divide ``[N_batch, ...]``."""
        return [values] if len(self.sizes) == 1 else tf.split(values, self.sizes)

    def ready(self, *values: Any) -> tuple[Any, ...]:
        """Hold every part back until all are there, so that they start together."""
        if len(self.sizes) == 1:
            return values
        flat = tf.nest.flatten(values)
        with tf.control_dependencies([value for value in flat if value is not None]):
            flat = [None if value is None else tf.identity(value) for value in flat]
        return tf.nest.pack_sequence_as(values, flat)


class Used:
    """Tells whether a loss depends on a tensor, so that zeros need not be carried for it."""

    def __init__(self) -> None:
        self._used = False

    def __bool__(self) -> bool:
        return self._used

    def when_differentiated(self, values: Any) -> Any:
        """Return the values; this object is True once a gradient comes back to them."""

        @tf.custom_gradient
        def same(values: Any) -> Any:
            def gradient(d_values: Any) -> Any:
                self._used = True
                return d_values

            return tf.identity(values), gradient

        return same(values)

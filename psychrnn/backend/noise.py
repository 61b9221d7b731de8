"""Recurrent noise: standard normal numbers that depend on a key and on where they are used.

A number is a function of (key of the time step, trial, unit) and of nothing else, so the loop over
time may be run in any order, in pieces, or twice, and meets the same noise. Keys come from a
random generator, one pair for each time step of each update.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from psychrnn.backend._tensorflow import tf

_TABLE_BITS = 16
# An odd constant to spread counters, then the two multipliers of a 32-bit mixing function:
# C. Wellons (2018), "Prospecting for hash functions", whose bias is among the lowest known.
_SPREAD, _FIRST, _SECOND = 0x9E3779B9, 0x7FEB352D, 0x846CA68B


@lru_cache(maxsize=1)
def quantiles() -> np.ndarray:
    """Return the normal quantiles in the middle of 65,536 equal bins, scaled to variance 1."""
    from scipy.special import ndtri  # here, for networks without noise need not load it

    size = 2**_TABLE_BITS
    values = ndtri((np.arange(size) + 0.5) / size)
    return (values / values.std()).astype(np.float32)


class Moment(NamedTuple):
    """Where in a batch noise is asked for.

    Attributes:
        key: two numbers of the time step, ``[2]`` uint32.
        first_trial: number of the first trial of this part of the batch.

    """

    key: Any
    first_trial: Any


def source(seed: int) -> Any:
    """Return the random generator of keys for a seed.

    The seed is the generator's key. ``Generator.from_seed`` would make it the start of its
    counter, and the numbers of seeds 1 and 2 the same ones shifted by a place.
    """
    return tf.random.Generator.from_key_counter(seed, counter=[0, 0], alg="philox")


def keys(source: Any, steps: Any) -> Any:
    """Draw the keys of ``steps`` time steps, ``[steps, 2]`` uint32."""
    return source.uniform_full_int([steps, 2], dtype=tf.uint32)


def hashed(moment: Moment, trials: int, units: int, unit_first: bool = False) -> Any:
    """Return standard normal numbers by hashing counters: quick, bounded at 4.3.

    Arguments:
        moment: key and place.
        trials: number of trials.
        units: number of units.
        unit_first: give ``[units, trials]`` in place of ``[trials, units]``, the same numbers.

    """
    trial = tf.cast(tf.range(trials) + moment.first_trial, tf.uint32)
    unit = tf.cast(tf.range(units), tf.uint32)
    rows = trial * tf.cast(units, tf.uint32)
    counter = rows[tf.newaxis] + unit[:, tf.newaxis] if unit_first else rows[:, tf.newaxis] + unit
    return tf.gather(tf.constant(quantiles()), tf.cast(_mixed(counter, moment.key), tf.int32))


def _mixed(counter: Any, key: Any) -> Any:
    """Return ``_TABLE_BITS`` well mixed bits for every counter: two rounds, a key before each."""
    bits = counter * _uint32(_SPREAD) + key[0]
    bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, _uint32(16)))
    bits = bits * _uint32(_FIRST) + key[1]
    bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, _uint32(15)))
    bits = bits * _uint32(_SECOND)
    return tf.bitwise.right_shift(bits, _uint32(32 - _TABLE_BITS))


def _uint32(number: int) -> Any:
    return tf.constant(number, tf.uint32)


def philox(moment: Moment, trials: int, units: int, unit_first: bool = False) -> Any:
    """Return standard normal numbers from bits of TensorFlow's Philox generator: the reference.

    It is slower, unbounded but for the 32 bits that it starts from (6.2), and gives each part of
    a divided batch numbers of its own. Arguments as for :func:`hashed`.
    """
    seed = tf.bitcast(moment.key + tf.cast(moment.first_trial, tf.uint32), tf.int32)
    bits = tf.random.stateless_uniform(
        [trials, units], seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    values = tf.cast(tf.math.ndtri((tf.cast(bits, tf.float64) + 0.5) / 2.0**32), tf.float32)
    return tf.transpose(values) if unit_first else values


GENERATORS = {"hash": hashed, "philox": philox}


class RecurrentNoise:
    """The part of a network that makes its recurrent noise."""

    alpha: Any
    rec_noise: float
    y: Any
    _options: Any
    _moment: Any
    _noise: dict[str, Any]

    def _create_noise(self) -> None:
        """Make the random generators of recurrent noise: testing must not disturb training."""
        self.__dict__["_noise"] = {}
        if not self.rec_noise:
            return
        if self._options.seed is None:
            seeds = tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32).numpy()
        else:
            seeds = np.random.SeedSequence(self._options.seed, spawn_key=(1,)).generate_state(2)
        for use, seed in zip(("train", "test"), seeds):
            self._noise[use] = source(int(seed))

    def recurrent_noise(self, state: Any) -> Any:
        r"""Return fresh noise :math:`\sqrt{2\alpha\sigma_{rec}^2}\,\epsilon` for a state."""
        if not self.rec_noise:
            return 0.0
        if self._moment is None:  # called outside the time loop
            own = self._noise["test" if vars(self).get("y") is None else "train"]
            return self.noise_scale() * own.normal(tf.shape(state))
        here, calls = self._moment
        self.__dict__["_moment"] = (here, calls + 1)
        here = here._replace(key=here.key + tf.constant(calls * 0x632BE5AB % 2**32, tf.uint32))
        shape = tf.shape(state)
        draw = GENERATORS[self._options.rec_noise_generator]
        values = draw(here, shape[0], tf.reduce_prod(shape[1:]))
        return self.noise_scale() * tf.cast(tf.reshape(values, shape), state.dtype)

    def noise_scale(self) -> Any:
        """Return the standard deviation of the noise of one step, a number or ``[N_rec]``."""
        return np.sqrt(2 * self.alpha * self.rec_noise**2).astype(np.float32)

    def noise_keys(self, steps: Any) -> Any:
        """Draw the keys of a batch's noise, ``[steps, 2]``, or None where there is no noise."""
        if not self.rec_noise:
            return None
        return keys(self._noise["test" if self.y is None else "train"], steps)

    @contextmanager
    def without_noise(self) -> Iterator[None]:
        """Switch the recurrent noise off."""
        before, self.__dict__["rec_noise"] = self.rec_noise, 0.0
        try:
            yield
        finally:
            self.__dict__["rec_noise"] = before

    @contextmanager
    def at_moment(self, moment: Any) -> Iterator[None]:
        """Let noise be that of one moment in a batch."""
        before, self.__dict__["_moment"] = self._moment, moment and (moment, 0)
        try:
            yield
        finally:
            self.__dict__["_moment"] = before

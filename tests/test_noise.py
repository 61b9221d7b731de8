"""Recurrent noise is normal, and independent over all that it should not depend on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from psychrnn import Basic
from psychrnn.backend import noise
from psychrnn.backend._tensorflow import tf

STEPS, TRIALS, UNITS = 40, 128, 100


def numpy_hash(key, trials, units, first=0):
    """Return what ``noise.hashed`` should, written again in NumPy."""
    counter = (np.arange(first, first + trials)[:, None] * units + np.arange(units)).astype("u4")
    with np.errstate(over="ignore"):
        h = counter * np.uint32(0x9E3779B9) + key[0]
        h ^= h >> np.uint32(16)
        h = h * np.uint32(0x7FEB352D) + key[1]
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x846CA68B)
    return noise.quantiles()[h >> np.uint32(16)]


def drawn(seed, draw=noise.hashed, steps=STEPS):
    """Return noise ``[steps, trials, units]`` of one update."""
    keys = noise.keys(noise.source(seed), steps)
    return np.stack([draw(noise.Moment(key, 0), TRIALS, UNITS).numpy() for key in keys])


@pytest.mark.parametrize("first", [0, 17])
@pytest.mark.parametrize("jit", [False, True])
def test_hash_is_the_one_described(first, jit):
    key = np.array([4_000_000_000, 77], np.uint32)
    function = tf.function(noise.hashed, jit_compile=jit, autograph=False)
    for unit_first in (False, True):
        found = function(noise.Moment(tf.constant(key), first), 5, 9, unit_first).numpy()
        wanted = numpy_hash(key, 5, 9, first)
        np.testing.assert_array_equal(found, wanted.T if unit_first else wanted)


@pytest.mark.parametrize("draw", noise.GENERATORS.values(), ids=noise.GENERATORS)
def test_distribution(draw):
    values = np.concatenate([drawn(seed, draw).ravel() for seed in range(4)])
    n = len(values)  # 2 million
    for moment, wanted, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(np.mean(values**moment) - wanted) < 5 * np.sqrt(variance / n), moment
    assert stats.kstest(values, "norm").pvalue > 1e-3
    for limit in (2, 3, 4):
        expected = n * 2 * stats.norm.sf(limit)
        assert abs((abs(values) > limit).sum() - expected) < 5 * np.sqrt(expected), limit
    limit = 4.4 if draw is noise.hashed else 6.3
    assert abs(values).max() < limit


def test_bits_are_uniform():
    """All 65,536 table entries are equally likely, within and across steps."""
    values = np.concatenate([drawn(seed).ravel() for seed in range(4)])
    entries = np.searchsorted(noise.quantiles(), values)
    for bins in (16, 256, 4096):
        counts = np.bincount(entries * bins // 2**16, minlength=bins)
        assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4, bins


def assert_independent(one, other):
    """Check that two long samples are uncorrelated, and so are their squares."""
    for f in (np.asarray, np.square, np.sign):
        r = np.corrcoef(f(one).ravel(), f(other).ravel())[0, 1]
        assert abs(r) < 5 / np.sqrt(one.size), f


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["steps", "trials", "units"])
@pytest.mark.parametrize("lag", [1, 2, 3, 7, 16, 31])
def test_independence_along_each_axis(axis, lag):
    values = drawn(11)
    n = values.shape[axis]
    assert_independent(values.take(range(n - lag), axis), values.take(range(lag, n), axis))


def test_correlations_of_all_pairs():
    """Every pair of units, and of steps: the spread of correlations is that of chance."""
    values = drawn(12)
    for rows in (values.reshape(-1, UNITS).T, values.reshape(STEPS, -1)):
        r = np.corrcoef(rows)[np.triu_indices(len(rows), 1)] * np.sqrt(rows.shape[1])
        assert stats.kstest(r, "norm").pvalue > 1e-3
        assert abs(r).max() < 5.5


def test_sums_spread_as_chance_has_it():
    """Random walks of a unit or a trial have the variance of independent steps."""
    values = np.stack([drawn(seed) for seed in range(5)])
    for axes in ((1,), (2,), (3,), (1, 3), (1, 2)):
        sums = values.sum(axis=axes) / np.sqrt(np.prod([values.shape[a] for a in axes]))
        assert sums.var() == pytest.approx(1, abs=6 * np.sqrt(2 / sums.size))
        assert stats.kstest(sums.ravel(), "norm").pvalue > 1e-3


def test_independence_over_seeds_and_updates():
    assert_independent(drawn(1), drawn(2))
    source = noise.source(3)
    updates = [
        np.stack([numpy_hash(key, TRIALS, UNITS) for key in noise.keys(source, STEPS).numpy()])
        for _ in range(3)
    ]
    for one, other in itertools.combinations(updates, 2):
        assert_independent(one, other)


def test_parts_of_a_batch_continue_each_other():
    key = tf.constant([5, 6], tf.uint32)
    whole = noise.hashed(noise.Moment(key, 0), 10, 4).numpy()
    rest = noise.hashed(noise.Moment(key, 6), 4, 4).numpy()
    np.testing.assert_array_equal(whole[6:], rest)


class Twice(Basic):
    """Asks for noise two times in a step, and shows both."""

    def recurrent_timestep(self, rnn_in, state):
        one, other = self.recurrent_noise(state[:, :20]), self.recurrent_noise(state[:, :20])
        return tf.concat([one, other], axis=1)


def test_two_draws_in_a_step_differ():
    model = Twice({"name": "twice", "N_in": 1, "N_rec": 40, "N_out": 1, "N_steps": 60, "dt": 10,
                   "tau": 100, "N_batch": 50, "rec_noise": 1.0, "seed": 3})  # fmt: skip
    states = model.test(np.zeros((50, 60, 1))).states / np.sqrt(0.2)
    assert states.std() == pytest.approx(1, abs=0.01)
    assert_independent(states[..., :20], states[..., 20:])
    again = model.test(np.zeros((50, 60, 1))).states / np.sqrt(0.2)
    assert_independent(states, again)

"""Decoding across time: against closed forms and data of known separability; wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from population_data import CHOICE, COHERENCE, STATES, orthonormal
from refusals import NAN, RAGGED, refused

from psychrnn.analysis import decoding
from psychrnn.analysis.dynamics import decode

pytestmark = pytest.mark.filterwarnings("error")


def separable(classes=2, trials=200, seed=0):
    """Return states that show the class in their second half only."""
    rng = np.random.default_rng(seed)
    labels, states = rng.integers(0, classes, trials), rng.normal(size=(trials, 10, 6))
    states[:, 5:] += 5 * orthonormal(classes, 6)[labels][:, None]
    return states, labels


@pytest.mark.parametrize("classes", [2, 4])
def test_classes_are_decoded_when_they_are_there(classes):
    states, labels = separable(classes)
    result = decode(states, labels, seed=1)
    assert result.kind == "accuracy" and result.classes.tolist() == list(range(classes))
    assert result.chance == np.bincount(labels).max() / 200 and result.trials == 200
    assert (result.score[5:] > 0.97).all()
    assert (np.abs(result.score[:5] - 1 / classes) < 0.12).all()
    assert np.allclose(result.fold_scores.mean(axis=0), result.score, atol=0.01)


def test_shuffled_labels_are_not_decoded(rng):
    states, labels = separable(trials=1000)
    result = decode(states, rng.permutation(labels), seed=1)
    assert np.abs(result.score - 0.5).max() < 0.08 and abs(result.score.mean() - 0.5) < 0.04


def test_discriminant_is_the_closed_form_of_two_gaussians(rng):
    rng, mixing = np.random.default_rng(4), rng.normal(size=(3, 3))
    labels = np.repeat([0, 1], [300, 100])
    X = rng.normal(size=(400, 3)) @ mixing + np.array([[0, 0, 0], [2, -1, 1.0]])[labels] + 50
    W, b = decoding._discriminant(X[None], labels, 0.0)
    m = [X[labels == k].mean(axis=0) for k in (0, 1)]
    pooled = (299 * np.cov(X[:300].T) + 99 * np.cov(X[300:].T)) / 398
    normal = np.linalg.solve(pooled, m[1] - m[0])
    threshold = normal @ (m[0] + m[1]) / 2 - np.log(100 / 300)
    assert np.allclose(W[0, :, 1] - W[0, :, 0], normal, rtol=1e-6)
    assert b[0, 0] - b[0, 1] == pytest.approx(threshold, rel=1e-6)


def test_shrinkage_is_what_it_says():
    X, labels, y = STATES[:, 0], CHOICE.astype(int), COHERENCE
    means = np.stack([X[labels == k].mean(axis=0) for k in (0, 1)])
    rest = X - means[labels]
    pooled = rest.T @ rest / 58
    shrunk = 0.7 * pooled + 0.3 * np.trace(pooled) / 5 * np.eye(5)
    W = decoding._discriminant(X[None], labels, 0.3)[0][0]
    assert np.allclose(W[:, 1] - W[:, 0], np.linalg.solve(shrunk, means[1] - means[0]), rtol=1e-6)
    C = np.cov(X.T, ddof=0)
    slope = np.linalg.solve(C + 0.3 * np.trace(C) / 5 * np.eye(5), np.cov(X.T, y, ddof=0)[:5, 5])
    W, b = decoding._ridge(X[None], y, 0.3)
    assert np.allclose(W[0, :, 0], slope, rtol=1e-6)
    assert (X @ W[0] + b[0]).mean() == pytest.approx(y.mean())


def test_numbers_are_decoded_by_ridge_regression(rng):
    y = rng.normal(size=300)
    states = rng.normal(size=(300, 4, 5))
    states[:, 2:] += y[:, None, None] * orthonormal(1, 5)[0] * 3
    result = decode(states, y, seed=1)
    assert result.kind == "R2" and result.chance == 0 and len(result.classes) == 0
    assert np.allclose(result.score[2:], 0.9, atol=0.04)  # 9 of signal, 1 of noise
    assert (np.abs(result.score[:2]) < 0.08).all()


def test_r2_is_that_of_a_plain_loop(rng):
    y = STATES[:, 3, 0] + rng.normal(size=60)
    result, fold = decode(STATES, y, seed=3, shrinkage=0), np.empty(60, int)
    fold[:] = decoding._deal(np.argsort(np.argsort(y)), 5, np.random.default_rng(
        np.random.SeedSequence(3)))  # fmt: skip
    left = total = 0.0
    for k in range(5):
        X, train = np.column_stack([np.ones(60), STATES[:, 3]]), fold != k
        weights = np.linalg.lstsq(X[train], y[train], rcond=None)[0]
        left += ((y - X @ weights)[~train] ** 2).sum()
        total += ((y - y[train].mean())[~train] ** 2).sum()
    assert result.score[3] == pytest.approx(1 - left / total, abs=1e-6)


def test_kind_follows_the_labels(rng):
    states = rng.normal(size=(100, 1, 2))
    few, many = np.arange(100) % 10 / 10, np.arange(100) / 100
    for labels, kind in [
        (few, "accuracy"), (many, "R2"), (np.arange(100) % 20, "accuracy"),
        (np.where(few > 0.4, "a", "b"), "accuracy"), (few > 0.4, "accuracy"),
    ]:  # fmt: skip
        assert decode(states, labels, seed=1).kind == kind
    assert decode(states, few, kind="R2", seed=1).kind == "R2"
    assert decode(states, few > 0.4, kind="R2", seed=1).kind == "R2"


def test_across_time_shows_where_the_code_is_the_same(rng):
    states, labels = separable()
    result = decode(states, labels, seed=1, across_time=True)
    assert result.score.shape == (10, 10) and result.fold_scores.shape == (5, 10, 10)
    assert (result.score[5:, 5:] > 0.9).all()
    assert (np.abs(result.score[5:, :5] - 0.5) < 0.2).all()
    assert np.array_equal(np.diagonal(result.score), decode(states, labels, seed=1).score)
    states[:, 8:] *= -1  # a code that turns round
    turned = decode(states, labels, seed=1, across_time=True).score
    assert (turned[8:, 5:8] < 0.5).all() and (turned[8:, 8:] > 0.97).all()
    y = rng.normal(size=200)
    both = decode(states, y, seed=1, across_time=True).score
    assert np.allclose(np.diagonal(both), decode(states, y, seed=1).score)


def test_folds_are_equal_in_size_and_classes_and_follow_the_seed():
    codes = np.repeat([0, 1, 2], [50, 23, 7])
    fold = decoding._deal(codes, 5, np.random.default_rng(1))
    counts = np.array([[(fold[codes == c] == k).sum() for k in range(5)] for c in range(3)])
    assert (np.ptp(counts, axis=1) <= 1).all() and np.ptp(np.bincount(fold)) <= 1
    states, labels = separable()
    first = decode(states, labels, seed=1)
    for key, value in zip(first._fields, decode(states, labels, seed=1)):
        assert np.array_equal(getattr(first, key), value)
    assert not np.array_equal(first.fold_scores, decode(states, labels, seed=2).fold_scores)
    np.random.seed(4)
    unseeded = decode(states, labels).fold_scores
    np.random.seed(4)
    assert np.array_equal(unseeded, decode(states, labels).fold_scores)


def test_states_that_do_not_differ_give_chance(rng):
    labels = np.repeat([0, 1, 2], [10, 30, 20])
    for value in (0.0, 0.1, 1e5):
        states = np.full((60, 2, 4), value) * np.ones(4)
        result = decode(states, labels, seed=1)
        assert (result.score == result.chance).all() and result.chance == 0.5
        assert np.allclose(decode(states, rng.normal(size=60), seed=1).score, 0)


def test_without_noise_a_class_is_read_out_fully():
    states = np.zeros((20, 1, 50))
    labels = np.arange(20) % 2
    states[:, 0, 7] = 1e-4 * labels
    for shrinkage in (0, 0.1, 1):
        assert decode(states, labels, seed=1, shrinkage=shrinkage).score == 1


def test_more_units_than_trials_need_no_shrinkage(rng):
    labels = np.arange(40) % 2
    states = rng.normal(size=(40, 3, 100)) + 2 * labels[:, None, None]
    assert (decode(states, labels, seed=1, shrinkage=0).score == 1).all()
    y = rng.normal(size=40)
    states = y[:, None, None] * np.ones(100) + 0.1 * rng.normal(size=states.shape)
    assert (decode(states, y, seed=1, shrinkage=0).score > 0.95).all()


def test_trials_without_a_label_are_left_out_with_their_states():
    states, labels = separable()
    lost = np.arange(200) % 9 == 0
    result = decode(np.where(lost[:, None, None], NAN, states), np.where(lost, NAN, labels), seed=1)
    assert np.array_equal(result.score, decode(states[~lost], labels[~lost], seed=1).score)
    assert result.trials == (~lost).sum()


SIDES = np.array(["left", "right"])[CHOICE.astype(int)]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((STATES[0], CHOICE), "decode.states: expected states [N_batch, N_steps, N_rec]"),
        (
            (np.where(STATES > 2, NAN, STATES), CHOICE),
            "states without NaN, got NaN. Leave out steps",
        ),
        ((STATES, CHOICE[:4]), "labels: expected one number or string for each of 60"),
        ((STATES, np.ones(60)), "at least two classes, got one, 1.0"),
        ((STATES, np.full(60, NAN)), "at least two classes, got none"),
        ((STATES, ["left"] * 57 + ["right"] * 3), "got 3 of class right. Take fewer folds"),
        ((STATES, np.arange(60)), "or pass kind='R2' for a number"),
        ((STATES, RAGGED), "decode.labels"),
        ((STATES, CHOICE, 1), "folds: expected at least two"),
        ((STATES, CHOICE, 2.5), "folds: expected a whole number"),
        ((STATES[:8], np.arange(8) / 7, 5), "for each of 5 folds"),
        ((STATES, CHOICE, 5, -1), "decode.seed"),
    ],
)
def test_decode_refuses(arguments, words):
    refused(lambda: decode(*arguments), "dynamics.decode", words)


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(kind="r2"), "'accuracy', 'R2' or None"),
        (dict(kind=["R2"]), "'accuracy', 'R2' or None"),
        (dict(kind="R2"), "numbers, to score by R2, got strings"),
        (dict(shrinkage=2), "shrinkage: expected a number"),
        (dict(shrinkage=None), "shrinkage: expected a number"),
        (dict(across_time="all"), "across_time: expected True or False"),
    ],
)
def test_decode_refuses_options(options, words):
    refused(lambda: decode(STATES, SIDES, **options), "dynamics.decode", words)


def test_r2_of_few_trials_is_refused():
    y = np.arange(9) / 9
    refused(lambda: decode(STATES[:9], y, kind="R2"), "two trials for each of 5 folds", "9 trials")

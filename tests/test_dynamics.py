"""Activity of the population: against NumPy and closed forms; wrong input of all of dynamics."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from population_data import CHOICE, COHERENCE, STATES, orthonormal, with_missing
from refusals import INF, NAN, RAGGED, refused

from psychrnn import ParameterError
from psychrnn.analysis import dynamics
from psychrnn.analysis.dynamics import (
    align,
    condition_averages,
    decode,
    participation_ratio,
    pca,
    regress,
    targeted_axes,
)

pytestmark = pytest.mark.filterwarnings("error")


def test_aligned_trials_are_states_and_a_dict_is_none():
    aligned = align(STATES, 20, 10, (-20, 30))
    found = condition_averages(aligned, CHOICE)
    np.testing.assert_array_equal(
        found.averages, condition_averages(aligned.values, CHOICE).averages
    )
    refused(lambda: condition_averages({"a": 1}, CHOICE), "condition_averages.states", "{'a': 1}")


def test_everything_public_is_offered():
    assert all(hasattr(dynamics, name) for name in dynamics.__all__)
    assert {"align", "pca", "regress", "decode"} <= set(dynamics.__all__)


# -- align -----------------------------------------------------------------------------------------


def test_align_moves_each_trial_in_a_plain_loop(rng):
    times = rng.uniform(0, 70, 60)
    times[3] = NAN
    values, time = align(STATES, times, dt=10, window=(-35, 40))
    assert time.tolist() == [-30, -20, -10, 0, 10, 20, 30]
    wanted = np.full((60, 7, 5), NAN)
    for trial in set(range(60)) - {3}:
        event = min(step for step in range(8) if step * 10 >= times[trial])
        for k, offset in enumerate(range(-3, 4)):
            if 0 <= event + offset < 8:
                wanted[trial, k] = STATES[trial, event + offset]
    assert np.array_equal(values, wanted, equal_nan=True)
    assert np.isnan(values[3]).all()


def test_align_to_one_time_and_other_shapes():
    flat = np.arange(12).reshape(2, 6)
    values, time = align(flat, 20, dt=10, window=(0, 20))
    assert values.tolist() == [[2, 3], [8, 9]] and time.tolist() == [0, 10]
    assert align(STATES.astype(np.float32), 0, 10, (0, 80)).values.dtype == np.float32


def test_align_is_exact_where_time_steps_are_no_binary_fractions():
    values, time = align(np.arange(100.0)[None], [0.1 * 3 * 10], dt=0.1, window=(-0.3, 0.3))
    assert values.tolist() == [[27, 28, 29, 30, 31, 32]] and len(time) == 6


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
    st.integers(-10, 9),
    st.integers(1, 6),
)
def test_align_twice_by_whole_steps(events, first, length):
    trials = np.arange(10.0) + 100 * np.arange(len(events))[:, None]
    end = min(first + length, 10)
    try:
        values, time = align(trials, np.array(events) * 5.0, 5.0, (first * 5, end * 5))
    except ParameterError as error:
        assert "meets none" in str(error)
        return
    steps = np.array(events)[:, None] + np.rint(time / 5).astype(int)
    inside = (steps >= 0) & (steps < 10)
    assert (np.isnan(values) == ~inside).all()
    assert (values[inside] == (steps + 100 * np.arange(len(events))[:, None])[inside]).all()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((STATES, [1.0, 2.0], 10, (0, 20)), "align.times: expected one time (ms) for each of 60"),
        ((STATES, 80, 10, (0, 20)), "steps from 0 to 70 ms, got 80 ms in trial 0"),
        ((STATES, -1, 10, (0, 20)), "got -1 ms in trial 0"),
        ((STATES, INF, 10, (0, 20)), "got inf ms"),
        ((STATES, NAN, 10, (0, 20)), "an event in at least one trial"),
        ((STATES, "now", 10, (0, 20)), "align.times"),
        ((STATES, 0, 0, (0, 20)), "align.dt"),
        ((STATES, 0, 10, (20, 20)), "before < after"),
        ((STATES, 0, 10, (20, 0)), "before < after"),
        ((STATES, 0, 10, (1, 9)), "a time step (every 10 ms) between them"),
        ((STATES, 0, 10, (-50, -20)), "which meets none"),
        ((STATES, 0, 10, (0, 2000)), "times from -80 to 80 ms"),
        ((STATES, 0, 10, (0, NAN)), "align.window"),
        ((STATES, 0, 10, 20), "align.window"),
        ((STATES, 0, 10, (0, 10, 20)), "align.window"),
        ((STATES, 0, 10, ("a", "b")), "align.window"),
        ((STATES[0, 0], 0, 10, (0, 20)), "values [N_batch, N_steps, ...]"),
        ((RAGGED, 0, 10, (0, 20)), "align.values"),
        ((STATES * INF, 0, 10, (0, 20)), "align.values: expected finite"),
    ],
)
def test_align_refuses(arguments, words):
    refused(lambda: align(*arguments), "dynamics.align", words)


# -- condition averages ----------------------------------------------------------------------------


def test_averages_are_those_of_a_plain_loop(rng):
    states, select = with_missing(STATES, 30), rng.random(60) < 0.8
    result = condition_averages(states, {"coherence": COHERENCE, "choice": CHOICE}, select)
    combinations = [(c, k) for c in (0.1, 0.3, 0.5) for k in (0.0, 1.0)]
    assert list(zip(*result.conditions.values())) == combinations
    for i, (coherence, choice) in enumerate(combinations):
        members = np.flatnonzero(
            select & np.isclose(COHERENCE, coherence) & np.isclose(CHOICE, choice)
        )
        assert result.counts[i] == len(members) > 0
        for step in range(8):
            rows = [states[m, step] for m in members if not np.isnan(states[m, step, 0])]
            wanted = np.mean(rows, axis=0) if rows else np.full(5, NAN)
            assert np.allclose(result.averages[i, step], wanted, equal_nan=True)


def test_labels_are_readable():
    result = condition_averages(STATES, {"coherence": COHERENCE, "choice": CHOICE})
    assert result.labels[:2] == ["coherence 0.1, choice 0", "coherence 0.1, choice 1"]
    sides = np.where(CHOICE == 1, "right", "left")
    assert condition_averages(STATES, sides).labels == ["condition left", "condition right"]


@pytest.mark.parametrize("missing", [NAN, None])
@pytest.mark.parametrize("values", [[0.0, 1.0], ["left", "right"], [3, 7]])
def test_trials_without_a_value_are_left_out(values, missing):
    given = [values[k % 2] for k in range(60)]
    given[4] = given[7] = missing
    result = condition_averages(STATES, given)
    assert result.conditions["condition"].tolist() == values and result.counts.sum() == 58
    assert np.allclose(result.averages[0], np.delete(STATES[::2], 2, axis=0).mean(axis=0))
    correct = np.where(np.isin(np.arange(60), [4, 7]), NAN, 1.0)
    again = condition_averages(STATES, [values[k % 2] for k in range(60)], select=correct)
    assert np.allclose(again.averages, result.averages)


def test_min_trials_leaves_out_rare_conditions_and_thin_steps():
    states, group = np.ones((7, 3, 2)), [0, 0, 0, 0, 1, 1, 1]
    states[1:3, 2] = NAN
    result = condition_averages(states, group, min_trials=3)
    assert result.counts.tolist() == [4, 3]
    assert np.isnan(result.averages[0, 2]).all() and (result.averages[1] == 1).all()
    assert condition_averages(states, group, min_trials=4).conditions["condition"].tolist() == [0]


def test_trials_without_any_state_do_not_count():
    states = STATES.copy()
    states[CHOICE == 1] = NAN
    assert condition_averages(states, CHOICE).conditions["condition"].tolist() == [0]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((STATES[0], CHOICE), "states: expected states [N_batch, N_steps, N_rec], got shape (8, 5"),
        ((STATES[:, :0], CHOICE), "states [N_batch, N_steps, N_rec]"),
        (("states", CHOICE), "condition_averages.states"),
        ((STATES, CHOICE[:5]), "one number or string for each of 60 trials, got shape (5,)"),
        ((STATES, {"choice": CHOICE[:, None]}), "conditions['choice']"),
        ((STATES, {}), "conditions: expected a dict"),
        ((STATES, {1: CHOICE}), "names that are strings"),
        ((STATES, "choice"), "conditions"),
        ((STATES, RAGGED), "conditions"),
        ((STATES, [{}] * 60), "conditions"),
        ((STATES, ["a"] * 59 + [1]), "conditions"),
        ((STATES, [INF] * 60), "conditions"),
        ((STATES, CHOICE * 1j), "conditions"),
        ((STATES, [10**400] * 60), "conditions"),
        ((STATES, [NAN] * 60), "at least one trial"),
        ((STATES, CHOICE, np.zeros(60, bool)), "at least one trial"),
        ((STATES, CHOICE, np.ones(3, bool)), "select: expected True or False for each of 60"),
        ((STATES, CHOICE, np.arange(60)), "select: expected True or False"),
        ((STATES, CHOICE, None, 100), "min_trials = 100 trials, got at most"),
        ((STATES, CHOICE, None, 0), "min_trials: expected a whole number"),
    ],
)
def test_averages_refuse(arguments, words):
    refused(lambda: condition_averages(*arguments), "dynamics.condition_averages", words)


# -- principal components --------------------------------------------------------------------------


def test_components_are_eigenvectors_of_the_covariance():
    states = with_missing(STATES @ np.diag([4, 3, 2, 1, 0.5]), 20)
    rows = states[~np.isnan(states[..., 0])]
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    fit = pca(states)
    assert np.allclose(fit.variances, values[::-1])
    assert np.allclose(fit.explained, values[::-1] / values.sum())
    assert np.allclose(np.abs(fit.components @ vectors[:, ::-1]), np.eye(5), atol=1e-8)
    assert np.allclose(fit.mean, rows.mean(axis=0))
    assert np.allclose(pca(states, n_components=2).explained, fit.explained[:2])
    assert (fit.components[np.arange(5), np.abs(fit.components).argmax(axis=1)] > 0).all()


def test_projection_is_a_rotation_and_keeps_nan():
    averages = condition_averages(STATES, COHERENCE)
    fit, part = pca(averages), pca(averages, n_components=2)
    assert np.allclose(fit.project(STATES) @ fit.components + fit.mean, STATES)
    assert np.allclose(part.project(averages), fit.project(averages.averages)[..., :2])
    assert np.allclose(part.project(STATES[0, 0]), fit.project(STATES)[0, 0, :2])
    holes = STATES.copy()
    holes[3, 2, 1] = NAN
    found = part.project(holes)
    assert np.isnan(found[3, 2]).all() and np.isnan(found).sum() == 2


def test_components_of_few_dimensions(rng):
    flat = rng.normal(size=(4, 9, 2)) @ orthonormal(2, 7)
    assert pca(flat).components.shape == (2, 7)
    assert pca(flat).explained.sum() == pytest.approx(1)
    refused(lambda: pca(flat, n_components=3), "pca.n_components: expected at most 2", "got 3")


def test_sign_does_not_depend_on_the_data():
    fit, mirrored = pca(STATES), pca(-STATES)
    assert np.allclose(fit.components, mirrored.components)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((STATES[:1],), "at least two conditions, got one. One condition shows its course in time"),
        ((np.full((3, 4, 5), 0.1),), "states that vary, got the same state everywhere"),
        ((np.full((3, 4, 5), NAN),), "at least two states without NaN, got none"),
        ((STATES[0],), "averages [N_cond, N_steps, N_rec]"),
        ((np.longdouble("1e400") * np.sign(STATES),), "finite numbers"),
        ((STATES, 0), "pca.n_components"),
        ((STATES, 6), "expected at most 5"),
        ((None,), "averages"),
    ],
)
def test_pca_refuses(arguments, words):
    refused(lambda: pca(*arguments), "dynamics.pca", words)


def test_project_refuses_other_units():
    fit = pca(STATES)
    axes = targeted_axes(regress(STATES, {"choice": CHOICE}))
    for result in (fit, axes):
        for wrong in (STATES[..., :3], 1.0, "states", RAGGED):
            refused(lambda r=result, w=wrong: r.project(w), "project.states", "N_rec = 5")


def test_participation_ratio(rng):
    line = np.outer(rng.normal(size=50), [1.0, 2.0, 3.0])
    assert participation_ratio(line) == pytest.approx(1)
    ball = np.random.default_rng(1).normal(size=(200, 100, 20))
    assert participation_ratio(ball) == pytest.approx(20, rel=0.01)
    values = np.array([4.0, 2.0, 1.0])
    exact = np.concatenate([np.diag(np.sqrt(values)), -np.diag(np.sqrt(values))])
    assert participation_ratio(exact) == pytest.approx(values.sum() ** 2 / (values**2).sum())
    values = np.linalg.eigvalsh(np.cov(STATES.reshape(-1, 5).T))
    assert participation_ratio(STATES) == pytest.approx(values.sum() ** 2 / (values**2).sum())


@pytest.mark.parametrize("value", [np.ones((3, 4)), STATES[0, 0], STATES[:1, 0] * NAN, "x", None])
def test_participation_ratio_refuses(value):
    refused(lambda: participation_ratio(value), "dynamics.participation_ratio.states")


SIDES = np.array(["left", "right"])[CHOICE.astype(int)]
# -- anything --------------------------------------------------------------------------------------

JUNK = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.floats(),
    st.lists(st.floats() | st.none() | st.text(max_size=2), max_size=4),
    st.sampled_from([{}, object(), RAGGED, CHOICE, CHOICE * NAN, CHOICE * 1e300, SIDES, STATES]),
    st.sampled_from([STATES[:, :1], STATES * 0, STATES.astype(str), STATES * 1j, STATES > 0]),
    st.sampled_from([STATES.astype(np.float16), (STATES * 9).astype(int), STATES.tolist()]),
)
CALLS = {
    "align": lambda a, b: align(a, b, 10, (0, 20)),
    "condition_averages": condition_averages,
    "pca": pca,
    "participation_ratio": lambda a, b: participation_ratio(a),
    "regress": lambda a, b: regress(a, {"b": b}),
    "decode": lambda a, b: decode(a, b, folds=2, seed=1),
}


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(CALLS)), JUNK | st.just(STATES), JUNK | st.just(CHOICE))
def test_anything_works_or_gives_a_sentence(name, first, second):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            CALLS[name](first, second)
    except ParameterError as error:
        assert f"dynamics.{name}" in str(error) and 20 < len(str(error)) < 500

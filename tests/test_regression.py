"""Regression and axes of task variables: against the textbook and known mixtures; wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from population_data import CHOICE, COHERENCE, STATES, orthonormal, with_missing
from refusals import INF, NAN, RAGGED, refused

from psychrnn.analysis.dynamics import condition_averages, regress, targeted_axes

pytestmark = pytest.mark.filterwarnings("error")


VARIABLES = {"coherence": COHERENCE, "choice": CHOICE, "both": COHERENCE * CHOICE}


def textbook(states, variables):
    """Return coefficients, standard errors and r2 of one step, from the normal equations."""
    X = np.column_stack([np.ones(len(states)), *variables])
    inverse = np.linalg.inv(X.T @ X)
    coefficients = np.linalg.lstsq(X, states, rcond=None)[0]
    rest = ((states - X @ coefficients) ** 2).sum(axis=0)
    errors = np.sqrt(np.outer(np.diag(inverse), rest / (len(X) - X.shape[1])))
    return coefficients, errors, 1 - rest / ((states - states.mean(axis=0)) ** 2).sum(axis=0)


@pytest.mark.parametrize("missing", [0, 40])
def test_regression_is_the_textbooks(missing):
    states = with_missing(STATES + 3 * CHOICE[:, None, None], missing)
    result = regress(states, VARIABLES)
    assert result.names == ("intercept", "coherence", "choice", "both")
    for step in range(8):
        used = ~np.isnan(states[:, step, 0])
        wanted = textbook(states[used, step], [v[used] for v in VARIABLES.values()])
        found = (result.coefficients[:, step], result.standard_errors[:, step], result.r2[step])
        assert result.counts[step] == used.sum()
        for one, other in zip(found, wanted):
            assert np.allclose(one, other, rtol=1e-8, atol=1e-10)


def test_trials_without_a_choice_are_left_out_of_the_regression():
    choice = np.where(np.arange(60) < 50, CHOICE, NAN)
    part = regress(STATES[:50], {"choice": CHOICE[:50]})
    for values in (choice, [None if np.isnan(c) else c for c in choice]):
        result = regress(STATES, {"choice": values})
        assert np.allclose(result.coefficients, part.coefficients)
        assert (result.counts == 50).all()


def test_standardized_units():
    scaled = STATES * [1, 2, 3, 4, 5] + 7
    result = regress(scaled, VARIABLES, standardize=True)
    flat = scaled.reshape(-1, 5)
    again = regress((scaled - flat.mean(axis=0)) / flat.std(axis=0), VARIABLES)
    assert np.allclose(result.coefficients, again.coefficients)
    assert np.allclose(result.mean, flat.mean(axis=0))
    assert np.allclose(result.scale, flat.std(axis=0))
    axes = targeted_axes(result)
    assert np.allclose(axes.project(scaled), ((scaled - result.mean) / result.scale) @ axes.axes.T)


@pytest.mark.parametrize("standardize", [False, True])
def test_silent_units_have_no_effect_and_no_r2(standardize):
    states = STATES.copy()
    states[..., 1], states[:, 0] = 0.1, 0.3
    result = regress(states, VARIABLES, standardize)
    assert (result.coefficients[1:, :, 1] == 0).all() and np.isnan(result.r2[:, 1]).all()
    assert (result.coefficients[1:, 0] == 0).all() and np.isnan(result.r2[0]).all()
    assert np.isfinite(result.standard_errors).all()
    assert ((result.r2[1:, [0, 2, 3, 4]] >= 0) & (result.r2[1:, [0, 2, 3, 4]] <= 1)).all()


def test_large_offsets_do_not_cost_precision():
    result = regress(STATES, {"time": 1e6 + CHOICE})
    assert np.allclose(result.coefficients[1], regress(STATES, {"c": CHOICE}).coefficients[1])


def test_steps_with_too_few_trials_are_nan_with_one_warning():
    states = STATES.copy()
    states[2:, 6:] = NAN
    with pytest.warns(UserWarning, match=r"2 of 8 steps are NaN, the first of them step 6") as said:
        result = regress(states, {"choice": CHOICE})
    assert len(said) == 1 and said[0].filename == __file__
    assert np.isnan(result.coefficients[:, 6:]).all() and np.isnan(result.r2[6:]).all()
    assert np.isfinite(result.coefficients[:, :6]).all()


def test_steps_where_a_variable_does_not_vary_are_nan():
    states = STATES.copy()
    states[CHOICE == 1, 5] = NAN
    with pytest.warns(UserWarning, match="1 of 8 steps are NaN, the first of them step 5"):
        result = regress(states, VARIABLES)
    assert np.isnan(result.standard_errors).all(axis=(0, 2)).tolist() == [k == 5 for k in range(8)]


@pytest.mark.parametrize(
    "variables, words",
    [
        ({"a": np.ones(60)}, "variables that vary, got 'a', which is the same in every trial"),
        ({"b": CHOICE, "a": np.full(60, 0.1)}, "'a', which is the same in every trial"),
        (
            {"a": CHOICE, "c": COHERENCE, "b": 1 - 2 * CHOICE},
            "got 'b', which follows from 'a'. Leave 'b' out",
        ),
        (
            {"a": CHOICE, "c": COHERENCE, "b": COHERENCE + CHOICE},
            "got 'b', which follows from 'a' and 'c'",
        ),
        ({"intercept": CHOICE}, "'intercept'"),
        ({"a": ["left", "right"] * 30}, "variables['a']: expected one number for each of 60"),
        ({"a": CHOICE[:9]}, "got shape (9,)"),
        ({"a": RAGGED}, "variables['a']"),
        ({"a": [INF] + [0.0] * 59}, "finite numbers, or NaN"),
        ({"a": [NAN] * 58 + [0.0, 1.0]}, "more than 2 trials without NaN for 1 variables, got 2"),
        ({}, "a dict"),
        (CHOICE, "a dict"),
        ({0: CHOICE}, "names that are strings"),
    ],
)
def test_regression_refuses_variables(variables, words):
    refused(lambda: regress(STATES, variables), "dynamics.regress.variables", words)


@pytest.mark.parametrize(
    "states", [STATES[0], STATES * NAN, np.where(STATES > 2, INF, STATES), "x", None]
)
def test_regression_refuses_states(states):
    for standardize in (False, True):
        refused(lambda s=standardize: regress(states, {"c": CHOICE}, s), "dynamics.regress.states")
    refused(lambda: regress(STATES, {"c": CHOICE}, standardize="yes"), "standardize")


# -- targeted axes ---------------------------------------------------------------------------------


def mixed(noise, seed=2):
    """Return states that mix two variables along known axes, with courses in time that peak."""
    rng = np.random.default_rng(seed)
    variables = {"motion": rng.uniform(-1, 1, 400), "choice": rng.choice([-1.0, 1.0], 400)}
    axes, time = orthonormal(2, 30, seed), np.arange(20)
    courses = [np.exp(-((time - peak) ** 2) / 20) for peak in (6, 14)]
    states = sum(
        v[:, None, None] * c[:, None] * a for v, c, a in zip(variables.values(), courses, axes)
    )
    return states + noise * rng.normal(size=states.shape), variables, axes


@pytest.mark.parametrize("denoised", [False, True])
def test_targeted_axes_find_what_was_mixed(denoised):
    states, variables, axes = mixed(noise=0.05)
    groups = {"motion": np.digitize(variables["motion"], [-0.5, 0, 0.5])}
    averages = condition_averages(states, {**groups, "choice": variables["choice"]})
    options = dict(averages=averages, n_components=2) if denoised else {}
    found = targeted_axes(regress(states, variables), **options)
    assert found.names == ("motion", "choice") and (np.abs(found.times - [6, 14]) <= 1).all()
    assert np.allclose(found.axes @ found.axes.T, np.eye(2))
    cosines = (found.axes * axes).sum(axis=1)
    assert (cosines > 0.995).all()
    along = found.project(states)
    assert np.corrcoef(along[:, 6, 0], variables["motion"])[0, 1] > 0.98
    assert np.corrcoef(along[:, 14, 1], variables["choice"])[0, 1] > 0.98
    assert abs(np.corrcoef(along[:, 14, 0], variables["choice"])[0, 1]) < 0.2


def test_components_of_the_averages_take_noise_out_of_the_axes(rng):
    states, variables, axes = mixed(noise=1.0)
    states[:, :, :] += rng.normal(size=states.shape)
    groups = {"motion": np.digitize(variables["motion"], [0]), "choice": variables["choice"]}
    result, averages = regress(states, variables), condition_averages(states, groups)
    plain = (targeted_axes(result).axes * axes).sum(axis=1)
    clean = (targeted_axes(result, averages, 4).axes * axes).sum(axis=1)
    assert (clean > plain).all() and (clean > 0.85).all()


def test_components_are_those_of_standardized_averages():
    scaled = STATES * [1, 2, 3, 4, 5] + 7
    averages = condition_averages(scaled, COHERENCE).averages
    result = regress(scaled, VARIABLES, standardize=True)
    units = (scaled - result.mean) / result.scale
    wanted = targeted_axes(regress(units, VARIABLES), (averages - result.mean) / result.scale, 4)
    assert np.allclose(targeted_axes(result, averages, 4).axes, wanted.axes)


def test_twelve_components_by_default(rng):
    states = rng.normal(size=(100, 4, 30))
    result = regress(states, {"side": np.arange(100) % 2})
    axes = [targeted_axes(result, states, k).axes for k in (None, 12, 13)]
    assert np.allclose(axes[0], axes[1]) and not np.allclose(axes[0], axes[2], atol=1e-3)


def test_order_of_the_variables_decides_what_is_left():
    a, b = CHOICE, COHERENCE - COHERENCE.mean()
    states = np.zeros((60, 1, 2))
    states[:, 0, 0], states[:, 0, 1] = a + b, b  # the axis of b is (1, 1)
    found = targeted_axes(regress(states, {"a": a, "b": b}))
    assert np.allclose(found.raw, [[1, 0], [1, 1]]) and np.allclose(found.axes, np.eye(2))
    other = targeted_axes(regress(states, {"b": b, "a": a}))
    assert np.allclose(other.axes, np.array([[1, 1], [1, -1]]) / np.sqrt(2))


def test_targeted_axes_refuse():
    where, states = "dynamics.targeted_axes", STATES.copy()
    result = regress(STATES, {"a": CHOICE, "b": COHERENCE})
    averages = condition_averages(STATES, COHERENCE)
    refused(lambda: targeted_axes(STATES), f"{where}.regression", "the result of regress")
    refused(lambda: targeted_axes(result, n_components=3), f"{where}.n_components", "averages")
    refused(lambda: targeted_axes(result, averages, 1), "at least one component for each of 2")
    refused(lambda: targeted_axes(result, averages, 9), f"{where}.n_components", "at most 5")
    refused(lambda: targeted_axes(result, STATES[:1]), f"{where}.averages", "two conditions")
    refused(lambda: targeted_axes(result, STATES[..., :3]), "averages of 5 units", "got 3")
    narrow = regress(STATES[..., :1], {"a": CHOICE, "b": COHERENCE})
    refused(lambda: targeted_axes(narrow), "at most 1 variables")
    states[:] = 0.5
    flat = regress(states, {"a": CHOICE})
    refused(lambda: targeted_axes(flat), "'a', which has none")
    states[..., 0] = (CHOICE + COHERENCE)[:, None]
    one = regress(states, {"a": CHOICE, "b": COHERENCE})
    refused(lambda: targeted_axes(one), "'b', whose axis is a combination of those before it")

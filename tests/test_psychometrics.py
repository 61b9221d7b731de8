"""Psychometric fits against closed forms, another maximisation, and data that tell nothing."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import INF, NAN, RAGGED, refused, table
from scipy import optimize, stats

from psychrnn import ParameterError
from psychrnn.analysis.behavior import psychometric
from psychrnn.analysis.psychometric_likelihood import SHAPES, Likelihood, confidence_limits
from psychrnn.analysis.psychometrics import levels_of

LEVELS = np.linspace(-1, 1, 9)
CDF = {"normal": stats.norm.cdf, "logistic": stats.logistic.cdf}
NAMES = ("threshold", "slope", "guess", "lapse")
QUICK = {"n_bootstrap": 0}


def curve(x, location, scale, guess=0.0, lapse=0.0, function="normal"):
    return guess + (1 - guess - lapse) * CDF[function]((x - location) / scale)


def trials(ones, counts, levels=LEVELS):
    """Return single trials with so many responses 1 at each level."""
    stimulus = np.repeat(levels, counts)
    response = np.concatenate([[1.0] * k + [0.0] * (n - k) for k, n in zip(ones, counts)])
    return stimulus, response


def simulated(seed, n=100, levels=LEVELS, **parameters):
    rng = np.random.default_rng(seed)
    ones = rng.binomial(n, curve(levels, **parameters))
    return trials(ones, [n] * len(levels), levels)


def by_hand(stimulus, response, function, guess=None, lapse=None, threshold=None):
    """Maximise the likelihood of single trials by the simplex method, in plain parameters."""

    def full(free):
        free = list(free)
        location = free.pop(0) if threshold is None else threshold
        scale = np.exp(free.pop(0))
        g = free.pop(0) if guess is None else guess
        return location, scale, g, free.pop(0) if lapse is None else lapse

    def cost(free):
        location, scale, low, high = full(free)
        free_rates = [low] * (guess is None) + [high] * (lapse is None)
        if not all(0 <= rate <= 0.25 for rate in free_rates):
            return 1e9
        p = np.clip(curve(stimulus, location, scale, low, high, function), 1e-12, 1 - 1e-12)
        return -np.sum(stats.bernoulli.logpmf(response.astype(int), p))

    start = (
        [0.1] * (threshold is None) + [-1.0] + [0.05] * (guess is None) + [0.05] * (lapse is None)
    )
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000, "maxfev": 4000}
    best = optimize.minimize(cost, start, method="Nelder-Mead", options=options)
    return full(best.x), best.fun


@pytest.mark.parametrize("function", ["normal", "logistic"])
def test_two_levels_have_a_closed_form(function):
    stimulus, response = trials([40, 150], [200, 200], [1.0, 3.0])
    fit = psychometric(stimulus, response, guess=0, lapse=0, function=function, **QUICK)
    low, high = {"normal": stats.norm.ppf, "logistic": stats.logistic.ppf}[function]([0.2, 0.75])
    scale = 2 / (high - low)
    assert fit.scale == pytest.approx(scale, rel=1e-4)
    assert fit.threshold == fit.location == pytest.approx(1 - low * scale, rel=1e-4)
    np.testing.assert_allclose(fit.predict([1, 3]), [0.2, 0.75], atol=1e-5)
    assert fit.deviance == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("function", ["normal", "logistic"])
@pytest.mark.parametrize("rates", [{}, {"guess": 0.5}, {"guess": 0.02, "lapse": 0.03}])
def test_fit_is_the_maximum_found_by_hand(function, rates):
    truth = {"location": 0.1, "scale": 0.3, "guess": rates.get("guess", 0.05), "lapse": 0.04}
    stimulus, response = simulated(3, function=function, **truth)
    fit = psychometric(stimulus, response, function=function, **rates, **QUICK)
    found, cost = by_hand(stimulus, response, function, **rates)
    np.testing.assert_allclose([fit.location, fit.scale, fit.guess, fit.lapse], found, atol=2e-4)
    p = fit.predict(stimulus)
    assert -np.sum(np.log(np.where(response == 1, p, 1 - p))) <= cost + 1e-6


@pytest.mark.parametrize("function", ["normal", "logistic"])
def test_threshold_and_slope_are_what_they_are_said_to_be(function):
    stimulus, response = simulated(1, location=-0.2, scale=0.2, guess=0.1, lapse=0.05)
    fit = psychometric(stimulus, response, function=function, unit="coherence", **QUICK)
    h = 1e-5
    rise = (fit.predict(fit.threshold + h) - fit.predict(fit.threshold - h)) / (2 * h)
    assert fit.slope == pytest.approx(rise, rel=1e-6)
    assert fit.predict(fit.threshold) == pytest.approx((fit.guess + 1 - fit.lapse) / 2)
    assert (fit.unit, fit.function, fit.method) == ("coherence", function, "likelihood")
    np.testing.assert_array_equal(fit.levels, LEVELS)
    np.testing.assert_array_equal(fit.counts, [100] * 9)
    np.testing.assert_array_equal(fit.proportions, response.reshape(9, 100).mean(axis=1))
    log = stats.binom.logpmf(response.reshape(9, 100).sum(axis=1), 100, fit.proportions)
    model = stats.binom.logpmf(response.reshape(9, 100).sum(axis=1), 100, fit.predict(LEVELS))
    assert fit.deviance == pytest.approx(2 * (log - model).sum())
    assert "threshold" in repr(fit) and "per coherence" in repr(fit)


def test_many_trials_give_the_parameters_back():
    truth = {"location": 0.07, "scale": 0.25, "guess": 0.03, "lapse": 0.05}
    fit = psychometric(*simulated(2, n=100_000, **truth), **QUICK)
    found = {key: getattr(fit, key) for key in truth}
    assert found == pytest.approx(truth, abs=2e-3)


def test_units_of_the_stimulus():
    stimulus, response = simulated(4, location=0.1, scale=0.3, guess=0.02, lapse=0.06)
    one = psychometric(stimulus, response, **QUICK)
    other = psychometric(1000 + 50 * stimulus, response, **QUICK)
    assert other.threshold == pytest.approx(1000 + 50 * one.threshold, rel=1e-5)
    assert other.slope == pytest.approx(one.slope / 50, rel=1e-4)
    limits = 1000 + 50 * np.array(one.intervals["threshold"])
    np.testing.assert_allclose(other.intervals["threshold"], limits, rtol=1e-5)


def test_a_falling_curve_is_the_rising_one_turned_round():
    stimulus, response = simulated(4, location=0.1, scale=0.3, guess=0.02, lapse=0.06)
    rising, falling = (psychometric(s * stimulus, response, **QUICK) for s in (1, -1))
    assert falling.slope == pytest.approx(-rising.slope, rel=1e-5) and falling.slope < 0
    assert falling.scale == pytest.approx(-rising.scale, rel=1e-5)
    assert (falling.guess, falling.lapse) == pytest.approx((rising.guess, rising.lapse), abs=1e-6)
    np.testing.assert_allclose(falling.predict(-LEVELS), rising.predict(LEVELS), atol=1e-6)
    for name in ("threshold", "slope"):
        low, high = rising.intervals[name]
        assert falling.intervals[name] == pytest.approx((-high, -low), rel=1e-4)
        assert low < getattr(rising, name) < high


@pytest.mark.parametrize("function", ["normal", "logistic"])
def test_gradient_and_information(function):
    rng = np.random.default_rng(0)
    counts = np.array([20.0, 30, 40, 30, 20])
    likelihood = Likelihood(
        np.linspace(-0.5, 0.5, 5), counts, SHAPES[function], (0, 0.25), (0, 0.25)
    )
    theta, step = np.array([0.1, 1.0, 0.05, 0.1]), 1e-6 * np.eye(4)
    ones = rng.binomial(counts.astype(int), 0.5)
    gradient, information = likelihood.gradient(theta, ones)
    numeric = [(likelihood.log(theta + h, ones) - likelihood.log(theta - h, ones)) for h in step]
    np.testing.assert_allclose(gradient, np.array(numeric) / 2e-6, rtol=1e-5, atol=1e-5)
    p = likelihood.probabilities(theta)
    slopes = [
        likelihood.probabilities(theta + h) - likelihood.probabilities(theta - h) for h in step
    ]
    jacobian = np.array(slopes) / 2e-6
    expected = (jacobian * counts / (p * (1 - p))) @ jacobian.T
    np.testing.assert_allclose(information, expected, rtol=1e-5, atol=1e-5)


def test_fits_of_many_data_sets_at_once_are_those_of_scipy():
    rng, counts = np.random.default_rng(5), np.full(9, 60.0)
    likelihood = Likelihood(LEVELS / 2, counts, SHAPES["normal"], (0, 0.25), (0, 0.25))
    theta = np.array([0.05, 1.0, 0.03, 0.05])
    data = rng.binomial(60, likelihood.probabilities(theta), (20, 9))
    _, found = likelihood.refitted(np.tile(theta, (20, 1)), data)
    wanted = [likelihood.log(likelihood.best(ones), ones) for ones in data]
    assert (found <= np.array(wanted) + 1e-6).all()
    assert np.mean(found > np.array(wanted) - 1e-5) >= 0.9  # one start may end on a lower summit


def test_limits_without_resamples_are_those_of_the_chi_square_distribution():
    stimulus, response = simulated(6, location=0.1, scale=0.3, guess=0.0, lapse=0.0)
    fit = psychometric(stimulus, response, guess=0, lapse=0, **QUICK)
    _, best = by_hand(stimulus, response, "normal", 0, 0)
    for limit in fit.intervals["threshold"]:
        _, cost = by_hand(stimulus, response, "normal", 0, 0, threshold=limit)
        assert 2 * (cost - best) == pytest.approx(stats.chi2.isf(0.05, 1), rel=1e-3)
    ninety = psychometric(stimulus, response, guess=0, lapse=0, intervals=0.9, **QUICK)
    assert ninety.intervals["threshold"][0] > fit.intervals["threshold"][0]
    assert np.isnan(fit.intervals["guess"]).all() and np.isnan(fit.intervals["lapse"]).all()


def test_bootstrap_of_many_trials_is_the_chi_square_distribution():
    data = simulated(7, n=20_000, location=0.1, scale=0.3, guess=0.05, lapse=0.05)
    plain, resampled = (psychometric(*data, n_bootstrap=n, seed=1) for n in (0, 2000))
    for name in NAMES:
        (low, high), found = plain.intervals[name], resampled.intervals[name]
        np.testing.assert_allclose(found, (low, high), atol=0.05 * (high - low))


@pytest.mark.parametrize(("seed", "column"), [(3, 1), (4, 1), (4, 0)])
def test_data_simulated_at_a_limit_contradict_it_as_often_as_they_should(seed, column):
    counts, free = np.full(9, 40.0), (0, 0.25)
    truth = {"location": 0.1, "scale": 0.4, "guess": 0.03, "lapse": 0.06}
    stimulus, response = simulated(seed, n=40, **truth)
    fit = psychometric(stimulus, response, n_bootstrap=3000, seed=1)
    likelihood = Likelihood(LEVELS / 2, counts, SHAPES["normal"], free, free)
    ones = response.reshape(9, 40).sum(axis=1)
    estimate = np.array([fit.threshold / 2, np.log(2 * fit.slope), fit.guess, fit.lapse])
    rng = np.random.default_rng(2)

    def root(data, value):
        start, low, high = np.tile(estimate, (len(data), 1)), likelihood.low.copy(), likelihood.high
        low[column], high = value, np.where(np.arange(4) == column, value, high)
        curves, held = likelihood.refitted(start, data, low, high)
        found, best = likelihood.refitted(start, data)
        size = np.sqrt(2 * np.maximum(best - held, 0))
        return np.sign(found[:, column] - value) * size, curves[0]

    for sign, limit in zip((1, -1), fit.intervals[NAMES[column]]):
        value = np.log(2 * limit) if column else limit / 2
        observed, curve_there = root(ones[np.newaxis], value)
        data = rng.binomial(40, likelihood.probabilities(curve_there), (4000, 9))
        more_extreme = np.mean(sign * root(data, value)[0] >= sign * observed)
        assert more_extreme == pytest.approx(0.025, abs=0.01)


def test_the_seed_fixes_the_intervals():
    data = simulated(8, location=0.1, scale=0.3, guess=0.02, lapse=0.06)
    one, same, other = (psychometric(*data, n_bootstrap=100, seed=s).intervals for s in (1, 1, 2))
    assert one == same != other
    np.random.seed(3)
    one = psychometric(*data, n_bootstrap=100).intervals
    np.random.seed(3)
    assert psychometric(*data, n_bootstrap=100).intervals == one


def test_a_rate_at_zero_has_an_interval_from_zero():
    stimulus, response = simulated(9, location=0.0, scale=0.25)
    fit = psychometric(stimulus, response, n_bootstrap=200, seed=1)
    assert fit.intervals["lapse"][0] == 0 < fit.intervals["lapse"][1] < 0.1


def test_trials_without_response_are_counted():
    stimulus, response = simulated(10, location=0.1, scale=0.3)
    more = psychometric(
        np.append(stimulus, [0.0, 0.0, 5.0]), np.append(response, [NAN] * 3), 0, 0, **QUICK
    )
    fit = psychometric(stimulus, response.astype(bool), 0, 0, **QUICK)
    assert (more.missing, fit.missing) == (3, 0)
    assert more.threshold == fit.threshold and len(more.levels) == 9


def test_levels_that_differ_by_rounding_are_one():
    levels, place = levels_of(np.array([0.3, 0.1 + 0.2, -0.3, 0.0, -1e-17, 1e-3]))
    np.testing.assert_allclose(levels, [-0.3, 0, 1e-3, 0.3], atol=1e-15)
    np.testing.assert_array_equal(place, [3, 3, 0, 1, 1, 2])


def test_stimuli_that_are_all_different():
    rng = np.random.default_rng(0)
    stimulus = rng.uniform(-1, 1, 1000)
    response = rng.random(1000) < curve(stimulus, 0.1, 0.2)
    fit = psychometric(stimulus, response, 0, 0, n_bootstrap=300, seed=1)
    plain = psychometric(stimulus, response, 0, 0, **QUICK)
    low, high = plain.intervals["slope"]
    np.testing.assert_allclose(fit.intervals["slope"], (low, high), atol=0.2 * (high - low))
    assert fit.intervals["threshold"][0] < 0.1 < fit.intervals["threshold"][1]


COUNTS = [50] * 9
STEP = "threshold and slope are NaN"


@pytest.mark.parametrize(
    ("ones", "rates", "words", "threshold"),
    [
        ([0, 0, 0, 0, 50, 50, 50, 50, 50], {}, STEP, NAN),
        ([0, 0, 0, 0, 50, 50, 50, 50, 50], {"guess": 0, "lapse": 0}, STEP, NAN),
        ([50, 50, 50, 50, 0, 0, 0, 0, 0], {}, STEP, NAN),
        ([2, 2, 2, 2, 48, 48, 48, 48, 48], {}, STEP, NAN),
        ([0, 0, 0, 0, 21, 50, 50, 50, 50], {}, "slope is NaN", 0.0),
        ([50, 50, 50, 17, 0, 0, 0, 0, 0], {}, "slope is NaN", -0.25),
        ([0, 0, 0, 0, 21, 50, 50, 50, 50], {"guess": 0, "lapse": 0}, "slope is NaN", 0.0),
        ([50] * 9, {}, "no dependence", NAN),
        ([0] * 9, {"guess": 0, "lapse": 0}, "no dependence", NAN),
        ([25] * 9, {}, "no dependence", NAN),
        ([25, 26, 23, 27, 25, 22, 26, 25, 24], {"guess": 0, "lapse": 0}, "no dependence", NAN),
        ([25, 22, 20, 16, 14, 11, 9, 8, 8], {"guess": 0.5, "lapse": 0}, "no dependence", NAN),
        ([0, 0, 0, 0, 0, 0, 0, 1, 4], {"guess": 0, "lapse": 0}, None, None),
    ],
)  # fmt: skip
def test_what_the_responses_do_not_tell_is_nan(ones, rates, words, threshold):
    stimulus, response = trials(ones, COUNTS)
    if words is None:
        assert psychometric(stimulus, response, **rates, **QUICK).threshold > 1
        return
    with pytest.warns(UserWarning, match=words) as caught:
        fit = psychometric(stimulus, response, **rates, n_bootstrap=100, seed=1)
    assert len(caught) == 1 and caught[0].filename == __file__
    np.testing.assert_allclose(fit.threshold, threshold, atol=1e-12)
    assert np.isnan([fit.slope, fit.scale, *fit.predict([0, 1])]).all()
    assert np.isnan([limit for name in NAMES for limit in fit.intervals[name]]).all()
    np.testing.assert_array_equal(fit.proportions, np.array(ones) / 50)


def test_levels_that_do_not_reach_the_rise():
    ones = np.round(5000 * curve(LEVELS, 3.2, 1.5)).astype(int)
    with pytest.warns(UserWarning, match="the levels do not reach half of the curve's rise"):
        fit = psychometric(*trials(ones, [5000] * 9), 0, 0, **QUICK)
    assert np.isnan([fit.threshold, fit.slope, fit.guess, fit.deviance]).all()


def test_a_limit_that_the_responses_do_not_set_is_nan():
    ones = [0, 0, 0, 0, 4, 9, 10, 10, 10]
    with pytest.warns(UserWarning, match="do not bound the slope on one side"):
        fit = psychometric(*trials(ones, [10] * 9), **QUICK)
    low, high = fit.intervals["slope"]
    assert low < fit.slope and np.isnan(high)
    assert np.isfinite(fit.intervals["threshold"]).all()


def test_noise_alone_gives_a_curve_in_few_cases():
    rng, curves = np.random.default_rng(0), 0
    for _ in range(40):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fit = psychometric(np.repeat(LEVELS, 30), rng.random(270) < 0.6, **QUICK)
        curves += np.isfinite([fit.threshold, fit.slope]).any()
    assert curves <= 3


GOOD = dict(zip(("stimulus", "response"), trials([1, 4, 9, 17, 24, 33, 41, 44, 46], COUNTS)))
FEW = np.full(len(GOOD["stimulus"]), 0.1)
WRONG = table(
    ("stimulus", [FEW, np.sign(GOOD["stimulus"])], "at least 4 stimulus levels"),
    ("stimulus", [FEW * NAN, FEW * INF], "finite numbers"),
    ("stimulus", [GOOD["stimulus"] * 1e300], "finite numbers"),
    ("stimulus", [["a", "b"], RAGGED, None, {}, "coherence", 1j], "number"),
    ("stimulus", [5.0, np.ones((4, 4))], "one number for each trial"),
    ("stimulus", [[]], "at least one trial"),
    ("response", [[1, 0], [], np.ones((450, 1)), 1], "450 numbers"),
    ("response", [FEW, FEW * 20, -np.sign(GOOD["response"]), FEW * INF], "trial"),
    ("response", [np.array(["yes"] * 450), RAGGED, None], "number"),
    ("response", [np.full(450, NAN)], "NaN in every trial"),
    ("guess lapse", [-0.1, NAN, "a", True, [0.1]], "number"),
    ("guess lapse", [1, 1.5], "guess + lapse below 1"),
    ("function", ["weibull", None, 5, ["normal"]], "'normal' or 'logistic'"),
    ("method", ["map", None, ["bayesian"]], "'likelihood' or 'bayesian'"),
    ("intervals", [0, 1, 95, -1, "wide", None, NAN], "intervals"),
    ("n_bootstrap", [-1, "many", None, INF, 2.5, [100]], "whole number"),
    ("n_bootstrap", [1, 99], "at least 100"),
    ("function", [np.array(["normal"] * 2)], "normal"),
    ("seed", [-1, 1.5, "x"], "whole number"),
)


@pytest.mark.parametrize(("key", "value", "words"), WRONG)
def test_wrong_arguments(key, value, words):
    words = [words] if isinstance(words, str) else words
    refused(lambda: psychometric(**{**GOOD, key: value}), "behavior.psychometric", *words)


def test_rates_that_leave_no_curve():
    refused(lambda: psychometric(**GOOD, guess=0.6, lapse=0.4), "guess = 0.6 and lapse = 0.4")
    with pytest.warns(UserWarning):
        fit = psychometric(**GOOD, guess=0.9, **QUICK)
    assert not fit.lapse > 0.05  # half of what the guess rate leaves


def test_predict_refuses_what_is_no_number():
    fit = psychometric(**GOOD, **QUICK)
    refused(lambda: fit.predict("high"), "PsychometricFit.predict", "number")
    assert fit.predict(np.zeros((2, 3))).shape == (2, 3)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_data_give_a_sensible_curve_or_one_sentence(data):
    n = data.draw(st.integers(1, 40))
    numbers = st.floats(-1e3, 1e3) | st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0])
    stimulus = data.draw(hnp.arrays(float, n, elements=numbers))
    response = data.draw(hnp.arrays(float, n, elements=st.sampled_from([0.0, 1.0, 1.0, NAN])))
    rates = data.draw(st.sampled_from([{}, {"guess": 0, "lapse": 0}, {"guess": 0.5}]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "behavior.psychometric", UserWarning)
        try:
            fit = psychometric(stimulus, response, **rates, n_bootstrap=100, seed=1)
        except ParameterError as error:
            assert 20 < len(str(error)) < 500
            return
        p = fit.predict(np.linspace(-2e3, 2e3, 50))
    assert np.isnan(p).all() or ((p >= 0) & (p <= 1)).all()
    if np.isfinite(fit.slope):
        assert (np.sign(fit.slope) * np.diff(p) >= -1e-12).all()
        for name in NAMES:
            low, high = fit.intervals[name]
            assert not low > getattr(fit, name) and not high < getattr(fit, name)


def test_limits_of_a_held_parameter_are_nan():
    likelihood = Likelihood(LEVELS / 2, np.full(9, 50.0), SHAPES["normal"], (0.5, 0.5), (0, 0.25))
    ones = np.array([25.0, 26, 25, 30, 38, 44, 48, 49, 50])
    theta = likelihood.best(ones)
    limits = confidence_limits(likelihood, theta, ones, 0.95, 20, np.random.default_rng(0))
    assert np.isnan(limits[2]).all() and np.isfinite(limits[[0, 1, 3]]).all()


def test_bayesian_fit_without_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "psignifit", None)
    refused(
        lambda: psychometric(**GOOD, method="bayesian"), 'pip install "psychrnn[psychometrics]"'
    )


def test_bayesian_fits_of_ten_observers_agree():
    pytest.importorskip("psignifit")
    differences, width_ratios = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        truth = {"location": rng.uniform(-0.15, 0.15), "scale": rng.uniform(0.2, 0.5)}
        truth |= {"guess": rng.uniform(0, 0.06), "lapse": rng.uniform(0, 0.06)}
        data = simulated(seed, **truth)
        ours, theirs = psychometric(*data, **QUICK), psychometric(*data, method="bayesian")
        assert theirs.method == "bayesian"
        low, high = np.array([ours.intervals[name] for name in NAMES]).T
        values = np.array([[getattr(fit, name) for name in NAMES] for fit in (ours, theirs)])
        differences.append((values[1] - values[0]) / (high - low))
        widths = np.array([theirs.intervals[name] for name in NAMES])
        width_ratios.append((widths[:, 1] - widths[:, 0]) / (high - low))
    # in half widths of our interval; priors pull the rates of a few trials a little
    assert (2 * np.abs(differences).max(axis=0) < [0.25, 0.25, 0.4, 0.4]).all()
    assert np.mean(width_ratios, axis=0) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("function", ["normal", "logistic"])
def test_conventions_of_the_bayesian_fit(function):
    """With many trials priors do not matter, so that width and scale must map exactly."""
    pytest.importorskip("psignifit")
    data = simulated(1, n=2000, location=0.1, scale=0.2, guess=0.5, lapse=0.02, function=function)
    rates = {"guess": 0.5, "function": function}
    for sign in (1, -1):
        ours = psychometric(sign * data[0], data[1], **rates, **QUICK)
        theirs = psychometric(sign * data[0], data[1], **rates, method="bayesian")
        for key in ("threshold", "slope", "scale"):
            assert getattr(theirs, key) == pytest.approx(getattr(ours, key), rel=2e-3), key
        assert theirs.lapse == pytest.approx(ours.lapse, abs=5e-4)
        for name in ("threshold", "slope", "lapse"):
            low, high = ours.intervals[name]
            found = theirs.intervals[name]
            np.testing.assert_allclose(found, (low, high), atol=0.2 * (high - low), err_msg=name)
        assert np.isnan(theirs.intervals["guess"]).all()
        np.testing.assert_allclose(theirs.predict(LEVELS), ours.predict(LEVELS), atol=1e-3)


def test_a_step_has_a_bayesian_slope_and_noise_has_none():
    pytest.importorskip("psignifit")
    fit = psychometric(*trials([0, 0, 0, 0, 21, 50, 50, 50, 50], COUNTS), method="bayesian")
    assert np.isfinite(fit.slope) and abs(fit.threshold) < 0.05
    with pytest.warns(UserWarning, match="no dependence"):
        fit = psychometric(*trials([25] * 9, COUNTS), method="bayesian")
    assert np.isnan([fit.threshold, fit.slope]).all() and fit.method == "bayesian"

"""Fit psychometric functions of simulated observers, and count how often the intervals are right.

Run ``python benchmarks/psychometrics.py`` from the root of the checkout. Each observer has a
threshold from -0.15 to 0.15, a scale from 0.2 to 0.5 and guess and lapse rates from 0 to 0.06, all
uniform, and gives 100 responses at each of nine levels from -1 to 1. All four numbers are fitted.
Bias is the mean error: of the threshold as a fraction of the scale, of the slope as a fraction of
the slope, of the rates as a probability. Coverage is the fraction of observers whose value lies
in its 95 % interval, and below and above are those whose value is beyond an end of it; of 500
observers it is known within 2 %. Limits that are NaN exclude nothing. The last column is the
coverage of plain percentile intervals of the parametric bootstrap, for comparison. Then ten
observers are fitted by psignifit too, where it is installed: differences are in units of the half
width of our interval.
"""

import argparse
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes run side by side

import numpy as np

from psychrnn.analysis.behavior import psychometric
from psychrnn.analysis.psychometric_likelihood import SHAPES, Likelihood

NAMES = ("threshold", "slope", "guess", "lapse")
LEVELS = np.linspace(-1, 1, 9)


def observer(number, options):
    """Return the true values of an observer, its scale, and single trials."""
    rng = np.random.default_rng([options.seed, number])
    threshold, scale = rng.uniform(-0.15, 0.15), rng.uniform(0.2, 0.5)
    guess, lapse = rng.uniform(0, 0.06, size=2)
    shape = SHAPES[options.function]
    slope = (1 - guess - lapse) * shape.steepest / scale
    stimulus = np.repeat(LEVELS, options.trials)
    p = guess + (1 - guess - lapse) * shape.of((stimulus - threshold) / scale)
    return np.array([threshold, slope, guess, lapse]), scale, stimulus, rng.random(len(p)) < p


def percentile_intervals(fit, options, rng):
    """Return the plain percentile intervals of the parametric bootstrap."""
    x, size = LEVELS / 2, (options.resamples, len(LEVELS))
    rates = (0, 0.25)
    likelihood = Likelihood(x, fit.counts, SHAPES[options.function], rates, rates)
    data = rng.binomial(fit.counts, fit.predict(LEVELS), size)
    theta = np.array([fit.threshold / 2, np.log(2 * fit.slope), fit.guess, fit.lapse])
    found = likelihood.refitted(np.tile(theta, (options.resamples, 1)), data)[0]
    values = np.stack([2 * found[:, 0], np.exp(found[:, 1]) / 2, found[:, 2], found[:, 3]])
    return np.quantile(values, [0.025, 0.975], axis=1).T


def studied(number, options):
    """Return the errors of one observer, and whether each value is below or above its interval."""
    true, scale, stimulus, response = observer(number, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of limits that are NaN, which are counted
        fit = psychometric(
            stimulus,
            response,
            function=options.function,
            n_bootstrap=options.resamples,
            seed=number,
        )
    unit = np.array([scale, true[1], 1, 1])
    errors = (np.array([getattr(fit, name) for name in NAMES]) - true) / unit
    low, high = np.array([fit.intervals[name] for name in NAMES]).T
    plain = percentile_intervals(fit, options, np.random.default_rng(number))
    outside = (true < plain[:, 0]) | (true > plain[:, 1])
    return errors, true < low, true > high, np.isnan(low) | np.isnan(high), outside


def study(options):
    """Print bias and coverage."""
    begin = time.perf_counter()
    with ProcessPoolExecutor(options.processes) as pool:
        results = pool.map(partial(studied, options=options), range(options.observers), chunksize=5)
        errors, below, above, unknown, outside = map(np.array, zip(*results))
    seconds = time.perf_counter() - begin
    print(f"{options.observers} observers, {len(LEVELS)} levels of {options.trials} trials,")
    print(f"{options.resamples} resamples, {options.function}; {seconds:.0f} s")
    print(f"{'':10} {'bias':>8} {'coverage':>9} {'below':>6} {'above':>6} {'NaN':>4} {'plain':>6}")
    for i, name in enumerate(NAMES):
        low, high = 100 * below[:, i].mean(), 100 * above[:, i].mean()
        bias, plain = 100 * np.nanmean(errors[:, i]), 100 * (1 - outside[:, i].mean())
        print(
            f"{name:10} {bias:7.2f}% {100 - low - high:8.1f}% {low:5.1f}% {high:5.1f}% "
            f"{unknown[:, i].sum():4} {plain:5.1f}%"
        )


def agreement(options):
    """Print how far the Bayesian fit of psignifit is from the likelihood's."""
    try:
        import psignifit  # noqa: F401
    except ImportError:
        print("psignifit is not installed: no comparison with it")
        return
    rows = []
    for number in range(10):
        _, _, stimulus, response = observer(number, options)
        fits = [
            psychometric(stimulus, response, function=options.function, seed=1, method=method)
            for method in ("likelihood", "bayesian")
        ]
        ours, theirs = ([getattr(fit, name) for name in NAMES] for fit in fits)
        low, high = np.array([fits[0].intervals[name] for name in NAMES]).T
        rows.append(2 * (np.array(theirs) - ours) / (high - low))
    rows = np.array(rows)
    print("psignifit minus ours, as a fraction of the half width of our 95 % interval:")
    for i, name in enumerate(NAMES):
        print(f"{name:10} mean {rows[:, i].mean():6.3f}, largest {np.abs(rows[:, i]).max():.3f}")


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observers", type=int, default=500)
    parser.add_argument("--trials", type=int, default=100, help="at each level")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--function", choices=sorted(SHAPES), default="normal")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    study(options)
    agreement(options)


if __name__ == "__main__":
    main()

"""Fixed and slow points: where the state of a network stays, or nearly so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn._random import generator
from psychrnn.backend import simulation
from psychrnn.backend.numpy_functions import TRANSFER_FUNCTIONS

__all__ = ["FixedPoints", "fixed_points"]

# All of these are relative to alpha = dt / tau, for what happens in a step is.
_STILL = 1e-6  # speed of a fixed point, as a part of the size of the state
_MARGIN = 1e-3  # growth or decay of what counts as neither
_PRECISION = 5e-7  # of a step in single precision, as a part of the size of the state
_CHUNK = 2**25  # numbers in the Jacobians of the starts that are searched at once


class FixedPoints(NamedTuple):
    """What :func:`fixed_points` found, ``k`` points of ``D`` numbers, the slowest first.

    Attributes:
        points: states, ``[k, D]``; of an LSTM hidden and cell state side by side.
        states: the first part, ``[k, N_rec]``, as ``test`` returns states.
        speed: length of the step the state makes there, ``[k]`` (state units per time step).
        is_fixed: True for fixed points, False for slow ones, ``[k]``.
        jacobians: derivative of a time step, ``[k, D, D]``.
        eigenvalues: of the Jacobians, ``[k, D]``, largest modulus first.
        stable: True where all eigenvalues lie inside the unit circle, ``[k]``.
        n_unstable: number of eigenvalues outside of it, ``[k]``.
        n_marginal: number of eigenvalues on it, where ``|log|eigenvalue||`` is below a thousandth
            of dt / tau, ``[k]``.
        time_constants: ``-dt / log|eigenvalue|``, ``[k, D]`` (ms); negative where it grows,
            infinite on the circle.
        found: number of starts that led to each point, ``[k]``.

    """

    points: np.ndarray
    states: np.ndarray
    speed: np.ndarray
    is_fixed: np.ndarray
    jacobians: np.ndarray
    eigenvalues: np.ndarray
    stable: np.ndarray
    n_unstable: np.ndarray
    n_marginal: np.ndarray
    time_constants: np.ndarray
    found: np.ndarray

    @property
    def kinds(self) -> list[str]:
        """What each point is, one of stable, marginal, saddle, unstable and slow."""
        size = self.eigenvalues.shape[1]
        return [
            "slow" if not fixed
            else "stable" if stable
            else "marginal" if not unstable
            else "unstable" if unstable == size
            else "saddle"
            for fixed, stable, unstable in zip(self.is_fixed, self.stable, self.n_unstable)
        ]  # fmt: skip

    def __repr__(self) -> str:
        kinds = self.kinds
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
        return f"FixedPoints({counts or 'none'})"


def fixed_points(
    model: Any,
    inputs: Any,
    starts: Any = None,
    n_starts: int = 512,
    jitter: float = 0.5,
    seed: int | None = None,
    slow: float = 0.05,
    apart: float | None = None,
    max_iterations: int = 200,
) -> FixedPoints:
    r"""Find the states at which a network stays, or moves slowly, under a constant input.

    From each start the speed :math:`q(s) = \frac{1}{2} |F(s, x) - s|^2` is minimised, where
    :math:`F` is a time step without noise (Sussillo and Barak 2013, Neural Comput. 25(3)), by
    the method of Levenberg (1944) and Marquardt (1963), all starts at once in TensorFlow. SciPy
    takes the distinct ends to the minimum, with steps in double precision in networks with the
    library's own equations. Where q is 0 there is a fixed point: where the step is shorter than
    a millionth of dt / tau and the size of the state, in a network with a step of its own
    also where single precision tells it no longer. Other minima are slow points. Fixed points are
    a property of the weights: whether the network was trained does not matter.

    Where a unit stands at a kink of the transfer function (a rectified one at 0), Jacobian and
    stability are those of the steeper side, with a warning.

    Arguments:
        model: a network whose forward pass is the library's; its step may be your own.
        inputs: the constant input, ``[N_in]``.
        starts: states to start from, ``[..., D]``, such as ``test`` returns; ``D`` is ``N_rec``,
            and in an LSTM ``2 N_rec``, hidden and cell state. By default states that the network
            visits in trials of ``model.task``. ``n_starts`` of them are drawn.
        n_starts: number of starts.
        jitter: normal noise that is added to starts, in standard deviations of the visited
            states.
        seed: integer that fixes starts; without it they follow ``np.random.seed``.
        slow: minima that are not fixed points count as slow where their speed is below this
            fraction of the starts' median speed; 0 for none.
        apart: points closer than this are one; by default a thousandth of the distance of half of
            the points found from their median, and at least 1e-4 of their size.
        max_iterations: number of steps of the search from each start, before SciPy's.

    Returns:
        The points, slowest first. There may be none, which is a warning.

    Raises:
        ParameterError: if the input or starts have another shape, there are no starts, or the
            step draws random numbers of its own.

    Example:
        >>> import numpy as np
        >>> from psychrnn import Basic
        >>> W = np.array([[0.0, -2.0], [-2.0, 0.0]])
        >>> weights = {"W_rec": W, "W_in": np.eye(2), "transfer_function": "tanh"}
        >>> sizes = {"N_in": 2, "N_rec": 2, "N_out": 1, "N_steps": 9, "N_batch": 1}
        >>> model = Basic({"name": "bistable", "dt": 10, "tau": 100, **sizes, **weights})
        >>> starts = np.random.default_rng(1).normal(size=(64, 2))
        >>> fixed_points(model, [0, 0], starts, seed=1)
        FixedPoints(1 saddle, 2 stable)
        >>> model.destruct()

    """
    where = "fixed_points"
    if not hasattr(model, "step_map") or isinstance(model, type):
        raise _checks.error(f"{where}.model", "a network", _checks.shown(model))
    step_map = model.step_map(inputs)
    if model.rec_noise:
        warnings.warn(
            f"fixed_points: the recurrent noise of {type(model).__name__} is left out; these are "
            "fixed points of the network without noise.",
            UserWarning,
            stacklevel=2,
        )
    first = _starts(where, step_map, starts, _checks.count(f"{where}.n_starts", n_starts),
                    _checks.number(f"{where}.jitter", jitter, 0, 1e6), seed)  # fmt: skip
    near = None if apart is None else _checks.positive(f"{where}.apart", apart)
    slow = _checks.number(f"{where}.slow", slow, low=0)
    iterations = _checks.count(f"{where}.max_iterations", max_iterations)
    with np.errstate(all="ignore"):  # a network may explode
        step, exact = _in_best_precision(model, step_map)
        limit = slow * np.median(_speed(step, first))
        points = np.concatenate(_searched(step_map, first, iterations))
        points = points[np.isfinite(_speed(step, points))]
        near = _default_distance(points) if near is None else near
        kept, found = _distinct(points, _speed(step, points), near / 2)
        ends = [_minimised(step, step_map.jacobian, point) for point in points[kept]]
        points = np.array(ends).reshape(-1, step_map.size)
        speed, alpha = _speed(step, points), _alpha(model)
        size = 1 + np.abs(points).max(axis=1, initial=0)
        fixed = speed <= (_STILL * alpha if exact else max(_STILL * alpha, _PRECISION)) * size
        wanted = fixed | ((speed <= limit) & _is_minimum(step, step_map.jacobian, points))
        points, speed, fixed, found = (of[wanted] for of in (points, speed, fixed, found))
        kept, found = _distinct(points, speed, near, found)
        points, kinks = points[kept], _at_a_kink(step_map, points[kept], alpha)
        result = _described(model, step_map, points, speed[kept], fixed[kept], kinks, found)
    if not len(points):
        warnings.warn(
            f"fixed_points: none of {len(first)} starts led to a fixed or slow point under this "
            "input. Give more starts, or more max_iterations.",
            UserWarning,
            stacklevel=2,
        )
    if kinks.any():
        warnings.warn(
            f"fixed_points: {kinks.sum()} of {len(points)} points have a unit at a kink of the "
            "transfer function. Their stability is that of the steeper side.",
            UserWarning,
            stacklevel=2,
        )
    return result


def _starts(
    where: str, step_map: Any, given: Any, number: int, jitter: float, seed: Any
) -> np.ndarray:
    """Return the states that the search starts from, ``[number, D]``."""
    rng = generator(None if seed is None else _checks.seed(f"{where}.seed", seed), 5)
    if given is None:
        if step_map.model.task is None:
            expected, advice = "states to start from", "Give model.test(x).states, for example."
            raise _checks.error(f"{where}.starts", expected, "none, nor a task", advice)
        x = step_map.model.task.copied().get_trial_batch().x
        given = step_map.visited(x[: max(1, 2**25 // (x.shape[1] * step_map.size))])
        if not _checks.finite(given):
            expected, got = "a network that stays finite in its trials", "one that explodes"
            raise _checks.error(f"{where}.starts", expected, got, "Give starts.")
    values = np.atleast_2d(_checks.numeric(f"{where}.starts", given)).astype(float)
    if values.shape[-1] != step_map.size or not values.size:
        expected = f"states [..., D = {step_map.size}]"
        raise _checks.error(f"{where}.starts", expected, f"{values.shape}")
    values = values.reshape(-1, step_map.size)
    if not (np.abs(values) <= 1e30).all():
        raise _checks.error(f"{where}.starts", "finite states", "NaN, infinity or beyond 1e30")
    chosen = values[rng.choice(len(values), number, replace=len(values) < number)]
    return chosen + jitter * values.std(axis=0) * rng.standard_normal(chosen.shape)


def _searched(step_map: Any, states: np.ndarray, iterations: int) -> list[np.ndarray]:
    """Go downhill in speed from all states, as many at once as memory takes."""
    chunk = max(1, _CHUNK // step_map.size**2)
    parts = [states[k : k + chunk] for k in range(0, len(states), chunk)]
    return [_slowest(step_map, part, iterations) for part in parts]


def _slowest(step_map: Any, states: np.ndarray, iterations: int) -> np.ndarray:
    """Go downhill in speed from every state, and return where that ends."""
    states = states.copy()
    active = np.arange(len(states))
    damping = np.full(len(states), 1e-2)
    moves = step_map.step(states) - states
    stalled = np.zeros(len(states), dtype=int)
    for _ in range(iterations):
        tried = step_map.slower(states[active], damping[active])
        moved = step_map.step(tried) - tried
        before = np.linalg.norm(moves[active], axis=1)
        after = np.linalg.norm(moved, axis=1)
        better = after < before
        rows = active[better]
        states[rows], moves[rows] = tried[better], moved[better]
        damping[active] = np.clip(damping[active] * np.where(better, 0.2, 5.0), 1e-9, 1e9)
        # the end: as still as single precision tells, or no way down several times in a row
        stalled[active] = np.where(after < (1 - 1e-4) * before, 0, stalled[active] + 1)
        size = 1 + np.abs(states[active]).max(axis=1)
        ended = (np.minimum(before, after) < 3e-8 * size) | (stalled[active] >= 8)
        active = active[~ended]
        if not len(active):
            break
    return states


Map = Callable[[np.ndarray], np.ndarray]


def _in_best_precision(model: Any, step_map: Any) -> tuple[Map, bool]:
    """Return the step, and whether it is computed in double precision."""
    if model.simulator is None or model.replaced_part() is not None:
        return step_map.step, False
    try:
        settings = {"dt": model.dt, "tau": model.tau, "alpha": model.alpha}
        simulator = getattr(simulation, model.simulator)(None, settings, None, model.get_weights())
    except (AttributeError, _checks.ParameterError):
        # weights that are made of a batch, or a function that NumPy does not know: the step in
        # TensorFlow serves, and the tolerance is that of single precision
        return step_map.step, False
    function = getattr(simulator, "transfer_function", None)
    if function is not None and function not in TRANSFER_FUNCTIONS.values():
        return step_map.step, False
    parts = step_map.size // model.N_rec

    def step(states: np.ndarray) -> np.ndarray:
        x = np.broadcast_to(step_map.inputs, (len(states), model.N_in))
        _, *new = simulator.rnn_step(*np.split(states, parts, axis=1), x)
        return np.concatenate(new, axis=1)

    return step, True


def _alpha(model: Any) -> float:
    return float(np.mean(model.alpha)) if model.has_drive else 1.0


def _speed(step: Map, points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(step(points) - points, axis=1) if len(points) else np.zeros(0)


def _distinct(
    points: np.ndarray, speed: np.ndarray, near: float, found: Any = None
) -> tuple[list[int], np.ndarray]:
    """Return which points differ, the slowest of each cluster, and how many each stands for."""
    found = np.ones(len(points), dtype=int) if found is None else found
    kept: list[int] = []
    counts: list[int] = []
    for index in np.argsort(speed, kind="stable"):
        distances = np.linalg.norm(points[kept] - points[index], axis=1)
        if len(kept) and distances.min() <= near:
            counts[int(distances.argmin())] += int(found[index])
        else:
            kept.append(int(index))
            counts.append(int(found[index]))
    return kept, np.array(counts, dtype=int)


def _default_distance(points: np.ndarray) -> float:
    """Return how far apart points are to count as two, from how far they lie from each other."""
    if not len(points):
        return 1.0
    middle = np.median(points, axis=0)
    typical = np.median(np.linalg.norm(points - middle, axis=1))
    return float(max(1e-3 * typical, 1e-4 * (1 + np.abs(middle).max())))


def _minimised(step: Map, derivative: Map, point: np.ndarray) -> np.ndarray:
    """Return the minimum of the speed close by."""
    from scipy.optimize import least_squares  # here, for behaviour and pictures do without

    def move(state: np.ndarray) -> np.ndarray:
        return np.nan_to_num(step(state[np.newaxis])[0] - state, nan=1e30, posinf=1e30)

    def slope(state: np.ndarray) -> np.ndarray:
        jacobian = derivative(state[np.newaxis])[0].astype(float) - np.eye(len(state))
        return np.nan_to_num(jacobian)

    tightest = 4 * np.finfo(float).eps
    found = least_squares(move, point, slope, method="lm", xtol=tightest, ftol=tightest,
                          gtol=tightest, max_nfev=200)  # fmt: skip
    return found.x if np.isfinite(found.x).all() else point


def _is_minimum(step: Map, derivative: Map, points: np.ndarray) -> np.ndarray:
    """Tell whether the gradient of q vanishes, beside those of its parts."""
    if not len(points):
        return np.zeros(0, dtype=bool)
    moves = step(points) - points
    slopes = derivative(points).astype(float) - np.eye(points.shape[1])
    gradient = np.linalg.norm(np.einsum("nij,ni->nj", slopes, moves), axis=1)
    parts = np.linalg.norm(slopes, axis=(1, 2)) * np.linalg.norm(moves, axis=1)
    return gradient <= 1e-3 * parts


def _aside(step_map: Any, points: np.ndarray, part: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the Jacobians a little above and below points, in the direction of all units."""
    little = part * (1 + np.abs(points).max(axis=1, keepdims=True))
    return step_map.jacobian(points + little), step_map.jacobian(points - little)


def _at_a_kink(step_map: Any, points: np.ndarray, alpha: float) -> np.ndarray:
    """Tell where the Jacobian jumps, as that of rectified units at 0 does, however close by."""
    if not len(points):
        return np.zeros(0, dtype=bool)
    far, close = (
        np.abs(np.subtract(*_aside(step_map, points, part))).max(axis=(1, 2))
        for part in (1e-4, 1e-5)
    )
    return (close > 0.5 * far) & (close > 1e-3 * alpha)


def _jacobians(step_map: Any, points: np.ndarray, kinks: np.ndarray) -> np.ndarray:
    """Return the Jacobians; at a kink that of the side with the larger spectral radius."""
    if not len(points):
        return np.zeros((0, step_map.size, step_map.size))
    found = step_map.jacobian(points).astype(float)
    for k in np.flatnonzero(kinks):
        sides = [side[0].astype(float) for side in _aside(step_map, points[k : k + 1], 1e-5)]
        found[k] = max(sides, key=lambda side: np.abs(np.linalg.eigvals(side)).max())
    return found


def _described(
    model: Any, step_map: Any, points: np.ndarray, speed: np.ndarray, fixed: np.ndarray,
    kinks: np.ndarray, found: np.ndarray,
) -> FixedPoints:  # fmt: skip
    jacobians = _jacobians(step_map, points, kinks)
    eigenvalues = np.linalg.eigvals(jacobians).astype(complex)
    order = np.argsort(-np.abs(eigenvalues), axis=1, kind="stable")
    eigenvalues = np.take_along_axis(eigenvalues, order, axis=1)
    growth = np.log(np.abs(eigenvalues))
    rate = growth / _alpha(model)
    return FixedPoints(
        points,
        points[:, : model.N_rec],
        speed,
        fixed,
        jacobians,
        eigenvalues,
        (rate < -_MARGIN).all(axis=1),
        (rate > _MARGIN).sum(axis=1),
        (np.abs(rate) <= _MARGIN).sum(axis=1),
        np.where(growth == 0, np.inf, -model.dt / growth),
        found,
    )

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

_MARGIN = 1e-4  # an eigenvalue is marginal where its modulus is 1 to this
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
        n_marginal: number of eigenvalues on it, ``[k]``.
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
    the method of Levenberg (1944) and Marquardt (1963), all starts at once in TensorFlow. Where
    q becomes 0 there is a fixed point; it is polished by Newton's method, in double precision
    in networks with the library's own equations. Other minima are slow points. A fixed point is
    a property of the weights: whether the network was trained does not matter.

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
        apart: points closer than this are one; by default a thousandth of the starts' spread.
        max_iterations: number of steps of the search from each start.

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
                    _checks.number(f"{where}.jitter", jitter, low=0), seed)  # fmt: skip
    scale = max(float(np.sqrt(first.var(axis=0).sum())), 1e-3)
    near = 1e-3 * scale if apart is None else _checks.positive(f"{where}.apart", apart)
    limit = _checks.number(f"{where}.slow", slow, low=0) * np.median(
        np.linalg.norm(step_map.step(first) - first, axis=1)
    )
    iterations = _checks.count(f"{where}.max_iterations", max_iterations)
    chunk = max(1, _CHUNK // step_map.size**2)
    reached = [
        _slowest(step_map, first[k : k + chunk], iterations) for k in range(0, len(first), chunk)
    ]
    points = np.concatenate(reached)
    step, derivative, tolerance = _exactly(model, step_map)
    points, found = _distinct(points, _speed(step, points), near / 2)
    points = np.array([_polished(step, derivative, point, near) for point in points])
    points = points.reshape(-1, step_map.size)
    speed = _speed(step, points)
    fixed = speed <= tolerance * (1 + np.abs(points).max(axis=1, initial=0))
    keep = fixed | (speed <= limit)
    points, found = _distinct(points[keep], speed[keep], near, found[keep])
    if not len(points):
        warnings.warn(
            f"fixed_points: none of {len(first)} starts led to a fixed or slow point under this "
            "input. Give more starts, or more max_iterations.",
            UserWarning,
            stacklevel=2,
        )
    return _described(model, step, derivative, points, found, tolerance)


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
    values = np.atleast_2d(_checks.numeric(f"{where}.starts", given)).astype(float)
    if values.shape[-1] != step_map.size or not values.size:
        expected = f"states [..., D = {step_map.size}]"
        raise _checks.error(f"{where}.starts", expected, f"{values.shape}")
    values = values.reshape(-1, step_map.size)
    if not _checks.finite(values):
        raise _checks.error(f"{where}.starts", "finite states", "NaN or infinity")
    chosen = values[rng.choice(len(values), number, replace=len(values) < number)]
    return chosen + jitter * values.std(axis=0) * rng.standard_normal(chosen.shape)


def _slowest(step_map: Any, states: np.ndarray, iterations: int) -> np.ndarray:
    """Go downhill in speed from every state, and return where that ends."""
    states = states.copy()
    active = np.arange(len(states))
    damping = np.full(len(states), 1e-2)
    moves = step_map.step(states) - states
    for _ in range(iterations):
        tried = step_map.slower(states[active], damping[active])
        moved = step_map.step(tried) - tried
        before = np.linalg.norm(moves[active], axis=1)
        after = np.linalg.norm(moved, axis=1)
        better = after < before
        rows = active[better]
        states[rows], moves[rows] = tried[better], moved[better]
        damping[active] = np.clip(damping[active] * np.where(better, 0.2, 5.0), 1e-12, 1e8)
        # the end: a fixed point to single precision, or no way down
        size = 1 + np.abs(states[active]).max(axis=1)
        ended = (np.minimum(before, after) < 3e-8 * size) | (damping[active] >= 1e6)
        ended |= ~better & (before < 1e-5 * size)
        ended |= better & (before - after < 1e-6 * before) & (before > 1e-5 * size)
        active = active[~ended]
        if not len(active):
            break
    return states


Map = Callable[[np.ndarray], np.ndarray]


def _exactly(model: Any, step_map: Any) -> tuple[Map, Map, float]:
    """Return step and Jacobian in the best precision there is, and what counts as no movement."""
    name = model.simulator and model.get_weights()["transfer_function"]
    known = getattr(name, "__name__", name) in TRANSFER_FUNCTIONS
    if model.simulator is None or model.replaced_part() is not None or not known:
        return step_map.step, step_map.jacobian, 2e-6
    if "_own_init_state" in vars(model):
        return step_map.step, step_map.jacobian, 2e-6
    simulator = getattr(simulation, model.simulator)(rnn_model=model)
    simulator.rec_noise = 0.0
    parts = step_map.size // model.N_rec

    def step(states: np.ndarray) -> np.ndarray:
        x = np.broadcast_to(step_map.inputs, (len(states), model.N_in))
        _, *new = simulator.rnn_step(*np.split(states, parts, axis=1), x)
        return np.concatenate(new, axis=1)

    def derivative(states: np.ndarray) -> np.ndarray:
        columns = []
        for unit in range(step_map.size):  # central differences: exact to about 1e-10
            aside = np.zeros(step_map.size)
            aside[unit] = 1e-6
            columns.append((step(states + aside) - step(states - aside)) / 2e-6)
        return np.stack(columns, axis=2)

    return step, derivative, 1e-7  # the precision of the weights


def _speed(step: Map, points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(step(points) - points, axis=1) if len(points) else np.zeros(0)


def _distinct(
    points: np.ndarray, speed: np.ndarray, near: float, found: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return points that differ, the slowest of each cluster, and how many each stands for."""
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
    return points[kept].reshape(-1, points.shape[1]), np.array(counts, dtype=int)


def _polished(step: Map, derivative: Map, point: np.ndarray, near: float) -> np.ndarray:
    """Return the fixed point close by, by Newton's method, or the point where there is none."""
    best, start = point[np.newaxis], point[np.newaxis]
    move = step(best) - best
    for _ in range(20):
        slope = derivative(best)[0] - np.eye(len(point))
        # least squares, for at a line attractor the slope has no inverse
        tried = best - np.linalg.lstsq(slope, move[0], rcond=1e-7)[0]
        moved = step(tried) - tried
        closer = np.linalg.norm(moved) < np.linalg.norm(move)
        if not closer or np.linalg.norm(tried - start) > 10 * near:
            break
        best, move = tried, moved
    return best[0]


def _described(
    model: Any, step: Map, derivative: Map, points: np.ndarray, found: np.ndarray, tolerance: float
) -> FixedPoints:
    size = points.shape[1]
    speed = _speed(step, points)
    jacobians = np.concatenate([np.zeros((0, size, size)), *(derivative(p[None]) for p in points)])
    eigenvalues = np.linalg.eigvals(jacobians).astype(complex)
    order = np.argsort(-np.abs(eigenvalues), axis=1, kind="stable")
    eigenvalues = np.take_along_axis(eigenvalues, order, axis=1)
    modulus = np.abs(eigenvalues)
    with np.errstate(divide="ignore"):
        rate = np.where(np.abs(modulus - 1) < 1e-9, 0.0, np.log(modulus))
        time_constants = np.where(rate == 0, np.inf, -model.dt / rate)
    return FixedPoints(
        points,
        points[:, : model.N_rec],
        speed,
        speed <= tolerance * (1 + np.abs(points).max(axis=1, initial=0)),
        jacobians,
        eigenvalues,
        (modulus < 1 - _MARGIN).all(axis=1),
        (modulus > 1 + _MARGIN).sum(axis=1),
        (np.abs(modulus - 1) <= _MARGIN).sum(axis=1),
        time_constants,
        found,
    )

"""What is done to which units in which time steps: perturbations divide a trial into segments.

Within a segment all weights and currents are constant, so no array of ``N_steps x N_rec x N_rec``
is ever made. The same segments serve networks in TensorFlow and simulators in NumPy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.backend.option_checks import unit_numbers


class Circuit(NamedTuple):
    """What a schedule needs to know of a network.

    Attributes:
        sizes: ``N_in, N_rec, N_out`` by name.
        dt: length of a time step (ms), or None where it is not known.
        current_scale: what a current of 1 adds to the state in a step, a number or ``[N_rec]``.
        noise_scale: what noise of standard deviation 1 adds, a number or ``[N_rec]``.
        groups: unit numbers by name.

    """

    sizes: Mapping[str, int]
    dt: float | None
    current_scale: Any
    noise_scale: Any
    groups: Mapping[str, np.ndarray]


@dataclass
class Segment:
    """Time steps in which the perturbation does not change.

    Attributes:
        first, last: the steps ``first <= k < last``.
        factors: factor of each effective weight that is changed, an array of its shape.
        added: what is added to the state after each step, ``[N_rec]``, or
            ``[N_batch, last - first, N_rec]``.
        held: units whose state is set, ``[N_rec]`` booleans.
        values: what it is set to, ``[N_rec]``.

    """

    first: int
    last: int
    factors: dict[str, np.ndarray]
    added: np.ndarray
    held: np.ndarray
    values: np.ndarray

    def push(self, state: np.ndarray, step: int) -> np.ndarray:
        """Return the state ``[N_batch, N_rec]`` that the perturbation makes of it in a step."""
        added = self.added if self.added.ndim == 1 else self.added[:, step - self.first]
        return np.where(self.held, self.values, state + added)

    def scale(self, weight: str, rows: Any, columns: Any, factor: float, sizes: Any) -> None:
        """Multiply a block of a weight ``[targets, sources]``."""
        if weight not in self.factors:
            shape = {"W_in": ("N_rec", "N_in"), "W_rec": ("N_rec", "N_rec")}
            targets, sources = shape.get(weight, ("N_out", "N_rec"))
            self.factors[weight] = np.ones((sizes[targets], sizes[sources]))
        self.factors[weight][np.ix_(rows, columns)] *= factor


@dataclass(frozen=True, eq=False)
class Perturbation(ABC):
    """Something done to a network in a window of time.

    Attributes:
        start: when it begins (ms).
        stop: when it ends (ms); None for the end of the trial. A step at time ``t`` is in the
            window where ``start <= t < stop``.

    """

    start: float = field(default=0.0, kw_only=True)
    stop: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        where = type(self).__name__
        _checks.number(f"{where}.start", self.start, low=0)
        if self.stop is not None and _checks.positive(f"{where}.stop", self.stop) <= self.start:
            expected = f"a time after start = {self.start:g} ms"
            raise _checks.error(f"{where}.stop", expected, f"{self.stop:g} ms")

    def window(self, dt: float | None, steps: int) -> tuple[int, int]:
        """Return the first step of the window, and the first one after it."""
        where = type(self).__name__
        if self.start == 0 and self.stop is None:
            return 0, steps
        if dt is None:
            advice = "Give dt in the simulator's params."
            raise _checks.error(where, "a known dt, since its window is in ms", "none", advice)
        # a time such as 3 * 0.1 lies above 0.3 by a rounding error
        first = int(np.ceil(self.start / dt - 1e-6))
        last = steps if self.stop is None else min(int(np.ceil(self.stop / dt - 1e-6)), steps)
        if first >= last:
            until = "the end" if self.stop is None else f"{self.stop:g} ms"
            expected = f"a window with a time step in it, every {dt:g} ms until {steps * dt:g} ms"
            advice = "Times are in ms."
            raise _checks.error(where, expected, f"{self.start:g} ms to {until}", advice)
        return first, last

    def units_of(self, key: str, circuit: Circuit) -> np.ndarray:
        """Return the unit numbers that one of the attributes names."""
        also = {"sources": ["inputs"], "targets": ["outputs"]}.get(key, [])
        return _unit_numbers(f"{type(self).__name__}.{key}", getattr(self, key), circuit, also)

    def draw(self, circuit: Circuit, trials: int, window: tuple[int, int]) -> Any:
        """Draw what is random, for all trials and the whole window."""
        return None

    @abstractmethod
    def act(self, segment: Segment, circuit: Circuit, drawn: Any) -> None:
        """Enter what is done into a segment of the window."""


def _unit_numbers(where: str, units: Any, circuit: Circuit, also: list[str]) -> np.ndarray:
    """Return the unit numbers that a user's choice of units means.

    Raises:
        ParameterError: if there are none, or a name or number does not exist.

    """
    N_rec = circuit.sizes["N_rec"]
    if isinstance(units, str):
        named = {"all": np.arange(N_rec), **circuit.groups}
        if units not in named:
            advice = "Excitatory and inhibitory units are told apart under Dale's principle; other "
            advice += "names are those of the network's unit_groups."
            expected = "one of " + ", ".join([*named, *also])
            raise _checks.error(where, expected, repr(units), advice)
        return named[units]
    return unit_numbers(where, units, N_rec)


def schedule(
    where: str, perturbations: Any, circuit: Circuit, trials: int, steps: int
) -> list[Segment]:
    """Return the segments that perturbations divide trials into.

    Arguments:
        where: the function the user called, for errors.
        perturbations: one, or a list of them.
        circuit: the network.
        trials: number of trials.
        steps: number of time steps.

    Raises:
        ParameterError: if one has a window or units that do not exist.

    """
    given = [perturbations] if isinstance(perturbations, Perturbation) else perturbations
    if not isinstance(given, (list, tuple)) or any(not isinstance(p, Perturbation) for p in given):
        wrong = given
        if isinstance(given, (list, tuple)):
            wrong = next(p for p in given if not isinstance(p, Perturbation))
        expected = "a list of Silence, Clamp, Current, Gain, Cut or Noise objects"
        raise _checks.error(f"{where}.perturbations", expected, _checks.shown(wrong))
    windows = [one.window(circuit.dt, steps) for one in given]
    drawn = [one.draw(circuit, trials, window) for one, window in zip(given, windows)]
    segments, N_rec = [], circuit.sizes["N_rec"]
    for first, last in pairwise(sorted({0, steps, *np.ravel(windows).astype(int).tolist()})):
        segment = Segment(
            first, last, {}, np.zeros(N_rec), np.zeros(N_rec, dtype=bool), np.zeros(N_rec)
        )
        for one, window, numbers in zip(given, windows, drawn):
            if window[0] <= first < window[1]:
                one.act(segment, circuit, numbers)
        segments.append(segment)
    return segments


def groups(signs: Any, own: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """Return unit numbers by name: excitatory and inhibitory ones, and the user's groups.

    Arguments:
        signs: sign of each unit, ``[N_rec]``; None without Dale's principle.
        own: the option ``unit_groups``.

    """
    named = {key: np.asarray(units) for key, units in (own or {}).items()}
    if signs is not None:
        named["excitatory"] = np.flatnonzero(np.asarray(signs) > 0)
        named["inhibitory"] = np.flatnonzero(np.asarray(signs) < 0)
    return {key: units for key, units in named.items() if len(units)}

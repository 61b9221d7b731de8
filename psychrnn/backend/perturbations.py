"""Lesions and stimulation: what can be done to units of a network in a window of time.

Lists of these objects are given to ``test`` of a network and ``run_trials`` of a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn._random import generator
from psychrnn.backend.schedule import Circuit, Perturbation, Segment

_LIMITS = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))

__all__ = ["Clamp", "Current", "Cut", "Gain", "Noise", "Perturbation", "Silence"]


def _scale_reading(segment: Segment, units: np.ndarray, factor: float, circuit: Circuit) -> None:
    for weight, targets in (("W_rec", "N_rec"), ("W_out", "N_out")):
        segment.scale(weight, range(circuit.sizes[targets]), units, factor, circuit.sizes)


def _hold(kind: str, segment: Segment, units: np.ndarray, value: Any) -> None:
    clash = segment.held[units] & (segment.values[units] != value)
    if clash.any():
        unit = int(units[np.argmax(clash)])
        raise _checks.error(kind, "one value to hold a unit at", f"two for unit {unit}")
    segment.held[units], segment.values[units] = True, value


@dataclass(frozen=True, eq=False)
class Silence(Perturbation):
    r"""Silence units, a lesion where it lasts: their state is held at 0 and nobody reads them.

    The weights from the units, to others, to themselves and to the output, are 0 in the window,
    and their state is 0, whatever the transfer function is.

    Arguments:
        units: a unit's number, a list or slice of them, a mask ``[N_rec]`` of booleans, 'all',
            'excitatory' or 'inhibitory' (by Dale's principle), or a name in ``unit_groups``.
        start: when it begins (ms).
        stop: when it ends (ms); None for the end of the trial.

    Raises:
        ParameterError: if the window or the units do not exist.

    Example:
        >>> from psychrnn import Basic, PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=4, seed=1)
        >>> model = Basic.for_task(task, N_rec=20, dale_ratio=0.8, seed=1)
        >>> x = task.get_trial_batch().x
        >>> lesioned = model.test(x, perturbations=[Silence("inhibitory", start=200)])
        >>> float(abs(lesioned.states[:, 20:, 16:]).max())
        0.0
        >>> model.destruct()

    """

    units: Any

    def act(self, segment: Segment, circuit: Circuit, drawn: Any) -> None:
        """Enter what is done into a segment of the window."""
        units = self.units_of("units", circuit)
        _scale_reading(segment, units, 0.0, circuit)
        _hold("Silence", segment, units, 0.0)


@dataclass(frozen=True, eq=False)
class Clamp(Perturbation):
    """Hold the state of units at a value.

    It is the state :math:`s` that is held, of an LSTM or GRU the hidden state :math:`h`; others
    read the rate :math:`f(s)`.

    Arguments:
        units: see :class:`Silence`.
        value: what the state is held at, a number or one for each of the units.
        start: when it begins (ms).
        stop: when it ends (ms); None for the end of the trial.

    Raises:
        ParameterError: if the window or the units do not exist, or two clamps contradict.

    Example:
        >>> Clamp([3, 4], value=0.5, start=200, stop=400).value
        0.5

    """

    units: Any
    value: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        _number_or_row("Clamp.value", self.value)

    def act(self, segment: Segment, circuit: Circuit, drawn: Any) -> None:
        """Enter what is done into a segment of the window."""
        units = self.units_of("units", circuit)
        _hold("Clamp", segment, units, _for_units("Clamp.value", self.value, units))


@dataclass(frozen=True, eq=False)
class Current(Perturbation):
    r"""Add a current to units, as an input with weight 1 would.

    In a rate network :math:`I` adds to the drive, so that a step adds :math:`\alpha I` to the
    state. A network with gates has no such drive: :math:`I` adds to the hidden state at each step.

    Arguments:
        units: see :class:`Silence`.
        amplitude: current :math:`I`, in units of the drive, a number or one for each unit.
        start: when it begins (ms).
        stop: when it ends (ms); None for the end of the trial.

    Raises:
        ParameterError: if the window or the units do not exist.

    Example:
        >>> Current("excitatory", amplitude=0.2, start=500, stop=700).stop
        700

    """

    units: Any
    amplitude: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        _number_or_row("Current.amplitude", self.amplitude)

    def act(self, segment: Segment, circuit: Circuit, drawn: Any) -> None:
        """Enter what is done into a segment of the window."""
        units = self.units_of("units", circuit)
        scale = np.broadcast_to(circuit.current_scale, circuit.sizes["N_rec"])[units]
        amplitude = _for_units("Current.amplitude", self.amplitude, units)
        segment.added[..., units] += scale * amplitude


@dataclass(frozen=True, eq=False)
class Gain(Perturbation):
    """Scale the gain of units: all that others read of them is multiplied.

    Arguments:
        units: see :class:`Silence`.
        factor: factor of the rate, as the network and its output read it.
        start: when it begins (ms).
        stop: when it ends (ms); None for the end of the trial.

    Raises:
        ParameterError: if the window or the units do not exist.

    Example:
        >>> Gain("all", factor=1.1).factor
        1.1

    """

    units: Any
    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.number("Gain.factor", self.factor, *_LIMITS)

    def act(self, segment: Segment, circuit: Circuit, drawn: Any) -> None:
        """Enter what is done into a segment of the window."""
        units = self.units_of("units", circuit)
        _scale_reading(segment, units, self.factor, circuit)


@dataclass(frozen=True, eq=False)
class Cut(Perturbation):
    """Cut a projection, or weaken it: the weights from some units to others are multiplied.

    Arguments:
        sources: units it comes from, see :class:`Silence`, or 'inputs'.
        targets: units it goes to, or 'outputs'.
        factor: factor of the weights, 0 to cut.
        start: when it begins (ms).
        stop: when it ends (ms); None for the end of the trial.

    Raises:
        ParameterError: if the window or the units do not exist, or inputs are to be cut from
            outputs, which have no connections.

    Example:
        >>> Cut("excitatory", "inhibitory", factor=0.9, start=500).factor
        0.9

    """

    sources: Any
    targets: Any
    factor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.number("Cut.factor", self.factor, *_LIMITS)

    def act(self, segment: Segment, circuit: Circuit, drawn: Any) -> None:
        """Enter what is done into a segment of the window."""
        of_inputs = isinstance(self.sources, str) and self.sources == "inputs"
        to_outputs = isinstance(self.targets, str) and self.targets == "outputs"
        if of_inputs and to_outputs:
            raise _checks.error("Cut", "a projection that exists", "inputs to outputs")
        N_in, N_out = circuit.sizes["N_in"], circuit.sizes["N_out"]
        sources = np.arange(N_in) if of_inputs else self.units_of("sources", circuit)
        targets = np.arange(N_out) if to_outputs else self.units_of("targets", circuit)
        weight = "W_in" if of_inputs else "W_out" if to_outputs else "W_rec"
        segment.scale(weight, targets, sources, self.factor, circuit.sizes)


@dataclass(frozen=True, eq=False)
class Noise(Perturbation):
    r"""Add noise to the state of units, as ``rec_noise`` does.

    A step adds :math:`\sqrt{2\alpha\sigma^2}\,\epsilon` with independent standard normal
    :math:`\epsilon`; in a network with gates :math:`\sigma\epsilon`.

    Arguments:
        units: see :class:`Silence`.
        std: standard deviation :math:`\sigma`.
        seed: integer that fixes the noise; without it noise follows ``np.random.seed``.
        start: when it begins (ms).
        stop: when it ends (ms); None for the end of the trial.

    Raises:
        ParameterError: if the window or the units do not exist.

    Example:
        >>> Noise(range(10), std=0.2, seed=1).std
        0.2

    """

    units: Any
    std: float
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.number("Noise.std", self.std, low=0)
        if self.seed is not None:
            _checks.seed("Noise.seed", self.seed)

    def draw(self, circuit: Circuit, trials: int, window: tuple[int, int]) -> Any:
        """Draw what is random, for all trials and the whole window."""
        units = self.units_of("units", circuit)
        size = (trials, window[1] - window[0], len(units))
        scale = np.broadcast_to(circuit.noise_scale, circuit.sizes["N_rec"])[units]
        return window[0], scale * self.std * generator(self.seed, 4).standard_normal(size)

    def act(self, segment: Segment, circuit: Circuit, drawn: Any) -> None:
        """Enter what is done into a segment of the window."""
        units, (first, noise) = self.units_of("units", circuit), drawn
        noise = noise[:, segment.first - first : segment.last - first]
        if segment.added.ndim == 1:
            shape = (*noise.shape[:2], circuit.sizes["N_rec"])
            segment.added = np.broadcast_to(segment.added, shape).copy()
        segment.added[..., units] += noise


def _number_or_row(where: str, value: Any) -> None:
    values = _checks.numeric(where, value, "a number, or one for each unit")
    within = np.abs(values) <= np.finfo(np.float32).max
    if values.ndim > 1 or values.size == 0 or not within.all():
        raise _checks.error(where, "a finite number, or one for each unit", _checks.shown(value))


def _for_units(where: str, value: Any, units: np.ndarray) -> np.ndarray:
    values = np.asarray(value, dtype=float)
    if values.ndim and len(values) != len(units):
        expected = f"a number, or one for each of {len(units)} units"
        raise _checks.error(where, expected, f"{len(values)}")
    return np.broadcast_to(values, len(units))

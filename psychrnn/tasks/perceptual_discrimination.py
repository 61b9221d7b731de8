"""Which of two noisy inputs is stronger: the perceptual discrimination experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.whole_batches import WholeBatchTask, as_pairs, diffusion_noise


class PerceptualDiscrimination(WholeBatchTask):
    r"""Two noisy inputs are shown for a while; the network reports which one is stronger.

    During the stimulus the channel ``direction`` has mean ``1 + coherence``, the other one 1.
    Both carry noise of standard deviation :math:`\sigma\sqrt{2\cdot 0.01\sqrt{10\,dt}}`, where
    :math:`\sigma` is ``stim_noise``. The answer is due from 20 ms after the stimulus to the end
    of the trial: ``hi`` in the output channel of the stronger input, ``lo`` in the other.
    Onset is uniform in [0, T/2) and the duration uniform in [T/8, 3T/8). The experiment is that
    of Britten, Shadlen, Newsome and Movshon (1992), J. Neurosci. 12(12).

    Arguments:
        dt: length of a time step (ms).
        tau: time constant of the network's units (ms).
        T: length of a trial (ms).
        N_batch: number of trials in a batch.
        coherence: difference between the inputs; drawn from ``coherences`` where None.
        direction: stronger channel, 0 or 1; drawn for every trial where None.
        stim_noise: size of the input noise.
        coherences: values that are equally likely where ``coherence`` is None.
        seed: integer that fixes every trial. Without it trials follow ``np.random.seed``.

    Raises:
        ParameterError: if ``direction`` is not 0 or 1, or a number is not finite.

    Example:
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=2000, N_batch=8, seed=1)
        >>> task.get_trial_batch().x.shape
        (8, 200, 2)

    """

    input_names = ("stimulus 0", "stimulus 1")
    output_names = ("choice 0", "choice 1")
    answer_delay = 20  # ms between the end of the stimulus and the answer

    def __init__(
        self,
        dt: float,
        tau: Any,
        T: float,
        N_batch: int,
        coherence: float | None = None,
        direction: int | None = None,
        stim_noise: float = 0.1,
        coherences: Sequence[float] = (0.1, 0.3, 0.5, 0.7),
        seed: int | None = None,
    ) -> None:
        super().__init__(2, 2, dt, tau, T, N_batch, seed=seed)
        where = type(self).__name__
        if coherence is not None:
            _checks.number(f"{where}.coherence", coherence)
        whole = isinstance(direction, (int, np.integer)) and not isinstance(direction, bool)
        if direction is not None and not (whole and direction in (0, 1)):
            raise _checks.error(f"{where}.direction", "0, 1 or None", _checks.shown(direction))
        values = np.ravel(_checks.numeric(f"{where}.coherences", coherences))
        if len(values) == 0:
            raise _checks.error(f"{where}.coherences", "at least one value", "none")
        self.coherence = coherence
        self.direction = direction
        self.lo = 0.2
        self.hi = 1.0
        self.stim_noise = _checks.number(f"{where}.stim_noise", stim_noise, low=0)
        self.coherences = [_checks.number(f"{where}.coherences", c) for c in values]

    def periods(self, params: dict[str, Any]) -> dict[str, tuple[float, float]]:
        """Return start and end (ms) of the fixation, the stimulus and the response."""
        onset, offset = params["onset_time"], params["onset_time"] + params["stim_duration"]
        return {
            "fixation": (0.0, onset),
            "stimulus": (onset, offset),
            "response": (min(offset + self.answer_delay, self.T), self.T),
        }

    def _drawn(self, trials: int) -> dict[str, np.ndarray]:
        rng = self.rng

        def fixed_or(value: Any, drawn: Any) -> np.ndarray:
            return drawn() if value is None else np.full(trials, value)

        return {
            "coherence": fixed_or(self.coherence, lambda: rng.choice(self.coherences, trials)),
            "direction": fixed_or(self.direction, lambda: rng.choice(2, trials)),
            "stim_noise": np.full(trials, self.stim_noise),
            "onset_time": rng.random(trials) * self.T / 2.0,
            "stim_duration": rng.random(trials) * self.T / 4.0 + self.T / 8.0,
        }

    def _at(self, times: np.ndarray, params: dict[str, Any]) -> tuple[Any, Any, Any]:
        onset = params["onset_time"]
        offset = onset + params["stim_duration"]
        shown = (onset < times) & (times < offset)
        answer = times > offset + self.answer_delay
        x = self.rng.standard_normal((*shown.shape, 2))
        x *= np.expand_dims(diffusion_noise(self.dt, params["stim_noise"]), -1)
        y, mask = np.zeros_like(x), np.zeros_like(x)
        strong = np.equal(params["direction"], 1)
        coherence = params["coherence"]
        inputs = (1 + ~strong * coherence) + 1j * (1 + strong * coherence)
        targets = np.where(strong, self.lo, self.hi) + 1j * np.where(strong, self.hi, self.lo)
        x_pairs = as_pairs(x)
        np.add(x_pairs, inputs, out=x_pairs, where=shown)
        np.copyto(as_pairs(y), targets, where=answer)
        np.copyto(as_pairs(mask), 1 + 1j, where=times >= offset)
        return x, y, mask

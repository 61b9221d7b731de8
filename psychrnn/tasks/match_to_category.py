"""Which sector of a ring a stimulus falls into: the categorisation experiment."""

from __future__ import annotations

from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.whole_batches import WholeBatchTask


class MatchToCategory(WholeBatchTask):
    r"""A bump on a ring of inputs is shown; the network reports the sector it lies in.

    The angle :math:`\theta` of a trial is uniform in :math:`[0, 2\pi)` and its category is the
    one of ``N_out`` equal sectors that holds it. While the stimulus is shown, channel :math:`k`
    gets :math:`\exp(-d_k^2/2)/\sqrt{2\pi}`, where :math:`d_k` is the distance on the ring between
    :math:`\theta` and the preferred angle :math:`2\pi k/N_{in}`. All channels carry noise of
    standard deviation :math:`\sigma/(2\,dt)`, where :math:`\sigma` is ``stim_noise``. The answer
    is due when the stimulus is over: 1 in the output channel of the category, 0 in the others.
    The experiment follows Freedman and Assad (2006), Nature 443.

    Arguments:
        dt: length of a time step (ms).
        tau: time constant of the network's units (ms).
        T: length of a trial (ms).
        N_batch: number of trials in a batch.
        N_in: number of input channels on the ring.
        N_out: number of categories.
        onset_time: when the stimulus appears (ms).
        input_dur: how long it is shown (ms).
        output_dur: how long the answer counts (ms).
        stim_noise: size of the input noise.
        seed: integer that fixes every trial. Without it trials follow ``np.random.seed``.

    Attributes:
        preferred_angles: angle of each input channel, ``[N_in]`` (radians). PsychRNN 1.0 had
            ``np.linspace(0, 2 * np.pi, N_in)``, where the first and the last are the same.

    Raises:
        ParameterError: if a time is negative, or no time step lies in the answer period.

    Example:
        >>> task = MatchToCategory(dt=20, tau=100, T=2000, N_batch=8, N_in=8, N_out=4, seed=1)
        >>> x, y, mask, params = task.get_trial_batch()
        >>> x.shape, y.shape, 0 <= params[0]["category"] < 4
        ((8, 100, 8), (8, 100, 4), True)

    """

    def __init__(
        self,
        dt: float,
        tau: Any,
        T: float,
        N_batch: int,
        N_in: int = 16,
        N_out: int = 2,
        onset_time: float = 200,
        input_dur: float = 1000.0,
        output_dur: float = 800.0,
        stim_noise: float = 0.1,
        seed: int | None = None,
    ) -> None:
        super().__init__(N_in, N_out, dt, tau, T, N_batch, seed=seed)
        where = type(self).__name__
        self.onset_time = _checks.number(f"{where}.onset_time", onset_time, low=0)
        self.input_dur = _checks.positive(f"{where}.input_dur", input_dur)
        self.output_dur = _checks.positive(f"{where}.output_dur", output_dur)
        self.stim_noise = _checks.number(f"{where}.stim_noise", stim_noise, low=0)
        self.preferred_angles = 2 * np.pi * np.arange(self.N_in) / self.N_in
        answer = self.onset_time + self.input_dur
        self._check_answer(answer, answer + self.output_dur)

    def periods(self, params: dict[str, Any]) -> dict[str, tuple[float, float]]:
        """Return start and end (ms) of the fixation, the stimulus and the response."""
        onset = params["onset_time"]
        offset = onset + params["input_dur"]
        return {
            "fixation": (0.0, onset),
            "stimulus": (onset, offset),
            "response": (offset, min(offset + params["output_dur"], self.T)),
        }

    def _drawn(self, trials: int) -> dict[str, np.ndarray]:
        angle = 2 * np.pi * self.rng.random(trials)
        return {
            "angle": angle,
            "category": (angle / (2 * np.pi / self.N_out)).astype(int),
            "onset_time": np.full(trials, self.onset_time),
            "input_dur": np.full(trials, self.input_dur),
            "output_dur": np.full(trials, self.output_dur),
            "stim_noise": np.full(trials, self.stim_noise),
        }

    def _at(self, times: np.ndarray, params: dict[str, Any]) -> tuple[Any, Any, Any]:
        onset = params["onset_time"]
        offset = onset + params["input_dur"]
        shown = (onset <= times) & (times < offset)
        answer = (offset <= times) & (times < offset + params["output_dur"])
        distance = self.preferred_angles - np.expand_dims(params["angle"], -1)
        distance = np.where(distance > np.pi, distance - 2 * np.pi, distance)
        distance = np.where(distance < -np.pi, distance + 2 * np.pi, distance)
        bump = np.exp(-(distance**2) / 2) / np.sqrt(2 * np.pi)
        x = self.rng.standard_normal((*shown.shape, self.N_in))
        x *= np.expand_dims(params["stim_noise"], -1) / (2 * self.dt)
        np.add(x, bump, out=x, where=shown[..., np.newaxis])
        y, mask = (np.zeros((*shown.shape, self.N_out)) for _ in range(2))
        chosen = np.arange(self.N_out) == np.expand_dims(params["category"], -1)
        np.copyto(y, chosen, where=answer[..., np.newaxis])
        np.copyto(mask, 1, where=answer[..., np.newaxis])
        return x, y, mask

"""Which of two frequencies was higher, with a delay between them: the working memory experiment."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.whole_batches import WholeBatchTask, as_pairs, diffusion_noise

_DURATIONS = ("stim_duration_1", "delay_duration", "stim_duration_2", "decision_duration")


class DelayedDiscrimination(WholeBatchTask):
    r"""Two frequencies are shown, one after the other; the network reports which was higher.

    A frequency :math:`f` (Hz, 10 to 34) is shown in two channels, one that rises with it and one
    that falls: :math:`0.4 + 0.8 (f - 10)/24` and :math:`0.4 + 0.8 (34 - f)/24`. Both carry noise
    as in :class:`~psychrnn.tasks.perceptual_discrimination.PerceptualDiscrimination`. The answer
    is due after the second stimulus: ``hi`` in output channel 0 where the first frequency was the
    higher one (``choice`` 0, '>'), in channel 1 where the second was, and ``lo`` in the other.
    The experiment is that of Romo, Brody, Hernandez and Lemus (1999), Nature 399.

    Times that are not given are drawn for every trial, uniform from 0 to T/8 (onset, decision) or
    T/4 (stimuli, delay), and lengths at least one dt.

    Arguments:
        dt: length of a time step (ms).
        tau: time constant of the network's units (ms).
        T: length of a trial (ms); what goes beyond it is cut.
        N_batch: number of trials in a batch.
        onset_time: when the first stimulus appears (ms).
        stim_duration_1: how long it is shown (ms).
        delay_duration: length of the delay after it (ms).
        stim_duration_2: how long the second stimulus is shown (ms).
        decision_duration: how long the answer counts (ms).
        stim_noise: size of the input noise.
        frequency_pairs: pairs of a higher and a lower frequency (Hz), equally likely.
        seed: integer that fixes every trial. Without it trials follow ``np.random.seed``.

    Raises:
        ParameterError: if a length is shorter than dt, or no trial could have a decision. A
            warning if some trials may have none.

    Example:
        >>> task = DelayedDiscrimination(dt=10, tau=100, T=2000, N_batch=8, seed=1)
        >>> batch = task.get_trial_batch()
        >>> batch.x.shape, sorted(task.periods(batch.params[0]))
        ((8, 200, 2), ['decision', 'delay', 'fixation', 'stimulus 1', 'stimulus 2'])

    """

    input_names = ("rises with f", "falls with f")
    output_names = ("first higher", "second higher")

    def __init__(
        self,
        dt: float,
        tau: Any,
        T: float,
        N_batch: int,
        onset_time: float | None = None,
        stim_duration_1: float | None = None,
        delay_duration: float | None = None,
        stim_duration_2: float | None = None,
        decision_duration: float | None = None,
        stim_noise: float = 0.1,
        frequency_pairs: Sequence[tuple[float, float]] = (
            (18, 10), (22, 14), (26, 18), (30, 22), (34, 26),
        ),
        seed: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(2, 2, dt, tau, T, N_batch, seed=seed)
        where = type(self).__name__
        if onset_time is not None:
            _checks.number(f"{where}.onset_time", onset_time, low=0)
        self.onset_time = onset_time
        self.stim_duration_1 = stim_duration_1
        self.delay_duration = delay_duration
        self.stim_duration_2 = stim_duration_2
        self.decision_duration = decision_duration
        for key in _DURATIONS:
            length = getattr(self, key)
            if length is not None and _checks.positive(f"{where}.{key}", length) < dt:
                advice = "Times are in ms, not fractions of T."
                expected = f"at least dt = {dt:g} ms"
                raise _checks.error(f"{where}.{key}", expected, f"{length:g} ms", advice)
        self.stim_noise = _checks.number(f"{where}.stim_noise", stim_noise, low=0)
        pairs = _checks.numeric(f"{where}.frequency_pairs", frequency_pairs)
        shaped = pairs.ndim == 2 and pairs.shape[1] == 2 and len(pairs) > 0
        if not (shaped and _checks.finite(pairs) and (pairs[:, 0] > pairs[:, 1]).all()):
            expected = "pairs of a higher and a lower frequency, such as [(18, 10), (22, 14)]"
            got = _checks.shown(frequency_pairs)
            raise _checks.error(f"{where}.frequency_pairs", expected, got)
        self.frequency_pairs = [tuple(pair) for pair in pairs.tolist()]
        self.decision_options = [">", "<"]
        self.lo = 0.2
        self.hi = 1.0
        self._check_times()

    def _check_times(self) -> None:
        given = (self.onset_time, *(getattr(self, key) for key in _DURATIONS[:3]))
        least = (0, self.dt, self.dt, self.dt)
        most = (self.T / 8, *[max(self.T / 4, self.dt)] * 3)
        earliest, latest = (
            sum(d if g is None else g for g, d in zip(given, drawn)) for drawn in (least, most)
        )
        length = self.decision_duration
        self._check_answer(earliest, earliest + (self.T / 8 if length is None else length))
        if latest > self.T - self.dt:
            warnings.warn(
                f"{type(self).__name__}: the decision begins after up to {latest:g} ms, but a "
                f"trial lasts T = {self.T:g} ms, so trials may have none. Make T longer, or give "
                "shorter times.",
                UserWarning,
                stacklevel=3,
            )

    def periods(self, params: dict[str, Any]) -> dict[str, tuple[float, float]]:
        """Return start and end (ms) of the fixation, both stimuli, the delay and the decision."""
        names = ("fixation", "stimulus 1", "delay", "stimulus 2", "decision")
        keys = ("stimulus_1", "delay", "stimulus_2", "decision", "end")
        ends = [min(params[key], self.T) for key in keys]
        return dict(zip(names, zip([0.0, *ends], ends)))

    def _drawn(self, trials: int) -> dict[str, np.ndarray]:
        rng = self.rng

        def time(given: float | None, most: float, least: float) -> np.ndarray:
            if given is not None:
                return np.full(trials, given, dtype=float)
            return np.maximum(most * rng.random(trials), least)

        T, dt = self.T, self.dt
        times = [time(self.onset_time, T / 8, 0)]
        for key, part in zip(_DURATIONS, (4, 4, 4, 8)):
            times.append(time(getattr(self, key), T / part, dt))
        ends = np.cumsum(times, axis=0)
        pair = np.array(self.frequency_pairs)[rng.choice(len(self.frequency_pairs), trials)]
        choice = rng.choice(2, trials)
        f1, f2 = np.where(choice == 0, pair.T, pair.T[::-1])
        keys = ("stimulus_1", "delay", "stimulus_2", "decision", "end")
        return {
            **dict(zip(keys, ends)),
            "stim_noise": np.full(trials, self.stim_noise),
            "f1": f1,
            "f2": f2,
            "choice": choice,
        }

    def _at(self, times: np.ndarray, params: dict[str, Any]) -> tuple[Any, Any, Any]:
        first = (params["stimulus_1"] <= times) & (times < params["delay"])
        second = (params["stimulus_2"] <= times) & (times < params["decision"])
        answer = (params["decision"] <= times) & (times < params["end"])
        x = self.rng.standard_normal((*first.shape, 2))
        x *= np.expand_dims(diffusion_noise(self.dt, params["stim_noise"]), -1)
        y, mask = np.zeros_like(x), np.zeros_like(x)
        x_pairs = as_pairs(x)
        for shown, f in ((first, params["f1"]), (second, params["f2"])):
            rising, falling = 0.4 + 0.8 * (f - 10) / 24, 0.4 + 0.8 * (34 - f) / 24
            np.add(x_pairs, rising + 1j * falling, out=x_pairs, where=shown)
        of_first = np.equal(params["choice"], 0)
        targets = np.where(of_first, self.hi, self.lo) + 1j * np.where(of_first, self.lo, self.hi)
        np.copyto(as_pairs(y), targets, where=answer)
        np.copyto(as_pairs(mask), 1 + 1j, where=answer)
        return x, y, mask

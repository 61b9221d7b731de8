"""Experiments of PsychRNN 1.0: the numbers they gave, within their tolerance."""

from __future__ import annotations

import numpy as np
from reference_data import load

from psychrnn import DelayedDiscrimination, MatchToCategory, PerceptualDiscrimination
from psychrnn.tasks.accuracy import choice_accuracy


def test_perceptual_discrimination(check, monkeypatch):
    data = load("task_perceptual")
    for dt, T in ((10, 1000), (20, 800)):
        task = PerceptualDiscrimination(dt, 100, T, 1)
        for i, row in enumerate(data["param_values"]):
            params = dict(zip(data["param_names"].tolist(), row))
            params["direction"] = int(params["direction"])
            task.rng = _Constant(0.0)
            x, y, mask = task.generate_trial(params)
            task.rng = _Constant(1.0)
            noise = task.generate_trial(params)[0] - x
            for key, value in (("x", x), ("y", y), ("mask", mask)):
                check(f"dt{dt}_{i}_{key}", value, data[f"dt{dt}_{i}_{key}"], 1e-12)
            check(f"noise dt{dt}_{i}", noise, data[f"dt{dt}_{i}_noise_scale"], 1e-9)


class _Constant:
    def __init__(self, value):
        self.value = value

    def standard_normal(self, shape):
        return np.full(shape, self.value)


def test_match_to_category(check):
    data = load("task_match")
    sizes = {0: (16, 2, 20, 2000), 1: (8, 4, 20, 2000), 2: (5, 3, 50, 1500)}
    for config, index, *values in data["param_values"]:
        N_in, N_out, dt, T = sizes[int(config)]
        task = MatchToCategory(dt, 100, T, 1, N_in=N_in, N_out=N_out)
        params = dict(zip(data["param_names"].tolist(), values))
        params["category"] = int(params["category"])
        # In PsychRNN 1.0 the first and the last channel had the same preferred angle.
        task.preferred_angles = np.linspace(0, 2 * np.pi, N_in)
        key = f"c{int(config)}_{int(index)}"
        task.rng = _Constant(0.0)
        x, y, mask = task.generate_trial(params)
        on = data[f"{key}_on"][:, np.newaxis]
        check(f"{key} x", x, on * data[f"{key}_profile"], 1e-12)
        check(f"{key} y", y, data[f"{key}_y"], 1e-12)
        check(f"{key} mask", mask, data[f"{key}_mask"], 1e-12)
        task.rng = _Constant(1.0)
        noise = task.generate_trial(params)[0] - x
        check(f"{key} noise", noise, data[f"{key}_noise_scale"], 1e-12)


def test_delayed_discrimination(check):
    data = load("task_delayed")
    task = DelayedDiscrimination(10, 100, 1000, 1)
    for i, row in enumerate(data["param_values"]):
        params = dict(zip(data["param_names"].tolist(), row))
        params |= {key: int(params[key]) for key in ("f1", "f2", "choice")}
        task.rng = _Constant(0.0)
        x, y, mask = task.generate_trial(params)
        for key, value in (("x", x), ("y", y), ("mask", mask)):
            check(f"{i}_{key}", value, data[f"{i}_{key}"], 1e-12)
        task.rng = _Constant(1.0)
        noise = task.generate_trial(params)[0] - x
        check(f"noise {i}", noise, data[f"{i}_noise_scale"], 1e-12)


def test_accuracy(check):
    data = load("task_accuracy")
    correct, output, mask = (data[key] for key in ("correct", "output", "mask"))
    empty = ~mask.any(axis=(1, 2))
    assert empty.sum() == 1
    # PsychRNN 1.0 counted the trial with an empty mask as correct; here it is left out.
    without = choice_accuracy(correct, output, mask)
    check("accuracy", (without * 11 + 1) / 12, data["accuracy"], 1e-12)


def test_trial_parameters_follow_the_old_distributions():
    data = load("task_param_distributions")
    task = PerceptualDiscrimination(10, 100, 2000, 1, seed=4)
    drawn = [task.generate_trial_params(1, i) for i in range(8000)]
    coherence = np.array([trial["coherence"] for trial in drawn])
    for value, old in zip(data["pd_coherence_values"], data["pd_coherence_freq"]):
        assert abs((coherence == value).mean() - old) < 4 * np.sqrt(2 * 0.25 * 0.75 / 8000)
    for key in ("direction", "onset_time", "stim_duration"):
        values = np.array([trial[key] for trial in drawn], float)
        mean, std, low, high = data[f"pd_{key}_mean_std_min_max"]
        assert abs(values.mean() - mean) < 4 * std * np.sqrt(2 / 8000)
        assert abs(values.std() / std - 1) < 0.05
        assert values.min() >= low - 0.01 * (high - low)
        assert values.max() <= high + 0.01 * (high - low)


def test_parameters_of_match_to_category_follow_the_old_distributions():
    data = load("task_param_distributions")
    task = MatchToCategory(10, 100, 2000, 8000, N_in=2, N_out=4, seed=4)
    drawn = task._drawn(8000)
    mean, std, *_ = data["mtc_angle_mean_std_min_max"]
    assert abs(drawn["angle"].mean() - mean) < 4 * std * np.sqrt(2 / 8000)
    frequencies = np.bincount(drawn["category"], minlength=4) / 8000
    assert (abs(frequencies - data["mtc_category_freq"]) < 4 * np.sqrt(2 * 0.1875 / 8000)).all()
    fixed = [drawn[k][0] for k in ("onset_time", "input_dur", "output_dur", "stim_noise")]
    assert fixed == data["mtc_onset_inputdur_outputdur_noise"].tolist()


def test_parameters_of_delayed_discrimination_follow_the_old_distributions():
    data = load("task_param_distributions")
    task = DelayedDiscrimination(1, 100, 2000, 8000, seed=4)
    drawn = task._drawn(8000)
    ends = [drawn[k] for k in ("stimulus_1", "delay", "stimulus_2", "decision", "end")]
    durations = np.diff([0 * ends[0], *ends], axis=0)
    for found, mean, most in zip(durations, data["dd_durations_mean"], data["dd_durations_max"]):
        assert abs(found.mean() - mean) < 4 * most / np.sqrt(12) * np.sqrt(2 / 8000)
        assert found.max() <= most * 1.001
    assert durations[1:].min() >= 1  # at least one dt: PsychRNN 1.0 drew shorter ones
    triples = np.stack([drawn[key] for key in ("f1", "f2", "choice")], axis=1)
    kinds, counts = np.unique(triples, axis=0, return_counts=True)
    assert kinds.tolist() == data["dd_f1_f2_choice"].tolist()
    assert (abs(counts / 8000 - data["dd_f1_f2_choice_freq"]) < 4 * np.sqrt(0.18 / 8000)).all()

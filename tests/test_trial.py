"""Trials from named periods and channels, trials of different lengths, and recorded data."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from psychrnn import (
    ArrayTask,
    Basic,
    Batch,
    Callback,
    DelayedDiscrimination,
    MatchToCategory,
    ParameterError,
    PerceptualDiscrimination,
    Task,
    Trial,
    in_sequence,
)
from psychrnn.tasks.batches import Batches

SIZES = {"N_in": 3, "N_out": 2, "dt": 10, "tau": 100, "T": 1000, "N_batch": 4}


class ByPeriods(Task):
    """A comparison with a delay, from named periods and channels."""

    input_names = ("fixation", "left", "right")
    output_names = ("choose left", "choose right")
    sigma = 0.1

    def generate_trial_params(self, batch, trial):
        return {"side": self.rng.choice(2), "delay": self.rng.uniform(100, 400)}

    def periods(self, params):
        return in_sequence(fixation=100, stimulus=300, delay=params["delay"], decision=200)

    def generate_trial(self, params):
        trial = Trial(self, params)
        trial.add_noise(self.sigma)
        trial.add("fixation", 1, during=["fixation", "stimulus", "delay"])
        trial.add(self.input_names[1 + params["side"]], 0.5, during="stimulus")
        trial.target(self.output_names[params["side"]], 1, during="decision", weight=None)
        trial.count(during="decision")
        return trial.arrays()


class ByPoints(Task):
    """The same, point by point."""

    generate_trial_params = ByPeriods.generate_trial_params
    sigma = 0.1

    def trial_function(self, time, params):
        end = 400 + params["delay"]
        x = self.sigma * np.sqrt(2 * self.tau / self.dt) * self.rng.standard_normal(3)
        x[0] += time < end
        x[1 + params["side"]] += 0.5 * (100 <= time < 400)
        y, mask = np.zeros(2), float(end <= time < end + 200)
        y[params["side"]] = mask
        return x, y, mask


def test_both_ways_to_write_a_task_give_equal_arrays():
    one, other = ByPeriods(**SIZES, seed=1), ByPoints(**SIZES, seed=1)
    for _ in range(3):
        for key in ("x", "y", "mask"):
            values = [getattr(t._batches(0).__next__(), key) for t in (one, other)]
            np.testing.assert_allclose(*values, atol=1e-12)
    params = one.get_trial_batch().params
    assert params[0].keys() == {"side", "delay"}


def test_names_and_periods_travel_with_the_batch():
    batch = ByPeriods(**SIZES, seed=1).get_trial_batch()
    x, y, mask, params = batch
    assert batch.input_names == ("fixation", "left", "right")
    assert batch.output_names == ("choose left", "choose right")
    for trial, periods in enumerate(batch.periods):
        start, end = periods["decision"]
        counted = np.flatnonzero(mask[trial].any(axis=1)) * 10
        assert start <= counted[0] < start + 10
        assert end - 10 <= counted[-1] < end
        assert periods["delay"][1] - periods["delay"][0] == pytest.approx(params[trial]["delay"])
    assert batch._replace(x=2 * x).periods == batch.periods
    assert pickle.loads(pickle.dumps(batch)).periods == batch.periods
    other = next(Batches(ByPeriods(**SIZES, seed=1), workers=1))
    assert other.input_names == batch.input_names
    bare = Batch(x, y, mask, params)
    assert bare.periods == [{}] * 4
    assert bare.input_names == ("input 0", "input 1", "input 2")


def test_periods_of_the_librarys_tasks_are_those_of_their_arrays():
    for kind in (PerceptualDiscrimination, DelayedDiscrimination, MatchToCategory):
        task = kind(10, 100, 2000, 30, seed=2, stim_noise=0)
        batch = task.get_trial_batch()
        times = np.arange(task.N_steps) * task.dt
        for trial, periods in enumerate(batch.periods):
            shown = batch.x[trial].any(axis=1)
            named = np.zeros_like(shown)
            for key, (start, end) in periods.items():
                if key.startswith("stimulus"):
                    named |= (start <= times) & (times < end)
            assert (shown == named).all() or (shown[1:] == named[1:]).all()
            start, end = list(periods.values())[-1]
            assert (batch.y[trial].any(axis=1) == ((start <= times) & (times < end))).mean() > 0.99


@pytest.mark.parametrize("dt", [1, 5, 20])
def test_noise_has_the_same_effect_for_every_dt(dt):
    class Noise(Task):
        def generate_trial_params(self, batch, trial):
            return {}

        def periods(self, params):
            return in_sequence(all=self.T)

        def generate_trial(self, params):
            trial = Trial(self, params)
            trial.add_noise(0.3, channels="input 0")
            return trial.arrays()

    task = Noise(2, 1, dt=dt, tau=100, T=20_000, N_batch=20, seed=1)
    x = task.get_trial_batch().x
    assert not x[..., 1].any()
    state, states, alpha = np.zeros(20), [], dt / 100
    for step in range(x.shape[1]):  # a leaky unit that reads the channel
        state = (1 - alpha) * state + alpha * x[:, step, 0]
        states.append(state)
    spread = np.std(states[len(states) // 10 :]) * np.sqrt(1 - alpha / 2)
    assert abs(spread / 0.3 - 1) < 0.06


def test_values_over_time_and_added_ones():
    task = ByPeriods(**SIZES, seed=1)
    trial = Trial(task, {"delay": 100})
    ramp = np.linspace(0, 1, 30)
    trial.add(("left", "right"), ramp, during="stimulus")
    trial.add("left", 1, during="stimulus")
    np.testing.assert_allclose(trial.x[10:40, 1], ramp + 1)
    np.testing.assert_allclose(trial.x[10:40, 2], ramp)
    trial.target("choose left", 0.2, during="fixation", weight=0.5)
    trial.target("choose left", 1, during="fixation", weight=None)  # a target is set, not added
    assert trial.y[:10, 0].tolist() == [1] * 10
    assert trial.mask[:10].tolist() == [[0.5, 0.5]] * 10
    trial.count("fixation", 0, channels="choose right")
    assert trial.mask[:10].tolist() == [[0.5, 0]] * 10
    assert trial.during(("fixation", "delay")).sum() == 20


def test_channels_by_number():
    trial = Trial(ByPeriods(**SIZES, seed=1), {"delay": 100})
    trial.add(2, 1, during="stimulus")
    trial.target([0, "choose right"], 1, during="decision")
    assert trial.x[10:40, 2].all() and not trial.x[:, :2].any()
    assert trial.y[50:70].all()


def test_sums_of_durations_need_not_be_exact():
    class Exact(ByPeriods):
        def generate_trial_params(self, batch, trial):
            first, second = self.rng.uniform(0, 100, 2)
            return {"parts": (first, second, 400 - first - second)}

        def periods(self, params):
            return in_sequence(**dict(zip("abc", params["parts"])))

        def generate_trial(self, params):
            trial = Trial(self, params)
            trial.add("left", 1, during=["a", "b", "c"])
            trial.target("choose left", 1, during="c")
            return trial.arrays()

    task = Exact(**{**SIZES, "T": 400, "N_batch": 500}, seed=1)
    assert (task.get_trial_batch().x[..., 1] == 1).all()
    third = Trial(task, {"parts": (0.1, 0.2, 399.7)})  # 0.1 + 0.2 is more than 0.3
    assert third.during("c")[1:].all()


def test_a_subclass_with_other_channels_loses_the_names_of_its_base():
    class Three(PerceptualDiscrimination):
        def __init__(self):
            Task.__init__(self, 3, 2, 10, 100, 100, 2)

    assert Three().input_names is None
    assert Three().output_names == PerceptualDiscrimination.output_names


def test_shorter_trials_are_padded_and_do_not_count():
    class Short(Task):
        def generate_trial_params(self, batch, trial):
            return {"steps": int(self.rng.integers(3, 11))}

        def generate_trial(self, params):
            n = params["steps"]
            return np.ones((n, 3)), np.ones((n, 2)), np.ones((n, 2))

    batch = Short(3, 2, 10, 100, 100, 20, seed=1).get_trial_batch()
    for trial, params in enumerate(batch.params):
        assert batch.mask[trial, :, 0].sum() == params["steps"]
        assert not batch.x[trial, params["steps"] :].any()


def test_wrong_trials():
    task = ByPeriods(**SIZES, seed=1)
    trial = Trial(task, {"delay": 100})
    refused(lambda: trial.add("middle", 1, during="delay"), "'middle'", "'left'")
    refused(lambda: trial.add("left", 1, during="answer"), "'answer'", "'decision'")
    refused(lambda: trial.add("left", np.ones(4), during="stimulus"), "30")
    refused(lambda: trial.add("left", "a", during="stimulus"), "numbers")
    refused(lambda: trial.add_noise(-1), "sigma")
    refused(lambda: trial.target("left", 1, during="delay"), "choose left")
    refused(lambda: Trial(task, {"delay": 5000}), "T = 1000", "delay")
    refused(lambda: in_sequence(fixation=-1), "fixation")
    refused(lambda: trial.add(7, 1, during="delay"), "7", "'left'")
    refused(lambda: trial.add([["left"]], 1, during="delay"), "'left'")
    refused(lambda: trial.add("left", 1, during=None), "names", "None")
    refused(lambda: trial.add("left", 1, during=0), "'delay'")
    for periods in ({"x": 100}, [("x", 0, 1)], {"x": (0, None)}, {"x": ("a", "b")}):
        task.periods = lambda params, given=periods: given
        refused(lambda: Trial(task, {}), "periods")
    refused(lambda: Trial(PerceptualNameless(1, 1, 10, 100, 100, 1), {}), "periods")

    class Names(ByPeriods):
        input_names = ("one", "one", "two")

    refused(lambda: Names(**SIZES), "3 different names")


class PerceptualNameless(Task):
    def generate_trial_params(self, batch, trial):
        return {}

    def trial_function(self, time, params):
        return 0, 0, 1


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 30, 3)), RNG.normal(size=(10, 30, 2))
OPTIONS = {"dt": 10, "tau": 100, "N_batch": 4}


def test_recorded_trials_come_in_order_or_shuffled_by_a_seed():
    in_order = ArrayTask(X, Y, **OPTIONS, shuffle=False)
    numbers = [[p["trial"] for p in in_order.get_trial_batch().params] for _ in range(3)]
    assert np.concatenate(numbers).tolist() == [*range(10), 0, 1]
    one, other, third = (ArrayTask(X, Y, **OPTIONS, seed=s) for s in (1, 1, 2))
    drawn = [np.concatenate([next(g)[3] for _ in range(5)]) for g in
             (one.batch_generator(), other.batch_generator(), third.batch_generator())]  # fmt: skip
    drawn = [[p["trial"] for p in trials] for trials in drawn]
    assert drawn[0] == drawn[1] != drawn[2]
    assert [p["trial"] for p in next(one.batch_generator())[3]] != drawn[0][:4]  # another stream
    assert sorted(drawn[0][:10]) == sorted(drawn[0][10:]) == list(range(10))
    batch = one.get_trial_batch()
    for trial, params in enumerate(batch.params):
        np.testing.assert_array_equal(batch.x[trial], X[params["trial"]])
        np.testing.assert_array_equal(batch.y[trial], Y[params["trial"]])


def test_training_in_parts_sees_all_recorded_trials():
    task, seen, tested = ArrayTask(X, Y, **OPTIONS, seed=1), [], []

    class See(Callback):
        def on_step_end(self, loop):
            seen.append([p["trial"] for p in loop.batch[3]])
            tested.append(loop.test()[0])

    model = Basic.for_task(task, N_rec=4, seed=1)
    for _ in range(8):
        model.train(task, training_iters=4, verbosity=False, callbacks=[See()])
    assert set(np.ravel(seen)) == set(range(10))
    assert all(x.shape == (4, 30, 3) for x in tested)


def test_tests_during_training_can_be_on_other_trials():
    parts = ArrayTask(X, Y, **OPTIONS).split(0.5, 0.3, 0.2, seed=1)
    tested = []

    def measure(x, *_):
        tested.append(x)
        return 0.0

    model = Basic.for_task(parts.train, N_rec=4, seed=1)
    model.train(parts.train, held_out=parts.validation, training_iters=12, verbosity=False,
                performance_measure=measure, performance_cutoff=1)  # fmt: skip
    own = {x.tobytes() for x in np.float32(parts.validation.all_trials().x)}
    assert {x.tobytes() for x in np.concatenate(tested)} == own


def test_trials_to_test_on_that_do_not_fit_are_told_before_training():
    task = ArrayTask(X, Y, **OPTIONS)
    model = Basic.for_task(task, N_rec=4, seed=1)
    wide = ArrayTask(np.tile(X, (1, 1, 2)), Y, **OPTIONS)
    options = {"performance_measure": lambda *_: 0.0, "performance_cutoff": 1.0}
    refused(
        lambda: model.train(task, held_out=wide, training_iters=40, verbosity=False,
                            performance_epoch=5, **options),
        "held_out", "N_in = 3",
    )  # fmt: skip
    assert model.updates == 0


def test_a_split_keeps_the_class_and_the_numbers():
    class Mine(ArrayTask):
        input_names = ("a", "b", "c")

        def accuracy_function(self, *arrays):
            return 0.123

    part = Mine(X, Y, **OPTIONS).split(0.2, 0.3, 0.5, seed=1).test
    assert part.accuracy_function() == 0.123
    batch = part.get_trial_batch()
    assert batch.input_names == ("a", "b", "c")
    for trial, params in enumerate(batch.params):
        np.testing.assert_array_equal(batch.x[trial], X[params["trial"]])
    batch = part.all_trials()
    batch.x[:] = 0
    assert part.all_trials().x.any()


def test_parameters_of_recorded_trials():
    levels = np.arange(10) / 10
    for given_params in ({"level": levels}, [{"level": v} for v in levels]):
        task = ArrayTask(X, Y, None, given_params, **OPTIONS)
        for params in task.get_trial_batch().params:
            assert params["level"] == params["trial"] / 10
    made = task.generate_trial_params(1, 2)
    np.testing.assert_array_equal(task.generate_trial(made)[0], X[made["trial"]])
    assert (task.all_trials().x == X).all()
    assert task.N_steps == 30


def test_a_split_divides_the_trials():
    task = ArrayTask(X, Y, params={"n": np.arange(10)}, **OPTIONS)
    parts = task.split(0.6, 0.2, 0.2, seed=3)
    assert [part.trials for part in parts] == [6, 2, 2]
    numbers = np.concatenate([[p["n"] for p in part.all_trials().params] for part in parts])
    assert sorted(numbers.tolist()) == list(range(10))
    again = task.split(0.6, 0.2, 0.2, seed=3)
    np.testing.assert_array_equal(parts.test.all_trials().x, again.test.all_trials().x)


@settings(max_examples=50, deadline=None)
@given(trials=st.integers(1, 12), batch=st.integers(1, 30), number=st.integers(1, 40))
def test_every_trial_is_seen_equally_often(trials, batch, number):
    task = ArrayTask(X[:trials] if trials <= 10 else np.tile(X, (2, 1, 1))[:trials],
                     np.zeros((trials, 30, 1)), dt=10, tau=100, N_batch=batch, seed=1)  # fmt: skip
    seen = np.concatenate([task._numbers(n) for n in range(1, number + 1)])
    counts = np.bincount(seen, minlength=trials)
    assert counts.max() - counts.min() <= 1


def test_wrong_recorded_data():
    refused(lambda: ArrayTask(X, Y[:9], **OPTIONS), "10 trials of 30 steps", "(9, 30, 2)")
    refused(lambda: ArrayTask(X, Y[:, :29], **OPTIONS), "y")
    refused(lambda: ArrayTask(X, Y, np.ones((10, 30)), **OPTIONS), "mask")
    refused(lambda: ArrayTask(X, Y, np.ones((10, 30, 1)), **OPTIONS), "mask", "(10, 30, 2)")
    refused(lambda: ArrayTask(X[0], Y[0], **OPTIONS), "[trials, N_steps, channels]")
    refused(lambda: ArrayTask(X * np.nan, Y, **OPTIONS), "x", "NaN")
    refused(lambda: ArrayTask(X, Y, params=[{}] * 9, **OPTIONS), "10 dicts")
    refused(lambda: ArrayTask(X, Y, params={"a": np.ones(9)}, **OPTIONS), "'a'", "10 values")
    refused(lambda: ArrayTask(X, Y, accuracy=3, **OPTIONS), "accuracy")
    refused(lambda: ArrayTask(X, Y, params={"trial": np.ones(10)}, **OPTIONS), "another name")
    one = ArrayTask(X, Y[..., :1], **OPTIONS)
    refused(
        lambda: one.accuracy_function(Y[..., :1], Y[..., :1], Y[..., :1]), "two output channels"
    )
    task = ArrayTask(X, Y, **OPTIONS)
    refused(lambda: task.split(0.5, 0.2, 0.2), "add up to 1", "0.9")
    refused(lambda: task.split(0.98, 0.01, 0.01), "at least one trial", "10 trials")


def test_wrong_arguments_of_the_librarys_tasks():
    refused(lambda: MatchToCategory(10, 100, 1000, 2), "T", "1200")
    refused(lambda: MatchToCategory(10, 100, 2000, 2, input_dur=0), "input_dur")
    refused(lambda: MatchToCategory(10, 100, 2000, 2, onset_time=-1), "onset_time")
    refused(lambda: MatchToCategory(100, 100, 2000, 2, input_dur=50.0, output_dur=20.0), "T")
    refused(
        lambda: DelayedDiscrimination(10, 100, 2000, 2, stim_duration_1=0.1),
        "not fractions", kind=ParameterError,
    )  # fmt: skip
    refused(lambda: DelayedDiscrimination(10, 100, 2000, 2, delay_duration=3000), "T", "2000")
    for pairs in ([1, 2], [(10, 18)], [(18, 18)], [(18, np.nan)], []):
        refused(lambda p=pairs: DelayedDiscrimination(10, 100, 2000, 2, frequency_pairs=p), "pairs")
    with pytest.warns(UserWarning, match="may have none"):
        DelayedDiscrimination(10, 100, 2000, 2, delay_duration=1000)


def test_timings_and_noise_are_arguments():
    task = MatchToCategory(10, 100, 500, 3, N_in=4, N_out=2, onset_time=100, input_dur=200,
                           output_dur=50, stim_noise=0)  # fmt: skip
    x, _, mask, _ = task.get_trial_batch()
    assert x.any(axis=2).sum() == 3 * 20
    assert mask.any(axis=2).sum() == 3 * 5
    task = DelayedDiscrimination(10, 100, 1000, 50, 100, 200, 100, 200, 150, stim_noise=0,
                                 frequency_pairs=[(20, 10)])  # fmt: skip
    x, y, mask, params = task.get_trial_batch()
    assert x.any(axis=2).sum() == 50 * 40
    assert mask.any(axis=2).sum() == 50 * 15
    assert {(p["f1"], p["f2"], p["choice"]) for p in params} == {(20, 10, 0), (10, 20, 1)}
    for trial, p in enumerate(params):
        assert y[trial, 65].argmax() == p["choice"] == int(p["f2"] > p["f1"])


def test_neighbouring_channels_of_the_ring_differ():
    task = MatchToCategory(20, 100, 2000, 400, N_in=6, N_out=3, stim_noise=0, seed=1)
    x, y, _, params = task.get_trial_batch()
    shown = x[:, 20]
    assert len(np.unique(task.preferred_angles % (2 * np.pi))) == 6
    for trial, p in enumerate(params):
        distance = abs((task.preferred_angles - p["angle"] + np.pi) % (2 * np.pi) - np.pi)
        right = np.exp(-(distance**2) / 2) / np.sqrt(2 * np.pi)
        np.testing.assert_allclose(shown[trial], right, atol=1e-12)
        assert y[trial, 80].argmax() == p["category"] == int(3 * p["angle"] / (2 * np.pi))

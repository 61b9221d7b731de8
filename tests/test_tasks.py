"""Tasks: trials, batches, seeds, copies, accuracy."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psychrnn import PerceptualDiscrimination, Task
from psychrnn._checks import ParameterError
from psychrnn.tasks.accuracy import choice_accuracy
from psychrnn.tasks.batch import Batch


class Counting(Task):
    """Inputs tell the batch, the trial and the time."""

    def __init__(self, **kwargs):
        super().__init__(3, 1, dt=10, tau=100, T=50, N_batch=4, **kwargs)
        self.extra = "kept"

    def generate_trial_params(self, batch, trial):
        return {"batch": batch, "trial": trial}

    def trial_function(self, time, params):
        return [params["batch"], params["trial"], time], time, time > 20


def test_batches_hold_every_trial_and_time():
    batch = Counting().get_trial_batch()
    assert isinstance(batch, Batch)
    x, _, mask, params = batch
    assert x.shape == (4, 5, 3)
    assert (x[:, :, 0] == 1).all()
    np.testing.assert_array_equal(x[:, 0, 1], range(4))
    np.testing.assert_array_equal(x[0, :, 2], [0, 10, 20, 30, 40])
    np.testing.assert_array_equal(mask[2, :, 0], [0, 0, 0, 1, 1])
    assert [p["trial"] for p in params] == [0, 1, 2, 3]


def test_batch_numbers_start_at_one_in_each_generator():
    task = Counting()
    one, other = task.batch_generator(), task.batch_generator()
    assert [next(one).x[0, 0, 0] for _ in range(3)] == [1, 2, 3]
    assert next(other).x[0, 0, 0] == 1
    assert task.get_trial_batch().x[0, 0, 0] == 1
    assert task.get_trial_batch().x[0, 0, 0] == 2


def test_task_params_are_a_copy_without_private_entries():
    task = Counting()
    params = task.get_task_params()
    sizes = ["N_batch", "N_in", "N_out", "dt", "tau", "T", "alpha", "N_steps"]
    assert list(params) == [*sizes, "extra"]
    params["N_batch"] = 99
    assert task.N_batch == 4


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_tasks_can_be_copied_and_pickled(clone):
    task = PerceptualDiscrimination(10, 100, 500, 3, seed=7)
    task.get_trial_batch()
    next(task.batch_generator())
    other = clone(task)
    np.testing.assert_array_equal(next(task.batch_generator()).x, next(other.batch_generator()).x)


def test_a_seed_fixes_every_trial():
    def trials(seed):
        task = PerceptualDiscrimination(10, 100, 500, 3, seed=seed)
        generator = task.batch_generator()
        return np.concatenate([next(generator).x, next(generator).x, task.get_trial_batch().x])

    np.testing.assert_array_equal(trials(1), trials(1))
    assert not np.array_equal(trials(1), trials(2))
    first = trials(1)
    assert not np.array_equal(first[:3], first[3:6])
    assert not np.array_equal(first[:3], first[6:])


def test_a_batch_depends_on_its_number_alone():
    task = PerceptualDiscrimination(10, 100, 500, 3, seed=1)
    alone = task.batch_generator()
    wanted = [next(alone).x for _ in range(3)]
    task = PerceptualDiscrimination(10, 100, 500, 3, seed=1)
    mixed, between = task.batch_generator(), task.batch_generator()
    got = []
    for _ in range(3):
        got.append(next(mixed).x)
        next(between)
        task.rng.random()
    np.testing.assert_array_equal(got, wanted)


def test_without_a_seed_trials_follow_numpy():
    task = PerceptualDiscrimination(10, 100, 500, 3)
    np.random.seed(4)
    one = task.get_trial_batch().x, task.generate_trial_params(0, 0)
    np.random.seed(4)
    other = task.get_trial_batch().x, task.generate_trial_params(0, 0)
    np.testing.assert_array_equal(one[0], other[0])
    assert one[1] == other[1]


def test_an_own_generator_is_used():
    task = PerceptualDiscrimination(10, 100, 500, 3)
    task.rng = np.random.default_rng(1)
    one = task.get_trial_batch().x
    task.rng = np.random.default_rng(1)
    np.testing.assert_array_equal(task.get_trial_batch().x, one)


@settings(max_examples=30, deadline=None)
@given(
    dt=st.sampled_from([1, 5, 10, 20, 33.3]),
    T=st.floats(100, 3000),
    seed=st.integers(0, 2**40),
    noise=st.floats(0, 2),
    coherence=st.none() | st.floats(0, 1),
    direction=st.sampled_from([None, 0, 1]),
)
def test_whole_trials_equal_single_points(dt, T, seed, noise, coherence, direction):
    task = PerceptualDiscrimination(dt, 100, T, 1, coherence, direction, noise, seed=seed)
    params = task.generate_trial_params(1, 0)
    assert direction is None or params["direction"] == direction
    task.rng = np.random.default_rng(seed)
    whole = task.generate_trial(params)
    task.rng = np.random.default_rng(seed)
    points = Task.generate_trial(task, params)
    for one, other in zip(whole, points):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_subclass_with_its_own_points_does_not_inherit_whole_trials():
    class Loud(PerceptualDiscrimination):
        def trial_function(self, time, params):
            x, y, mask = super().trial_function(time, params)
            return x + 100, y, mask

    assert (Loud(10, 100, 200, 2).get_trial_batch().x > 50).all()


def test_a_task_may_define_whole_trials_only():
    class Whole(Task):
        def generate_trial_params(self, batch, trial):
            return {}

        def generate_trial(self, params):
            return np.ones((5, 1)), np.zeros((5, 1)), np.ones((5, 1), bool)

    task = Whole(1, 1, 10, 100, 50, 2)
    assert task.get_trial_batch().x.shape == (2, 5, 1)
    with pytest.raises(ParameterError, match="generate_trial"):
        task.trial_function(0, {})


def test_an_abstract_task_names_what_is_missing():
    with pytest.raises(TypeError, match=r"generate_trial_params.*trial_function"):
        Task(1, 1, 10, 100, 50, 2)


def test_a_missing_accuracy_function_says_what_to_define():
    batch = Counting().get_trial_batch()
    with pytest.raises(ParameterError, match=r"Counting.accuracy_function.*Define"):
        Counting().accuracy_function(batch.y, batch.y, batch.mask)


def test_accuracy_leaves_out_trials_without_a_question():
    y = np.tile([[[1.0, 0.0]]], (4, 3, 1))
    output = y.copy()
    output[0] = [[0.0, 1.0]]
    mask = np.ones_like(y)
    mask[3] = 0
    assert choice_accuracy(y, output, mask) == pytest.approx(2 / 3)
    with pytest.raises(ParameterError, match="empty mask"):
        choice_accuracy(y, output, 0 * mask)


def test_discrimination_targets_and_mask():
    task = PerceptualDiscrimination(10, 100, 1000, 1, stim_noise=0)
    params = {"coherence": 0.5, "direction": 1, "stim_noise": 0, "onset_time": 100.0,
              "stim_duration": 200.0}  # fmt: skip
    x, y, mask = task.generate_trial(params)
    time = np.arange(100) * 10
    inside = (time > 100) & (time < 300)
    np.testing.assert_array_equal(x, np.where(inside[:, None], [1, 1.5], 0))
    np.testing.assert_array_equal(y, np.where((time > 320)[:, None], [0.2, 1.0], 0))
    np.testing.assert_array_equal(mask, np.repeat((time >= 300)[:, None], 2, axis=1))

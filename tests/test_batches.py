"""Batches made in a thread or in other processes are those made one after the other."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from psychrnn import Basic, ParameterError, PerceptualDiscrimination, Task
from psychrnn.backend.training import TrainingError
from psychrnn.tasks.batches import Batches


class Pointwise(Task):
    """As people write tasks: point by point, with NumPy's global random functions."""

    def __init__(self, seed=None):
        super().__init__(2, 1, 10, 100, 100, 6, seed=seed)

    def generate_trial_params(self, batch, trial):
        return {"level": np.random.rand(), "own": self.rng.random()}

    def trial_function(self, time, params):
        level, own = params["level"], params["own"]
        return np.array([level, own]) + np.random.randn(2), level, 1.0


class Failing(Pointwise):
    def generate_trial_params(self, batch, trial):
        if batch == 3:
            raise OSError("the stimulus file is gone")
        return super().generate_trial_params(batch, trial)


class Dying(Pointwise):
    def generate_trial_params(self, batch, trial):
        if batch == 3:
            import os

            os._exit(1)
        return super().generate_trial_params(batch, trial)


def first(task, workers, number=5, thread=False):
    batches = Batches(task, workers)
    found = []
    for _ in range(number):
        if thread:
            batches.prepare()
            batches.wait()
        found.append(next(batches))
    batches.close()
    return found


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("kind", [Pointwise, lambda seed: PerceptualDiscrimination(
    20, 100, 300, 4, seed=seed)])  # fmt: skip
def test_same_batches_with_any_number_of_workers(kind, seed):
    runs, after = [], []
    for workers, thread in ((0, False), (0, True), (1, False), (2, False)):
        np.random.seed(3)
        runs.append(first(kind(seed), workers, thread=thread))
        after.append(np.random.randint(2**31))
    assert len(set(after)) == 1  # nor does it matter for numbers that are drawn later
    for run in runs[1:]:
        for batch, right in zip(run, runs[0]):
            for key in ("x", "y", "mask"):
                found, wanted = (getattr(b, key).astype(np.float32) for b in (batch, right))
                np.testing.assert_array_equal(found, wanted)
    assert len({batch.x.tobytes() for batch in runs[0]}) == 5


def test_streams_and_seeds_differ():
    task = Pointwise(seed=1)
    one, other, elsewhere = first(task, 0), first(task, 0), first(Pointwise(seed=2), 0)
    assert len({batch.x.tobytes() for batch in one + other + elsewhere}) == 15


def test_global_random_numbers_are_left_alone():
    np.random.seed(9)
    wanted = np.random.rand(3)
    np.random.seed(9)
    task = Pointwise(seed=1)
    task.get_trial_batch()
    first(task, 0, thread=True)
    np.testing.assert_array_equal(np.random.rand(3), wanted)


@pytest.mark.parametrize("workers", [0, 2])
def test_training_is_the_same_with_workers(workers):
    model = Basic.for_task(Pointwise(seed=4), N_rec=5, seed=1)
    model.train(Pointwise(seed=4), training_iters=60, workers=workers, verbosity=False)
    right = Basic.for_task(Pointwise(seed=4), N_rec=5, seed=1)
    batches = (batch for batch in first(Pointwise(seed=4), 0, number=10))
    right.train(batches, training_iters=60, verbosity=False)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], right.get_weights()["W_rec"])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_task_reaches_the_user_and_weights_are_kept(workers):
    task = Failing(seed=4)
    model = Basic.for_task(task, N_rec=5, seed=1)
    start = model.get_weights()["W_rec"]
    with pytest.raises(OSError, match="the stimulus file is gone"):
        model.train(task, training_iters=60, workers=workers, verbosity=False)
    reached = model.get_weights()["W_rec"]
    assert np.isfinite(reached).all() and (reached != start).any()
    assert not [t for t in threading.enumerate() if t.name.startswith("psychrnn")]


def test_a_worker_that_dies():
    model = Basic.for_task(Pointwise(), N_rec=5, seed=1)
    with pytest.raises(TrainingError, match=r"a worker .* died in update .* fewer workers"):
        model.train(Dying(seed=1), training_iters=60, workers=1, verbosity=False)
    model.train(Pointwise(seed=1), training_iters=12, workers=1, verbosity=False)  # a new worker


def test_a_task_that_cannot_be_sent():
    task = Pointwise()
    task.lock = threading.Lock()
    model = Basic.for_task(Pointwise(), N_rec=5, seed=1)
    with pytest.raises(ParameterError, match=r"Pointwise, with workers.*lock.*workers=0"):
        model.train(task, training_iters=60, workers=2, verbosity=False)
    model.train(task, training_iters=12, verbosity=False)
    with pytest.raises(ParameterError, match="expected a task"):
        model.train(task.batch_generator(), training_iters=60, workers=2, verbosity=False)


def test_workers_serve_a_class_of_a_script_and_need_no_tensorflow():
    script = """
        import sys
        import numpy as np
        from psychrnn import Task
        from psychrnn.tasks.batches import Batches

        offset = 0.5

        class Mine(Task):
            def generate_trial_params(self, batch, trial):
                return {"loaded": "tensorflow" in sys.modules}
            def trial_function(self, time, params):
                return offset, 1.0, 1.0

        batches = Batches(Mine(1, 1, 10, 100, 50, 3), workers=2)
        batch = next(batches)
        batches.close()
        print(batch.x.mean(), {p["loaded"] for p in batch.params})
    """
    found = subprocess.run(
        [sys.executable, "-"], input=textwrap.dedent(script), capture_output=True, text=True
    )
    assert found.stdout == "0.5 {False}\n", found.stderr


class OwnTrials(PerceptualDiscrimination):
    def generate_trial_params(self, batch, trial):
        return {**super().generate_trial_params(batch, trial), "direction": 1, "trial": trial}


def test_a_subclass_of_a_built_in_task_keeps_its_own_trials():
    batch = OwnTrials(20, 100, 300, 4, seed=1).get_trial_batch()
    assert [params["trial"] for params in batch.params] == [0, 1, 2, 3]
    assert {params["direction"] for params in batch.params} == {1}


def test_whole_batches_have_the_distribution_of_single_trials():
    task = PerceptualDiscrimination(20, 100, 1000, 4000, seed=1)
    whole, _, mask, params = task.get_trial_batch()
    single = [task.generate_trial_params(1, trial) for trial in range(4000)]
    for key in ("coherence", "direction", "onset_time", "stim_duration"):
        one, other = (np.array([p[key] for p in drawn]) for drawn in (params, single))
        assert abs(one.mean() - other.mean()) < 5 * one.std() * np.sqrt(2 / 4000), key
    task.stim_noise = 0
    for trial in (0, 7):
        quiet = {**params[trial], "stim_noise": 0.0}
        x, _, m = task.generate_trial(quiet)
        np.testing.assert_array_equal(m, mask[trial])
        assert abs(whole[trial] - x).max() < 0.5
    assert task.get_trial_batch().x.shape == (4000, 50, 2)


def test_workers_need_seeds_and_not_a_generator_of_the_task():
    task = Pointwise()
    task.rng = np.random.default_rng(1)
    with pytest.raises(ParameterError, match=r"Pointwise, with workers.*random generator.*seed"):
        Batches(task, workers=2)


class ThreeParts(Pointwise):
    def generate_batch(self, batch):
        return super().generate_batch(batch)[:3]


def test_a_batch_of_three_parts_is_refused():
    with pytest.raises(ParameterError, match=r"ThreeParts.generate_batch.*x, y, mask and params"):
        ThreeParts().get_trial_batch()

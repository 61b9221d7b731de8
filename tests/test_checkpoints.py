"""A run that was stopped and resumed is, bit for bit, the run that was never stopped."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest
from networks import make
from refusals import refusing
from test_sessions import Watching

from psychrnn import LSTM, ArrayTask, Basic, Callback, Curriculum, PerceptualDiscrimination, Task
from psychrnn.backend._tensorflow import tf

X = np.random.default_rng(0).normal(size=(13, 11, 3))
Y = np.random.default_rng(1).normal(size=(13, 11, 2))
N = 14  # updates of a whole run
QUIET = {"verbosity": False, "loss_epoch": 1}


class Points(Task):
    """A task in the way of PsychRNN 1.0, on NumPy's global state."""

    def generate_trial_params(self, batch, trial):
        return {"level": np.random.choice([-1.0, 1.0])}

    def trial_function(self, time, params):
        return params["level"] + np.random.randn(3), params["level"], 1

    def accuracy_function(self, *arrays):
        return 0.95


def points(seed=None, T=110, own_rng=False):
    task = Points(3, 2, 10, 40.0, T, 5, seed=seed)
    if own_rng:
        task.rng = np.random.default_rng(7)
    return task


def lengths():
    """A task whose batches have several lengths."""

    class Lengths(Points):
        def _generate_batch(self, number, stream, root=None):
            batch = super()._generate_batch(number, stream, root)
            steps = (11, 7, 9)[number % 3]
            return batch._replace(**{k: getattr(batch, k)[:, :steps] for k in ("x", "y", "mask")})

    return Lengths(3, 2, 10, 40.0, 110, 5, seed=2)


def curriculum():
    tasks = [points(seed=1), points(seed=2, T=90), points(seed=3)]
    return Curriculum(tasks, metric_epoch=2, patience=2)


RUNS = {
    "noise": (Basic, {"rec_noise": 0.1}, lambda: {"task": points(seed=1)}),
    "without a seed": (Basic, {}, lambda: {"task": points()}),
    "a generator of its own": (Basic, {}, lambda: {"task": points(own_rng=True)}),
    "recorded data": (Basic, {}, lambda: {"task": ArrayTask(X, Y, dt=10, tau=40, N_batch=5)}),
    "LSTM": (LSTM, {}, lambda: {"task": points(seed=1), "clip_grads_by": "global"}),
    "momentum": (Basic, {}, lambda: {"task": points(seed=1), "optimizer":
                 tf.keras.optimizers.SGD(0.01, momentum=0.9)}),
    "TensorFlow 1": (Basic, {}, lambda: {"task": points(seed=1), "optimizer":
                     tf.compat.v1.train.AdamOptimizer(0.01)}),
    "TensorFlow 1, eager": (Basic, {"engine": "eager"}, lambda: {"task": points(seed=1),
                            "optimizer": tf.compat.v1.train.MomentumOptimizer(0.01, 0.9)}),
    "schedule": (Basic, {}, lambda: {"task": points(seed=1), "learning_rate":
                 tf.keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.5)}),
    "lengths": (Basic, {}, lambda: {"task": lengths()}),
    "workers": (Basic, {}, lambda: {"task": points(), "workers": 2}),
    "sessions": (LSTM, {}, lambda: {"task": Sessions(seed=1), "carry_state": True,
                 "performance_measure": lambda *_: 0.0, "performance_cutoff": 1}),
    "curriculum": (Basic, {}, lambda: {"task": None, "curriculum": curriculum()}),
    "frozen": (Basic, {"dale_ratio": 0.6}, lambda: {"task": points(seed=1),
               "fixed_weights": {"W_rec": np.eye(7)}}),
}  # fmt: skip


class Sessions(Watching):
    """Observes the network, and remembers plain data alone."""

    def observe(self, batch, outputs):
        self.signs = np.sign(outputs[:, -1, 0])


def train(name, updates, **options):
    kind, of_model, given = RUNS[name]
    np.random.seed(4)
    given, model = given(), make(kind, of_model.get("engine", "auto"), **{
        key: value for key, value in of_model.items() if key != "engine"})  # fmt: skip
    task = given.pop("task")
    result = model.train(task, training_iters=5 * updates, **QUIET, **given, **options)
    return model, result, given


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_is_the_run_that_was_never_interrupted(name, tmp_path):
    path = str(tmp_path / "run")
    whole, wanted, given = train(name, N)
    train(name, 5, checkpoint_path=path, checkpoint_epoch=3)
    for updates in (9, N):  # twice interrupted
        np.random.seed(99)  # a new process starts elsewhere
        model, result, again = train(
            name, updates, checkpoint_path=path, checkpoint_epoch=4, resume=True
        )
    assert result.losses == wanted.losses
    for key, variable in whole.named_variables().items():
        np.testing.assert_array_equal(model.named_variables()[key].numpy(), variable.numpy())
    assert model.updates == whole.updates
    if "curriculum" in given:
        assert again["curriculum"].metric_values == given["curriculum"].metric_values
        assert again["curriculum"].log.update.tolist() == given["curriculum"].log.update.tolist()
        assert given["curriculum"].stage > 0


def test_the_last_two_are_kept(tmp_path):
    train("noise", 11, checkpoint_path=str(tmp_path / "deep" / "run"), checkpoint_epoch=2)
    names = sorted(os.listdir(tmp_path / "deep"))
    assert names == ["run-00000010.npz", "run-00000011.npz"]


def test_a_run_that_begins_does_not_write_over_another(tmp_path):
    path = str(tmp_path / "run")
    train("noise", 3, checkpoint_path=path)
    with refusing("an unused path", "resume=True"):
        train("noise", 3, checkpoint_path=path)


def test_a_run_that_was_good_enough_does_not_train_on(tmp_path):
    def measure(x, y, mask, output, epoch, losses, verbosity):
        return epoch

    options = {"performance_measure": measure, "performance_cutoff": 3, "resume": True}
    for _ in range(3):
        model, result, _ = train("noise", 10, checkpoint_path=str(tmp_path / "run"), **options)
        assert len(result.losses) == model.updates == 3
        assert result.interrupted is None


def test_a_finished_curriculum_can_be_resumed(tmp_path):
    class Observing(Points):
        def observe(self, batch, outputs):
            pass

    def stages():
        return Curriculum([points(seed=1), Observing(3, 2, 10, 40.0, 110, 5)], metric_epoch=2)

    options = {"training_iters": 500, "checkpoint_path": str(tmp_path / "c"), "resume": True}
    same = stages()
    for curriculum in (same, same, stages()):
        result = make(Basic, "auto").train(None, curriculum=curriculum, **options, **QUIET)
        assert curriculum.stop_training
        assert len(result.losses) == 4


def test_what_differs_from_the_checkpoint_is_told(tmp_path):
    path = str(tmp_path / "run")
    model, _, _ = train("noise", 3, checkpoint_path=path, learning_rate=0.01)
    with pytest.warns(UserWarning, match="other arguments"):
        make(Basic, "auto", rec_noise=0.1).train(
            points(seed=2), training_iters=20, checkpoint_path=path, resume=True, **QUIET
        )
    model = make(Basic, "auto", rec_noise=0.1)
    model.train(points(seed=2), training_iters=25, checkpoint_path=path, resume=True,
                learning_rate=0.5, **QUIET)  # fmt: skip
    assert float(model._optimizer[1].learning_rate) == 0.5
    with refusing("another optimizer"):
        make(Basic, "auto", rec_noise=0.1).train(
            points(seed=2), training_iters=30, checkpoint_path=path, resume=True,
            optimizer="adamw", **QUIET
        )  # fmt: skip


def test_what_a_session_remembers_keeps_its_types(tmp_path):
    class Keeping(Sessions):
        def observe(self, batch, outputs):
            super().observe(batch, outputs)
            self.pair, self.small = [(1, 2.5)], np.float32(0.1)

    path = str(tmp_path / "k")
    make(Basic, "auto").train(Keeping(seed=1), training_iters=10, checkpoint_path=path, **QUIET)
    task = Keeping(seed=1)
    make(Basic, "auto").train(task, training_iters=10, checkpoint_path=path, resume=True, **QUIET)
    assert task.pair == [(1, 2.5)]
    assert type(task.small) is np.float32
    params = {**task.get_task_params(), "tau": 50.0, "name": "later", "N_rec": 3}
    assert Basic(params).tau == 50.0  # the alpha of the dict is known to be derived


def test_trials_from_pythons_random_numbers_are_repeatable(tmp_path):
    import random

    class OfPython(Points):
        def generate_trial_params(self, batch, trial):
            return {"level": random.random()}

    def run(updates, **options):
        model = make(Basic, "auto")
        task = OfPython(3, 2, 10, 40.0, 110, 5, seed=1)
        return model.train(task, training_iters=5 * updates, **QUIET, **options).losses

    wanted = run(8)
    run(4, checkpoint_path=str(tmp_path / "p"))
    assert run(8, checkpoint_path=str(tmp_path / "p"), resume=True) == wanted


def test_a_task_that_trains_a_network_of_its_own():
    class Teacher(Points):
        def generate_batch(self, batch):
            make(Basic, "auto").train(points(seed=3), training_iters=10, **QUIET)
            return super().generate_batch(batch)

    result = make(Basic, "auto").train(
        Teacher(3, 2, 10, 40.0, 110, 5, seed=1), training_iters=15, **QUIET
    )
    assert len(result.losses) == 3


def test_what_a_killed_run_left_aside_is_removed(tmp_path):
    (tmp_path / "run-00000004.npz.999999999.456.part").write_bytes(b"half")
    (tmp_path / "run of another.npz.part").write_bytes(b"kept")
    train("noise", 2, checkpoint_path=str(tmp_path / "run"), resume=True)
    assert sorted(os.listdir(tmp_path)) == ["run of another.npz.part", "run-00000002.npz"]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    path = str(tmp_path / "run")
    _, wanted, _ = train("noise", N)
    train("noise", 8, checkpoint_path=path, checkpoint_epoch=3)
    newest = tmp_path / "run-00000008.npz"
    newest.write_bytes(newest.read_bytes()[:-200])
    with pytest.warns(UserWarning, match="run-00000008.npz cannot be read"):
        _, result, _ = train("noise", N, checkpoint_path=path, resume=True)
    assert result.losses == wanted.losses
    for file in tmp_path.iterdir():
        file.write_bytes(b"nothing")
    with (
        pytest.warns(UserWarning, match="cannot be read"),
        refusing("a checkpoint that can be read", "none of 2"),
    ):
        train("noise", N + 1, checkpoint_path=path, resume=True)


def test_a_finished_run_returns_at_once_and_an_empty_folder_begins_anew(tmp_path):
    path = str(tmp_path / "run")
    _, wanted, _ = train("noise", 6, checkpoint_path=path, resume=True)
    model, result, _ = train("noise", 6, checkpoint_path=path, resume=True)
    assert result.losses == wanted.losses
    assert model.updates == 6


def test_checkpoints_of_another_run_are_refused(tmp_path):
    path = str(tmp_path / "run")
    train("noise", 3, checkpoint_path=path)
    options = {"training_iters": 50, "checkpoint_path": path, "resume": True, **QUIET}
    with refusing("a checkpoint of this run", "Basic", kind=ValueError):
        make(LSTM, "auto").train(points(), **options)
    with refusing("other weights"):
        make(Basic, "auto", N_rec=8, init_state=np.zeros(8)).train(points(), **options)
    with refusing("without a curriculum"):
        make(Basic, "auto").train(None, curriculum=curriculum(), **options)
    model = make(Basic, "auto", rec_noise=0.1)
    before = model.get_weights()["W_rec"]
    with refusing("another optimizer"):
        model.train(points(seed=1), optimizer=tf.keras.optimizers.SGD(), **options)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], before)  # nothing was restored
    with refusing("Points"):
        make(Basic, "auto").train(ArrayTask(X, Y, dt=10, tau=40, N_batch=5), **options)
    with refusing("checkpoint_path"):
        make(Basic, "auto").train(points(), training_iters=5, resume=True, **QUIET)


def test_a_generator_cannot_be_resumed_exactly_and_says_so(tmp_path):
    options = {"training_iters": 10, "checkpoint_path": str(tmp_path / "g"), **QUIET}
    make(Basic, "auto").train(points(seed=1).batch_generator(), **options)
    with pytest.warns(UserWarning, match="cannot go back"):
        options["training_iters"] = 20
        make(Basic, "auto").train(points(seed=1).batch_generator(), resume=True, **options)


def test_an_observing_task_must_be_plain_data(tmp_path):
    task = Watching(seed=1)
    task.seen = [object()]
    with refusing("Watching.seen", "plain data"):
        make(Basic, "auto").train(task, training_iters=10, checkpoint_path=str(tmp_path / "c"),
                                  **QUIET)  # fmt: skip


# -- signals --


class Signal(Callback):
    """Sends this process a signal in an update."""

    def __init__(self, number, at=3):
        self.number, self.at = number, at

    def on_step_end(self, loop):
        if loop.epoch == self.at:
            os.kill(os.getpid(), self.number)


def test_ctrl_c_ends_training_after_the_update_and_keeps_what_was_learned():
    task, model = points(seed=1), make(Basic, "auto")
    result = model.train(task, training_iters=500, callbacks=[Signal(signal.SIGINT)], **QUIET)
    losses, training_time, _ = result
    assert result.interrupted == "SIGINT"
    assert len(losses) == model.updates == 3
    assert training_time > 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    same = make(Basic, "auto")
    assert same.train(points(seed=1), training_iters=15, **QUIET).interrupted is None
    np.testing.assert_array_equal(model.get_weights()["W_rec"], same.get_weights()["W_rec"])


def test_a_second_ctrl_c_ends_it_at_once():
    class Twice(Signal):
        def on_step_end(self, loop):
            super().on_step_end(loop)
            super().on_step_end(loop)

    model = make(Basic, "auto")
    with pytest.raises(KeyboardInterrupt):
        model.train(points(seed=1), training_iters=500, callbacks=[Twice(signal.SIGINT)], **QUIET)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert np.isfinite(model.test(X).outputs).all()


def test_sigterm_writes_a_checkpoint_and_exits(tmp_path):
    path = str(tmp_path / "run")
    _, wanted, _ = train("noise", N)
    with pytest.raises(SystemExit) as caught:
        train("noise", N, checkpoint_path=path, callbacks=[Signal(signal.SIGTERM, 5)])
    assert caught.value.code == 143
    assert os.listdir(tmp_path) == ["run-00000005.npz"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    _, result, _ = train("noise", N, checkpoint_path=path, resume=True)
    assert result.losses == wanted.losses


def test_training_outside_the_main_thread_hears_no_signals():
    found = []
    thread = threading.Thread(
        target=lambda: found.append(
            make(Basic, "auto").train(points(seed=1), training_iters=15, **QUIET)
        )
    )
    thread.start()
    thread.join()
    assert len(found[0].losses) == 3


# -- disks that fail --


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_older_file_and_training_goes_on(failing, tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    options = {
        "training_weights_path": str(folder / "at"), "save_training_weights_epoch": 1,
        "save_weights_path": str(folder / "end"), "checkpoint_path": str(folder / "run"),
        "checkpoint_epoch": 2,
    }  # fmt: skip
    train("noise", 2, **options)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    options["resume"] = True

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        _, result, _ = train("noise", 4, **options)
    sentences = [str(w.message) for w in caught]
    assert any("checkpoint of update 4" in s and "training goes on" in s for s in sentences)
    assert len(result.losses) == 4
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# -- losses that are not finite --


def test_a_loss_of_nan_can_end_training_with_a_result():
    good = np.ones((5, 11, 2))

    def trials():
        for number in range(9):
            yield X[:5], good * (1e30 if number == 4 else 1), good, None

    model, other = make(Basic, "auto"), make(Basic, "auto")
    with pytest.warns(UserWarning, match="update 5 gave a loss of inf"):
        result = model.train(trials(), training_iters=45, on_nan="stop", **QUIET)
    assert result.interrupted == "nan"
    assert len(result.losses) == model.updates == 4
    other.train(trials(), training_iters=20, **QUIET)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], other.get_weights()["W_rec"])
    with refusing("on_nan", "'stop'"):
        model.train(trials(), training_iters=45, on_nan="go on", **QUIET)


# -- threads --


def test_models_in_threads_learn_as_if_alone():
    def run(seed):
        task = points(seed=seed)
        model = make(Basic, "auto", rec_noise=0.1, name=f"of thread {seed} at {time.time()}")
        model.train(task, training_iters=100, **QUIET)
        return model.get_weights()["W_rec"]

    alone, together = [run(seed) for seed in (1, 2, 3)], {}
    threads = [
        threading.Thread(target=lambda s=seed: together.update({s: run(s)})) for seed in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2, 3):
        np.testing.assert_array_equal(alone[seed - 1], together[seed])


def test_a_resumed_run_prints_on(tmp_path, capsys):
    task = PerceptualDiscrimination(20, 100, 200, 5, seed=1)
    model = Basic.for_task(task, N_rec=4, seed=1)
    options = {"checkpoint_path": str(tmp_path / "v"), "resume": True, "loss_epoch": 2}
    model.train(task, training_iters=20, **options)
    model.train(task, training_iters=40, **options)
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        "Iter 10", "Iter 20", "Optimization finished!", "Iter 30", "Iter 40",
        "Optimization finished!",
    ]  # fmt: skip

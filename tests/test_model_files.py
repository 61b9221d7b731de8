"""Whole networks from a file, files that are safe to open, seeds, processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from networks import make
from refusals import refused, refusing

import psychrnn
from psychrnn import (
    GRU,
    LSTM,
    ArrayTask,
    Basic,
    BasicScan,
    BasicSimulator,
    DelayedDiscrimination,
    MatchToCategory,
    PerceptualDiscrimination,
    Task,
    load,
    set_seed,
)
from psychrnn._plain import from_text, is_plain, to_text
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.constraints import ConstraintError

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks" / "reliability"))
import hostile  # noqa: E402

X = np.random.default_rng(0).standard_normal((4, 9, 3))


def bent(state):
    return tf.nn.relu(state) + 0.1 * state


def huber(predictions, y, output_mask):
    return tf.reduce_mean(tf.abs(output_mask * (predictions - y)))


def smooth(model, params):
    return params["smoothness"] * tf.reduce_mean(tf.square(model.states))


class Gated(Basic):
    def __init__(self, params):
        super().__init__(params)
        self.gain = tf.Variable(tf.ones(self.N_rec), name="gain")

    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, self.gain * state)


class Mine(Task):
    def __init__(self, level, N_batch=5):
        super().__init__(3, 2, 10, 40.0, 110, N_batch)
        self.level = level

    def generate_trial_params(self, batch, trial):
        return {}

    def trial_function(self, time, params):
        return self.level, 0, 1


def saved(model, tmp_path):
    path = str(tmp_path / "model.npz")
    model.save(path)
    return path


@pytest.mark.parametrize(
    "kind, options",
    [
        (Basic, {}),
        (Basic, {"dale_ratio": 0.6, "autapses": False, "tau": np.linspace(20, 60, 7)}),
        (Basic, {"rec_noise": 0.1, "L2_firing_rate": 0.3, "loss_function": "binary_cross_entropy"}),
        (Basic, {"input_connectivity": np.tri(7, 3), "transfer_function": tf.nn.tanh}),
        (BasicScan, {"W_rec_train": False, "engine": "generic", "shards": 2}),
        (LSTM, {"LSTM_output_activation": "sigmoid"}),
        (GRU, {}),
    ],
)
def test_a_file_gives_the_network_back_with_nothing_else(kind, options, tmp_path):
    model = make(kind, options.pop("engine", "auto"), **options)
    y = np.ones((5, 11, 2))
    x = np.random.default_rng(1).standard_normal((5, 11, 3))
    model.train(iter([(x, y, y, None)] * 3), training_iters=15, verbosity=False)
    back = load(saved(model, tmp_path))
    assert type(back) is kind
    assert back.updates == 3
    assert repr(back).split("\n")[1:] == repr(model).split("\n")[1:]
    for key, value in model.get_weights().items():
        np.testing.assert_array_equal(back.get_weights()[key], value)
    for network in (model, back):
        network.test(X)
    kept = ("loss_function", "regularizer")
    assert [vars(getattr(back, k)).keys() for k in kept] == [
        vars(getattr(model, k)).keys() for k in kept
    ]
    if not model.rec_noise:
        np.testing.assert_array_equal(back.test(X).outputs, model.test(X).outputs)
    losses = [
        network.train(iter([(x, y, y, None)]), training_iters=5, verbosity=False, loss_epoch=1)[0]
        for network in (model, back)
    ]
    if not model.rec_noise:
        np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize("kind", [PerceptualDiscrimination, MatchToCategory, DelayedDiscrimination])
def test_the_experiment_comes_back_too(kind, tmp_path):
    task = kind(20, 100, 2000, N_batch=4, seed=3, stim_noise=0.2)
    back = load(saved(Basic.for_task(task, N_rec=5), tmp_path))
    np.testing.assert_array_equal(
        next(back.task.batch_generator()).x, next(task.batch_generator()).x
    )
    assert back.N_steps == task.N_steps


def test_the_description_says_where_a_file_is_from(tmp_path):
    with np.load(saved(make(Basic, "auto"), tmp_path)) as file:
        about = from_text(str(file["psychrnn"]))
    assert about["class"] == "Basic"
    assert about["versions"].keys() == {"python", "psychrnn", "tensorflow", "numpy"}
    assert about["date"].startswith("20")
    assert about["params"]["seed"] == 1
    assert about["updates"] == 0


def test_own_classes_and_functions_are_asked_for_by_name(tmp_path):
    task = Mine(0.5)
    model = Gated.for_task(task, N_rec=7, transfer_function=bent, loss_function=huber,
                           custom_regularization=smooth, smoothness=0.25, seed=1)  # fmt: skip
    model.train(task, training_iters=10, verbosity=False)
    path = saved(model, tmp_path)
    custom = {}
    for own in (Gated, bent, huber, smooth):
        refused(lambda: load(path, custom), "custom_objects", repr(own.__name__))
        custom[own.__name__] = own
    back = load(path, custom)
    assert back.task is None  # its class was not given
    custom["Mine"] = Mine
    back = load(path, custom)
    assert (back.task.level, back.task.N_batch) == (0.5, 5)
    assert back.params["smoothness"] == 0.25
    np.testing.assert_array_equal(back.gain.numpy(), model.gain.numpy())
    np.testing.assert_array_equal(back.test(X).outputs, model.test(X).outputs)


def test_a_dict_of_options_that_changed_later_does_not_matter(tmp_path):
    params = {**make(Basic, "auto").params, "name": "first", "L2_rec": 0.5}
    model = Basic(params)
    params.update(name="second", N_steps="many", L2_rec=-1)
    back = load(saved(model, tmp_path))
    assert back.N_steps == 11
    assert back.regularizer._options.L2_rec == 0.5


def test_arguments_of_every_kind(tmp_path):
    class Odd(Mine):
        def __init__(self, cls, /, *levels, **more):
            super().__init__(sum(levels), **more)
            self.cls = cls

    task = Odd("one", 0.25, 0.5, N_batch=3)
    path = saved(Basic.for_task(task, N_rec=3), tmp_path)
    back = load(path, {"Odd": Odd}).task
    assert (back.cls, back.level, back.N_batch) == ("one", 0.75, 3)

    class Changed(Mine):
        def __init__(self, other):
            super().__init__(1)

    with pytest.warns(UserWarning, match="without its task"):
        assert load(path, {"Odd": Changed}).task is None
    refused(lambda: load(path, {"Odd": "Odd"}), "derived from Task")


def test_functions_without_a_name_are_called_by_their_role(tmp_path):
    model = make(Basic, "auto", transfer_function=lambda s: tf.nn.relu(s) * 0.5,
                 loss_function=lambda p, y, m: tf.reduce_mean(tf.abs(m * (p - y))))  # fmt: skip
    path = saved(model, tmp_path)
    refused(lambda: load(path), "custom_objects", "'transfer_function'")
    custom = {"transfer_function": model.transfer_function,
              "loss_function": model.loss_function.function}  # fmt: skip
    np.testing.assert_array_equal(load(path, custom).test(X).outputs, model.test(X).outputs)


def test_a_regularizer_in_the_place_of_the_librarys_is_saved_by_name(tmp_path):
    class Mild:
        def set_model_regularization(self, model):
            return 0.1 * tf.reduce_mean(tf.square(model.states))

    model = make(Basic, "auto")
    model.regularizer = Mild()
    refused(lambda: load(saved(model, tmp_path)), "'Mild'")


def test_large_parameters_are_not_copied_into_the_file(tmp_path):
    model = make(Basic, "auto", data=np.ones(10**6), small=3)
    path = saved(model, tmp_path)
    assert os.path.getsize(path) < 50_000
    assert load(path).params["small"] == 3


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "w.npz").mkdir()
    refused(lambda: make(Basic, "auto").save(str(tmp_path / "w")), "folder")


def test_files_written_in_training_count_the_updates(tmp_path):
    task = PerceptualDiscrimination(20, 100, 200, 5, seed=1)
    Basic.for_task(task, N_rec=3, seed=1).train(
        task, training_iters=20, verbosity=False, save_weights_path=str(tmp_path / "w"),
        training_weights_path=str(tmp_path / "at"), save_training_weights_epoch=3,
    )  # fmt: skip
    assert load(str(tmp_path / "w.npz")).updates == 4
    assert load(str(tmp_path / "at3.npz")).updates == 3


def test_recorded_data_is_not_copied_into_the_file(tmp_path):
    task = ArrayTask(np.ones((99, 11, 3)), np.ones((99, 11, 2)), dt=10, tau=40, N_batch=5)
    path = saved(Basic.for_task(task, N_rec=5), tmp_path)
    assert os.path.getsize(path) < 20_000
    assert load(path).task is None


def test_other_ways_to_use_such_a_file(tmp_path):
    model = make(Basic, "auto")
    path = saved(model, tmp_path)
    same = make(Basic, "auto", load_weights_path=path, init_state=None)
    np.testing.assert_array_equal(same.test(X).outputs, model.test(X).outputs)
    arrays = dict(np.load(path))
    same.set_weights(arrays)
    simulator = BasicSimulator(weights=arrays, params={"dt": 10, "tau": 40})
    np.testing.assert_allclose(simulator.run_trials(X)[0], model.test(X).outputs, atol=1e-5)
    merged = make(Basic, "auto", **{k: v for k, v in arrays.items() if k != "init_state"})
    assert merged.get_weights().keys() == model.get_weights().keys()


def test_files_for_matlab(tmp_path):
    from scipy.io import loadmat

    model = make(Basic, "auto", dale_ratio=0.6)
    model.to_matlab(str(tmp_path / "model"))
    found = loadmat(tmp_path / "model.mat")
    np.testing.assert_array_equal(found["W_rec"], model.get_weights()["W_rec"])
    assert found["transfer_function"][0] == "relu"
    assert found["dale_ratio"].item() == 0.6
    assert [p.name for p in tmp_path.iterdir()] == ["model.mat"]


def test_files_that_hold_no_whole_network(tmp_path):
    old = str(ROOT / "tests" / "reference" / "legacy_basic.npz")
    refused(lambda: load(old), "model.save", "load_weights_path")
    with refusing("there is no file", kind=FileNotFoundError):
        load(str(tmp_path / "none.npz"))
    refused(lambda: load(3), "file name")
    refused(lambda: load(old, custom_objects=[1]), "custom_objects", "a dict")
    path = saved(make(Basic, "auto"), tmp_path)
    arrays = dict(np.load(path))
    about = from_text(str(arrays["psychrnn"]))
    for change in ({"format": 9}, {"params": 3}, {"task": 5}, {"functions": {"a": 3}}):
        np.savez(path, **{**arrays, "psychrnn": to_text("", {**about, **change})})
        refused(lambda: load(path), "load", "expected")


def test_damaged_and_hostile_files():
    found = hostile.open_each(len(hostile.KINDS))
    assert set(found) <= {"refused", "the same network"}, found
    assert found["refused"] > 40


# -- plain data --


def test_plain_data_keeps_every_bit():
    data = {"a": [1, 2.5e-310, None, True, "text"], "b": np.arange(6.0).reshape(2, 3) / 7,
            "c": np.array([np.nan, np.inf]), "d": np.float32([0.1]), "e": 2**90}  # fmt: skip
    back = from_text(to_text("here", data))
    assert back["a"] == data["a"] and back["e"] == data["e"]
    for key in "bcd":
        np.testing.assert_array_equal(back[key], data[key])
        assert back[key].dtype == data[key].dtype
    for other in (object(), {1: 2}, np.array([None]), max, 1j):
        assert not is_plain({"x": [other]})
    refused(lambda: to_text("here", {"x": {"y": max}}), "here.x.y", "built-in function")


# -- seeds and processes --


def test_one_seed_for_everything():
    def run():
        task = PerceptualDiscrimination(20, 100, 200, 5)
        model = Basic.for_task(task, N_rec=5, rec_noise=0.1)
        model.train(task, training_iters=20, verbosity=False)
        return model.get_weights()["W_rec"]

    found = []
    for seed in (1, 1, 2):
        set_seed(seed)
        found.append(run())
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    refused(lambda: set_seed(-1), "set_seed")
    refused(lambda: set_seed(2**32), "set_seed", "2**32")


def test_a_seed_that_is_set_before_tensorflow_is_loaded():
    code = (
        "import psychrnn, sys; psychrnn.set_seed(3); assert 'tensorflow' not in sys.modules\n"
        "psychrnn.Basic; import tensorflow as tf; print(float(tf.random.uniform([])))\n"
        "psychrnn.set_seed(3); print(float(tf.random.uniform([])))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    first, second = result.stdout.split()
    assert first == second


def test_a_fork_is_told_what_to_do():
    code = (
        "import os, sys, psychrnn; task = psychrnn.PerceptualDiscrimination(20, 100, 200, 5)\n"
        "psychrnn.Basic\n"
        "if os.fork():\n    _, status = os.wait(); sys.exit(os.waitstatus_to_exitcode(status))\n"
        "try:\n    psychrnn.Basic.for_task(task, N_rec=5)\n"
        "except psychrnn.ParameterError as reason:\n    print(reason, flush=True); os._exit(0)\n"
        "os._exit(1)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "loky" in result.stdout


def test_models_trained_in_worker_processes_learn_as_if_alone():
    from loky import get_reusable_executor

    class OfANotebook(Mine):
        def generate_trial_params(self, batch, trial):
            return {"level": self.rng.choice([-1.0, 1.0])}

        def trial_function(self, time, params):
            return params["level"], params["level"], 1

    def run(seed):
        task = OfANotebook(0.5)
        task.seed = seed
        model = psychrnn.Basic.for_task(task, N_rec=6, rec_noise=0.1, seed=seed)
        model.train(task, training_iters=25, verbosity=False)
        return model.get_weights()["W_rec"]

    elsewhere = list(get_reusable_executor(max_workers=2).map(run, [1, 2]))
    for seed, found in zip((1, 2), elsewhere):
        np.testing.assert_array_equal(found, run(seed))


# -- constraints after training --


def test_constraints_are_checked():
    class Wrong(Basic):
        def get_effective_W_rec(self):
            return super().get_effective_W_rec() + 0.1

    model = make(Wrong, "auto", autapses=False)
    with pytest.raises(ConstraintError, match="W_rec is not 0 where rec_connectivity is"):
        model.check_constraints()
    model = make(Wrong, "auto", dale_ratio=0.6)
    with pytest.raises(ConstraintError, match="W_rec breaks Dale's principle"):
        model.check_constraints()
    y = np.ones((5, 11, 2))
    with pytest.raises(ConstraintError):  # before the first update
        model.train(iter([(np.ones((5, 11, 3)), y, y, None)]), training_iters=5)
    assert model.updates == 0

    class SignedInputs(Basic):
        def get_effective_W_in(self):
            return self.W_in * self.input_connectivity

    make(SignedInputs, "auto", dale_ratio=0.6).check_constraints()
    for kind in (Basic, LSTM):
        make(kind, "auto").check_constraints()
    make(Basic, "auto", dale_ratio=0.5, autapses=False).check_constraints()

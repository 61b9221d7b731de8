"""Weight files and dicts of weights: the same network comes back, and nothing is run."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from reference_data import FOLDER, load

from psychrnn import Basic, GaussianSpectralRadius, PerceptualDiscrimination, io
from psychrnn._checks import ParameterError

SIZES = {"N_in": 3, "N_rec": 20, "N_out": 2, "N_steps": 50, "N_batch": 8, "dt": 10, "tau": 100}
ORDER = [
    "init_state", "W_in", "W_rec", "W_out", "b_rec", "b_out", "Dale_rec", "Dale_out",
    "input_connectivity", "rec_connectivity", "output_connectivity", "dale_ratio",
    "transfer_function",
]  # fmt: skip


@pytest.fixture
def x():
    return load("legacy_basic_expected")["x"]


def trained(**options):
    model = Basic({**SIZES, "name": "trained", "seed": 1, **options})
    rng = np.random.default_rng(0)
    batch = (rng.normal(size=(8, 50, 3)), rng.normal(size=(8, 50, 2)), np.ones((8, 50, 2)))
    model.train(iter([batch, batch]), training_iters=16, verbosity=False)
    return model


VARIANTS = {
    "plain": {},
    "dale": {"dale_ratio": 0.8, "autapses": False, "transfer_function": tf.nn.tanh},
    "masks": {"rec_connectivity": np.tri(20), "transfer_function": "softplus"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("way", ["file", "params", "params of a file", "set_weights"])
def test_the_same_network_comes_back(variant, way, x, tmp_path):
    model = trained(**VARIANTS[variant])
    model.save(str(tmp_path / "weights"))
    path = str(tmp_path / "weights.npz")
    params = {**SIZES, "name": "back"}
    if way == "file":
        back = Basic({**params, "load_weights_path": path})
    elif way == "params":
        back = Basic({**params, **model.get_weights()})
    elif way == "params of a file":
        back = Basic({**params, **np.load(path)})
    else:
        back = Basic({**params, **VARIANTS[variant]})
        back.set_weights(model.get_weights())
    np.testing.assert_array_equal(back.test(x).outputs, model.test(x).outputs)
    for key, value in model.get_weights().items():
        np.testing.assert_array_equal(back.get_weights()[key], value)
    assert back.has_dale == model.has_dale


def test_files_hold_the_historic_arrays_and_no_pickle(tmp_path):
    model = trained()
    assert list(model.get_weights()) == ORDER
    model.save(str(tmp_path / "w.npz"))
    with np.load(tmp_path / "w.npz", allow_pickle=False) as data:
        assert list(data) == [*ORDER, "psychrnn"]  # what the network is, as text
        assert str(data["transfer_function"]) == "relu"
        assert np.isnan(data["dale_ratio"])
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]


def test_own_transfer_functions_are_saved_by_name(tmp_path, x):
    def bent(state):
        return tf.nn.relu(state) + 0.1 * state

    path = str(tmp_path / "w.npz")
    trained(transfer_function=bent).save(path)
    params = {**SIZES, "name": "back", "load_weights_path": path}
    with pytest.raises(ParameterError, match=r"transfer_function.*bent.*Pass the function"):
        Basic(params)
    assert Basic({**params, "transfer_function": bent}).test(x).outputs.shape == (8, 50, 2)


@pytest.mark.parametrize("name", ["legacy_basic", "legacy_basic_dale"])
def test_dicts_of_old_files_are_params(name):
    expected = load(f"{name}_expected")
    with np.load(FOLDER / f"{name}.npz", allow_pickle=True) as data:
        model = Basic({**SIZES, "name": name, **data})
    np.testing.assert_allclose(model.test(expected["x"]).outputs, expected["outputs"], atol=2e-5)


def test_constraints_of_params_hold_beside_a_file(tmp_path):
    path = str(tmp_path / "w.npz")
    trained().save(path)
    with pytest.raises(ParameterError, match=r"transfer_function.*file"):
        Basic({**SIZES, "name": "m", "load_weights_path": path, "transfer_function": tf.nn.tanh})
    mask = 1 - np.eye(20)
    mask[3] = 0
    model = Basic({**SIZES, "name": "m", "load_weights_path": path, "rec_connectivity": mask})
    assert (model.get_weights()["W_rec"][mask == 0] == 0).all()
    dale = Basic({**SIZES, "name": "n", "load_weights_path": path, "dale_ratio": 0.5})
    assert (dale.get_weights()["W_rec"][:, 10:] <= 0).all()
    dale.save(path)
    with pytest.raises(ParameterError, match=r"dale_ratio.*file"):
        Basic({**SIZES, "name": "o", "load_weights_path": path, "dale_ratio": 0.7})


def test_constraints_of_params_hold_beside_an_initializer():
    sizes = {key: SIZES[key] for key in ("N_in", "N_rec", "N_out")}
    initializer = GaussianSpectralRadius(**sizes, seed=1)
    params = {**SIZES, "initializer": initializer, "dale_ratio": 0.8, "autapses": False}
    model = Basic({**params, "name": "m", "transfer_function": "tanh"})
    assert model.transfer_function is tf.nn.tanh
    W_rec = model.get_weights()["W_rec"]
    assert (np.diag(W_rec) == 0).all()
    assert (W_rec[:, 16:] <= 0).all()
    assert initializer.initializations["dale_ratio"] is None
    dale = GaussianSpectralRadius(**sizes, dale_ratio=0.5)
    with pytest.raises(ParameterError, match=r"dale_ratio.*initializer"):
        Basic({**params, "name": "n", "initializer": dale})
    with pytest.raises(ParameterError, match=r"W_in.*initializer"):
        Basic({**params, "name": "o", "W_in": np.ones((20, 3))})


def test_variables_of_a_subclass_are_found_trained_and_restored(tmp_path, x):
    class Gated(Basic):
        def __init__(self, params):
            super().__init__(params)
            self.gain = tf.Variable(tf.ones(self.N_rec))

        def recurrent_timestep(self, rnn_in, state):
            return super().recurrent_timestep(rnn_in, self.gain * state)

    task = PerceptualDiscrimination(20, 100, 400, 8, seed=1)
    model = Gated.for_task(task, N_rec=6)
    model.train(task, training_iters=24, verbosity=False)
    assert (model.get_weights()["gain"] != 1).any()
    path = str(tmp_path / "gated.npz")
    model.save(path)
    back = Gated.for_task(task, N_rec=6, load_weights_path=path)
    np.testing.assert_array_equal(back.get_weights()["gain"], model.get_weights()["gain"])
    trials = task.get_trial_batch().x
    np.testing.assert_array_equal(back.test(trials).outputs, model.test(trials).outputs)
    model.reset()
    assert (model.get_weights()["gain"] == 1).all()


def test_an_older_file_stays_whole_when_saving_fails(tmp_path, monkeypatch):
    path = str(tmp_path / "w.npz")
    io.save_weights(path, {"a": np.ones(3)})

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        io.save_weights(path, {"a": np.zeros(3)})
    np.testing.assert_array_equal(io.load_weights(path)["a"], np.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]


def test_optimizer_entries_of_old_files_are_ignored():
    weights = io.load_weights(str(FOLDER / "legacy_basic.npz"))
    assert "W_in/Adam" in weights
    model = Basic({**SIZES, "name": "m"})
    model.set_weights(weights)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], weights["W_rec"])
    assert "W_in/Adam" not in model.get_weights()

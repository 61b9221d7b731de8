"""LSTM and GRU: against NumPy, against PsychRNN 1.0, in every engine, in files."""

from __future__ import annotations

import warnings

import numpy as np
import oracle
import pytest
import tensorflow as tf
from networks import assert_same, batches, loss_and_gradients, make, value_and_gradients
from reference_data import FOLDER, load, model_of, worst

from psychrnn import (
    GRU,
    LSTM,
    Basic,
    GaussianSpectralRadius,
    ParameterError,
    PerceptualDiscrimination,
)
from psychrnn.backend.fused_loop import Network, unroll_fused
from psychrnn.backend.models import gru, lstm
from psychrnn.backend.shards import Parts
from psychrnn.backend.unroll import unroll

KINDS = {
    "LSTM": (LSTM, {}, oracle.lstm),
    "LSTM of 1.0": (
        LSTM,
        {"LSTM_output_activation": "sigmoid"},
        lambda w, x: oracle.lstm(w, x, oracle.sigmoid),
    ),
    "GRU": (GRU, {}, oracle.gru),
}
LOSSES = {
    "MSE": {},
    "entropy": {"loss_function": "categorical_cross_entropy"},
    "rates": {"L2_firing_rate": 0.7, "L1_out": 0.1},
    "masked": {"output_connectivity": np.arange(14).reshape(2, 7) % 2},
}


def network(name, engine="auto", **options):
    kind, own, _ = KINDS[name]
    return make(kind, engine, **{**own, **options})


@pytest.mark.parametrize("name", KINDS)
def test_against_numpy(name):
    model = network(name, output_connectivity=LOSSES["masked"]["output_connectivity"])
    x = np.random.default_rng(0).standard_normal((6, 13, 3))
    weights = {k: v for k, v in model.get_weights().items() if isinstance(v, np.ndarray)}
    assert (weights["W_out"] == 0).sum() == 7
    weights = {k: v.astype(float) for k, v in weights.items()}
    outputs, states = KINDS[name][2](weights, x)
    found = model.test(x)
    np.testing.assert_allclose(found.outputs, outputs, atol=2e-6)
    np.testing.assert_allclose(found.states, states, atol=2e-6)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_engines_agree(name, loss):
    wanted = loss_and_gradients(network(name, "eager", **LOSSES[loss]))
    own = [g for key, g in wanted[3].items() if key[:2] in ("W_", "b_", "in")]
    assert len(own) == len(wanted[3]) and all(np.abs(g).max() > 0 for g in own)
    for engine in ("fused", "generic"):
        assert_same(loss_and_gradients(network(name, engine, shards=2, **LOSSES[loss])), wanted)


@pytest.mark.parametrize("shown", ["tanh", "sigmoid", "GRU"])
def test_fused_gradients_in_double_precision(shown):
    units = gru._UNITS if shown == "GRU" else lstm._UNITS[shown]
    rng = np.random.default_rng(2)
    M = tf.constant(rng.standard_normal((4 * 7 + 2, 7 + 3 + 1)) / 2)
    x, *start = (tf.constant(rng.standard_normal(s)) for s in ((5, 11, 3), (5, 7), (5, 7)))
    start = tuple(start[:1] if shown == "GRU" else start)
    read = np.ones((4 * 7 + 2, 7 + 3 + 1))
    read[28:, 7:10] = 0  # outputs do not read inputs

    def step(M, x_t, *state):
        column = tf.concat([state[0], x_t, tf.ones([5, 1], tf.float64)], axis=1)
        product = tf.transpose(tf.matmul(column, M[:28], transpose_b=True))
        new, _ = units.advance(product, tuple(tf.transpose(part) for part in state), ())
        return tuple(tf.transpose(part) for part in new)

    def readout(M, h):
        return tf.matmul(h, M[28:, :7], transpose_b=True) + M[28:, -1]

    def plain(M, start):
        outputs, states = unroll(
            lambda _, x_t, *state: step(M, x_t, *state), lambda h: readout(M, h), x, start
        )
        return outputs, states[0]

    def fused(M, start):
        network = Network(units, M * read)
        outputs, states = unroll_fused(network, x, start, tf.zeros([0, 2]), Parts(5, 2))
        return outputs, states[0]

    wanted = value_and_gradients(M, start, plain)
    assert_same(value_and_gradients(M, start, fused), wanted, 1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_training_on_trials_of_many_lengths(name):
    weights = []
    for engine in ("fused", "generic", "eager"):
        model = network(name, engine, shards=2)
        model.train(batches([11, 5, 17]), training_iters=50, learning_rate=0.01, verbosity=False)
        weights.append(model.get_weights())
    for key, value in weights[2].items():
        if isinstance(value, np.ndarray):
            for found in weights[:2]:
                np.testing.assert_allclose(found[key], value, rtol=0, atol=2e-4)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_learns_a_task(kind):
    task = PerceptualDiscrimination(dt=50, tau=100, T=1000, N_batch=64, seed=1)
    model = kind.for_task(task, N_rec=20, seed=1)
    losses = model.train(task, training_iters=64 * 150, learning_rate=0.01, verbosity=False).losses
    assert np.mean(losses[-3:]) < 0.5 * losses[0]
    batch = task.get_trial_batch()
    outputs = model.test(batch.x).outputs
    assert task.accuracy_function(batch.y, outputs, batch.mask) > 0.8


# -- files and dicts ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_files_give_the_network_back(name, tmp_path):
    model = network(name)
    model.train(batches([11]), training_iters=15, learning_rate=0.01, verbosity=False)
    x = np.random.default_rng(0).standard_normal((4, 11, 3))
    outputs = model.test(x).outputs
    model.save(str(tmp_path / "weights"))
    kind, _, _ = KINDS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sources = [
            {"load_weights_path": str(tmp_path / "weights.npz")},
            model.get_weights(),
            dict(np.load(tmp_path / "weights.npz")),
        ]
        for given in sources:
            again = make(kind, "auto", **given)
            np.testing.assert_array_equal(again.test(x).outputs, outputs)
        other = network(name, seed=9)
        assert np.abs(other.test(x).outputs - outputs).max() > 1e-3
        other.set_weights(model.get_weights())
        np.testing.assert_array_equal(other.test(x).outputs, outputs)
    model.reset()
    fresh = network(name).get_weights()
    np.testing.assert_array_equal(model.get_weights()[model._gates[0]], fresh[model._gates[0]])


def test_gates_that_params_give_are_used_and_checked():
    W_f = np.full((10, 7), 0.25)
    model = network("LSTM", W_f=W_f, init_hidden=np.zeros(7), init_state_train=False)
    np.testing.assert_array_equal(model.W_f, W_f)
    assert not model.init_hidden.trainable and not model.init_cell.trainable
    with pytest.raises(ParameterError, match=r"LSTM.W_f: .*N_rec \+ N_in, N_rec.* \(10, 7\)"):
        network("LSTM", W_f=W_f.T)
    with pytest.raises(ParameterError, match=r"GRU.b_h: .*finite"):
        network("GRU", b_h=np.full(7, np.nan))
    with pytest.raises(ParameterError, match=r"LSTM.LSTM_output_activation.*'tanh', 'sigmoid'"):
        network("LSTM", LSTM_output_activation="relu")
    with pytest.warns(UserWarning, match="Did you mean 'LSTM_output_activation'"):
        network("LSTM", LSTM_output_activaton="sigmoid")


def test_files_of_other_networks_are_refused(tmp_path):
    make(Basic, "auto").save(str(tmp_path / "basic"))
    path = str(tmp_path / "basic.npz")
    with pytest.raises(ParameterError, match=r"an entry 'init_hidden', got none.*another kind"):
        network("LSTM", load_weights_path=path)
    network("LSTM", W_f=np.ones((10, 7))).save(str(tmp_path / "lstm"))
    with pytest.raises(ParameterError, match=r"LSTM.W_f: expected agreement"):
        path = str(tmp_path / "lstm.npz")
        network("LSTM", load_weights_path=path, W_f=np.zeros((10, 7)))


def test_fixed_gates_stay():
    model = network("GRU")
    before = model.get_weights()
    fixed = np.zeros((10, 7))
    fixed[:, :3] = 1
    options = {"training_iters": 25, "fixed_weights": {"W_z": fixed}, "verbosity": False}
    model.train(batches([11]), **options)
    after = model.get_weights()
    np.testing.assert_array_equal(after["W_z"][:, :3], before["W_z"][:, :3])
    assert (after["W_z"][:, 3:] != before["W_z"][:, 3:]).all()


def test_what_cannot_apply_is_named_once():
    options = {"dale_ratio": 0.8, "autapses": False, "rec_noise": 0.1, "L2_rec": 0.1}
    with pytest.warns(UserWarning) as caught:
        model = network("LSTM", W_rec=np.eye(7), W_rec_train=False, **options)
    (sentence,) = (str(w.message) for w in caught)
    for key in ("dale_ratio", "autapses", "rec_noise", "L2_rec", "W_rec,", "W_rec_train"):
        assert key in sentence
    assert "connectivity" not in sentence
    np.testing.assert_array_equal(model.get_weights()["W_out"], model.W_out)
    with pytest.warns(UserWarning, match="GRU: rec_connectivity cannot"):
        network("GRU", rec_connectivity=1 - np.eye(7))


def test_what_cannot_apply_is_named_where_an_initializer_asks_for_it():
    init = GaussianSpectralRadius(N_in=3, N_rec=7, N_out=2, dale_ratio=0.8, seed=1)
    with pytest.warns(UserWarning, match="GRU: dale_ratio cannot"):
        network("GRU", initializer=init)
    with pytest.warns(UserWarning, match="GRU: transfer_function cannot"):
        network("GRU", transfer_function="tanh")
    network("GRU", transfer_function="tanh", L2_firing_rate=0.1)
    network("GRU", W_rec_train=None, autapses=None)  # None: not given


def test_what_has_no_effect_is_refused():
    model = network("LSTM")
    with pytest.raises(ParameterError, match=r"LSTM.train.fixed_weights: .* W_rec\. Freeze"):
        model.train(batches([11]), training_iters=5, fixed_weights={"W_rec": np.eye(7)})
    with pytest.raises(ParameterError, match=r"LSTM.init_state: .*init_hidden and init_cell"):
        model.init_state = np.zeros((5, 7))
    with pytest.raises(AttributeError, match="LSTM_output_activation"):
        model.LSTM_output_activation = "relu"


# -- PsychRNN 1.0 -------------------------------------------------------------------------------


class PerTrial(LSTM):
    """A start state for each trial of the batch, as PsychRNN 1.0 trained it."""

    def __init__(self, params):
        rows = {key: params[key] for key in self._starts}
        super().__init__({**params, **{key: row[:1] for key, row in rows.items()}})
        for key, row in rows.items():
            setattr(self, key, tf.Variable(row, name=key))

    def initial_state(self):
        return self.init_hidden, self.init_cell


def old_network(data, kind=PerTrial, **options):
    given = {key[5:]: data[key] for key in data if key.startswith("gate_")}
    sizes = {"set_N_in": 3, "set_N_rec": 20, "set_N_out": 2, "set_N_batch": 8}
    sizes = {k: np.array(v) for k, v in sizes.items()} | {
        "set_dt": np.array(10), "set_tau": np.array(100)
    }  # fmt: skip
    if kind is LSTM:
        given |= {key: given[key][:1] for key in ("init_hidden", "init_cell")}
    options = {"LSTM_output_activation": "sigmoid", **given, **options}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*cannot apply.*")
        return model_of({**data, **sizes}, kind, **options)


def test_old_outputs():
    data = load("forward_lstm")
    found = old_network(data).test(data["x"])
    assert worst(found.outputs, data["outputs"]) < 2e-5
    assert worst(found.states, data["states"]) < 2e-5
    first = old_network(data, LSTM).test(data["x"])
    assert worst(first.states[0], data["states"][0]) < 2e-5
    quirk = load("lstm_constraints_quirk")  # masks and Dale's principle changed nothing
    assert worst(found.outputs, quirk["outputs"]) < 2e-5


@pytest.mark.parametrize("reg", ["", "_reg"])
def test_old_gradients(reg):
    data = load(f"gradients_lstm{reg}")
    options = {key[4:]: value.item() for key, value in data.items() if key.startswith("set_L")}
    model = old_network(data, **options)
    names = set(data["trainable_names"]) - set(data["none_grads"])
    variables = {key: model.named_variables()[key] for key in names}
    x, y, mask = (tf.constant(data[key]) for key in ("x", "y", "mask"))

    @tf.function(autograph=False)
    def gradients(x, y, mask):
        with tf.GradientTape() as tape:
            tape.watch(list(variables.values()))
            with model.presented(x, y, mask):
                loss = model.loss_function.set_model_loss(model)
                loss += model.regularizer.set_model_regularization(model)
        none = tf.UnconnectedGradients.ZERO
        return loss, tape.gradient(loss, variables, unconnected_gradients=none)

    loss, found = gradients(x, y, mask)
    assert abs(loss.numpy() / data["reg_loss"] - 1) < 1e-5
    for key, gradient in found.items():
        wanted = data[f"grad_{key}"]
        scale = max(np.abs(wanted).max(), 1e-12)
        assert worst(gradient / scale, wanted / scale) < 2e-5, key


def test_old_penalties():
    data = load("regularizers_lstm")
    coefficients = {k[4:]: v.item() for k, v in data.items() if k.startswith("set_L")}
    model = old_network(data, **coefficients)
    with model.presented(*(tf.constant(data[key]) for key in ("x", "y", "mask"))):
        total = model.regularizer.set_model_regularization(model).numpy()
        loss = model.loss_function.set_model_loss(model).numpy()
    assert abs(total / data["reg_all"] - 1) < 1e-5
    assert abs((total + loss) / data["reg_loss_all"] - 1) < 1e-5


def test_old_training():
    data, drawn = load("trajectory_lstm"), load("train_batches")
    model = old_network(data)
    series = ((drawn["x"][i], drawn["y"][i], drawn["mask"][i], None) for i in range(1, 21))
    model.train(series, training_iters=8, verbosity=False)
    for key, value in model.get_weights().items():
        if f"step1_{key}" in data:
            assert worst(value, data[f"step1_{key}"]) < 2e-6, key
    model.train(series, training_iters=152, verbosity=False)
    compared = {key for key in model.get_weights() if f"final_{key}" in data}
    for key in compared:
        assert worst(model.get_weights()[key], data[f"final_{key}"]) < 1e-5, key
    assert compared >= {*LSTM._starts, *LSTM._gates, *LSTM._biases, "W_out", "b_out", "W_rec"}


def test_old_files():
    expected = load("legacy_lstm_expected")
    sizes = {"N_in": 3, "N_rec": 20, "N_out": 2, "N_steps": 50, "dt": 10, "tau": 100}
    options = {**sizes, "N_batch": 8, "load_weights_path": str(FOLDER / "legacy_lstm.npz")}
    with pytest.warns(UserWarning, match="init_(hidden|cell) has 8 rows") as caught:
        model = LSTM({**options, "name": "legacy"})
    assert len(caught) == 2
    assert model.LSTM_output_activation == "sigmoid"
    found = model.test(expected["x"])
    assert worst(found.states[0], expected["states"][0]) < 2e-5
    assert worst(found.outputs, expected["sim_outputs"]) < 2e-5
    with np.load(FOLDER / "legacy_lstm.npz", allow_pickle=True) as file:
        merged = dict(file)
    with pytest.warns(UserWarning, match="8 rows"):
        again = LSTM({**sizes, "N_batch": 8, "name": "merged", **merged})
    np.testing.assert_array_equal(again.test(expected["x"]).outputs, found.outputs)

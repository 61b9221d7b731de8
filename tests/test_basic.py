"""Basic and BasicScan against NumPy: outputs, gradients, constraints, any size of input."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import tensorflow as tf

from psychrnn import Basic, BasicScan

SIZES = {"N_in": 2, "N_rec": 7, "N_out": 2, "N_steps": 12, "N_batch": 5, "dt": 10, "tau": 50}
CONSTRAINTS = ("none", "masks", "dale", "both")


def user_function(state):
    return state / (1 + tf.abs(state)) + 0.1 * tf.square(state)


FUNCTIONS = {"relu": tf.nn.relu, "tanh": tf.nn.tanh, "user": user_function}


def random_network(constraints, transfer, seed=0, tau=50.0):
    """Return params, and the same raw weights, masks and signs for the oracle."""
    rng = np.random.default_rng(seed)
    n_in, n, n_out = SIZES["N_in"], SIZES["N_rec"], SIZES["N_out"]
    raw = {
        "init_state": rng.normal(0.1, 0.3, (1, n)),
        "W_in": rng.normal(size=(n, n_in)),
        "W_rec": rng.normal(0, 0.6, size=(n, n)),
        "W_out": rng.normal(size=(n_out, n)),
        "b_rec": rng.normal(0, 0.2, n),
        "b_out": rng.normal(0, 0.2, n_out),
    }
    raw = {key: value.astype(np.float32).astype(float) for key, value in raw.items()}
    shapes = {"input_connectivity": (n, n_in), "rec_connectivity": (n, n)}
    shapes["output_connectivity"] = (n_out, n)
    masks = {key: np.ones(shape) for key, shape in shapes.items()}
    if constraints in ("masks", "both"):
        masks = {key: (rng.random(shape) < 0.6).astype(float) for key, shape in shapes.items()}
        np.fill_diagonal(masks["rec_connectivity"], 0)
    signs = None
    params = {**SIZES, "tau": tau, **raw, **masks, "transfer_function": FUNCTIONS[transfer]}
    if constraints in ("dale", "both"):
        signs = np.where(np.arange(n) < 5, 1.0, -1.0)
        params["dale_ratio"] = 5 / 7
    return {**params, "name": f"{constraints} {transfer}"}, raw, masks, signs


def inputs(trials=5, steps=12, seed=3):
    return np.random.default_rng(seed).normal(size=(trials, steps, 2)).astype(np.float32)


@pytest.mark.parametrize("transfer", FUNCTIONS)
@pytest.mark.parametrize("constraints", CONSTRAINTS)
def test_forward_pass_equals_numpy(constraints, transfer):
    params, raw, masks, signs = random_network(constraints, transfer)
    x = inputs()
    wanted, states = oracle.forward(raw, masks, signs, transfer, 0.2, x.astype(float))
    for kind in (Basic, BasicScan):
        model = kind(params)
        got = model.test(x)
        np.testing.assert_allclose(got.outputs, wanted, atol=2e-5 * np.abs(wanted).max())
        np.testing.assert_allclose(got.states, states, atol=2e-5 * np.abs(states).max())
        model.destruct()


@pytest.mark.parametrize("transfer", FUNCTIONS)
@pytest.mark.parametrize("constraints", CONSTRAINTS)
def test_gradients_equal_finite_differences(constraints, transfer):
    params, raw, masks, signs = random_network(constraints, transfer)
    x = inputs()
    rng = np.random.default_rng(8)
    y, mask = rng.normal(size=(5, 12, 2)), rng.choice([0, 0.5, 1], size=(5, 12, 2))

    def loss(weights):
        outputs, _ = oracle.forward(weights, masks, signs, transfer, 0.2, x.astype(float))
        return np.mean((mask * (outputs - y)) ** 2)

    wanted = oracle.numerical_gradient(loss, raw)
    model = Basic(params)
    variables = {k: v for k, v in model.named_variables().items() if v.trainable}
    batch = [tf.constant(part, tf.float32) for part in (x, y, mask)]
    with tf.GradientTape() as tape, model.presented(*batch):
        value = model.loss_function.set_model_loss(model)
    assert value.numpy() == pytest.approx(loss(raw), rel=1e-5)
    for key, gradient in tape.gradient(value, variables).items():
        error = np.linalg.norm(gradient.numpy() - wanted[key]) / np.linalg.norm(wanted[key])
        assert error < 1e-4, f"{key}: relative error {error}"


def test_one_time_constant_for_each_unit():
    tau = np.linspace(20, 200, 7)
    params, raw, masks, signs = random_network("none", "tanh", tau=tau)
    x = inputs()
    wanted, _ = oracle.forward(raw, masks, signs, "tanh", 10 / tau, x.astype(float))
    for given in (tau, tau.tolist(), tau.astype(np.float32)):
        model = Basic({**params, "tau": given})
        np.testing.assert_allclose(model.test(x).outputs, wanted, atol=2e-5)
        model.destruct()


@pytest.mark.parametrize("kind", [Basic, BasicScan])
@pytest.mark.parametrize("shape", [(1, 12), (5, 1), (1, 1), (23, 40)])
def test_any_number_of_trials_and_steps(kind, shape):
    params, raw, masks, signs = random_network("both", "relu")
    x = inputs(*shape)
    wanted, _ = oracle.forward(raw, masks, signs, "relu", 0.2, x.astype(float))
    outputs, states = kind(params).test(x.tolist())
    assert outputs.shape == (*shape, 2)
    assert states.shape == (*shape, 7)
    np.testing.assert_allclose(outputs, wanted, atol=1e-5)


def test_models_live_side_by_side():
    models = [Basic({**random_network("none", "tanh", seed=i)[0], "name": f"m{i}"}) for i in (1, 2)]
    x = inputs()
    before = models[1].test(x).outputs
    models[0].destruct()
    np.testing.assert_array_equal(models[1].test(x).outputs, before)
    assert models[1].get_weights().keys() >= {"W_in", "W_rec", "W_out"}
    with pytest.raises(RuntimeError, match="destructed"):
        models[0].test(x)
    models[0].destruct()


def test_numpy_scalars_are_numbers():
    params, *_ = random_network("none", "relu")
    as_numpy = {"dt": np.float64(10), "tau": np.float32(50), "rec_noise": np.float64(0.1)}
    sizes = {key: np.int32(params[key]) for key in ("N_in", "N_rec", "N_out", "N_steps")}
    assert Basic({**params, **as_numpy, **sizes}).test(inputs()).outputs.shape == (5, 12, 2)


def test_constraints_are_idempotent():
    params, *_ = random_network("both", "relu")
    model = Basic(params)
    weights = model.get_weights()
    other = Basic({**SIZES, **weights, "name": "again"})
    for key, value in other.get_weights().items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, weights[key])
    x = inputs()
    np.testing.assert_array_equal(other.test(x).outputs, model.test(x).outputs)


@pytest.mark.parametrize("ratio, excitatory", [(0, 0), (0.0, 0), (1, 7), (0.5, 4), (0.29, 2)])
def test_dale_ratio_means_what_it_says(ratio, excitatory):
    params, *_ = random_network("none", "relu")
    model = Basic({**params, "dale_ratio": ratio})
    weights = model.get_weights()
    assert (weights["W_rec"][:, :excitatory] >= 0).all()
    assert (weights["W_rec"][:, excitatory:] <= 0).all()
    assert (weights["W_in"] >= 0).all()
    assert (weights["W_out"][:, excitatory:] == 0).all()
    assert np.isfinite(model.test(inputs()).outputs).all()


def test_dale_matrix_alone_switches_dale_on():
    signs = np.array([1, -1, 1, -1, 1, -1, 1.0])
    params, *_ = random_network("none", "relu")
    model = Basic({**params, "Dale_rec": np.diag(signs)})
    W_rec, W_out = (model.get_weights()[key] for key in ("W_rec", "W_out"))
    assert (W_rec * signs >= 0).all()
    assert (W_out[:, signs < 0] == 0).all()
    identity = Basic({**params, "Dale_rec": np.eye(7), "name": "identity"})
    assert (identity.get_weights()["W_rec"] < 0).any()


def test_callers_arrays_are_never_changed():
    params, *_ = random_network("masks", "relu")
    mask = np.ones((7, 7))
    model = Basic({**params, "rec_connectivity": mask, "autapses": False})
    assert (mask == 1).all()
    assert (np.diag(model.get_weights()["W_rec"]) == 0).all()
    for i, same in enumerate((mask.tolist(), mask.astype(bool), mask.astype(int))):
        other = Basic({**params, "rec_connectivity": same, "autapses": False, "name": f"m{i}"})
        np.testing.assert_array_equal(other.get_weights()["W_rec"], model.get_weights()["W_rec"])


def test_noise_costs_and_changes_nothing_where_it_is_zero():
    params, *_ = random_network("none", "relu")
    model = Basic(params)
    np.testing.assert_array_equal(model.test(inputs()).states, model.test(inputs()).states)


def test_noise_has_an_owner():
    params, *_ = random_network("none", "relu")
    x = inputs()

    def states(seed):
        model = Basic({**params, "rec_noise": 0.3, "seed": seed})
        result = [model.test(x).states, model.test(x).states]
        model.destruct()
        return result

    one, same, other = states(5), states(5), states(6)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one[0] - one[1]).max() > 0.01
    assert np.abs(one[0] - other[0]).max() > 0.01


def test_representation_says_sizes_constraints_and_what_learns():
    params, *_ = random_network("both", "tanh")
    model = Basic({**params, "W_in_train": False})
    for text in (repr(model), model._repr_html_()):
        for words in ("7 recurrent", "5 excitatory, 2 inhibitory", "no autapses", "W_rec 7x7"):
            assert words in text
        assert "W_in 7x2" not in text
    assert model._repr_html_().startswith("<table")

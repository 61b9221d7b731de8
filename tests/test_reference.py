"""Every number of PsychRNN 1.0 that this library must reproduce, within its tolerance."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from reference_data import FOLDER, WEIGHTS, Basic, BasicScan, load, model_of

from psychrnn.backend.loss_functions import binary_cross_entropy, mean_squared_error
from psychrnn.backend.regularizations import Regularizer

FORWARD = [f"forward_basic_{n}" for n in ["relu_a", "relu_b", "relu_c", "relu_d", "relu_e"]]
FORWARD += [f"forward_basic_tanh_{n}" for n in "abc"] + [f"forward_scan_relu_{n}" for n in "abc"]
TRAJECTORIES = ["basic", "fixed", "dale", "masks", "sgd", "sgd_clip", "scan", "bce_reg", "partial"]


@pytest.mark.parametrize("name", FORWARD)
def test_forward_pass(name, check):
    data = load(name)
    model = model_of(data, BasicScan if "scan" in name else Basic)
    outputs, states = model.test(data["x"])
    check("outputs", outputs, data["outputs"], 2e-5)
    check("states", states, data["states"], 2e-5)
    weights = model.get_weights()
    for key in [key for key in data if key.startswith("gw_")]:
        check(key, weights[key[3:]], data[key], 1e-6)
    for key in ("W_in", "W_rec", "W_out"):
        effective = getattr(model, f"get_effective_{key}")()
        check(f"eff_{key}", effective, data[f"eff_{key}"], 1e-6)


def test_recurrent_noise(check):
    data = load("rec_noise_stats")
    noise, alpha = data["set_rec_noise"].item(), data["set_alpha"].item()
    sizes = {"N_in": 1, "N_rec": 30, "N_out": 1}
    zeros = {"W_in": np.zeros((30, 1)), "W_rec": np.zeros((30, 30)), "W_out": np.zeros((1, 30))}
    model = Basic(
        {"name": "noise", "N_steps": 120, "dt": 10, "tau": 10 / alpha, "N_batch": 64, "seed": 2}
        | sizes | zeros | {"init_state": np.zeros(30), "rec_noise": noise}
    )  # fmt: skip
    x = np.zeros((64, 120, 1))
    states, again = model.test(x).states, model.test(x).states
    late = states[:, -20:]
    check("sd first step", states[:, 0].std() / data["expected_sd_first"], 1, 0.03)
    check("sd stationary", late.std() / data["expected_sd_stationary"], 1, 0.03)
    lag = np.corrcoef(late[:, :-1].ravel(), late[:, 1:].ravel())[0, 1]
    check("lag-1 correlation", lag, 1 - alpha, 0.02)
    first = states[:, 0]
    check("trials independent", np.corrcoef(first[:32].ravel(), first[32:].ravel())[0, 1], 0, 0.15)
    check(
        "units independent",
        np.corrcoef(first[:, :15].ravel(), first[:, 15:].ravel())[0, 1],
        0,
        0.15,
    )
    assert np.abs(states - again).max() > 0.1


def test_losses(check):
    data = load("losses")
    y, mask, labels = (tf.constant(data[key]) for key in ("y", "mask", "lab"))
    for key, loss, p, target, tolerance in (
        ("mse", mean_squared_error, "pred", y, 1e-6),
        ("bce", binary_cross_entropy, "prob", labels, 1e-6),
        ("bce_sat", binary_cross_entropy, "sat", labels, 1e-2),
    ):
        predictions = tf.Variable(data[p])
        with tf.GradientTape() as tape:
            value = loss(predictions, target, mask)
        gradient = tape.gradient(value, predictions).numpy()
        wanted = data[f"d_{key}"]
        check(key, value.numpy() / data[key], 1, tolerance)
        check(f"d_{key}", gradient / np.abs(wanted).max(), wanted / np.abs(wanted).max(), 1e-5)
        assert (gradient[wanted == 0] == 0).all()


@pytest.mark.parametrize("name", ["a", "a_tanh", "b", "c"])
def test_regularizers(name, check):
    data = load(f"regularizers_{name}")
    coefficients = {k[4:]: v.item() for k, v in data.items() if k.startswith("set_L")}
    model = model_of(data)
    batch = [tf.constant(data[key]) for key in ("x", "y", "mask")]
    with model.presented(*batch):
        for key, value in coefficients.items():
            got = Regularizer({key: value}).set_model_regularization(model)
            tolerance = 1e-5 if key == "L2_firing_rate" else 1e-6
            check(key, got.numpy() / data[f"reg_{key}"], 1, tolerance)
        total = Regularizer(coefficients).set_model_regularization(model)
        loss = model.loss_function.set_model_loss(model)
    check("reg_all", total.numpy() / data["reg_all"], 1, 1e-5)
    check("loss", loss.numpy() / data["loss"], 1, 1e-5)
    check("reg_loss_all", (total + loss).numpy() / data["reg_loss_all"], 1, 1e-5)


@pytest.mark.parametrize(
    "name", ["relu_a", "relu_b", "relu_c", "relu_d_reg", "relu_e", "tanh_a", "tanh_b", "tanh_c"]
)
def test_gradients(name, check):
    data = load(f"gradients_{name}")
    model = model_of(data)
    variables = {k: v for k, v in model.named_variables().items() if v.trainable}
    assert sorted(variables) == sorted(data["trainable_names"])

    @tf.function(autograph=False)
    def gradients(x, y, mask):
        with tf.GradientTape() as tape, model.presented(x, y, mask):
            loss = model.loss_function.set_model_loss(model)
            loss += model.regularizer.set_model_regularization(model)
        return loss, tape.gradient(loss, variables)

    loss, found = gradients(*(tf.constant(data[key]) for key in ("x", "y", "mask")))
    check("reg_loss", loss.numpy() / data["reg_loss"], 1, 1e-5)
    for key, gradient in found.items():
        wanted, largest = data[f"grad_{key}"], np.abs(data[f"grad_{key}"]).max()
        check(f"grad_{key}", gradient.numpy() / largest, wanted / largest, 2e-5)
        if key.startswith("W_"):
            raw = variables[key].numpy()
            closed = getattr(model, {"W_in": "input", "W_rec": "rec", "W_out": "output"}[key]
                             + "_connectivity").numpy() == 0  # fmt: skip
            assert (gradient.numpy()[closed] == 0).all()
            assert not model.has_dale or (gradient.numpy()[raw == 0] == 0).all()


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_training_trajectory(name, check):
    data, batches = load(f"trajectory_{name}"), load("train_batches")
    options = {"loss_function": "binary_cross_entropy"} if name == "bce_reg" else {}
    model = model_of(data, BasicScan if name == "scan" else Basic, **options)
    y = (batches["y"] > 0.5).astype(np.float32) if name == "bce_reg" else batches["y"]
    rate = data["set_learning_rate"].item()
    train = {"clip_grads": data["set_clip_grads"].item(), "loss_epoch": 1}
    if not name.startswith("sgd"):
        train["learning_rate"] = rate
    else:
        train["optimizer"] = tf.compat.v1.train.GradientDescentOptimizer(rate)
    if name == "fixed":
        train["fixed_weights"] = {"W_rec": data["fixed_W_rec"]}

    def batch_list(first, last):
        return ((batches["x"][i], y[i], batches["mask"][i], None) for i in range(first, last))

    model.train(batch_list(1, 2), train, training_iters=8, verbosity=False)
    for key, value in model.get_weights().items():
        if f"step1_{key}" in data:
            check(f"step1_{key}", value, data[f"step1_{key}"], 2e-6)
    result = model.train(batch_list(2, 21), train, training_iters=19 * 8, verbosity=False)
    for key, value in model.get_weights().items():
        if f"final_{key}" in data:
            check(f"final_{key}", value, data[f"final_{key}"], 1e-5)
    assert len(result.losses) == 19
    assert {k for k in model.get_weights() if f"final_{k}" in data} == set(WEIGHTS)


def test_optimizer_memory_matches(check):
    data, batches = load("trajectory_basic"), load("train_batches")
    model = model_of(data)
    adam = tf.compat.v1.train.AdamOptimizer(1e-3)
    drawn = ((batches["x"][i], batches["y"][i], batches["mask"][i]) for i in range(1, 21))
    model.train(drawn, optimizer=adam, training_iters=160, verbosity=False)
    for key, variable in model.named_variables().items():
        for slot, suffix in (("m", "Adam"), ("v", "Adam_1")):
            if f"slot_{key}__{suffix}" in data:
                wanted = data[f"slot_{key}__{suffix}"]
                largest = np.abs(wanted).max()
                got = adam.get_slot(variable, slot).numpy()
                check(f"slot_{key}__{suffix}", got / largest, wanted / largest, 1e-3)


def test_counting_rules():
    rows = load("iteration_accounting")["table"]
    batches = load("train_batches")
    batch = [batches[key][0] for key in ("x", "y", "mask")]
    model = model_of(load("trajectory_basic"))
    for training_iters, loss_epoch, drawn_then, updates, recorded in rows[::4]:
        drawn = [0]

        def count():
            while True:
                drawn[0] += 1  # noqa: B023
                yield (*batch, None)

        result = model.train(
            count(), training_iters=training_iters, loss_epoch=loss_epoch, verbosity=False
        )
        # PsychRNN 1.0 threw its first batch away; here every batch that is drawn is used.
        assert drawn[0] == updates == drawn_then - 1
        assert len(result.losses) == recorded


@pytest.mark.parametrize("name", ["legacy_basic", "legacy_basic_dale", "pre1_basic"])
def test_old_weight_files(name, check):
    expected = load(f"{name.replace('pre1', 'legacy')}_expected")
    params = {"N_in": 3, "N_rec": 20, "N_out": 2, "N_steps": 50, "dt": 10, "tau": 100}
    path = str(FOLDER / f"{name}.npz")
    if name == "pre1_basic":
        with pytest.warns(UserWarning, match="version") as caught:
            model = Basic({**params, "name": name, "N_batch": 8, "load_weights_path": path})
        assert len(caught) == 2
    else:
        model = Basic({**params, "name": name, "N_batch": 8, "load_weights_path": path})
    outputs, states = model.test(expected["x"])
    check("outputs", outputs, expected["outputs"], 2e-5)
    check("states", states, expected["states"], 2e-5)

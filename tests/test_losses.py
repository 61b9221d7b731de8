"""Losses and penalties against NumPy, and those of users."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from psychrnn import Basic, LossFunction, PerceptualDiscrimination
from psychrnn.backend.loss_functions import LOSSES

RNG = np.random.default_rng(0)
P = RNG.uniform(0.05, 0.95, (4, 6, 3)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, (4, 6))]
M = np.repeat(RNG.choice([0, 0.5, 1], (4, 6, 1)), 3, axis=2).astype(np.float32)


def log_softmax(p):
    return p - np.log(np.exp(p).sum(-1, keepdims=True))


def sigmoid(p):
    return 1 / (1 + np.exp(-p))


def entropy(p):
    return -(Y * np.log(p) + (1 - Y) * np.log(1 - p))


IN_NUMPY = {
    "mean_squared_error": lambda: np.mean((M * (P - Y)) ** 2),
    "masked_mean_squared_error": lambda: (M * (P - Y) ** 2).sum() / M.sum(),
    "binary_cross_entropy": lambda: np.mean(M * entropy(P)),
    "binary_cross_entropy_with_logits": lambda: np.mean(M * entropy(sigmoid(P))),
    "categorical_cross_entropy": lambda: np.mean(-M[..., 0] * (Y * log_softmax(P)).sum(-1)),
}


def test_no_loss_is_missing_here():
    assert IN_NUMPY.keys() == LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_numpy(name):
    got = LossFunction({"loss_function": name}).function(tf.constant(P), Y, M)
    assert got.numpy() == pytest.approx(IN_NUMPY[name](), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_masked_time_has_no_gradient(name):
    predictions = tf.Variable(P)
    with tf.GradientTape() as tape:
        loss = LOSSES[name](predictions, tf.constant(Y), tf.constant(M))
    gradient = tape.gradient(loss, predictions).numpy()
    assert (gradient[M == 0] == 0).all()
    assert (gradient[M > 0] != 0).any()


@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "categorical_cross_entropy"])
def test_losses_from_logits_survive_large_outputs(name):
    predictions = tf.Variable(1e4 * (1 - 2 * Y))
    with tf.GradientTape() as tape:
        loss = LOSSES[name](predictions, tf.constant(Y), tf.constant(M))
    assert np.isfinite(loss.numpy())
    assert np.isfinite(tape.gradient(loss, predictions).numpy()).all()


def absolute(predictions, y, output_mask):
    return tf.reduce_mean(tf.abs(output_mask * (predictions - y)))


@pytest.mark.parametrize(
    "options", [{"loss_function": absolute}, {"loss_function": "mine", "mine": absolute}]
)
def test_own_losses_train(options):
    task = PerceptualDiscrimination(20, 100, 400, 8, seed=1)
    model = Basic.for_task(task, N_rec=6, seed=1, **options)
    x, y, mask, _ = task.get_trial_batch()
    wanted = np.mean(np.abs(mask * (model.test(x).outputs - y)))
    result = model.train(iter([(x, y, mask)]), training_iters=8, loss_epoch=1, verbosity=False)
    assert result.losses[0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains(name):
    task = PerceptualDiscrimination(20, 100, 400, 16, seed=1, coherence=0.7)
    model = Basic.for_task(task, N_rec=10, seed=1, loss_function=name)
    losses = model.train(
        task, training_iters=16 * 60, learning_rate=0.01, loss_epoch=1, verbosity=False
    ).losses
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_own_penalty_sees_the_model_and_params():
    seen = {}

    def penalty(model, params):
        seen.update(states=model.states.shape, outputs=model.predictions.shape)
        return params["strength"] * tf.reduce_mean(tf.abs(model.get_effective_W_rec()))

    task = PerceptualDiscrimination(20, 100, 400, 8, seed=1)
    options = {"custom_regularization": penalty, "strength": 3.0, "N_rec": 6, "seed": 1}
    model = Basic.for_task(task, **options)
    x, y, mask, _ = task.get_trial_batch()
    wanted = np.mean((mask * (model.test(x).outputs - y)) ** 2)
    wanted += 3 * np.abs(model.get_weights()["W_rec"]).mean()
    result = model.train(iter([(x, y, mask)]), training_iters=8, loss_epoch=1, verbosity=False)
    assert result.losses[0] == pytest.approx(wanted, rel=1e-5)
    assert seen["states"].as_list() == [8, 20, 6]
    with pytest.raises(AttributeError, match="exists only while"):
        model.states  # noqa: B018

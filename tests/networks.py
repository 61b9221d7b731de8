"""Small networks, what one update of them computes, and batches to train them on."""

from __future__ import annotations

import itertools

import numpy as np

from psychrnn import Basic
from psychrnn.backend._tensorflow import tf

SIZES = {"N_in": 3, "N_rec": 7, "N_out": 2, "N_batch": 5, "N_steps": 11, "dt": 10}
count = itertools.count()


def make(kind, engine, **options):
    given = {**SIZES, "tau": 40.0, "seed": 1, "name": f"network {next(count)}", "engine": engine}
    if issubclass(kind, Basic):
        given["init_state"] = np.linspace(-1, 1, 7)
    return kind({**given, **options})


def loss_and_gradients(model, seed=2):
    """Return what one update computes, without the optimizer."""
    rng = np.random.default_rng(seed)
    shapes = [(model.N_batch, model.N_steps, n) for n in (model.N_in, model.N_out, model.N_out)]
    x, y = (tf.constant(rng.standard_normal(s), tf.float32) for s in shapes[:2])
    mask = tf.constant(rng.integers(0, 2, shapes[2]), tf.float32)
    trained = {k: v for k, v in model.named_variables().items() if v.trainable}

    def compute(x, y, mask):
        with tf.GradientTape() as tape, model.presented(x, y, mask):
            loss = model.loss_function.set_model_loss(model)
            loss += model.regularizer.set_model_regularization(model)
            outputs, states = model.predictions, model.states
        zeros = tf.UnconnectedGradients.ZERO
        return loss, outputs, states, tape.gradient(loss, trained, unconnected_gradients=zeros)

    if model.engine != "eager":
        compute = tf.function(compute, autograph=False)
    return tf.nest.map_structure(lambda t: tf.convert_to_tensor(t).numpy(), compute(x, y, mask))


def assert_same(found, wanted, tolerance=1e-4):
    for part, right in zip(tf.nest.flatten(found), tf.nest.flatten(wanted)):
        np.testing.assert_allclose(
            part, right, rtol=0, atol=tolerance * max(abs(right).max(), 1e-3)
        )


def value_and_gradients(W, start, unrolled):
    @tf.function(autograph=False)
    def compute(W, start):
        with tf.GradientTape() as tape:
            tape.watch([W, start])
            outputs, states = unrolled(W, start)
            loss = tf.reduce_sum(outputs**3) + tf.reduce_mean(tf.sin(states))
        return loss, outputs, states, tape.gradient(loss, [W, start])

    return tf.nest.map_structure(np.asarray, compute(W, start))


def batches(lengths, trials=5):
    rng = np.random.default_rng(8)
    for steps in itertools.cycle(lengths):
        x, y = rng.standard_normal((trials, steps, 3)), rng.standard_normal((trials, steps, 2))
        yield x, y, np.ones_like(y)

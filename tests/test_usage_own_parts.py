"""Scripts as labs wrote them for PsychRNN 1.0: initializers, losses and measures of their own."""

import numpy as np
import pytest
import tensorflow as tf

from psychrnn.backend.initializations import GaussianSpectralRadius, WeightInitializer
from psychrnn.backend.models.basic import Basic
from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

QUIET = {"verbosity": False, "loss_epoch": 1}


# -- U09: own initializer, loss, penalty and measure -------------------------------------------


class Ring(WeightInitializer):
    """Excite near neighbours on a ring, inhibit far ones."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        angles = np.linspace(0, 2 * np.pi, self.N_rec, endpoint=False)
        ring = np.cos(angles[:, np.newaxis] - angles[np.newaxis, :])
        self.initializations["W_rec"] = ring * kwargs.get("strength", 1.0) / self.N_rec
        self.initializations["b_rec"] = 0.01 * np.ones(self.N_rec)


def pd_and_params(name, **extra):
    pd = PerceptualDiscrimination(dt=20, tau=100, T=300, N_batch=10)
    params = pd.get_task_params()
    params.update(name=name, N_rec=12, **extra)
    return pd, params


@pytest.mark.filterwarnings("ignore:This network may not train")
def test_u09_own_initializer():
    pd, params = pd_and_params("ring", strength=3.0, transfer_function=tf.nn.tanh)
    params["initializer"] = Ring(**params)
    model = Basic(params)
    weights = model.get_weights()
    angle = 2 * np.pi * np.arange(12) / 12
    np.testing.assert_allclose(weights["W_rec"][0], np.cos(angle) / 4, atol=1e-6)
    np.testing.assert_allclose(weights["b_rec"], 0.01)
    assert weights["transfer_function"] is tf.nn.tanh
    model.train(pd, {**QUIET, "training_iters": 20})
    assert (model.get_weights()["W_rec"] != weights["W_rec"]).any()
    model.destruct()


def test_u09_initializer_with_constraints_and_radius():
    _, params = pd_and_params("radius", dale_ratio=0.75, autapses=False)
    params["initializer"] = GaussianSpectralRadius(spec_rad=1.5, **params)
    model = Basic(params)
    W_rec = model.get_weights()["W_rec"]
    assert np.abs(np.linalg.eigvals(W_rec)).max() == pytest.approx(1.5, rel=1e-4)
    assert not np.diag(W_rec).any() and (W_rec[:, 9:] <= 0).all()
    model.destruct()


def test_u09_own_loss_and_penalty_are_what_is_recorded():
    def absolute_error(predictions, y, output_mask):
        return tf.reduce_mean(tf.abs(output_mask * (predictions - y)))

    def calm_and_sparse(model, params):
        calm = tf.reduce_mean(tf.square(model.states))
        sparse = tf.reduce_sum(tf.abs(model.get_effective_W_rec()))
        raw = tf.reduce_mean(tf.square(model.W_rec))
        return params["calm"] * calm + params["sparse"] * sparse + raw

    pd, params = pd_and_params("own_loss", calm=0.7, sparse=0.01, autapses=False)
    params["loss_function"] = "absolute_error"
    params["absolute_error"] = absolute_error
    params["custom_regularization"] = calm_and_sparse
    params["L2_out"] = 0.3
    # Diagonal zero in the raw weights too, so that raw and effective weights are the same.
    params["W_rec"] = np.random.RandomState(0).randn(12, 12) * (1 - np.eye(12)) / 3
    model = Basic(params)
    batch = pd.get_trial_batch()
    x, y, mask, _ = batch
    outputs, states = model.test(x)
    w = model.get_weights()
    wanted = np.abs(mask * (outputs - y)).mean() + 0.7 * (states**2).mean()
    wanted += 0.01 * np.abs(w["W_rec"]).sum() + (w["W_rec"] ** 2).mean()
    wanted += 0.3 * (w["W_out"] ** 2).mean()
    losses, _, _ = model.train(iter([batch] * 10), {**QUIET, "training_iters": 100})
    assert losses[0] == pytest.approx(wanted, rel=1e-4)
    assert len(losses) == 10 and losses[-1] < losses[0]
    model.destruct()


def test_u09_missing_own_loss_is_named():
    _, params = pd_and_params("no_loss", loss_function="absolute_error")
    with pytest.raises(UserWarning, match="absolute_error"):
        Basic(params).build()


def test_u09_own_measure_ends_training(capsys):
    pd, params = pd_and_params("measured")
    calls = []

    def closer_each_time(trial_batch, trial_y, output_mask, output, epoch, losses, verbosity):
        assert trial_batch.shape == (10, 15, 2)
        assert output.shape == trial_y.shape == output_mask.shape == (10, 15, 2)
        calls.append((epoch, len(losses), verbosity))
        return 0.25 * len(calls)

    model = Basic(params)
    train_params = {"training_iters": 10000, "loss_epoch": 2}
    train_params["performance_measure"] = closer_each_time
    train_params["performance_cutoff"] = 0.75
    losses, _, _ = model.train(pd, train_params)
    assert calls == [(1, 0, True), (2, 1, True), (3, 1, True)] and len(losses) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line.startswith("performance: ")] == [
        "performance: 0.25",
        "performance: 0.5",
        "performance: 0.75",
    ]
    assert printed[-1] == "Optimization finished!"
    del train_params["performance_cutoff"]
    with pytest.raises(UserWarning, match="training will not be cutoff"):
        model.train(pd, train_params)
    model.destruct()

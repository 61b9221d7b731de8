"""Training: counting, constraints that hold, optimizers, callbacks, what is printed and saved."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
import tensorflow as tf

from psychrnn import Basic, Callback, PerceptualDiscrimination
from psychrnn.backend import callbacks
from psychrnn.backend.training import TrainingError, TrainResult

OPTIMIZERS = {
    "default": lambda: None,
    "name": lambda: "rmsprop",
    "AdamW": lambda: tf.keras.optimizers.AdamW(1e-2, weight_decay=0.5),
    "schedule": lambda: tf.keras.optimizers.SGD(
        tf.keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.9)
    ),
    "momentum": lambda: tf.compat.v1.train.MomentumOptimizer(0.05, 0.9),
    "adam v1": lambda: tf.compat.v1.train.AdamOptimizer(1e-2),
}


@pytest.fixture
def task():
    return PerceptualDiscrimination(20, 100, 400, 8, seed=1)


def network(task, **options):
    return Basic.for_task(task, **{"N_rec": 10, "seed": 2, **options})


def quiet(model, task, updates=5, **options):
    return model.train(task, training_iters=8 * updates, verbosity=False, **options)


def raw(model):
    return {key: variable.numpy() for key, variable in model.named_variables().items()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_constraints_hold_exactly_under_every_optimizer(task, optimizer):
    rng = np.random.default_rng(0)
    mask = (rng.random((10, 10)) < 0.7).astype(int)
    model = network(task, dale_ratio=0.8, autapses=False, rec_connectivity=mask, b_rec_train=False)
    fixed = {key: rng.random(raw(model)[key].shape) < 0.5 for key in ("W_in", "W_rec", "b_out")}
    fixed["init_state"] = np.arange(10) < 5
    before, weights = raw(model), model.get_weights()
    quiet(model, task, fixed_weights=fixed, optimizer=OPTIMIZERS[optimizer]())
    after, trained = raw(model), model.get_weights()
    for key, frozen in fixed.items():
        frozen = np.reshape(frozen, before[key].shape)
        np.testing.assert_array_equal(after[key][frozen], before[key][frozen])
        assert (after[key][~frozen] != before[key][~frozen]).any()
    W_rec = trained["W_rec"]
    assert (W_rec[mask == 0] == 0).all()
    assert (np.diag(W_rec) == 0).all()
    assert (W_rec[:, :8] >= 0).all()
    assert (W_rec[:, 8:] <= 0).all()
    np.testing.assert_array_equal(trained["b_rec"], weights["b_rec"])
    for key in ("Dale_rec", "Dale_out", "rec_connectivity"):
        np.testing.assert_array_equal(trained[key], weights[key])


def test_training_goes_on_and_reset_goes_back(task):
    model, other = network(task), network(task)
    start = raw(model)
    quiet(model, fed(task, 0, 3), 3)
    quiet(model, fed(task, 3, 3), 3)
    quiet(other, fed(task, 0, 6), 6)
    for key, value in raw(other).items():
        np.testing.assert_array_equal(raw(model)[key], value)
    model.reset()
    for key, value in start.items():
        np.testing.assert_array_equal(raw(model)[key], value)
    quiet(model, fed(task, 0, 6), 6)
    for key, value in raw(other).items():
        np.testing.assert_array_equal(raw(model)[key], value)


def fed(task, start, count):
    return itertools.islice(
        PerceptualDiscrimination(20, 100, 400, 8, seed=1).batch_generator(), start, start + count
    )


def test_results_can_be_unpacked_or_named(task):
    result = network(task).train(task, {"training_iters": 40, "verbosity": False}, loss_epoch=2)
    losses, training_time, initialization_time = result
    assert isinstance(result, TrainResult)
    assert len(losses) == len(result.losses) == 2
    assert all(isinstance(loss, np.float32) for loss in losses)
    assert training_time > 0
    assert initialization_time > 0


def test_the_recorded_loss_is_that_of_the_update(task):
    model = network(task)
    x, y, mask, _ = task.get_trial_batch()
    wanted = np.mean((mask * (model.test(x).outputs - y)) ** 2)
    result = quiet(model, iter([(x, y, mask, None)]), 1, loss_epoch=1)
    assert result.losses[0] == pytest.approx(wanted, rel=1e-5)


def test_same_seeds_same_bits(task):
    def trained(seed):
        source = PerceptualDiscrimination(20, 100, 400, 8, seed=seed)
        model = network(source, seed=seed, rec_noise=0.2)
        losses = quiet(model, source, 4, loss_epoch=1).losses
        return losses, model.get_weights()["W_rec"]

    one, same, other = trained(3), trained(3), trained(4)
    assert one[0] == same[0]
    np.testing.assert_array_equal(one[1], same[1])
    assert one[0] != other[0]


def test_testing_between_updates_does_not_change_training(task):
    def trained(measure):
        source = PerceptualDiscrimination(20, 100, 400, 8, seed=5)
        model = network(source, rec_noise=0.2)
        extra = {"performance_measure": lambda *_: 0, "performance_cutoff": 1} if measure else {}
        quiet(model, source, 4, **extra)
        return model.get_weights()["W_rec"]

    np.testing.assert_array_equal(trained(False), trained(True))


def test_clipping(task):
    def moved(**options):
        model = network(task)
        before = raw(model)
        x, y, mask, _ = next(task.batch_generator())
        sgd = tf.compat.v1.train.GradientDescentOptimizer(1.0)
        quiet(model, iter([(x, 100 * y, mask)]), 1, optimizer=sgd, **options)
        return {k: np.linalg.norm(v - before[k]) for k, v in raw(model).items()}

    tensor = moved()
    assert tensor["W_out"] == pytest.approx(1, rel=1e-4)
    assert tensor["W_rec"] == pytest.approx(1, rel=1e-4)
    assert moved(clip_grads=0.5)["W_out"] == pytest.approx(0.5, rel=1e-4)
    together = moved(clip_grads_by="global")
    assert np.sqrt(sum(n**2 for n in together.values())) == pytest.approx(1, rel=1e-4)
    assert moved(clip_grads=False)["W_out"] > 5


def test_loss_that_is_not_finite_stops_at_once(task):
    model = network(task)
    good = next(task.batch_generator())
    huge = good._replace(y=good.y + 1e25)
    quiet(model, iter([good]), 1)
    kept = raw(model)
    with pytest.raises(TrainingError, match=r"update 2 gave a loss of inf.*largest gradient"):
        quiet(model, iter([good, huge, good]), 3, optimizer=tf.keras.optimizers.SGD(0.0))
    for key, value in kept.items():
        np.testing.assert_array_equal(raw(model)[key], value)
    quiet(model, iter([good]), 1)


def test_a_generator_that_runs_dry_keeps_what_was_learned(task):
    model = network(task)
    start = raw(model)["W_rec"]
    with pytest.raises(TrainingError, match="ended in update 3, after 16 of 80 trials"):
        quiet(model, fed(task, 0, 2), 10)
    assert (raw(model)["W_rec"] != start).any()


def test_trials_of_several_lengths_and_batches_of_several_sizes(task):
    batches = []
    for trials, steps in ((8, 20), (3, 30), (8, 20), (5, 10)):
        source = PerceptualDiscrimination(20, 100, 20 * steps, trials, seed=1)
        batches.append(next(source.batch_generator()))
    result = quiet(network(task), iter(batches), 3, loss_epoch=1)
    assert len(result.losses) == 4  # 8 + 3 + 8 trials are short of 24


def test_performance_stops_training(task, capsys):
    seen = []

    def measure(x, y, mask, output, epoch, losses, verbosity):
        assert x.shape == (8, 20, 2)
        assert y.shape == mask.shape == output.shape == (8, 20, 2)
        seen.append(epoch)
        return len(seen) / 4

    network(task).train(
        task, training_iters=800, performance_measure=measure, performance_cutoff=0.5,
        performance_epoch=3, loss_epoch=2,
    )  # fmt: skip
    assert seen == [3, 6]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:2] + lines[-2:] == ["performance: 0.25", "performance: 0.5",
                                       "Optimization finished!"]  # fmt: skip


def test_printed_lines(task, capsys, tmp_path):
    model = network(task)
    final, prefix = tmp_path / "new" / "final", tmp_path / "also new" / "w"
    options = {"training_iters": 32, "loss_epoch": 2, "save_training_weights_epoch": 3}
    result = model.train(
        task, options, save_weights_path=str(final), training_weights_path=str(prefix)
    )
    assert capsys.readouterr().out.splitlines() == [
        f"Iter 16, Minibatch Loss= {result.losses[0]:.6f}",
        f"Training weights saved in file: {prefix}3",
        f"Iter 32, Minibatch Loss= {result.losses[1]:.6f}",
        "Optimization finished!",
        f"Model saved in file: {final}",
    ]
    assert sorted(os.listdir(tmp_path / "also new")) == ["w3.npz"]
    assert sorted(os.listdir(tmp_path / "new")) == ["final.npz"]


def test_nothing_is_printed_when_not_verbose(task, capfd):
    quiet(network(task), task)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "trials" not in captured.err


def test_a_terminal_gets_a_progress_bar(task, capsys, monkeypatch):
    monkeypatch.setattr(callbacks, "interactive", lambda: True)
    network(task).train(task, training_iters=40, loss_epoch=1)
    out = capsys.readouterr().out
    assert "loss=" in out
    assert "40.0/40.0" in out
    assert "Iter" not in out
    assert "Optimization finished!" in out


def test_callbacks_run_in_order_and_can_stop(task):
    log = []

    class Log(Callback):
        def __init__(self, name, stop_at=None):
            self.name, self.stop_at = name, stop_at

        def on_train_begin(self, loop):
            log.append(f"{self.name} begin")

        def on_step_end(self, loop):
            log.append(f"{self.name} {loop.epoch}")
            loop.stop = loop.epoch == self.stop_at

        def on_train_end(self, loop):
            log.append(f"{self.name} end")

    quiet(network(task), task, 10, callbacks=[Log("a", 2), Log("b")])
    assert log == ["a begin", "b begin", "a 1", "b 1", "a 2", "a end", "b end"]


def test_a_callback_may_replace_the_batches(task):
    batch = next(task.batch_generator())
    other = PerceptualDiscrimination(20, 100, 800, 8, seed=3)
    steps = []

    class Harder(Callback):
        def on_step_end(self, loop):
            steps.append(loop.batch[0].shape[1])
            loop.batches = other.batch_generator()

    quiet(network(task), iter([batch]), 3, callbacks=[Harder()])
    assert steps == [20, 40, 40]


def test_the_default_optimizer_takes_a_schedule(task):
    rate = tf.keras.optimizers.schedules.ExponentialDecay(1e-2, 5, 0.5)
    model = network(task)
    quiet(model, task, 5, learning_rate=rate)
    quiet(model, task, 5, learning_rate=0.5)
    before = raw(model)["W_out"]
    quiet(model, task, 1, learning_rate=1e-12)
    np.testing.assert_allclose(raw(model)["W_out"], before, atol=1e-9)


def test_no_training_trains_nothing(task):
    model = network(task)
    before = raw(model)
    assert quiet(model, task, 0).losses == []
    for key, value in raw(model).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("flag", ["W_in", "W_rec", "W_out", "b_rec", "b_out", "init_state"])
def test_each_weight_can_be_kept(task, flag):
    model = network(task, **{f"{flag}_train": False})
    before = raw(model)
    quiet(model, task)
    for key in ("W_in", "W_rec", "W_out", "b_rec", "b_out", "init_state"):
        assert (raw(model)[key] == before[key]).all() == (key == flag)


def test_penalties_make_weights_smaller(task):
    free, held = network(task), network(task, L2_rec=10.0, L1_in=1.0)
    for model in (free, held):
        quiet(model, task, 30, learning_rate=0.01)
    for key in ("W_rec", "W_in"):
        assert np.abs(held.get_weights()[key]).mean() < np.abs(free.get_weights()[key]).mean()


def test_the_task_is_learned(task):
    source = PerceptualDiscrimination(20, 100, 1000, 64, seed=1, coherence=0.7)
    model = Basic.for_task(source, N_rec=30, seed=1, dale_ratio=0.8)
    model.train(source, training_iters=64 * 150, learning_rate=0.005, verbosity=False)
    x, y, mask, _ = source.get_trial_batch()
    assert source.accuracy_function(y, model.test(x).outputs, mask) > 0.9

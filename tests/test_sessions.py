"""Trials that depend on those before: what a task observes, and states that are carried on."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest
from networks import make
from refusals import refusing

from psychrnn import GRU, LSTM, RNN, Basic, BasicScan, Callback, Curriculum, Task
from psychrnn.backend._tensorflow import tf


class Watching(Task):
    """Shows each row the sign of its own last output, and keeps what it observed."""

    def __init__(self, N_batch=5, T=110, dt=10, **options):
        super().__init__(3, 2, dt, 40.0, T, N_batch, **options)
        self.signs = np.zeros(N_batch)
        self.seen = []

    def generate_trial_params(self, batch, trial):
        return {"last": self.signs[trial], "batch": batch}

    def generate_trial(self, params):
        x = self.rng.standard_normal((self.N_steps, 3))
        x[:, 0] = params["last"]
        y = np.ones((self.N_steps, 2))
        return x, y, y

    def observe(self, batch, outputs):
        assert batch.task is self
        assert outputs.shape == batch.y.shape
        self.signs = np.sign(outputs[:, -1, 0])
        self.seen.append((batch.params[0]["batch"], outputs))


class Keep(Callback):
    """Keeps the batches and outputs of every update."""

    def __init__(self):
        self.kept = []

    def on_step_end(self, loop):
        self.kept.append((loop.batch, loop.outputs, loop.state))


@pytest.mark.parametrize("engine", ["auto", "generic", "eager"])
def test_the_next_trial_depends_on_the_outputs_of_the_update_before(engine):
    task, keep = Watching(seed=1), Keep()
    model = make(Basic, engine)
    weights = {k: v.numpy() for k, v in model.named_variables().items()}
    model.train(task, training_iters=25, verbosity=False, callbacks=[keep])
    assert [number for number, _ in task.seen] == [1, 2, 3, 4, 5]
    for (batch, *_), (_, outputs) in zip(keep.kept[1:], task.seen):
        np.testing.assert_array_equal(batch[0][:, 0, 0], np.sign(outputs[:, -1, 0]))
    for key, value in weights.items():  # outputs are those before the update
        model.named_variables()[key].assign(value)
    first, outputs = keep.kept[0][0][0], keep.kept[0][1]
    np.testing.assert_allclose(model.test(first).outputs, outputs, atol=1e-5)


def test_a_seeded_session_is_repeatable():
    found = []
    for _ in range(2):
        task = Watching(seed=3)
        model = make(Basic, "auto")
        model.train(task, training_iters=25, verbosity=False)
        found.append((model.get_weights()["W_rec"], task.signs))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_tests_during_training_are_sessions_of_their_own():
    task, asked = Watching(seed=1), []

    def measure(x, y, mask, output, epoch, losses, verbosity):
        asked.append((x[:, 0, 0], np.sign(output[:, -1, 0])))
        inputs.append(x)
        return 0.0

    model, keep, inputs = make(Basic, "auto"), Keep(), []
    model.train(task, training_iters=20, verbosity=False, performance_measure=measure,
                performance_cutoff=1, callbacks=[keep])  # fmt: skip
    assert [number for number, _ in task.seen] == [1, 2, 3, 4]  # those of training alone
    assert len(asked) == 4
    for (_, signs), (shown, _) in pairwise(asked):
        np.testing.assert_array_equal(shown, signs)
    assert not any(np.array_equal(x, batch[0]) for x, (batch, *_) in zip(inputs, keep.kept))


@pytest.mark.parametrize("kind", [Basic, BasicScan, LSTM, GRU])
@pytest.mark.parametrize("engine", ["auto", "generic", "eager"])
def test_a_trial_starts_in_the_last_state_of_the_one_before(kind, engine):
    """Two trials with a carried state are one trial of twice the length."""
    model = make(kind, engine)
    task = Watching(seed=1)
    session = model.test_sessions(task, trials=3, carry_state=True)
    x = np.concatenate([batch.x for batch, _ in session], axis=1)
    whole = model.test(x)
    for part, right in zip(zip(*(result for _, result in session)), whole):
        np.testing.assert_allclose(np.concatenate(part, axis=1), right, atol=1e-5)
    assert task.seen == []  # it was copied
    other = model.test_sessions(task, trials=1)[0][0]
    assert not np.array_equal(other.x[..., 1:], session[0][0].x[..., 1:])  # another session
    keep = Keep()
    model.train(task, training_iters=10, learning_rate=1e-9, verbosity=False, carry_state=True,
                callbacks=[keep])  # fmt: skip
    batches, outputs, states = zip(*keep.kept)
    x = np.concatenate([batch[0] for batch in batches], axis=1)
    whole = model.test(x)
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole.outputs, atol=1e-4)
    np.testing.assert_allclose(states[1][0], whole.states[:, -1], atol=1e-4)


def test_engines_train_alike_with_a_carried_state():
    found = []
    for engine in ("fused", "generic", "eager"):
        model = make(LSTM, engine)
        model.train(Watching(seed=1), training_iters=20, verbosity=False, carry_state=True)
        found.append(model.get_weights()["W_f"])
    np.testing.assert_allclose(found[0], found[2], atol=1e-5)
    np.testing.assert_allclose(found[1], found[2], atol=1e-5)


def test_the_first_trial_trains_the_start_state():
    model = make(Basic, "auto")
    before = model.get_weights()["init_state"]
    model.train(Watching(seed=1), training_iters=5, verbosity=False, carry_state=True)
    assert (model.get_weights()["init_state"] != before).all()


def test_a_session_with_trials_of_several_lengths():
    lengths = (11, 7, 11)

    def trials():
        rng = np.random.default_rng(0)
        for steps in lengths:
            y = rng.standard_normal((5, steps, 2))
            yield rng.standard_normal((5, steps, 3)), y, np.ones_like(y), None

    model, keep = make(GRU, "auto"), Keep()
    model.train(trials(), training_iters=15, learning_rate=1e-9, verbosity=False,
                carry_state=True, callbacks=[keep])  # fmt: skip
    batches, _, states = zip(*keep.kept)
    whole = model.test(np.concatenate([batch[0] for batch in batches], axis=1))
    np.testing.assert_allclose(states[-1][0], whole.states[:, -1], atol=1e-4)


def test_a_curriculum_of_sessions():
    tasks = [Watching(seed=1), Watching(T=60, seed=2)]
    for task in tasks:
        task.accuracy_function = lambda *_: 1.0
    curriculum = Curriculum(tasks, metric_epoch=2, n_trials=12)
    make(Basic, "auto").train(
        None, curriculum=curriculum, training_iters=500, verbosity=False, carry_state=True
    )
    assert curriculum.stop_training
    assert curriculum.log.update.tolist() == [2, 4]
    assert [len(task.seen) for task in tasks] == [2, 2]


def test_wrong_sessions():
    model = make(Basic, "auto")
    with refusing("workers", "observe", "workers=0"):
        model.train(Watching(), training_iters=10, workers=2, verbosity=False)
    with refusing("carry_state", "batches of 5 trials", "one of 3"):
        parts = [(np.zeros((n, 11, 3)), *[np.ones((n, 11, 2))] * 2, None) for n in (5, 3)]
        model.train(iter(parts), training_iters=20, verbosity=False, carry_state=True)

    class Own(RNN):
        def forward_pass(self):
            states = tf.repeat(self.init_state[:, tf.newaxis], 11, axis=1)
            return states[..., :2] + self.b_out + tf.reduce_sum(self.x, 2, keepdims=True), states

    with refusing("carry_state", "forward_pass of its own"):
        make(Own, "auto").train(Watching(), training_iters=10, verbosity=False, carry_state=True)

    class OwnBatches(Watching):
        def batch_generator(self):
            yield from super().batch_generator()

    with refusing("observe", "batch_generator"):
        model.train(OwnBatches(), training_iters=10, verbosity=False)
    with refusing("carry_state", "True or False"):
        model.train(Watching(), training_iters=10, verbosity=False, carry_state="yes")
    with refusing("test_sessions", "a task"):
        model.test_sessions(3)
    with refusing("trials", "at least 1"):
        model.test_sessions(Watching(), trials=0)


def test_a_network_with_its_own_forward_pass_is_observed():
    class Own(RNN):
        def forward_pass(self):
            states = tf.repeat(self.init_state[:, tf.newaxis], 11, axis=1)
            return states[..., :2] + self.b_out + tf.reduce_sum(self.x, 2, keepdims=True), states

    task = Watching(seed=1)
    make(Own, "auto").train(task, training_iters=15, verbosity=False)
    assert len(task.seen) == 3
    assert copy.deepcopy(task).seen[0][0] == 1


class Matrix(Basic):
    """A state of two parts, one of them with three axes."""

    def initial_state(self):
        (state,) = super().initial_state()
        return state, tf.tile(state[:, :, tf.newaxis], [1, 1, 2])

    def recurrent_timestep(self, rnn_in, state, traces):
        state = super().recurrent_timestep(rnn_in, state) + 0.1 * traces[:, :, 1]
        return state, 0.9 * traces + 0.1 * state[:, :, tf.newaxis]


class OneTensor(Basic):
    def initial_state(self):
        return super().initial_state()[0]


@pytest.mark.parametrize("kind", [Matrix, OneTensor])
def test_states_of_other_forms_are_carried(kind):
    model = make(kind, "auto")
    session = model.test_sessions(Watching(seed=1), trials=3, carry_state=True)
    whole = model.test(np.concatenate([batch.x for batch, _ in session], axis=1))
    outputs = np.concatenate([result.outputs for _, result in session], axis=1)
    np.testing.assert_allclose(outputs, whole.outputs, atol=1e-5)
    model.train(Watching(seed=1), training_iters=10, verbosity=False, carry_state=True)


def test_wrong_observers():
    class NoFunction(Watching):
        observe = 3

    class OneArgument(Watching):
        def observe(self, batch):
            pass

    class Open(Watching):
        def __init__(self):
            super().__init__()
            self.log = (n for n in ())

    model = make(Basic, "auto")
    before = model.get_weights()["W_rec"]
    for kind, word in ((NoFunction, "a function"), (OneArgument, "batch, outputs"),
                       (Open, "can be copied")):  # fmt: skip
        with refusing(kind.__name__, word):
            model.train(kind(), training_iters=10, verbosity=False)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], before)


def test_a_task_with_other_time_steps_is_told():
    with pytest.warns(UserWarning, match="20 ms and one of the network 10 ms"):
        make(Basic, "auto").train(Watching(T=220, dt=20, seed=1), training_iters=5, verbosity=False)

"""All engines give the numbers of the eager one, which runs the readable step."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from networks import assert_same, batches, loss_and_gradients, make, value_and_gradients

from psychrnn import Basic, ParameterError
from psychrnn.backend import engine, noise
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.fused_loop import Network, unroll_fused
from psychrnn.backend.generic_loop import Cell, compile_cell, unroll_generic
from psychrnn.backend.models.basic import BasicScan, leaky
from psychrnn.backend.shards import Parts, number_of_shards
from psychrnn.backend.unroll import unroll


def bent(state):
    return tf.nn.softplus(state) * 0.5 + 0.1 * state


TRANSFER = {"relu": "relu", "tanh": "tanh", "own": bent}
MASK = (np.random.default_rng(3).random((7, 7)) < 0.6).astype(float)
CONSTRAINTS = {
    "free": {},
    "masks": {"rec_connectivity": MASK, "input_connectivity": MASK[:, :3], "autapses": False},
    "Dale": {"dale_ratio": 0.7},
    "both": {"dale_ratio": 0.7, "rec_connectivity": MASK, "output_connectivity": MASK[:2]},
}
LOSSES = {
    "MSE": {},
    "entropy": {"loss_function": "categorical_cross_entropy"},
    "rates": {"L2_firing_rate": 0.7, "L1_rec": 0.1},
}
TAU = {"scalar": 40.0, "per unit": np.linspace(20, 90, 7)}


class OwnStep(Basic):
    """A user's step: a trainable gain of each unit, and the library's step."""

    def __init__(self, params):
        super().__init__(params)
        self.gain = tf.Variable(np.linspace(0.5, 1.5, self.N_rec), dtype=tf.float32, name="gain")

    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, self.gain * state)


@pytest.mark.parametrize("transfer", TRANSFER)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("tau", TAU)
def test_engines_agree(transfer, constraint, loss, tau):
    options = {"transfer_function": TRANSFER[transfer], "tau": TAU[tau]}
    options |= CONSTRAINTS[constraint] | LOSSES[loss]
    wanted = loss_and_gradients(make(Basic, "eager", **options))
    assert len(wanted[3]) == 6
    runs = [(Basic, "fused"), (Basic, "generic")]
    if loss == "MSE" and tau == "scalar":  # it differs in the order of arguments alone
        runs += [(BasicScan, "auto"), (BasicScan, "generic")]
    for kind, which in runs:
        assert_same(loss_and_gradients(make(kind, which, shards=2, **options)), wanted)


@pytest.mark.parametrize("shards", [1, 2, 5])
@pytest.mark.parametrize("kind", [Basic, BasicScan, OwnStep])
@pytest.mark.parametrize("generator", ["hash", "philox"])
def test_engines_meet_the_same_noise(kind, shards, generator):
    if generator == "philox" and shards > 1:
        pytest.skip("this generator gives every part of a batch numbers of its own")
    options = {"rec_noise": 0.3, "rec_noise_generator": generator}
    wanted = loss_and_gradients(make(kind, "eager", **options))
    silent = loss_and_gradients(make(kind, "eager"))
    assert abs(wanted[2] - silent[2]).max() > 0.1
    engines = ["generic"] if kind is OwnStep else ["fused", "generic"]
    for which in engines:
        assert_same(loss_and_gradients(make(kind, which, shards=shards, **options)), wanted)


def test_own_step_and_own_weights_are_trained():
    wanted = loss_and_gradients(make(OwnStep, "eager"))
    found = loss_and_gradients(make(OwnStep, "auto", shards=2))
    assert abs(wanted[3]["gain"]).max() > 1e-3
    assert_same(found, wanted)


class TwoStates(Basic):
    """A state of two parts, as of an LSTM."""

    def initial_state(self):
        return self.init_state, 0.5 * self.init_state

    def recurrent_timestep(self, rnn_in, state, slow):
        fast = super().recurrent_timestep(rnn_in, state) - 0.3 * slow
        return fast, 0.9 * slow + 0.1 * self.transfer_function(fast)


@pytest.mark.parametrize("options", [{}, LOSSES["rates"], {"rec_noise": 0.2}])
def test_states_of_two_parts(options):
    wanted = loss_and_gradients(make(TwoStates, "eager", **options))
    assert_same(loss_and_gradients(make(TwoStates, "generic", shards=2, **options)), wanted)


class ScaledInput(Basic):
    """Trains what is in front of the loop."""

    def __init__(self, params):
        super().__init__(params)
        self.scale = tf.Variable(tf.ones(self.N_in), name="scale")

    def forward_pass(self):
        self.__dict__["x"] = self.x * self.scale
        return super().forward_pass()


def test_gradients_reach_inputs():
    wanted = loss_and_gradients(make(ScaledInput, "eager"))
    model = make(ScaledInput, "auto")
    assert "generic" in repr(model) and "forward_pass of its own" in repr(model)
    assert abs(wanted[3]["scale"]).max() > 1e-3
    assert_same(loss_and_gradients(model), wanted)


def test_gradients_reach_inputs_through_a_forward_pass_of_one_model():
    def scaled(model):
        model.scale = tf.Variable(tf.ones(3), name="scale")

        def forward_pass():
            model.__dict__["x"] = model.x * model.scale
            return type(model).forward_pass(model)

        model.forward_pass = forward_pass
        return model

    wanted = loss_and_gradients(make(ScaledInput, "eager"))
    found = loss_and_gradients(scaled(make(Basic, "generic")))
    assert_same(found[3]["scale"], wanted[3]["scale"])


def test_losses_see_the_shapes_of_a_batch():
    shapes = []

    def loss(predictions, y, output_mask):
        shapes.append(predictions.shape.as_list())
        return tf.reduce_mean(tf.square(output_mask * (predictions - y)))

    for kind, which in ((Basic, "fused"), (Basic, "generic"), (OwnStep, "auto")):
        model = make(kind, which, loss_function="own", own=loss)
        model.train(batches([11]), training_iters=5, verbosity=False)
    assert shapes and all(shape == [5, 11, 2] for shape in shapes)


class Dropping(Basic):
    """Draws random numbers of its own, so that no step may be run twice."""

    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, state + tf.random.normal(tf.shape(state)))


class Whitening(Basic):
    """Lets trials of a batch see each other."""

    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, state - tf.reduce_mean(state, axis=0))


class OuterTensor(Basic):
    """Makes a weight before the loop."""

    def forward_pass(self):
        strong = 2 * self.get_effective_W_rec()

        def step(rnn_in, state):
            drive = tf.matmul(self.transfer_function(state), strong, transpose_b=True)
            return 0.9 * state + 0.1 * (drive + rnn_in[:, :1])

        return self._unrolled(step, self.output_timestep)


class MixedOutputs(Basic):
    """Reads each state out beside others: not what a readout may do, and yet the same anywhere."""

    def output_timestep(self, state):
        return super().output_timestep(state) - tf.reduce_mean(state)


class Uncompilable(Basic):
    """Uses an operation that XLA does not know, and that is the same when run again."""

    def recurrent_timestep(self, rnn_in, state):
        new = super().recurrent_timestep(rnn_in, state)
        digits = tf.strings.to_number(tf.strings.as_string(tf.round(tf.stop_gradient(new))))
        return new + 0.1 * digits


def test_a_step_with_side_effects_runs_in_the_plain_loop():
    model = make(Dropping, "auto")
    tf.random.set_seed(5)
    loss, _, _, gradients = loss_and_gradients(model)
    assert np.isfinite(loss) and abs(gradients["W_rec"]).max() > 0
    assert "plain time loop (its step uses RandomStandardNormal" in repr(model)


@pytest.mark.parametrize(
    "kind, words",
    [
        (Whitening, "generic, 1 shard"),
        (MixedOutputs, "not read out state by state"),
        (OuterTensor, "uses tensors made outside of it"),
        (Uncompilable, "XLA cannot compile its step"),
    ],
)
def test_steps_that_need_care_are_still_right(kind, words):
    model = make(kind, "auto", shards=2)
    assert_same(loss_and_gradients(model), loss_and_gradients(make(kind, "eager")))
    assert words in repr(model)


class Learnable(Basic):
    def __init__(self, params):
        super().__init__(params)
        self.rate = tf.Variable(0.25, name="rate")
        self.alpha = self.rate


class Doubled(Basic):
    def get_effective_W_rec(self):
        return 2 * super().get_effective_W_rec()


class Dropped(Basic):
    def get_effective_W_rec(self):
        return tf.nn.dropout(super().get_effective_W_rec(), 0.5)


def test_what_keeps_a_model_from_the_fused_engine():
    assert engine.why_not_fused(make(Doubled, "fused")) is None
    assert "alpha" in engine.why_not_fused(make(Learnable, "auto"))
    assert "get_effective_W_rec" in engine.why_not_fused(make(Dropped, "auto"))
    assert "transfer_function" in engine.why_not_fused(
        make(Basic, "auto", transfer_function=lambda s: tf.nn.softmax(s))
    )
    slope = tf.Variable(0.5)
    own = make(Basic, "auto", transfer_function=lambda s: slope * s)
    assert "transfer_function" in engine.why_not_fused(own)
    changed = make(Basic, "auto")
    changed.recurrent_timestep = lambda rnn_in, state: state
    assert "recurrent_timestep" in engine.why_not_fused(changed)
    assert_same(
        loss_and_gradients(make(Doubled, "fused", shards=2)),
        loss_and_gradients(make(Doubled, "eager")),
    )
    learnable = loss_and_gradients(make(Learnable, "auto"))
    assert abs(learnable[3]["rate"]) > 1e-3
    assert_same(learnable, loss_and_gradients(make(Learnable, "eager")))


def test_fused_asked_for_a_step_of_its_own_is_refused():
    with pytest.raises(ParameterError, match=r"OwnStep.engine.*recurrent_timestep of its own"):
        make(OwnStep, "fused")
    model = make(Basic, "auto")
    with pytest.raises(ParameterError, match="'generic'"):
        model.engine = "quick"
    assert model.engine == "auto"
    model.engine = "generic"
    assert "generic, 1 shard" in repr(model)


def test_shards():
    assert [number_of_shards("Basic", None, n) for n in (1, 31, 32, 63)] == [1, 1, 1, 1]
    with pytest.raises(ParameterError, match=r"Basic.shards.*at most one shard a trial, 5.*6"):
        make(Basic, "auto", shards=6)
    assert Parts(7, 3).sizes == [3, 2, 2]
    assert [int(first) for first in Parts(7, 3).first] == [0, 3, 5]


# -- double precision ---------------------------------------------------------------------------


def leaky_in_double(noise_scale=None):
    """Return weights, inputs and a plain step in float64."""
    rng = np.random.default_rng(6)
    W = {"W_rec": (7, 7), "W_in": (7, 3), "b_rec": (7,), "W_out": (2, 7), "b_out": (2,)}
    W = {key: tf.constant(rng.standard_normal(shape) / 2) for key, shape in W.items()}
    x, start = (tf.constant(rng.standard_normal(s)) for s in ((5, 11, 3), (5, 7)))
    alpha = tf.constant(np.linspace(0.1, 0.6, 7))

    def step(W, x_t, s, noise=0.0):
        drive = tf.matmul(tf.tanh(s), W["W_rec"], transpose_b=True) + W["b_rec"]
        drive += tf.matmul(x_t, W["W_in"], transpose_b=True)
        return (1 - alpha) * s + alpha * drive + noise

    def readout(W, s):
        return tf.matmul(tf.tanh(s), W["W_out"], transpose_b=True) + W["b_out"]

    return W, x, start, alpha, step, readout


def test_loops_agree_in_double_precision():
    W, x, start, alpha, step, readout = leaky_in_double()
    keys = tf.constant(np.random.default_rng(0).integers(0, 2**32, (11, 2)), tf.uint32)
    scale = 0.3

    def noisy(W, key, first, x_t, s):
        drawn = noise.hashed(noise.Moment(key, first), s.shape[0], 7)
        return step(W, x_t, s, scale * tf.cast(drawn, tf.float64))

    def plain(W, start):
        outputs, (states,) = unroll(
            lambda t, x_t, s: noisy(W, keys[t], 0, x_t, s), lambda s: readout(W, s), x, (start,)
        )
        return outputs, states

    def fused(W, start):
        a = alpha[:, tf.newaxis]
        rows = [a * W["W_rec"], a * W["W_in"], a * W["b_rec"][:, tf.newaxis]]
        last = [W["W_out"], tf.zeros([2, 3], tf.float64), W["b_out"][:, tf.newaxis]]
        M = tf.concat([tf.concat(rows, 1), tf.concat(last, 1)], 0)
        spread = tf.fill([7, 1], tf.constant(scale, tf.float64))
        network = Network(leaky(tf.tanh), M, (1 - a,), spread)
        return unroll_fused(network, x, (start,), keys, Parts(5, 2))

    here = {}

    @contextmanager
    def bind(tensors, moment):
        here.update(W=tensors, moment=moment)
        yield

    cell = Cell(
        lambda x_t, s: noisy(here["W"], *here["moment"], x_t, s),
        bind,
        [],
    )

    def generic(W, start):
        program = compile_cell(cell)
        outputs, (states,) = unroll_generic(
            cell, program, lambda s: readout(W, s), x, (start,), W, keys, Parts(5, 2)
        )
        return outputs, states

    wanted = value_and_gradients(W, start, plain)
    assert_same(value_and_gradients(W, start, fused), wanted, 1e-9)
    assert_same(value_and_gradients(W, start, generic), wanted, 1e-9)


# -- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, which", [(Basic, "fused"), (OwnStep, "generic")])
@pytest.mark.parametrize("loss", ["MSE", "rates"])
def test_training_on_trials_of_many_lengths(kind, which, loss):
    lengths = [11, 11, 5, 17, 3, 11, 23, 1]
    weights = []
    for chosen in (which, "eager"):
        model = make(kind, chosen, shards=2, **LOSSES[loss])
        model.train(batches(lengths), training_iters=80, learning_rate=0.01, verbosity=False)
        weights.append(model.get_weights())
    for key in ("W_rec", "W_in", "W_out", "b_rec", "init_state"):
        np.testing.assert_allclose(weights[0][key], weights[1][key], rtol=0, atol=2e-4)


def test_a_seed_gives_the_same_bits():
    weights = []
    for _ in range(2):
        model = make(Basic, "auto", rec_noise=0.2, shards=2)
        model.train(batches([11]), training_iters=50, verbosity=False)
        weights.append(model.get_weights()["W_rec"])
    np.testing.assert_array_equal(*weights)


def test_testing_in_chunks():
    model = make(Basic, "auto")
    x = np.random.default_rng(0).standard_normal((23, 11, 3))
    whole = model.test(x)
    for size in (1, 5, 22, 23, 100):
        part = model.test(x, batch_size=size)
        np.testing.assert_allclose(part.outputs, whole.outputs, atol=1e-5)
        np.testing.assert_allclose(part.states, whole.states, atol=1e-5)
    with pytest.raises(ParameterError, match=r"Basic.test.batch_size.*at least 1"):
        model.test(x, batch_size=0)


def test_a_users_transfer_function_is_read_anew_by_each_model():
    slope = [1.0]

    def leaky(state):
        return slope[0] * tf.nn.relu(state)

    for slope[0] in (1.0, 3.0):
        found = loss_and_gradients(make(Basic, "fused", transfer_function=leaky))
        assert_same(found, loss_and_gradients(make(Basic, "eager", transfer_function=leaky)))


class OwnLoop(Basic):
    """A forward pass as PsychRNN 1.0 had it, with a Python loop."""

    def forward_pass(self):
        state, states = self.init_state, []
        for x_t in tf.unstack(self.x, axis=1):
            state = self.recurrent_timestep(x_t, state)
            states.append(state)
        outputs = [self.output_timestep(state) for state in states]
        return tf.stack(outputs, 1), tf.stack(states, 1)


@pytest.mark.parametrize("kind", [Basic, OwnLoop])
def test_a_test_does_not_disturb_the_noise_of_training(kind):
    weights = []
    for tests in (0, 2):
        model = make(kind, "auto", rec_noise=0.3)
        for _ in range(tests):
            model.test(np.zeros((2, 11, 3)))
        model.train(batches([11]), training_iters=15, verbosity=False)
        weights.append(model.get_weights()["W_rec"])
    np.testing.assert_array_equal(*weights)


def test_chunks_and_a_start_state_for_each_trial_are_refused():
    model = make(Basic, "auto")
    model.init_state = tf.ones([4, 7])
    assert model.test(np.zeros((4, 11, 3))).states.shape == (4, 11, 7)
    with pytest.raises(ParameterError, match=r"Basic.test.batch_size.*init_state was set"):
        model.test(np.zeros((4, 11, 3)), batch_size=2)

"""Scripts as labs wrote them for PsychRNN 1.0: tasks and networks of their own."""

import os
import subprocess
import sys
import textwrap
from math import pi
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import psychrnn
from psychrnn.backend.models.basic import Basic
from psychrnn.backend.rnn import RNN
from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination
from psychrnn.tasks.task import Task

QUIET = {"verbosity": False, "loss_epoch": 1}


# -- U06: a task of one's own ------------------------------------------------------------------


class GoNoGo(Task):
    """Respond on channel 0 after a go cue, stay silent after a no-go cue."""

    def __init__(self, dt, tau, T, N_batch, p_go=0.5, mask_type=float):
        super().__init__(2, 1, dt, tau, T, N_batch)
        self.p_go = p_go
        self.noise = 0.05 * np.sqrt(self.alpha)
        self.mask_type = mask_type
        self.numbers = []

    def generate_trial_params(self, batch, trial):
        self.numbers.append((batch, trial))
        params = dict()
        params["go"] = np.random.rand() < self.p_go
        params["cue_on"] = np.random.uniform(0, self.T / 4.0)
        params["respond"] = self.T / 2.0
        return params

    def trial_function(self, t, params):
        x_t = self.noise * np.random.randn(self.N_in)
        y_t = np.zeros(self.N_out)
        mask_t = np.ones(self.N_out, dtype=self.mask_type)
        if params["cue_on"] <= t < params["respond"]:
            x_t[0 if params["go"] else 1] += 1
        if t >= params["respond"]:
            y_t[0] = float(params["go"])
        elif t < params["cue_on"]:
            mask_t[:] = 0
        return x_t, y_t, mask_t

    def accuracy_function(self, correct_output, test_output, output_mask):
        late = test_output[:, -1, 0] > 0.5
        return np.mean(late == (correct_output[:, -1, 0] > 0.5))


@pytest.mark.parametrize("mask_type", [float, bool])
def test_u06_own_task(mask_type):
    np.random.seed(1)
    tf.random.set_seed(1)
    task = GoNoGo(dt=20, tau=100, T=400, N_batch=16, mask_type=mask_type)
    params = task.get_task_params()
    assert params["p_go"] == 0.5 and params["noise"] == 0.05 * np.sqrt(0.2)
    assert params["N_steps"] == 20 and params["alpha"] == 0.2
    params["name"] = f"go_{mask_type.__name__}"
    params["N_rec"] = 12
    x, y, mask, trial_params = task.get_trial_batch()
    assert x.shape == (16, 20, 2) and y.shape == mask.shape == (16, 20, 1)
    assert task.numbers == [(1, trial) for trial in range(16)]
    for k in range(16):
        on, go = trial_params[k]["cue_on"], trial_params[k]["go"]
        times = np.arange(20) * 20
        np.testing.assert_array_equal(mask[k, :, 0], times >= on)
        np.testing.assert_array_equal(y[k, :, 0], (times >= 200) * go)
        assert x[k, (times >= on) & (times < 200), 0 if go else 1].mean() > 0.8
    model = Basic(params)
    losses, _, _ = model.train(task, {**QUIET, "training_iters": 480, "learning_rate": 0.01})
    assert len(losses) == 30 and np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    output, _ = model.test(x)
    assert 0 <= task.accuracy_function(y, output, mask) <= 1
    model.destruct()


def test_u06_own_generator_and_fixed_seed_attributes():
    """Attributes that labs like to use are the task's own business."""

    class Seeded(GoNoGo):
        def __init__(self, *args, seed=0, **kwargs):
            super().__init__(*args, **kwargs)
            self.seed = seed
            self.rng = np.random.RandomState(seed)

        def generate_trial_params(self, batch, trial):
            return {"go": self.rng.rand() < self.p_go, "cue_on": 20.0, "respond": 200.0}

    batches = [Seeded(20, 100, 400, 16, seed=s).get_trial_batch() for s in (3, 3, 4)]
    chosen = [[p["go"] for p in batch[3]] for batch in batches]
    assert chosen[0] == chosen[1] != chosen[2]
    assert Seeded(20, 100, 400, 16, seed=3).seed == 3


def test_u06_params_of_a_task_with_attributes_set_first():
    class SetFirst(GoNoGo):
        def __init__(self, N_batch):
            self.angles = np.linspace(0, 2 * pi, 8)
            self.lo, self.hi = 0.2, 1.0
            super().__init__(20, 100, 400, N_batch)

    params = SetFirst(4).get_task_params()
    assert params["hi"] == 1.0 and params["angles"].shape == (8,) and params["N_batch"] == 4


# -- U07: a network of one's own ---------------------------------------------------------------

TWO_INPUTS = """
    import numpy as np
    import tensorflow as tf
    from psychrnn.backend.rnn import RNN
    from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

    # DISABLE

    class Gated(RNN):
        def __init__(self, params):
            self.gain_start = params["gain"]
            self.N_context = params.get("N_context", 1)
            super(Gated, self).__init__(params)

            # inputs get one more column, for a constant context
            total = self.N_in + self.N_context
            start = self.initializer.initializations
            start["input_connectivity"] = np.ones([self.N_rec, total])
            start["W_in"] = self.initializer.rand_init(np.ones([self.N_rec, total]))
            start["gain"] = self.gain_start * np.ones([1, self.N_rec])
            with tf.compat.v1.variable_scope(self.name) as scope:
                self.W_in = tf.compat.v1.get_variable(
                    "W_in_all",
                    [self.N_rec, total],
                    initializer=self.initializer.get("W_in"),
                    trainable=self.W_in_train,
                )
                self.input_connectivity = tf.compat.v1.get_variable(
                    "input_connectivity_all",
                    [self.N_rec, total],
                    initializer=self.initializer.get("input_connectivity"),
                    trainable=False,
                )
                self.gain = tf.compat.v1.get_variable(
                    "gain", [1, self.N_rec], initializer=self.initializer.get("gain")
                )

        def recurrent_timestep(self, rnn_in, state):
            context = tf.ones([tf.shape(input=rnn_in)[0], self.N_context])
            full_in = tf.concat([rnn_in, context], axis=1)
            drive = (
                tf.matmul(
                    self.gain * self.transfer_function(state),
                    self.get_effective_W_rec(),
                    transpose_b=True,
                    name="1",
                )
                + tf.matmul(full_in, self.get_effective_W_in(), transpose_b=True, name="2")
                + self.b_rec
            )
            noise = tf.sqrt(2.0 * self.alpha * self.rec_noise * self.rec_noise)
            return (
                (1 - self.alpha) * state
                + self.alpha * drive
                + noise * tf.random.normal(tf.shape(input=state), mean=0.0, stddev=1.0)
            )

        def output_timestep(self, state):
            return (
                tf.matmul(
                    self.transfer_function(state),
                    self.get_effective_W_out(),
                    transpose_b=True,
                    name="3",
                )
                + self.b_out
            )

        def forward_pass(self):
            rnn_inputs = tf.unstack(self.x, axis=1)
            state = self.init_state
            rnn_outputs = []
            rnn_states = []
            for rnn_input in rnn_inputs:
                state = self.recurrent_timestep(rnn_input, state)
                output = self.output_timestep(state)
                rnn_outputs.append(output)
                rnn_states.append(state)
            return (
                tf.transpose(a=rnn_outputs, perm=[1, 0, 2]),
                tf.transpose(a=rnn_states, perm=[1, 0, 2]),
            )

    pd = PerceptualDiscrimination(dt=20, tau=100, T=300, N_batch=10)
    params = pd.get_task_params()
    params["name"] = "gated"
    params["N_rec"] = 12
    params["gain"] = 1.0
    params["rec_noise"] = 0.05

    finals = []
    for repeat in range(2):
        tf.compat.v1.set_random_seed(4)
        np.random.seed(4)
        model = Gated(params)
        before = model.get_weights()
        losses, _, _ = model.train(
            pd,
            {
                "training_iters": 100,
                "loss_epoch": 2,
                "learning_rate": 0.01,
                "training_weights_path": "saved/gated_",
                "save_training_weights_epoch": 5,
                "fixed_weights": {"gain": np.eye(12)[:1]},
            },
        )
        outputs, states = model.test(pd.get_trial_batch()[0])
        after = model.get_weights()
        finals.append(losses[-1])
        model.destruct()
    print("shapes", outputs.shape, states.shape, before["W_in"].shape)
    moved = [k for k in after if np.any(np.not_equal(before[k], after[k]))]
    print("moved", sorted(moved))
    print("frozen gain", after["gain"][0, 0] == 1.0, (after["gain"][0, 1:] != 1.0).all())
    print("constraint", after["input_connectivity"].shape)
    print("repeat", finals[0] == finals[1])
    with np.load("saved/gated_10.npz") as saved:
        print("saved", np.array_equal(saved["gain"], after["gain"]), saved["W_in"].shape)
"""


def check_what_it_said(printed):
    lines = printed.splitlines()
    said = dict(line.split(" ", 1) for line in lines if not line.startswith(("Iter", "Train")))
    assert sum(line.startswith("Iter ") for line in lines) == 10
    assert said["shapes"] == "(10, 15, 2) (10, 15, 12) (12, 3)"
    moved = said["moved"]
    for key in ("'W_in'", "'W_rec'", "'W_out'", "'b_rec'", "'gain'", "'init_state'"):
        assert key in moved
    assert "connectivity" not in moved and "Dale" not in moved
    assert said["frozen"] == "gain True True"
    assert said["constraint"].endswith("(12, 3)")
    assert said["repeat"] == "True"
    assert said["saved"] == "True (12, 3)"


def test_u07_own_network_script_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(TWO_INPUTS), {"__name__": "__main__"})
    check_what_it_said(capsys.readouterr().out)


def test_u07_own_network_script_that_disables_eager_execution(tmp_path):
    script = textwrap.dedent(TWO_INPUTS)
    script = script.replace("# DISABLE", "tf.compat.v1.disable_eager_execution()")
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(Path(psychrnn.__file__).parents[1])),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    check_what_it_said(done.stdout)


class Leaky(RNN):
    """The least a network of one's own needs."""

    def forward_pass(self):
        state = self.init_state
        outputs, states = [], []
        for rnn_in in tf.unstack(self.x, axis=1):
            state = (1 - self.alpha) * state + self.alpha * tf.matmul(
                rnn_in, self.get_effective_W_in(), transpose_b=True, name="1"
            )
            states.append(state)
            outputs.append(tf.matmul(state, self.get_effective_W_out(), transpose_b=True))
        return tf.transpose(a=outputs, perm=[1, 0, 2]), tf.transpose(a=states, perm=[1, 0, 2])


def test_u07_unused_weights_stay_and_numbers_are_right():
    pd = PerceptualDiscrimination(dt=20, tau=100, T=300, N_batch=5)
    params = pd.get_task_params()
    params.update(name="leaky", N_rec=6, input_connectivity=np.tri(6, 2))
    model = Leaky(params)
    before = model.get_weights()
    x = pd.get_trial_batch()[0]
    outputs, states = model.test(x)
    state = np.repeat(before["init_state"], 5, axis=0)
    for step in range(15):
        state = 0.8 * state + 0.2 * x[:, step] @ before["W_in"].T
        np.testing.assert_allclose(states[:, step], state, atol=1e-5)
        np.testing.assert_allclose(outputs[:, step], state @ before["W_out"].T, atol=1e-5)
    model.train(pd, {**QUIET, "training_iters": 25})
    after = model.get_weights()
    for key in ("W_rec", "b_rec", "b_out"):  # no gradient reaches these
        np.testing.assert_array_equal(after[key], before[key])
    assert (after["W_in"] != before["W_in"]).sum() == 11 and after["W_in"][0, 1] == 0
    assert (after["init_state"] != before["init_state"]).any()
    model.destruct()


def test_u07_variables_by_any_name():
    """Plain variables and several of them in a list count, as every variable did in a graph."""

    class WithList(Leaky):
        def __init__(self, params):
            super().__init__(params)
            with tf.compat.v1.variable_scope(self.name):
                self.scales = [
                    tf.compat.v1.get_variable(f"scale_{i}", [], initializer=tf.ones_initializer())
                    for i in range(2)
                ]
            self.shift = tf.Variable(np.zeros(2, np.float32), name="shift")

        def forward_pass(self):
            outputs, states = super().forward_pass()
            return outputs * self.scales[0] * self.scales[1] + self.shift, states

    pd = PerceptualDiscrimination(dt=20, tau=100, T=300, N_batch=5)
    params = pd.get_task_params()
    params.update(name="with_list", N_rec=6)
    model = WithList(params)
    losses, _, _ = model.train(pd, {**QUIET, "training_iters": 25})
    weights = model.get_weights()
    assert weights["scale_0"] != 1 and weights["scale_1"] != 1 and weights["shift"].all()
    assert len(losses) == 5
    model.destruct()


def test_u07_replaced_weight_can_be_frozen_under_its_own_name():
    class Wider(Leaky):
        def __init__(self, params):
            super().__init__(params)
            with tf.compat.v1.variable_scope(self.name):
                self.W_in = tf.compat.v1.get_variable(
                    "W_in_own", [6, 2], initializer=self.initializer.get("W_in")
                )

    pd = PerceptualDiscrimination(dt=20, tau=100, T=300, N_batch=5)
    params = pd.get_task_params()
    params.update(name="wider", N_rec=6)
    model = Wider(params)
    before = model.get_weights()["W_in"]
    freeze = {"W_in_own": np.ones((6, 2))}  # 1.0 froze variables by their own names
    model.train(pd, {**QUIET, "training_iters": 25, "fixed_weights": freeze})
    weights = model.get_weights()
    np.testing.assert_array_equal(weights["W_in"], before)
    model.destruct()


def test_u07_train_flags_are_attributes():
    task = PerceptualDiscrimination(dt=20, tau=100, T=300, N_batch=5)
    params = {**task.get_task_params(), "name": "flags", "N_rec": 6, "W_rec_train": False}
    model = Basic(params)
    flags = [model.W_in_train, model.W_rec_train, model.W_out_train]
    flags += [model.b_rec_train, model.b_out_train, model.init_state_train]
    assert flags == [True, False, True, True, True, True]
    model.destruct()


def test_u07_own_start_state():
    class OwnStart(Leaky):
        def __init__(self, params):
            super().__init__(params)
            self.init_state = 0.5 * tf.ones([self.N_batch, self.N_rec])

    pd = PerceptualDiscrimination(dt=20, tau=100, T=300, N_batch=5)
    params = pd.get_task_params()
    params.update(name="own_start", N_rec=6)
    model = OwnStart(params)
    _, states = model.test(np.zeros((5, 15, 2)))
    np.testing.assert_allclose(states[:, 0], 0.4, atol=1e-6)
    model.destruct()


def test_u07_abstract_network_says_what_is_missing():
    with pytest.raises(TypeError, match="forward_pass"):
        RNN({"name": "bare"})

"""The contracts that are shipped to users: they hold here, and broken ones are told apart."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from networks import make

from psychrnn import (
    GRU,
    LSTM,
    ArrayTask,
    Basic,
    BasicScan,
    DelayedDiscrimination,
    GaussianSpectralRadius,
    MatchToCategory,
    ParameterError,
    PerceptualDiscrimination,
    Task,
    Trial,
    in_sequence,
)
from psychrnn.backend._tensorflow import tf
from psychrnn.tasks.accuracy import choice_accuracy
from psychrnn.testing import ContractError, check_model, check_task

SIZES = {"N_in": 2, "N_out": 2, "dt": 10, "tau": 100, "T": 300, "N_batch": 20, "seed": 1}


def silent(task):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_task(task)


def test_the_librarys_tasks_keep_their_promises():
    silent(PerceptualDiscrimination(20, 100, 2000, 40, seed=1))
    silent(MatchToCategory(20, 100, 2000, 40, seed=1))
    x = np.random.default_rng(0).normal(size=(200, 10, 2))
    silent(ArrayTask(x, np.sign(x), dt=10, tau=100, N_batch=20, seed=1))


def test_one_stimulus_of_delayed_discrimination_gives_much_of_the_choice_away():
    with pytest.warns(UserWarning, match=r"'stimulus 2' alone tell the choice in (6|7)\d%"):
        check_task(DelayedDiscrimination(20, 100, 2000, 100, seed=1))


class Good(Task):
    def generate_trial_params(self, batch, trial):
        return {"side": self.rng.choice(2)}

    def periods(self, params):
        return in_sequence(wait=50, stimulus=100, answer=100)

    def generate_trial(self, params):
        trial = Trial(self, params)
        trial.add_noise(0.1)
        trial.add(f"input {params['side']}", 1, during="stimulus")
        trial.target(f"output {params['side']}", 1, during="answer")
        return trial.arrays()

    def accuracy_function(self, correct_output, test_output, output_mask):
        return choice_accuracy(correct_output, test_output, output_mask)


def test_a_users_task():
    silent(Good(**SIZES))
    task = Good(**SIZES)
    before = task.get_trial_batch().x
    other = Good(**SIZES)
    check_task(other)
    np.testing.assert_array_equal(other.get_trial_batch().x, before)  # it was not changed


class Unknown(Good):
    """Parameters that do not equal themselves, and a stub that PsychRNN 1.0 asked for."""

    def generate_trial_params(self, batch, trial):
        params = super().generate_trial_params(batch, trial)
        return {**params, "time": np.nan, "object": object(), "levels": np.array([np.nan, 1])}

    def trial_function(self, time, params):
        pass


def test_unusual_parameters_and_the_random_state_outside():
    model = make(LSTM, "auto", seed=None)
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()
    silent(Unknown(**SIZES))
    check_task(Good(**{**SIZES, "seed": None}))
    check_model(model)
    assert np.random.get_state()[1].tolist() == before


def test_a_network_from_an_initializer():
    model = make(Basic, "auto")
    init = GaussianSpectralRadius(N_in=3, N_rec=7, N_out=2, dale_ratio=0.6, seed=1)
    check_model(Basic({**model.params, "name": "from init", "init_state": None,
                       "initializer": init}))  # fmt: skip


class Counting(Good):
    numbers = itertools.count()

    def generate_trial_params(self, batch, trial):
        return {"side": next(self.numbers) % 3 % 2}


class OtherPoints(Good):
    def trial_function(self, time, params):
        return 0, 0, 1


class Editing(Good):
    def generate_trial(self, params):
        params["side"] = 1 - params["side"]
        return super().generate_trial(params)


class Unscored(Good):
    def accuracy_function(self, correct_output, test_output, output_mask):
        return "good"


class Percent(Good):
    def accuracy_function(self, *arrays):
        return 100 * choice_accuracy(*arrays)


class Swapped(Good):
    def accuracy_function(self, correct_output, test_output, output_mask):
        return float(np.abs(test_output).max() > 1)


class Open(Good):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.numbers = (n for n in range(3))


@pytest.mark.parametrize(
    "kind, sentence",
    [
        (Counting, "batch 1 made after batch 2"),
        (OtherPoints, "trial_function gives"),
        (Editing, "changed its params"),
        (Unscored, "a number"),
        (Percent, "between 0 and 1, got 100"),
        (Swapped, "the target outputs score 0"),
        (Open, "cannot be copied"),
    ],
)
def test_broken_promises_of_a_task(kind, sentence):
    with pytest.raises(ContractError, match=sentence) as caught:
        check_task(kind(**SIZES))
    assert kind.__name__ in str(caught.value)
    assert "\n" not in str(caught.value)


class Empty(Good):
    def generate_trial(self, params):
        x, y, mask = super().generate_trial(params)
        return x, y, mask * params["side"]


class Outside(Good):
    def generate_trial(self, params):
        x, y, mask = super().generate_trial(params)
        mask[:20] = 0
        return x, y, mask


class Late(Good):
    def periods(self, params):
        return {**super().periods(params), "after": (250, 400)}

    def generate_trial(self, params):
        return np.zeros((30, 2)), *[np.eye(2)[[params["side"]] * 30]] * 2


class Always(Good):
    def generate_trial_params(self, batch, trial):
        return {"side": 1}


class Told(Good):
    def generate_trial(self, params):
        x, y, mask = super().generate_trial(params)
        return x, y, mask * (y > 0)


@pytest.mark.parametrize(
    "kind, sentence",
    [
        (Empty, "mask is 0 throughout"),
        (Outside, "lie where the mask is 0"),
        (Late, "after end.* after T = 300"),
        (Always, "one and the same output in every trial score 1.00"),
        (Told, "one and the same output in every trial score 1.00"),
    ],
)
def test_experiments_that_cannot_mean_what_they_say(kind, sentence):
    with pytest.warns(UserWarning, match=sentence):
        check_task(kind(**SIZES))


@pytest.mark.parametrize("kind", [Basic, BasicScan, LSTM, GRU])
def test_the_librarys_networks_keep_their_promises(kind):
    model = make(kind, "auto")
    weights = model.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_model(model)
    for key, value in model.get_weights().items():
        np.testing.assert_array_equal(value, weights[key])


def test_a_checked_network_trains_on_as_if_nothing_had_been():
    model = make(Basic, "auto", dale_ratio=0.6, autapses=False, rec_noise=0.1)
    other = make(Basic, "auto", dale_ratio=0.6, autapses=False, rec_noise=0.1)
    check_model(model)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 11, 3)), np.ones((5, 11, 2))
    for network in (model, other):
        network.train(iter([(x, y, y, None)] * 2), training_iters=10, verbosity=False)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], other.get_weights()["W_rec"])


class SeesOthers(Basic):
    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, state - tf.reduce_mean(state, 0, keepdims=True))


class SeesTheFuture(Basic):
    def forward_pass(self):
        outputs, states = super().forward_pass()
        return outputs + tf.reduce_sum(self.x, axis=[1, 2], keepdims=True), states


class Draws(Basic):
    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, state) + tf.random.normal(tf.shape(state))


class Forgets(Basic):
    def __init__(self, params):
        super().__init__(params)
        self.gain = tf.constant(np.random.default_rng().uniform(1, 2), tf.float32)

    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, self.gain * state)


class Doubles(Basic):
    def get_effective_W_in(self):
        return 2 * super().get_effective_W_in()


class Unmasked(Basic):
    def get_effective_W_rec(self):
        return self.W_rec + 0.1


class OneOfAKind(Basic):
    def __init__(self, params, *, size):
        super().__init__(params)


@pytest.mark.parametrize(
    "kind, sentence",
    [
        (SeesOthers, "when it is run alone"),
        (SeesTheFuture, "an input that comes after it"),
        (Draws, "other outputs when run again"),
        (Forgets, "gives other outputs"),
        (Doubles, "W_in is another one"),
        (Unmasked, "W_rec is not 0 where rec_connectivity is"),
    ],
)
def test_broken_promises_of_a_network(kind, sentence):
    with pytest.raises(ContractError, match=sentence) as caught:
        check_model(make(kind, "auto", autapses=False))
    assert kind.__name__ in str(caught.value)


def test_a_network_that_cannot_be_made_again():
    model = OneOfAKind({**make(Basic, "auto").params, "name": "only"}, size=3)
    with pytest.raises(ContractError, match="made again"):
        check_model(model)


def test_a_variable_without_use_is_told():
    class Idle(Basic):
        def __init__(self, params):
            super().__init__(params)
            self.unused = tf.Variable(tf.ones(3), name="unused")

    with pytest.warns(UserWarning, match="did not change unused"):
        check_model(make(Idle, "auto"))


def test_wrong_arguments():
    with pytest.raises(ParameterError, match="a task"):
        check_task(3)
    with pytest.raises(ParameterError, match="a network"):
        check_model(3)
    with pytest.raises(ParameterError, match="at least 2"):
        check_task(Good(**SIZES), batches=1)
    with pytest.raises(ParameterError, match="updates"):
        check_model(make(Basic, "auto"), updates=0)

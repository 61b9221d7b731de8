"""Simulators in NumPy: numbers of PsychRNN 1.0, the networks themselves, and wrong input."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from networks import make
from reference_data import FOLDER, load, model_of
from refusals import refused

from psychrnn import GRU, LSTM, RNN, Basic, BasicSimulator, GRUSimulator, LSTMSimulator
from psychrnn.backend import simulation
from psychrnn.backend.numpy_functions import TRANSFER_FUNCTIONS
from psychrnn.backend.transfer_functions import TRANSFER_FUNCTIONS as IN_TENSORFLOW

SIMULATORS = {Basic: BasicSimulator, LSTM: LSTMSimulator, GRU: GRUSimulator}


def weights_of(data, prefix="gw_"):
    return {k[len(prefix) :]: v for k, v in data.items() if k.startswith(prefix)}


@pytest.mark.parametrize("name", ["relu_dale", "tanh", "relu_tauvec"])
def test_numbers_of_basic(name, check):
    data = load(f"simulator_{name}")
    factors = np.ones((50, 20, 20))
    factors[20:35, :, 4:9] = 0
    factors[35:, 2, :] = 0.5
    transfer = np.tanh if name == "tanh" else simulation.relu
    simulator = BasicSimulator(
        weights=weights_of(data), params={"alpha": data["set_alpha"]}, transfer_function=transfer
    )
    for prefix, given in (("", None), ("ablated_", factors)):
        outputs, states = simulator.run_trials(data["x"], t_connectivity=given)
        check(f"{prefix}outputs", outputs, data[f"{prefix}outputs"], 1e-6)
        check(f"{prefix}states", states, data[f"{prefix}states"], 1e-6)
    given = {f"init_{key}": value for key, value in weights_of(data).items()}
    given = {k: v for k, v in given.items() if "Dale" not in k}
    model = model_of({**data, **given})
    of_model = BasicSimulator(model).run_trials(data["x"])
    check("outputs of a model", of_model[0], data["outputs"], 1e-5)


def test_noise_of_a_seeded_script_is_that_of_psychrnn_1(check):
    data = load("simulator_noise_seed77")
    weights = weights_of(data, "init_")
    simulator = BasicSimulator(weights=weights, params={"dt": 10, "tau": 100, "rec_noise": 0.2})
    np.random.seed(77)
    outputs, states = simulator.run_trials(data["x"])
    check("outputs", outputs, data["outputs"], 1e-6)
    check("last states", states[:, -1], data["states_last"], 1e-6)


def test_numbers_of_lstm(check):
    data = load("simulator_lstm")
    weights = {**weights_of(data, "init_"), **weights_of(data, "gate_")}
    # PsychRNN 1.0's files hold a start state for each trial; it simulated all from the first.
    with pytest.warns(UserWarning, match="row 0"):
        outputs, states = LSTMSimulator(weights=weights).run_trials(data["x"])
    check("outputs", outputs, data["outputs"], 1e-6)
    check("states", states, data["states"], 1e-6)
    start = (weights["init_hidden"], weights["init_cell"])
    outputs, states = LSTMSimulator(weights=weights).run_trials(data["x"], initial_state=start)
    check("outputs of the network", outputs, data["tf_outputs"], 1e-6)
    check("states of the network", states, data["tf_states"], 1e-6)


def test_old_files(check):
    expected = load("legacy_lstm_expected")
    with pytest.warns(UserWarning, match="row 0"):
        simulator = LSTMSimulator(weights_path=str(FOLDER / "legacy_lstm.npz"))
        outputs, states = simulator.run_trials(expected["x"])
    check("outputs", outputs, expected["sim_outputs"], 2e-5)
    check("states", states, expected["sim_states"], 2e-5)
    expected = load("legacy_basic_expected")
    settings = {"dt": 10, "tau": 100}
    path = str(FOLDER / "legacy_basic.npz")
    outputs, _ = BasicSimulator(weights_path=path, params=settings).run_trials(expected["x"])
    check("outputs of Basic", outputs, expected["outputs"], 2e-5)


@pytest.mark.parametrize("kind", SIMULATORS)
@pytest.mark.parametrize("trials, steps", [(1, 11), (5, 1), (9, 30)])
def test_a_simulator_is_its_network(kind, trials, steps, tmp_path):
    model = make(kind, "auto")
    x = np.random.default_rng(0).standard_normal((trials, steps, 3))
    wanted = model.test(x)
    model.save(str(tmp_path / "w.npz"))
    settings = {"dt": 10, "tau": 40.0}
    for simulator in (
        SIMULATORS[kind](model),
        SIMULATORS[kind](weights=model.get_weights(), params=settings),
        SIMULATORS[kind](weights_path=str(tmp_path / "w.npz"), params=settings),
    ):
        for found, right in zip(simulator.run_trials(x), wanted):
            np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", SIMULATORS)
def test_start_states_are_those_of_test(kind):
    model = make(kind, "auto")
    rng = np.random.default_rng(1)
    x, start = rng.standard_normal((4, 6, 3)), tuple(rng.standard_normal((2, 4, 7)))
    forms = [start] if kind is LSTM else [start[0]] if kind is Basic else [start[0], start[:1]]
    for form in forms:
        found = SIMULATORS[kind](model).run_trials(x, initial_state=form)
        for part, right in zip(found, model.test(x, initial_state=form)):
            np.testing.assert_allclose(part, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_functions_are_those_of_tensorflow(name):
    values = np.linspace(-8, 8, 41)
    right = IN_TENSORFLOW[name](values).numpy()
    np.testing.assert_allclose(TRANSFER_FUNCTIONS[name](values), right, rtol=1e-7, atol=1e-12)
    model = make(Basic, "auto", transfer_function=IN_TENSORFLOW[name])
    assert BasicSimulator(model).transfer_function is TRANSFER_FUNCTIONS[name]


def test_every_function_has_a_simulator():
    assert TRANSFER_FUNCTIONS.keys() == IN_TENSORFLOW.keys()


def test_a_users_function_is_used_as_it_is():
    def relu(state):  # the name of another one
        return tf.nn.tanh(state) + 0.1 * state**2

    model = make(Basic, "auto", transfer_function=relu)
    x = np.random.default_rng(0).standard_normal((3, 9, 3))
    outputs, _ = BasicSimulator(model).run_trials(x)
    np.testing.assert_allclose(outputs, model.test(x).outputs, atol=1e-5)
    twin = BasicSimulator(model, transfer_function=simulation.relu)  # of the same name: trusted
    assert twin.transfer_function is simulation.relu
    refused(lambda: BasicSimulator(model, transfer_function=np.tanh), "relu", "tanh", "match")


def test_noise_has_a_seed_and_the_right_size():
    zeros = {"W_in": np.zeros((50, 1)), "W_rec": np.zeros((50, 50)), "W_out": np.zeros((1, 50)),
             "b_rec": np.zeros(50), "b_out": np.zeros(1), "init_state": np.zeros(50)}  # fmt: skip
    settings = {"dt": 10, "tau": 100, "rec_noise": 0.4}

    def states(seed):
        simulator = BasicSimulator(weights=zeros, params=settings, seed=seed)
        return simulator.run_trials(np.zeros((200, 3, 1)))[1]

    np.testing.assert_array_equal(states(1), states(1))
    assert not np.array_equal(states(1), states(2))
    assert abs(states(1)[:, 0].std() / np.sqrt(2 * 0.1 * 0.4**2) - 1) < 0.03


def test_it_outlives_its_model():
    model = make(Basic, "auto")
    simulator = BasicSimulator(rnn_model=model)
    model.destruct()
    assert simulator.run_trials(np.zeros((2, 3, 3)))[0].shape == (2, 3, 2)


def test_steps_are_those_of_a_run():
    for kind, states in ((Basic, 1), (LSTM, 2), (GRU, 1)):
        simulator = SIMULATORS[kind](make(kind, "auto"))
        x = np.random.default_rng(0).standard_normal((2, 1, 3))
        start = [np.zeros((2, 7))] * states
        given = start[0] if kind is Basic else tuple(start)
        outputs, after = simulator.run_trials(x, initial_state=given)
        order = (start[0], x[:, 0], 1.0) if kind is Basic else (*start, x[:, 0])
        output, state, *_ = simulator.rnn_step(*order)
        np.testing.assert_allclose(output, outputs[:, 0])
        np.testing.assert_allclose(state, after[:, 0])


def test_the_base_class_says_what_is_missing():
    with pytest.raises(TypeError, match="rnn_step"):
        simulation.Simulator()


def test_wrong_input():
    model = make(Basic, "auto")
    weights, settings = model.get_weights(), {"dt": 10, "tau": 40}
    refused(lambda: BasicSimulator(), "must be passed in")
    refused(lambda: BasicSimulator(model, params=settings), "takes precedence")
    refused(lambda: BasicSimulator(model, weights=weights), "will be ignored")
    refused(lambda: BasicSimulator(model, weights_path="w.npz"), "were both passed in")
    refused(
        lambda: BasicSimulator(weights=weights, weights_path="w.npz", params=settings), "ignored"
    )
    refused(lambda: BasicSimulator(rnn_model="m"), "a network", "'m'")
    refused(lambda: BasicSimulator(rnn_model=Basic), "a network")
    refused(lambda: BasicSimulator(weights=weights, params=[1]), "a dict of options")
    with pytest.warns(UserWarning, match="rec_noise"):
        BasicSimulator(weights=weights, params={**settings, "rec_nois": 0.1})
    refused(lambda: BasicSimulator(weights=weights), "dt", kind=KeyError)
    refused(lambda: BasicSimulator(weights=weights, params={"dt": 10}), "tau", kind=KeyError)
    refused(lambda: BasicSimulator(weights=weights, params={"alpha": 2}), "alpha", "2")
    refused(lambda: BasicSimulator(weights=[1], params=settings), "a dict of weights")
    refused(lambda: LSTMSimulator(weights=weights), "W_f", "another kind of network")
    for key, value in (("W_rec", np.ones((7, 6))), ("b_out", np.ones(3)), ("W_out", np.ones(7))):
        changed = {**weights, key: value}
        refused(lambda w=changed: BasicSimulator(weights=w, params=settings), key, "expected")
    lacking = {key: value for key, value in weights.items() if key != "b_rec"}
    refused(lambda: BasicSimulator(weights=lacking, params=settings), "b_rec")
    simulator = BasicSimulator(model)
    x = np.zeros((2, 4, 3))
    refused(lambda: simulator.run_trials(x[0]), "x[np.newaxis]")
    refused(lambda: simulator.run_trials(x[..., :2]), "N_in = 3")
    refused(lambda: simulator.run_trials(x * np.nan), "NaN")
    refused(lambda: simulator.run_trials(x, t_connectivity=np.ones((3, 7, 7))), "4 steps", "3")
    refused(lambda: simulator.run_trials(x, t_connectivity=[np.ones(5)] * 4), "(5,)")
    for wrong in (1, {}, {1, 2}, np.array(1.0)):
        refused(lambda w=wrong: simulator.run_trials(x, t_connectivity=w), "t_connectivity")
    long = np.zeros((2, 7, 3))
    refused(lambda: simulator.run_trials(long, t_connectivity=np.ones((7, 7))), "[C] * N_steps")
    simulator.run_trials(long, t_connectivity=[np.ones((7, 7))] * 7)
    refused(lambda: simulator.run_trials(x, t_connectivity=[np.nan] * 4), "finite")
    refused(lambda: simulator.run_trials(x, initial_state=np.full(7, np.nan)), "finite")
    refused(lambda: simulator.run_trials(x, initial_state=np.ones((3, 7))), "(3, 7)")
    gated = LSTMSimulator(make(LSTM, "auto"))
    refused(lambda: gated.run_trials(x, initial_state=np.ones(7)), "tuple of 2")
    refused(lambda: model.test(x, initial_state=np.ones((3, 7))), "(3, 7)")
    refused(lambda: model.test(x, initial_state=np.full(7, np.nan)), "NaN")
    refused(lambda: model.test(x, initial_state=np.full(7, 1e300)), "infinity")
    refused(lambda: make(LSTM, "auto").test(x, initial_state=np.ones(7)), "tuple of 2")


def test_a_network_with_other_equations_is_refused():
    class Own(Basic):
        def recurrent_timestep(self, rnn_in, state):
            return 0.5 * super().recurrent_timestep(rnn_in, state)

    class OwnSimulator(BasicSimulator):
        def rnn_step(self, state, rnn_in, t_connectivity=1.0):
            state = 0.5 * super().rnn_step(state, rnn_in, t_connectivity)[1]
            return self.read_out(state), state

    refused(lambda: BasicSimulator(make(LSTM, "auto")), "LSTM", "Use LSTMSimulator")
    refused(lambda: LSTMSimulator(make(GRU, "auto")), "GRU", "Use GRUSimulator")
    weights = make(LSTM, "auto").get_weights()
    refused(lambda: BasicSimulator(weights=weights, params={"alpha": 0.1}), "gates", "W_f")
    model = make(Own, "auto")
    refused(lambda: BasicSimulator(model), "Own, with recurrent_timestep of its own", "rnn_step")
    x = np.random.default_rng(0).standard_normal((2, 6, 3))
    found = OwnSimulator(model).run_trials(x)[0]
    np.testing.assert_allclose(found, model.test(x).outputs, atol=1e-5)
    model = make(Basic, "auto")
    model.init_state = tf.ones([2, 7])
    refused(lambda: BasicSimulator(model), "initial_state")


def test_a_forward_pass_of_its_own_takes_no_start_state():
    class Own(RNN):
        def forward_pass(self):
            states = tf.repeat(self.init_state[:, tf.newaxis], 4, axis=1)
            return states[..., :2] + self.b_out, states

    model = make(Own, "auto", N_steps=4)
    refused(lambda: model.test(np.zeros((2, 4, 3)), initial_state=np.ones(7)), "initial_state")

"""Lesions and stimulation, against a loop of plain NumPy, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import NAN, refused

import psychrnn
from psychrnn import (
    GRU,
    LSTM,
    RNN,
    Basic,
    BasicScan,
    BasicSimulator,
    Clamp,
    Current,
    Cut,
    Gain,
    LSTMSimulator,
    Noise,
    PerceptualDiscrimination,
    Silence,
)
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.schedule import Circuit, schedule

N = 12
task = PerceptualDiscrimination(dt=10, tau=50, T=300, N_batch=5, seed=1)
x = task.get_trial_batch().x
count = itertools.count()


def make(kind=Basic, **options):
    return kind.for_task(task, **{"N_rec": N, "seed": 1, "name": f"p{next(count)}", **options})


@pytest.fixture(scope="module")
def model():
    return make(dale_ratio=0.75, unit_groups={"motor": [0, 1]}, transfer_function="softplus")


def plain(model, act):
    """Run the rate network in NumPy; ``act(step, W_in, W_rec, W_out)`` says what is done."""
    weights = {k: np.float64(v) for k, v in model.get_weights().items() if k[:2] in ("W_", "b_")}
    W_in, W_rec, W_out = (weights[key] for key in ("W_in", "W_rec", "W_out"))
    state = np.repeat(np.float64(model.get_weights()["init_state"]), len(x), axis=0)
    rate = {"relu": lambda s: np.maximum(s, 0), "softplus": lambda s: np.logaddexp(0, s)}[
        model.transfer_function.__name__
    ]
    outputs, states = [], []
    for step in range(x.shape[1]):
        here = [W.copy() for W in (W_in, W_rec, W_out)]
        after = act(step, *here)
        drive = rate(state) @ here[1].T + x[:, step] @ here[0].T + weights["b_rec"]
        state = (1 - model.alpha) * state + model.alpha * drive
        state = after(state.copy()) if after else state
        states.append(state)
        outputs.append(rate(state) @ here[2].T + weights["b_out"])
    return np.stack(outputs, 1), np.stack(states, 1)


def silence(step, W_in, W_rec, W_out):
    if 10 <= step < 20:
        W_rec[:, [2, 9]] = 0
        W_out[:, [2, 9]] = 0

        def after(state):
            state[:, [2, 9]] = 0
            return state

        return after


def clamp(step, W_in, W_rec, W_out):
    def after(state):
        state[:, 3:5] = [0.7, -0.3]
        return state

    return after if step >= 5 else None


def current(step, W_in, W_rec, W_out):
    def after(state):
        state[:, 9:] += 10 / 50 * 0.4  # the inhibitory units
        return state

    return after if step < 15 else None


def gain(step, W_in, W_rec, W_out):
    if 3 <= step < 8:
        W_rec[:, :2] *= 1.5
        W_out[:, :2] *= 1.5


def cut(step, W_in, W_rec, W_out):
    W_rec[9:, :9] *= 0.5
    if step >= 20:
        W_in[:2] = 0
        W_out[:, 0] = 0


@pytest.mark.parametrize(
    ("perturbations", "act"),
    [
        ([Silence([2, 9], start=100, stop=200)], silence),
        ([Clamp(slice(3, 5), [0.7, -0.3], start=50)], clamp),
        ([Current("inhibitory", 0.4, stop=150)], current),
        ([Gain("motor", 1.5, start=30, stop=80)], gain),
        (
            [
                Cut("excitatory", "inhibitory", factor=0.5),
                Cut("inputs", "motor", start=200),
                Cut(0, "outputs", start=200),
            ],
            cut,
        ),
    ],
    ids=lambda one: type(one[0]).__name__ if isinstance(one, list) else "",
)
def test_equals_ten_lines_of_numpy(model, perturbations, act):
    wanted = plain(model, act)
    for found in (
        model.test(x, perturbations=perturbations),
        BasicSimulator(model).run_trials(x, perturbations=perturbations),
    ):
        for part, right in zip(found, wanted):
            np.testing.assert_allclose(part, right, rtol=2e-6, atol=1e-5)
    usual = model.test(x)
    assert any(abs(a - b).max() > 1e-3 for a, b in zip(found, usual))


def test_a_cut_is_what_t_connectivity_does(model):
    factors = np.ones((x.shape[1], N, N))
    factors[12:, 3:6, [1, 7]] = 0
    wanted = BasicSimulator(model).run_trials(x, t_connectivity=factors)
    found = model.test(x, perturbations=[Cut([1, 7], range(3, 6), start=120)])
    np.testing.assert_allclose(found.states, wanted[1], rtol=0, atol=1e-5)
    both = BasicSimulator(model).run_trials(
        x, t_connectivity=factors, perturbations=[Gain(0, 0.5, stop=100)]
    )
    assert abs(both[1][:, :10] - wanted[1][:, :10]).max() > 1e-3


def test_nothing_done_changes_nothing(model):
    usual = model.test(x)
    for nothing in ([], [Gain("all", 1)], [Noise("all", 0)], [Current(0, 0, start=10)]):
        found = model.test(x, perturbations=nothing)
        np.testing.assert_allclose(found.states, usual.states, rtol=0, atol=1e-6)
        np.testing.assert_allclose(found.outputs, usual.outputs, rtol=0, atol=1e-6)


def test_windows_end(model):
    usual = model.test(x).states
    found = model.test(x, perturbations=[Silence("all", start=200, stop=250)]).states
    np.testing.assert_allclose(found[:, :20], usual[:, :20], rtol=0, atol=1e-6)
    assert (found[:, 20:25] == 0).all()
    assert (found[:, 25:] != 0).any()


@pytest.mark.parametrize("kind", [Basic, BasicScan, LSTM, GRU])
@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_parts_starts_and_engines_do_not_matter(kind, engine):
    perturbations = [Silence([1], stop=100), Noise("all", 0.3, seed=2, start=50), Gain(2, 0.5)]
    model = make(kind)
    whole = model.test(x, perturbations=perturbations)
    model.engine = engine
    parts = model.test(x, batch_size=2, perturbations=perturbations)
    np.testing.assert_allclose(parts.states, whole.states, rtol=0, atol=1e-5)
    first = np.full(N, 0.3)
    start = first if kind is not LSTM else (first, first)
    moved = model.test(x, initial_state=start, perturbations=perturbations)
    assert abs(moved.states - whole.states).max() > 1e-2


@pytest.mark.parametrize("kind", [Basic, LSTM, GRU])
def test_a_network_is_as_before_afterwards(kind):
    model = make(kind)
    before, weights = model.test(x), model.get_weights()
    model.test(x, perturbations=[Silence("all"), Cut("inputs", "all")])
    np.testing.assert_array_equal(model.test(x).outputs, before.outputs)
    for key, value in model.get_weights().items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, weights[key])
    model.train(task, training_iters=10, verbosity=False)
    after = model.test(x, perturbations=[Gain("all", 1)])
    np.testing.assert_allclose(after.states, model.test(x).states, atol=1e-6)


class TestNoise:
    def test_has_the_size_of_recurrent_noise(self):
        zeros = {key: np.zeros((N, n)) for key, n in (("W_in", 2), ("W_rec", N))}
        model = make(**zeros, W_out=np.zeros((2, N)), init_state=np.zeros((1, N)))
        many = np.zeros((2000, 40, 2))
        states = model.test(many, perturbations=[Noise(range(6), 0.4, seed=1)]).states
        assert (states[:, :, 6:] == 0).all()
        # the stationary variance of an autoregression with coefficient 1 - alpha
        alpha = 10 / 50
        wanted = 2 * alpha * 0.4**2 / (1 - (1 - alpha) ** 2)
        assert states[:, -1, :6].var() == pytest.approx(wanted, rel=0.05)

    def test_a_seed_fixes_it(self, model):
        one, same, other, free = (
            model.test(x, perturbations=[Noise("all", 0.2, seed=seed)]).states
            for seed in (1, 1, 2, None)
        )
        np.testing.assert_array_equal(one, same)
        assert (one != other).any() and (one != free).any()
        np.random.seed(3)
        free = model.test(x, perturbations=[Noise("all", 0.2)]).states
        np.random.seed(3)
        np.testing.assert_array_equal(free, model.test(x, perturbations=[Noise("all", 0.2)]).states)

    def test_a_network_with_noise_of_its_own(self):
        model = make(rec_noise=0.3)
        states = model.test(x, perturbations=[Silence([3], start=100), Clamp(4, 1.0)]).states
        assert (states[:, 10:, 3] == 0).all() and (states[:, :, 4] == 1).all()
        assert states[:, :, 5].std() > 0.05


class Gated(Basic):
    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, 0.9 * state)


class Raw(Basic):
    def recurrent_timestep(self, rnn_in, state):
        rate = self.transfer_function(state)
        return 0.9 * state + 0.1 * (tf.matmul(rate, self.W_rec, transpose_b=True))


class TestNetworksOfOnesOwn:
    def test_with_effective_weights_of_their_own(self):
        class LowRank(Basic):
            def get_effective_W_rec(self):
                return tf.matmul(self.W_rec[:, :2], self.W_rec[:, :2], transpose_b=True) + 0.05

            def get_effective_W_out(self):
                return super().get_effective_W_out() + 0.1

        model = make(LowRank)
        simulator = BasicSimulator(model)
        for one in (Cut("all", "all", start=100), Silence([1, 2]), Gain(3, 2.0), Cut(4, "outputs")):
            found, wanted = (
                run(x, perturbations=[one]) for run in (model.test, simulator.run_trials)
            )
            for part, right in zip(found, wanted):
                np.testing.assert_allclose(part, right, rtol=2e-6, atol=1e-5)
        model.get_effective_W_rec = lambda: tf.eye(N)
        found = model.test(x, perturbations=[Cut("all", "all")])
        alone = make(LowRank)
        alone.get_effective_W_rec = lambda: tf.zeros([N, N])
        np.testing.assert_allclose(found.states, alone.test(x).states, atol=1e-6)

    def test_with_a_step_that_looks_at_the_whole_trial(self):
        class Looks(Basic):
            def recurrent_timestep(self, rnn_in, state):
                return super().recurrent_timestep(rnn_in - tf.reduce_mean(self.x, axis=1), state)

        model = make(Looks)
        found = model.test(x, perturbations=[Gain(0, 1.0, start=100, stop=200)])
        np.testing.assert_allclose(found.states, model.test(x).states, atol=1e-6)

    def test_with_noise_or_empty_weights_of_their_own(self):
        class Dice(Basic):
            def recurrent_timestep(self, rnn_in, state):
                noise = 0.1 * tf.random.normal(tf.shape(state))
                return super().recurrent_timestep(rnn_in, state) + noise

        model = make(Dice, W_out=np.zeros((2, N)))
        assert (model.test(x, perturbations=[Silence(1)]).states[:, :, 1] == 0).all()

    def test_with_a_step_that_returns_nothing(self):
        class Nothing(Basic):
            def recurrent_timestep(self, rnn_in, state):
                super().recurrent_timestep(rnn_in, state)

        refused(lambda: make(Nothing).test(x, perturbations=[Silence(1)]), "recurrent_timestep")

    def test_with_gates_that_are_computed(self):
        class Tied(LSTM):
            @property
            def W_f(self):
                return tf.ones([N + 2, N])

            @W_f.setter
            def W_f(self, value):
                pass

        refused(lambda: make(Tied).test(x, perturbations=[Silence(1)]), "W_f", "property")

    def test_silenced_units_reach_nobody(self):
        model = make(Gated)
        start = np.zeros((1, N))
        start[0, 1:3] = 5.0
        other = model.test(x, initial_state=start[0], perturbations=[Silence([1, 2])])
        free = model.test(x, initial_state=np.zeros(N), perturbations=[Silence([1, 2])])
        np.testing.assert_allclose(other.states, free.states, atol=1e-6)
        assert (free.states[:, :, 1:3] == 0).all()

    def test_with_a_step_that_reads_others(self):
        model = make(Raw)
        for action in (Silence(1), Gain([1], 0.5), Cut(1, 2)):
            refused(lambda a=action: model.test(x, perturbations=[a]), "get_effective_W_rec")
        refused(lambda: model.test(x, perturbations=[Cut("inputs", 1)]), "get_effective_W_in")
        found = model.test(x, perturbations=[Clamp(1, 0.5), Current(2, 0.3), Noise(3, 0.1, seed=1)])
        assert (found.states[:, :, 1] == 0.5).all()

    def test_noise_does_not_hide_that_weights_are_not_read(self):
        class Noisy(Raw):
            def recurrent_timestep(self, rnn_in, state):
                return super().recurrent_timestep(rnn_in, state) + self.recurrent_noise(state)

        noisy = make(Noisy, rec_noise=0.2)
        refused(lambda: noisy.test(x, perturbations=[Silence(1)]), "get_effective_W_rec")

    def test_with_a_forward_pass_of_its_own(self):
        class Own(RNN):
            def forward_pass(self):
                states = tf.einsum("bti,ri->btr", self.x, self.get_effective_W_in())
                return tf.einsum("btr,or->bto", states, self.get_effective_W_out()), states

        refused(lambda: make(Own).test(x, perturbations=[Silence(1)]), "forward_pass", "library")


class TestSimulators:
    def test_a_step_of_ones_own_is_used(self, model):
        class Slow(BasicSimulator):
            def rnn_step(self, state, rnn_in, t_connectivity=1.0):
                _, new = super().rnn_step(state, rnn_in, t_connectivity)
                state = state + 0.1 * (new - state)
                return self.read_out(state), state

        slow = Slow(model).run_trials(x)[1]
        assert abs(slow - model.test(x).states).max() > 1e-2
        found = Slow(model).run_trials(x, perturbations=[Clamp(0, 1.0)])[1]
        assert (found[:, :, 0] == 1).all()

    def test_a_readout_of_ones_own_has_to_be_a_method(self, model):
        class Doubled(BasicSimulator):
            def rnn_step(self, state, rnn_in, t_connectivity=1.0):
                output, state = super().rnn_step(state, rnn_in, t_connectivity)
                return 2 * output, state

        simulator = Doubled(model)
        np.testing.assert_allclose(simulator.run_trials(x)[0], 2 * model.test(x)[0], atol=1e-5)
        refused(lambda: simulator.run_trials(x, perturbations=[Clamp(0, 1.0)]), "read_out")

    def test_without_a_model(self):
        net = make(LSTM, unit_groups={"motor": [0, 1]})
        weights = net.get_weights()
        simulator = LSTMSimulator(weights=weights)
        refused(lambda: simulator.run_trials(x, perturbations=[Silence(1, start=100)]), "dt")
        simulator.run_trials(x, perturbations=[Silence(1)])
        simulator = LSTMSimulator(
            weights=weights, params={"dt": 10, "unit_groups": {"motor": [0, 1]}}
        )
        window = [Silence("motor", start=100)]
        found = simulator.run_trials(x, perturbations=window)[0]
        np.testing.assert_allclose(found, net.test(x, perturbations=window)[0], atol=1e-5)


def test_groups_are_checked_when_they_change(model):
    refused(lambda: setattr(model, "unit_groups", {"a": [99]}), "unit_groups")
    assert model.unit_groups == {"motor": [0, 1]}


def test_start_states_for_each_trial_of_another_batch():
    model = make()
    model.init_state = tf.zeros([3, N])
    for perturbations in (None, [Silence(1)]):
        refused(lambda p=perturbations: model.test(x, perturbations=p), "init_state has rows, 3")
    assert model.test(x[:3], perturbations=[Silence(1)]).states.shape[0] == 3


def test_perturbations_can_be_compared_and_collected():
    one = Silence(np.arange(3))
    assert one == one and len({one, Silence([1, 2])}) == 2


def test_a_simulator_without_noise_leaves_global_random_numbers_alone(model):
    before = np.random.get_state()[1].copy()
    BasicSimulator(model).run_trials(x)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_groups_are_saved(model, tmp_path):
    model.save(tmp_path / "model.npz")
    same = psychrnn.load(tmp_path / "model.npz")
    assert same.unit_groups == {"motor": [0, 1]}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 28), st.integers(1, 29), st.floats(-2, 2)), min_size=1, max_size=5
    )
)
def test_segments_cover_each_step_once(windows):
    circuit = Circuit({"N_in": 1, "N_rec": 3, "N_out": 1}, 10.0, 1.0, 1.0, {})
    gains = [
        Gain(0, factor, start=10.0 * first, stop=10.0 * (first + length))
        for first, length, factor in windows
    ]
    wanted = np.ones(30)
    for first, length, factor in windows:
        wanted[first : first + length] *= factor
    found = np.zeros(30)
    for segment in schedule("", gains, circuit, 2, 30):
        factor = segment.factors["W_rec"][1, 0] if segment.factors else 1.0
        found[segment.first : segment.last] += factor
    np.testing.assert_allclose(found, wanted)


BAD = [
    (lambda: Silence(1, start=-5), "Silence.start"),
    (lambda: Silence(1, start=50, stop=50), "Silence.stop"),
    (lambda: Clamp(1, NAN), "Clamp.value"),
    (lambda: Clamp(1, "a"), "Clamp.value"),
    (lambda: Current(1, [[1.0]]), "Current.amplitude"),
    (lambda: Gain(1, "two"), "Gain.factor"),
    (lambda: Gain(1, 1e300), "Gain.factor"),
    (lambda: Clamp(1, -1e300), "Clamp.value"),
    (lambda: Cut(1, 2, factor=None), "Cut.factor"),
    (lambda: Noise(1, -0.1), "Noise.std"),
    (lambda: Noise(1, 0.1, seed=1.5), "Noise.seed"),
]


@pytest.mark.parametrize(("action", "word"), BAD)
def test_wrong_values_are_refused_at_once(action, word):
    refused(action, word)


@pytest.mark.parametrize(
    ("perturbations", "words"),
    [
        ([Silence([N])], ("Silence.units", "0 to 11", "12")),
        ([Silence([-1])], ("Silence.units", "-1")),
        ([Silence([])], ("Silence.units", "none")),
        ([Silence(1.5)], ("Silence.units", "1.5")),
        ([Silence("moter")], ("'moter'", "motor", "excitatory")),
        ([Silence(np.ones(5, bool))], ("Silence.units",)),
        ([Clamp([1, 2], [1.0, 2.0, 3.0])], ("Clamp.value", "each of 2")),
        ([Clamp(1, 0.5), Clamp([1, 2], 0.7)], ("Clamp", "unit 1")),
        ([Clamp(1, 0.5), Silence(1, start=100)], ("unit 1",)),
        ([Silence(1, start=300)], ("Silence", "300 ms")),
        ([Silence(1, start=5, stop=9)], ("Silence", "5 ms to 9 ms")),
        ([Cut("inputs", "outputs")], ("inputs to outputs",)),
        ([Cut("outputs", 1)], ("Cut.sources", "'outputs'")),
        ([Cut(1, "inputs")], ("Cut.targets", "'inputs'")),
        ([Silence], ("perturbations", "list of Silence")),
        ("Silence", ("perturbations",)),
        ({"units": 1}, ("perturbations",)),
        (0, ("perturbations",)),
        (np.array([Silence(1)], dtype=object), ("perturbations",)),
        ([Silence([1, 1])], ("each unit once",)),
        ([Cut(1, "output")], ("outputs",)),
        ([3], ("perturbations", "got 3")),
    ],
)
def test_wrong_perturbations_are_refused(model, perturbations, words):
    refused(lambda: model.test(x, perturbations=perturbations), *words)
    refused(lambda: BasicSimulator(model).run_trials(x, perturbations=perturbations), *words)


def test_one_perturbation_needs_no_list(model):
    found = model.test(x, perturbations=Silence(3)).states
    assert (found[:, :, 3] == 0).all()
    assert (BasicSimulator(model).run_trials(x, perturbations=Silence(3))[1] == found * 0)[
        ..., 3
    ].all()


def test_units_by_sign_need_dale():
    refused(lambda: make().test(x, perturbations=[Silence("inhibitory")]), "Dale's principle")


@pytest.mark.parametrize(
    "groups",
    [3, {"all": [1]}, {"inputs": [1]}, {1: [1]}, {"motor": [99]}, {"motor": []}, {"motor": "a"}],
)
def test_wrong_groups_are_refused(groups):
    refused(lambda: make(unit_groups=groups), "unit_groups")

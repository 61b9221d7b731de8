"""Fixed points of systems whose fixed points are known."""

from __future__ import annotations

import itertools
import warnings

import flip_flop
import numpy as np
import pytest
from refusals import NAN, refused
from scipy.optimize import brentq, minimize

from psychrnn import GRU, LSTM, RNN, Basic, BasicScan, PerceptualDiscrimination
from psychrnn.analysis.fixed_points import fixed_points
from psychrnn.backend._tensorflow import tf

count = itertools.count()
rng = np.random.default_rng(1)


def make(W_rec, transfer_function="tanh", kind=Basic, tau=100, **options):
    N_rec = len(W_rec)
    sizes = {"N_in": N_rec, "N_rec": N_rec, "N_out": 1, "N_steps": 9, "N_batch": 2, "dt": 10}
    weights = {"W_rec": W_rec, "W_in": np.eye(N_rec), "transfer_function": transfer_function}
    name = f"known {next(count)}"
    return kind({**sizes, **weights, "tau": tau, "name": name, "seed": 1, **options})


def starts(N_rec, n=200):
    return np.random.default_rng(2).normal(size=(n, N_rec))


class TestBistable:
    """Two units that inhibit each other: a = -b = 2 tanh(a), and a saddle at 0."""

    W = np.array([[0.0, -2.0], [-2.0, 0.0]])
    a = brentq(lambda a: a - 2 * np.tanh(a), 1, 3)

    @pytest.mark.parametrize("kind", [Basic, BasicScan])
    def test_all_are_found_and_none_twice(self, kind):
        found = fixed_points(make(self.W, kind=kind), np.zeros(2), starts(2), seed=1)
        assert len(found.points) == 3 and found.is_fixed.all()
        for point in ([0, 0], [self.a, -self.a], [-self.a, self.a]):
            assert np.linalg.norm(found.points - point, axis=1).min() < 1e-7
        np.testing.assert_array_equal(found.points, found.states)
        assert found.found.sum() == 512
        assert sorted(found.kinds) == ["saddle", "stable", "stable"]
        assert repr(found) == "FixedPoints(1 saddle, 2 stable)"

    def test_jacobians_eigenvalues_and_time_constants(self):
        found = fixed_points(make(self.W), np.zeros(2), starts(2), seed=1)
        for point, jacobian, values, times in zip(
            found.points, found.jacobians, found.eigenvalues, found.time_constants
        ):
            right = 0.9 * np.eye(2) + 0.1 * self.W * (1 - np.tanh(point) ** 2)
            np.testing.assert_allclose(jacobian, right, atol=1e-8)
            np.testing.assert_allclose(
                np.sort(values.real), np.sort(np.linalg.eigvalsh(right)), atol=1e-8
            )
            np.testing.assert_allclose(times, -10 / np.log(np.abs(values)))
            assert (np.diff(np.abs(values)) <= 0).all()
        saddle = found.kinds.index("saddle")
        assert found.n_unstable[saddle] == 1 and not found.stable[saddle]
        assert found.time_constants[saddle, 0] < 0 < found.time_constants[saddle, 1]

    def test_an_input_moves_them(self):
        strong = np.array([3.0, 0.0])
        found = fixed_points(make(self.W), strong, starts(2), seed=1)
        assert found.kinds == ["stable"]
        s = found.points[0]
        np.testing.assert_allclose(s, self.W @ np.tanh(s) + strong, atol=1e-7)

    def test_a_step_of_ones_own_in_single_precision(self):
        class Own(Basic):
            def recurrent_timestep(self, rnn_in, state):
                return super().recurrent_timestep(rnn_in, state) * 1.0

        found = fixed_points(make(self.W, kind=Own), np.zeros(2), starts(2), seed=1)
        assert sorted(found.kinds) == ["saddle", "stable", "stable"]
        for point in ([0, 0], [self.a, -self.a], [-self.a, self.a]):
            assert np.linalg.norm(found.points - point, axis=1).min() < 1e-5

    def test_a_seed_fixes_what_is_found(self):
        model = make(self.W)
        one, other = (fixed_points(model, np.zeros(2), starts(2), seed=3) for _ in range(2))
        np.testing.assert_array_equal(one.points, other.points)

    def test_noise_is_left_out_and_said_so(self):
        model = make(self.W, rec_noise=0.5)
        with pytest.warns(UserWarning, match="noise of Basic is left out"):
            found = fixed_points(model, np.zeros(2), starts(2), seed=1)
        assert sorted(found.kinds) == ["saddle", "stable", "stable"]
        assert model.rec_noise == 0.5
        assert model.test(np.zeros((2, 9, 2))).states.std() > 0


def test_a_line_attractor():
    Q = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    values = np.array([1.0, 0.8, 0.5, 0.3, 0.0, -0.3, -0.5, -0.9])
    model = make(Q @ np.diag(values) @ Q.T, "identity")
    given = starts(8, 300)
    found = fixed_points(model, np.zeros(8), given, n_starts=300, seed=1)
    line = Q[:, 0]
    off = found.points - np.outer(found.points @ line, line)
    assert np.linalg.norm(off, axis=1).max() < 1e-5
    assert set(found.kinds) == {"marginal"} and (found.n_marginal == 1).all()
    along = np.sort(found.points @ line)
    assert along[0] < -1 and along[-1] > 1 and np.diff(along).min() > 1e-4
    assert len(along) > 200
    np.testing.assert_allclose(
        np.sort(found.eigenvalues.real, axis=1)[0], np.sort(0.9 + 0.1 * values), atol=1e-6
    )
    assert (np.abs(found.time_constants[:, 0]) > 1e5).all()


class TestSmallTimeSteps:
    """What is found must not depend on dt / tau, which a time step is proportional to."""

    @pytest.mark.parametrize("dt", [50.0, 10.0, 1.0, 0.1])
    def test_a_stable_origin(self, dt):
        model = make(np.array([[0.95]]), "identity", dt=dt)
        found = fixed_points(model, [0.0], starts(1), n_starts=50, seed=1)
        assert found.kinds == ["stable"] and abs(found.points) < 1e-5
        assert found.time_constants == pytest.approx(100 / 0.05, rel=0.03)

    @pytest.mark.parametrize("dt", [10.0, 1.0, 0.1])
    def test_three_units_apart(self, dt):
        model = make(1.2 * np.eye(3), dt=dt)
        found = fixed_points(model, np.zeros(3), starts(3), n_starts=1024, seed=1)
        assert len(found.points) == 27 and found.is_fixed.all()
        assert [int((found.n_unstable == k).sum()) for k in range(4)] == [8, 12, 6, 1]

    @pytest.mark.parametrize("dt", [10.0, 1.0, 0.1])
    def test_a_ghost_is_one_slow_point(self, dt):
        model = make(np.array([[2.0]]), dt=dt)
        edge = np.arctanh(np.sqrt(0.5)) - 2 * np.sqrt(0.5)
        found = fixed_points(model, [-edge + 1e-3], starts(1) * 2, seed=1)
        assert sorted(found.kinds) == ["slow", "stable"]

    def test_a_line_attractor(self):
        Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        model = make(Q @ np.diag([1, 0.98, 0.5, -0.5]) @ Q.T, "identity", dt=0.1)
        found = fixed_points(model, np.zeros(4), starts(4), n_starts=100, seed=1)
        off = found.points - np.outer(found.points @ Q[:, 0], Q[:, 0])
        assert np.linalg.norm(off, axis=1).max() < 1e-4
        assert set(found.kinds) == {"marginal"}


class TestKinks:
    """A rectified network without input and bias has a fixed point where its slope jumps."""

    @pytest.mark.parametrize(
        ("W", "kind"),
        [
            ([[1.5]], "unstable"),
            ([[0.5]], "stable"),
            ([[0, 1.5], [1.5, 0]], "saddle"),
            ([[0, -3], [-3, 0]], "saddle"),
        ],
    )
    def test_stability_is_that_of_the_steeper_side(self, W, kind):
        W = np.array(W, dtype=float)
        with pytest.warns(UserWarning, match="at a kink"):
            found = fixed_points(make(W, "relu"), np.zeros(len(W)), starts(len(W)), seed=1)
        origin = np.argmin(np.linalg.norm(found.points, axis=1))
        assert found.kinds[origin] == kind

    def test_a_point_beside_it_has_none(self):
        model = make(np.array([[0.5]]), "relu", b_rec=np.ones(1))
        found = fixed_points(model, [0.0], starts(1), seed=1)
        assert found.kinds == ["stable"] and found.points == pytest.approx(2)


def test_a_function_of_ones_own_with_a_name_of_the_library():
    def tanh(state):
        return 2 * tf.tanh(state)

    model = make(TestBistable.W / 2, tanh)
    found = fixed_points(model, np.zeros(2), starts(2), seed=1)
    right = fixed_points(make(TestBistable.W), np.zeros(2), starts(2), seed=1)
    assert sorted(found.kinds) == sorted(right.kinds)
    distances = np.linalg.norm(found.points[:, None] - right.points[None], axis=2)
    nearest = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 1e-5
    np.testing.assert_allclose(found.jacobians, right.jacobians[nearest], atol=1e-5)


def test_starts_far_away_do_not_merge_points():
    found = fixed_points(make(TestBistable.W), np.zeros(2), starts(2) * 1e4, seed=1)
    assert sorted(found.kinds) == ["saddle", "stable", "stable"]


def test_numpys_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    fixed_points(make(TestBistable.W), np.zeros(2), starts(2), seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_start_states_of_trials_do_not_matter():
    model = make(TestBistable.W)
    model.init_state = tf.zeros([2, 2])
    found = fixed_points(model, np.zeros(2), starts(2), seed=1)
    assert sorted(found.kinds) == ["saddle", "stable", "stable"]
    assert model.init_state.shape == (2, 2)


def test_one_step_of_search_invents_nothing():
    model = make(1.5 * rng.normal(size=(12, 12)) / np.sqrt(12), "tanh")
    for iterations in (1, 200):
        found = fixed_points(
            model, np.zeros(12), starts(12), n_starts=40, seed=1, max_iterations=iterations
        )
        assert found.is_fixed.any()
        for point in found.points[~found.is_fixed]:
            W = np.float64(model.get_weights()["W_rec"])
            drift = W @ np.tanh(point) - point
            gradient = (W * (1 - np.tanh(point) ** 2) - np.eye(12)).T @ drift
            assert np.linalg.norm(gradient) < 1e-2 * np.linalg.norm(drift)


def test_a_slow_point_where_a_pair_of_fixed_points_has_vanished():
    """Two units s' = -s + 2 tanh(s) + x, just past the input at which two of three vanish."""
    model = make(2 * np.eye(2))
    edge = np.arctanh(np.sqrt(0.5)) - 2 * np.sqrt(0.5)  # where s = 2 tanh(s) + x has a double root
    x = np.full(2, -edge + 0.02)
    found = fixed_points(model, x, starts(2) * 2, seed=1, slow=0.3)

    def q(s):
        return ((-s + 2 * np.tanh(s) + x) ** 2).sum()

    assert found.kinds.count("stable") == 1
    slow = found.points[~found.is_fixed]
    wanted = minimize(q, np.full(2, -0.9), tol=1e-12).x
    assert np.linalg.norm(slow - wanted, axis=1).min() < 1e-3
    assert (found.speed[~found.is_fixed] > 1e-4).all()
    none = fixed_points(model, x, starts(2) * 2, seed=1, slow=0)
    assert none.kinds == ["stable"]


def test_all_points_of_a_flip_flop_are_those_of_a_cube():
    task, model = flip_flop.trained()
    found = fixed_points(model, np.zeros(3), n_starts=1024, seed=1)
    visited = model.test(task.get_trial_batch().x).states.reshape(-1, 30)
    near = np.random.default_rng(3)
    chosen = visited[near.choice(len(visited), 800)] + 0.5 * near.normal(size=(800, 30))
    wanted = flip_flop.roots_by_scipy(model, chosen)
    distances = np.linalg.norm(wanted[:, None] - found.points[None], axis=2)
    assert distances.min(axis=1).max() < 1e-5
    # corners, edges, faces and the middle of the cube
    assert found.is_fixed.all() and len(found.points) == 8 + 12 + 6 + 1
    assert [int((found.n_unstable == k).sum()) for k in range(4)] == [8, 12, 6, 1]
    between = np.linalg.norm(found.points[:, None] - found.points[None], axis=2)
    assert (between + np.eye(len(between))).min() > 1e-2  # none twice
    outputs = np.tanh(found.points[found.stable]) @ model.get_weights()["W_out"].T
    assert len({tuple(signs) for signs in np.sign(outputs).astype(int)}) == 8


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_networks_with_gates(kind):
    task = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8, seed=1)
    model = kind.for_task(task, N_rec=6, seed=1)
    found = fixed_points(model, np.ones(2), n_starts=64, seed=1)
    parts = 2 if kind is LSTM else 1
    assert found.points.shape[1] == 6 * parts and found.states.shape[1] == 6
    state = [part.astype(np.float32) for part in np.split(found.points, parts, axis=1)]
    still = model.test(
        np.ones((len(found.points), 5, 2)), initial_state=tuple(state) if parts > 1 else state[0]
    )
    np.testing.assert_allclose(still.states[:, -1], found.states, atol=1e-5)
    step = model.step_map(np.ones(2))
    np.testing.assert_allclose(found.jacobians, step.jacobian(found.points), atol=1e-5)


def test_the_jacobian_in_tensorflow_is_the_derivative_of_the_step():
    task = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8, seed=1)
    for kind in (Basic, BasicScan, LSTM, GRU):
        smooth = {"transfer_function": "tanh"} if issubclass(kind, Basic) else {}
        step = kind.for_task(task, N_rec=5, seed=1, **smooth).step_map([0.5, -0.2])
        states = np.random.default_rng(4).normal(size=(3, step.size))
        found = step.jacobian(states)
        for unit in range(step.size):
            aside = np.zeros(step.size)
            aside[unit] = 1e-2
            difference = (step.step(states + aside) - step.step(states - aside)) / 2e-2
            np.testing.assert_allclose(found[:, :, unit], difference, atol=2e-4)


def test_starts_come_from_the_task():
    task = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8, seed=1)
    model = Basic.for_task(task, N_rec=6, seed=1, transfer_function="tanh")
    step, x = model.step_map([0.0, 0.0]), task.get_trial_batch().x
    np.testing.assert_allclose(step.visited(x), model.test(x).states, atol=1e-6)
    assert len(fixed_points(model, [0, 0], seed=1).points)


class TestNothingAndWrong:
    def test_no_fixed_point_is_a_warning(self):
        model = make(np.array([[1.5, 0.0], [0.0, 1.5]]), "relu", b_rec=np.ones(2))
        with pytest.warns(UserWarning, match="none of 50 starts"):
            found = fixed_points(model, np.zeros(2), abs(starts(2)), n_starts=50, seed=1, slow=0)
        assert found.points.shape == (0, 2) and found.jacobians.shape == (0, 2, 2)
        assert repr(found) == "FixedPoints(none)" and found.kinds == []

    def test_an_untrained_network_has_fixed_points_too(self):
        task = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8, seed=1)
        model = Basic.for_task(task, N_rec=8, seed=1, transfer_function="tanh")
        assert "stable" in fixed_points(model, [0, 0], seed=1).kinds

    @pytest.mark.parametrize("function", [lambda s: tf.sqrt(tf.nn.relu(s)), tf.exp])
    def test_networks_that_explode_or_have_no_slope(self, function):
        model = make(np.array([[0.5, -0.2], [0.3, 0.4]]), function)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            fixed_points(model, [0, 0], starts(2) * 1000, n_starts=50, seed=1)

    def test_a_network_that_explodes_in_its_trials(self):
        task = PerceptualDiscrimination(dt=10, tau=20, T=2000, N_batch=4, seed=1)
        model = Basic.for_task(task, N_rec=4, seed=1, W_rec=5 * np.ones((4, 4)), b_rec=np.ones(4))
        refused(lambda: fixed_points(model, [0, 0], seed=1), "explodes", "Give starts")

    def test_a_task_with_other_channels(self):
        task = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=4, seed=1)
        model = Basic.for_task(task, N_rec=4, N_in=3, seed=1)
        refused(lambda: fixed_points(model, [0, 0, 0], seed=1), "N_in = 3")

    def test_a_step_without_a_gradient(self):
        class Foreign(Basic):
            def recurrent_timestep(self, rnn_in, state):
                return tf.ensure_shape(tf.numpy_function(lambda s: s / 2, [state], tf.float32),
                                       state.shape)  # fmt: skip

        model = make(TestBistable.W, kind=Foreign)
        refused(lambda: fixed_points(model, [0, 0], starts(2), n_starts=5), "gradient")

    def test_a_step_that_is_no_function_of_the_state(self):
        class Dice(Basic):
            def recurrent_timestep(self, rnn_in, state):
                return super().recurrent_timestep(rnn_in, state) + tf.random.normal([1])

        class Sees(Basic):
            def recurrent_timestep(self, rnn_in, state):
                new = super().recurrent_timestep(rnn_in, state)
                return new + tf.reduce_mean(new, axis=0, keepdims=True)

        class Whole(RNN):
            def forward_pass(self):
                return self.x, self.x

        W = TestBistable.W
        refused(lambda: fixed_points(make(W, kind=Dice), [0, 0], starts(2)), "random numbers")
        refused(lambda: fixed_points(make(W, kind=Sees), [0, 0], starts(2)), "see each other")
        refused(lambda: fixed_points(make(W, kind=Whole), [0, 0], starts(2)), "forward_pass")

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            ({"inputs": [0, 0, 0]}, "inputs"),
            ({"inputs": [0, NAN]}, "inputs"),
            ({"inputs": "none"}, "inputs"),
            ({"starts": np.zeros((5, 3))}, "starts"),
            ({"starts": np.zeros((0, 2))}, "starts"),
            ({"starts": [[NAN, 0.0]]}, "starts"),
            ({"starts": None}, "nor a task"),
            ({"starts": "here"}, "starts"),
            ({"n_starts": 0}, "n_starts"),
            ({"jitter": -1}, "jitter"),
            ({"seed": 0.5}, "seed"),
            ({"slow": NAN}, "slow"),
            ({"apart": 0}, "apart"),
            ({"max_iterations": 2.5}, "max_iterations"),
            ({"model": "model"}, "model"),
            ({"model": Basic}, "model"),
        ],
    )
    def test_wrong_arguments(self, arguments, word):
        right = {"model": make(TestBistable.W), "inputs": [0, 0], "starts": starts(2)}
        refused(lambda: fixed_points(**{**right, **arguments}), word)

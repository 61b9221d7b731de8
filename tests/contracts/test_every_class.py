"""What every task, initializer and network promises, whatever else it does.

A public class that is missing from the lists makes the first test fail.
"""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import psychrnn
from psychrnn import (
    GRU,
    LSTM,
    RNN,
    AlphaIdentity,
    ArrayTask,
    Basic,
    BasicScan,
    BasicSimulator,
    Batch,
    Callback,
    Clamp,
    Current,
    Curriculum,
    Cut,
    DelayedDiscrimination,
    Gain,
    GaussianSpectralRadius,
    GRUSimulator,
    LossFunction,
    LSTMSimulator,
    MatchToCategory,
    Noise,
    ParameterError,
    PerceptualDiscrimination,
    Regularizer,
    Silence,
    Task,
    Trial,
    WeightInitializer,
)
from psychrnn.backend.schedule import Perturbation
from psychrnn.backend.simulation import Simulator
from psychrnn.testing import check_task

_x = np.random.default_rng(0).normal(size=(9, 40, 2))
TASKS = {
    PerceptualDiscrimination: lambda **k: PerceptualDiscrimination(10, 100, 400, 6, **k),
    DelayedDiscrimination: lambda **k: DelayedDiscrimination(10, 100, 400, 6, **k),
    MatchToCategory: lambda **k: MatchToCategory(20, 100, 2000, 6, N_in=5, N_out=3, **k),
    ArrayTask: lambda **k: ArrayTask(_x, np.sign(_x), dt=10, tau=100, N_batch=6, **k),
}
INITIALIZERS = {WeightInitializer: {}, GaussianSpectralRadius: {}, AlphaIdentity: {"alpha": 0.7}}
CONSTRAINED = [Basic, BasicScan]  # networks that Dale's principle, masks and noise act on
MODELS = [*CONSTRAINED, GRU, LSTM]
SIZES = {"N_in": 2, "N_rec": 12, "N_out": 2}


PERTURBATIONS = [
    Silence([1, 2], start=100, stop=200),
    Clamp(3, 0.4, start=50),
    Clamp([3, 5], [0.4, -0.2], stop=150),
    Current("all", 0.3, start=100),
    Current([0, 7], [0.5, -0.5]),
    Gain([2, 4, 6], 1.3, stop=300),
    Cut([0, 1], [2, 3], start=200),
    Cut("all", "all", factor=0.9),
    Cut("inputs", [1, 2], start=20),
    Cut(range(5), "outputs"),
    Noise("all", 0.2, seed=3, start=100, stop=350),
]
SIMULATORS = {Basic: BasicSimulator, LSTM: LSTMSimulator, GRU: GRUSimulator}
# classes of one kind each, which have a file of tests of their own
SINGLE = {Batch, Callback, Curriculum, LossFunction, ParameterError, Regularizer, Trial}


def public(base):
    classes = [getattr(psychrnn, name) for name in psychrnn.__all__]
    return {c for c in classes if inspect.isclass(c) and issubclass(c, base)} - {Task, RNN}


def test_no_public_class_is_missing():
    assert public(Task) == TASKS.keys()
    assert public(WeightInitializer) == INITIALIZERS.keys()
    assert public(RNN) == set(MODELS)
    assert public(Simulator) == set(SIMULATORS.values())
    assert public(Perturbation) == {type(one) for one in PERTURBATIONS}
    listed = {*TASKS, *INITIALIZERS, *MODELS, *SIMULATORS.values(), *public(Perturbation)}
    assert public(object) == listed | SINGLE


def test_every_public_class_has_an_example():
    for name in psychrnn.__all__:
        thing = getattr(psychrnn, name)
        if name not in ("ParameterError", "RNN", "Batch", "default_metric"):
            assert ">>>" in (thing.__doc__ or ""), f"{name} has no example"


@pytest.mark.parametrize("kind", TASKS)
class TestTask:
    def test_shapes_types_and_values(self, kind):
        task = TASKS[kind](seed=1)
        x, y, mask, params = task.get_trial_batch()
        assert x.shape == (task.N_batch, task.N_steps, task.N_in)
        assert y.shape == mask.shape == (task.N_batch, task.N_steps, task.N_out)
        assert params.shape == (task.N_batch,)
        assert all(np.isfinite(part).all() for part in (x, y, mask))
        assert mask.any(axis=(1, 2)).all()

    def test_a_seed_owns_the_trials(self, kind):
        batches = [next(TASKS[kind](seed=s).batch_generator()).x for s in (1, 1, 2)]
        np.testing.assert_array_equal(batches[0], batches[1])
        assert not np.array_equal(batches[0], batches[2])

    def test_whole_trials_equal_points(self, kind):
        task = TASKS[kind](seed=1)
        if kind is ArrayTask:
            pytest.skip("it has no formula of time")
        params = task.generate_trial_params(1, 0)
        task.rng = np.random.default_rng(2)
        whole = task.generate_trial(params)
        task.rng = np.random.default_rng(2)
        for one, other in zip(whole, Task.generate_trial(task, params)):
            np.testing.assert_allclose(one, other, atol=1e-12)

    def test_perfect_outputs_are_perfect_and_random_ones_are_not(self, kind):
        task = TASKS[kind](seed=1)
        _, y, mask, _ = task.get_trial_batch()
        assert task.accuracy_function(y, y, mask) == 1
        rng = np.random.default_rng(0)
        random = [task.accuracy_function(y, rng.normal(size=y.shape), mask) for _ in range(50)]
        assert np.mean(random) < 0.5 + 1 / task.N_out

    @pytest.mark.filterwarnings("ignore:DelayedDiscrimination. the inputs of period")
    def test_the_contract_that_users_get(self, kind):
        check_task(TASKS[kind](seed=1))

    def test_copies(self, kind):
        task = TASKS[kind](seed=1)
        for other in (copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
            np.testing.assert_array_equal(
                next(other.batch_generator()).x, next(TASKS[kind](seed=1).batch_generator()).x
            )


@pytest.mark.filterwarnings("ignore:This network may not train")
@pytest.mark.parametrize("kind", INITIALIZERS)
class TestInitializer:
    def test_every_array_has_its_shape(self, kind):
        values = kind(**SIZES, **INITIALIZERS[kind], dale_ratio=0.75, seed=1).initializations
        shapes = {"W_in": (12, 2), "W_rec": (12, 12), "W_out": (2, 12), "b_rec": (12,),
                  "b_out": (2,), "init_state": (12,), "Dale_rec": (12, 12), "Dale_out": (12, 12),
                  "input_connectivity": (12, 2), "rec_connectivity": (12, 12),
                  "output_connectivity": (2, 12)}  # fmt: skip
        for key, shape in shapes.items():
            assert values[key].shape == shape
            assert np.isfinite(values[key]).all()

    def test_inputs_are_not_changed_and_seeds_own_the_numbers(self, kind):
        mask = np.ones((12, 12))
        options = {**SIZES, **INITIALIZERS[kind], "rec_connectivity": mask, "autapses": False}
        one, other = kind(**options, seed=3), kind(**options, seed=3)
        assert (mask == 1).all()
        for key in ("W_in", "W_rec", "W_out", "init_state"):
            np.testing.assert_array_equal(one.initializations[key], other.initializations[key])

    def test_it_serves_as_initializer_of_a_network(self, kind):
        init = kind(**SIZES, **INITIALIZERS[kind], seed=1)
        params = {**SIZES, "name": "n", "N_steps": 4, "dt": 10, "tau": 100, "N_batch": 2}
        model = Basic({**params, "initializer": init})
        np.testing.assert_allclose(
            model.get_weights()["W_rec"], init.initializations["W_rec"], rtol=1e-6
        )


@pytest.mark.parametrize("kind", MODELS)
class TestModel:
    def make(self, kind, **options):
        task = PerceptualDiscrimination(20, 100, 400, 6, seed=1)
        options = options if kind in CONSTRAINED else {}
        return task, kind.for_task(task, N_rec=8, seed=1, **options)

    def test_it_trains_and_every_weight_learns(self, kind):
        task, model = self.make(kind, rec_noise=0.05)
        before = {k: v.numpy() for k, v in model.named_variables().items()}
        model.train(task, training_iters=12, verbosity=False)
        for key, variable in model.named_variables().items():
            assert (variable.numpy() != before[key]).any() == variable.trainable, key

    def test_any_number_of_trials_and_steps(self, kind):
        _, model = self.make(kind)
        for trials, steps in ((1, 20), (9, 1), (2, 50)):
            outputs, states = model.test(np.zeros((trials, steps, 2)))
            assert outputs.shape == (trials, steps, 2)
            assert states.shape == (trials, steps, 8)

    def test_trials_do_not_see_each_other(self, kind):
        task, model = self.make(kind)
        x = task.get_trial_batch().x
        np.testing.assert_allclose(
            model.test(x).outputs[2:3], model.test(x[2:3]).outputs, atol=1e-6
        )

    def test_weights_give_the_network_back(self, kind, tmp_path):
        task, model = self.make(kind, dale_ratio=0.75, autapses=False)
        x = task.get_trial_batch().x
        model.save(str(tmp_path / "w"))
        path = str(tmp_path / "w.npz")
        back = kind.for_task(task, N_rec=8, load_weights_path=path)
        np.testing.assert_array_equal(back.test(x).outputs, model.test(x).outputs)
        back.save(path)
        again = kind.for_task(task, N_rec=8, load_weights_path=path)
        for key, value in model.get_weights().items():
            np.testing.assert_array_equal(again.get_weights()[key], value)

    def test_constraints_survive_training(self, kind):
        if kind not in CONSTRAINED:
            pytest.skip("it takes no constraints on recurrent weights")
        mask = np.tri(8) + np.eye(8, k=7)
        task, model = self.make(kind, dale_ratio=0.5, autapses=False, rec_connectivity=mask)
        model.train(task, training_iters=60, learning_rate=0.1, verbosity=False)
        W_rec = model.get_weights()["W_rec"]
        assert (W_rec[(mask == 0) | np.eye(8, dtype=bool)] == 0).all()
        assert (W_rec[:, :4] >= 0).all()
        assert (W_rec[:, 4:] <= 0).all()

    def test_names_are_given_once_and_freed(self, kind):
        task = PerceptualDiscrimination(20, 100, 400, 6, seed=1)
        model = kind.for_task(task, N_rec=4, name="taken")
        with pytest.raises(UserWarning, match="destruct"):
            kind.for_task(task, N_rec=4, name="taken")
        model.destruct()
        kept = kind.for_task(task, N_rec=4, name="taken")
        del kept
        kind.for_task(task, N_rec=4, name="taken")


@pytest.mark.parametrize("kind", SIMULATORS)
class TestSimulator:
    def make(self, kind, **options):
        task = PerceptualDiscrimination(20, 100, 400, 6, seed=1)
        return task, kind.for_task(task, N_rec=8, seed=1, **options)

    def test_it_is_its_network(self, kind):
        task, model = self.make(kind)
        model.train(task, training_iters=12, verbosity=False)
        x = task.get_trial_batch().x
        for found, wanted in zip(SIMULATORS[kind](model).run_trials(x), model.test(x)):
            assert found.dtype == np.float64
            np.testing.assert_allclose(found, wanted, atol=1e-5)

    @pytest.mark.parametrize("perturbation", PERTURBATIONS, ids=lambda one: type(one).__name__)
    def test_equals_the_network_under_a_perturbation(self, kind, perturbation):
        options = {"dale_ratio": 0.8, "rec_noise": 0.0} if kind is Basic else {}
        task, model = self.make(kind, **options)
        x = task.get_trial_batch().x
        outputs, states = SIMULATORS[kind](model).run_trials(x, perturbations=[perturbation])
        result = model.test(x, perturbations=[perturbation])
        np.testing.assert_allclose(result.outputs, outputs, rtol=0, atol=1e-5)
        np.testing.assert_allclose(result.states, states, rtol=0, atol=1e-5)
        same = [np.allclose(a, b, atol=1e-4) for a, b in zip(result, model.test(x))]
        assert not all(same)

    def test_runs_are_repeatable(self, kind):
        task, model = self.make(kind, **({"rec_noise": 0.1} if kind is Basic else {}))
        x = task.get_trial_batch().x
        one, other = (SIMULATORS[kind](model, seed=1).run_trials(x)[0] for _ in range(2))
        np.testing.assert_array_equal(one, other)

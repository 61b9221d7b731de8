"""What users build on the library: subclasses, changes between calls, parts of their own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from psychrnn import Basic, PerceptualDiscrimination, Task, WeightInitializer
from psychrnn._checks import ParameterError
from psychrnn.backend.training import TrainingError


@pytest.fixture
def task():
    return PerceptualDiscrimination(20, 100, 400, 8, seed=1)


def network(task, kind=Basic, **options):
    return kind.for_task(task, **{"N_rec": 6, "seed": 2, **options})


def quiet(model, source, updates=3, **options):
    return model.train(source, training_iters=8 * updates, verbosity=False, **options)


class Gained(Basic):
    def get_effective_W_rec(self):
        return 0.5 * super().get_effective_W_rec()


def test_an_overridden_effective_weight_acts_once(task):
    gained, plain = network(task, Gained), network(task)
    plain.set_weights({"W_rec": gained.get_weights()["W_rec"]})
    x = task.get_trial_batch().x
    np.testing.assert_allclose(gained.test(x).outputs, plain.test(x).outputs, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [lambda: tf.keras.optimizers.Adam(1e-3), lambda: tf.compat.v1.train.AdamOptimizer(1e-3)],
)
def test_a_bad_update_leaves_the_optimizer_usable(task, make):
    model, optimizer = network(task), make()
    good = next(task.batch_generator())
    quiet(model, iter([good]), 1, optimizer=optimizer)
    with pytest.raises(TrainingError):
        quiet(model, iter([good._replace(y=good.y + 1e25)]), 1, optimizer=optimizer)
    quiet(model, iter([good, good]), 2, optimizer=optimizer)
    assert all(np.isfinite(v.numpy()).all() for v in model.named_variables().values())


def test_weights_that_are_not_finite_are_not_kept(task):
    model = network(task)
    before = model.get_weights()["W_rec"]
    with pytest.raises(TrainingError, match="update 1"):
        quiet(model, task, 1, optimizer=tf.keras.optimizers.SGD(1e39))
    np.testing.assert_array_equal(model.get_weights()["W_rec"], before)


def test_own_functions_go_before_new_names(task):
    def mine(predictions, y, output_mask):
        return tf.reduce_mean(tf.abs(predictions - y))

    options = {"loss_function": "categorical_cross_entropy", "categorical_cross_entropy": mine}
    assert network(task, **options).loss_function.function is mine


def test_a_transfer_function_set_by_an_initializer_holds(task):
    class Smooth(WeightInitializer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.initializations["transfer_function"] = tf.nn.tanh

    sizes = {"N_in": 2, "N_rec": 6, "N_out": 2}
    model = network(task, initializer=Smooth(**sizes, W_rec=np.eye(6)))
    assert model.transfer_function is tf.nn.tanh


def test_an_own_function_with_a_known_name_is_not_mistaken(task, tmp_path):
    def relu(state):
        return tf.minimum(tf.nn.relu(state), 0.05)

    path = str(tmp_path / "w.npz")
    network(task, transfer_function=relu).save(path)
    with pytest.raises(ParameterError, match="user:relu"):
        network(task, load_weights_path=path)
    assert network(task, load_weights_path=path, transfer_function=relu).transfer_function is relu


class Lists(Basic):
    def __init__(self, params):
        super().__init__(params)
        self.gains = [tf.Variable(tf.ones(self.N_rec)), tf.Variable(tf.zeros(self.N_rec))]

    def recurrent_timestep(self, rnn_in, state):
        return super().recurrent_timestep(rnn_in, self.gains[0] * state + self.gains[1])


@pytest.mark.parametrize("way", ["file", "params", "initializer"])
def test_own_variables_come_back_every_way(task, tmp_path, way):
    model = network(task, Lists)
    quiet(model, task)
    path = str(tmp_path / "w.npz")
    model.save(path)
    options = {
        "file": {"load_weights_path": path},
        "params": model.get_weights(),
        "initializer": {"initializer": WeightInitializer(load_weights_path=path)},
    }[way]
    back = network(task, Lists, **options)
    for key in ("gains/0", "gains/1"):
        np.testing.assert_array_equal(back.get_weights()[key], model.get_weights()[key])
    x = task.get_trial_batch().x
    np.testing.assert_array_equal(back.test(x).outputs, model.test(x).outputs)


def test_entries_that_a_network_does_not_have_are_named(task, tmp_path):
    class Gated(Basic):
        def __init__(self, params):
            super().__init__(params)
            self.gate = tf.Variable(1.0)

    path = str(tmp_path / "w.npz")
    network(task, Gated).save(path)
    with pytest.warns(UserWarning, match="gate"):
        network(task, load_weights_path=path).build()


def test_a_subclass_of_a_task_keeps_what_is_between():
    class Between(Task):
        def generate_trial_params(self, batch, trial):
            return {}

        def trial_function(self, time, params):
            return 0, 0, 1

        def generate_trial(self, params):
            x, y, mask = super().generate_trial(params)
            return x + 100, y, mask

    class Last(Between):
        def trial_function(self, time, params):
            return 1, 0, 1

    assert (Last(1, 1, 10, 100, 50, 2).get_trial_batch().x == 101).all()


def test_keras_layers_are_refused(task):
    class Layered(Basic):
        def __init__(self, params):
            super().__init__(params)
            self.dense = tf.keras.layers.Dense(2)

    with pytest.raises(ParameterError, match=r"Layered.dense.*tf.Variable"):
        quiet(network(task, Layered), task)


def test_changed_attributes_act_at_the_next_call(task):
    model, x = network(task), task.get_trial_batch().x
    before = model.test(x).outputs
    model.transfer_function = tf.nn.tanh
    changed = model.test(x).outputs
    assert np.abs(changed - before).max() > 1e-3
    model.rec_noise = 0.5
    assert np.abs(model.test(x).outputs - model.test(x).outputs).max() > 1e-3
    with pytest.raises(ParameterError, match="W_rec_train"):
        model.W_rec_train = False


def test_a_file_keeps_its_own_signs(task, tmp_path):
    path = str(tmp_path / "w.npz")
    signs = np.diag([1.0, 1, 1, -1, -1, -1])
    network(task, dale_ratio=0.8, Dale_rec=signs).save(path)
    back = network(task, dale_ratio=0.8, load_weights_path=path)
    np.testing.assert_array_equal(back.Dale_rec.numpy(), signs)


@pytest.mark.parametrize("optimizer", [None, "adam"])
def test_a_schedule_goes_on_where_it_stopped(task, optimizer):
    rate = tf.keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)
    parts, whole = network(task), network(task)
    source = task.batch_generator()
    batches = [next(source) for _ in range(6)]
    for part in (batches[:3], batches[3:]):
        quiet(parts, iter(part), 3, learning_rate=rate, optimizer=optimizer)
    quiet(whole, iter(batches), 6, learning_rate=rate, optimizer=optimizer)
    np.testing.assert_array_equal(parts.get_weights()["W_rec"], whole.get_weights()["W_rec"])


def test_new_weights_start_without_memory(task):
    model, fresh = network(task), network(task)
    batches = [next(task.batch_generator()) for _ in range(2)]
    start = model.get_weights()
    quiet(model, iter(batches), 2)
    model.set_weights(start)
    for network_ in (model, fresh):
        quiet(network_, iter(batches), 2)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], fresh.get_weights()["W_rec"])


def test_none_switches_clipping_off(task):
    batch = next(task.batch_generator())

    def moved(**options):
        model = network(task)
        before = model.get_weights()["W_out"]
        sgd = tf.compat.v1.train.GradientDescentOptimizer(1.0)
        quiet(model, iter([batch._replace(y=100 * batch.y)]), 1, optimizer=sgd, **options)
        return np.linalg.norm(model.get_weights()["W_out"] - before)

    assert moved(clip_grads=None) == moved(clip_grads=False) > 2 * moved()


@pytest.mark.parametrize("loss", ["mean_squared_error", "masked_mean_squared_error"])
def test_a_later_batch_may_ask_nothing(task, loss):
    model, good = network(task, loss_function=loss), next(task.batch_generator())
    catch = good._replace(mask=0 * good.mask)
    quiet(model, iter([good, catch, good]), 3)
    with pytest.raises(ParameterError, match="mask of the first batch"):
        quiet(model, iter([catch, good]), 2)


def test_a_constructor_that_fails_frees_its_name(task):
    class Fails(Basic):
        def __init__(self, params):
            super().__init__(params)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as held:
        network(task, Fails, name="same")
    network(task, name="same")
    assert held is not None


def test_an_initializer_without_all_values_is_named(task):
    class Bare:
        initializations = {"W_rec": np.eye(6)}

    with pytest.raises(ParameterError, match=r"Basic.initializer.*init_state.*super"):
        network(task, initializer=Bare())

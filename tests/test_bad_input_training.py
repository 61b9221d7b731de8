"""Wrong tasks, batches, options of training and weight files: one sentence, nothing changed."""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import INF, NAN, RAGGED, table
from refusals import refusing as refused

from psychrnn import Basic, Callback, ParameterError, PerceptualDiscrimination
from psychrnn.backend import params as options
from psychrnn.backend.training import TrainingError

TASK = PerceptualDiscrimination(dt=10, tau=100, T=50, N_batch=2, seed=1)
X, Y, MASK, _ = TASK.get_trial_batch()
MASK = np.ones_like(MASK)


@pytest.fixture(scope="module")
def shared():
    model = Basic.for_task(TASK, N_rec=4, seed=1)
    yield model
    model.destruct()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory, so that any file that is written shows."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def bits(model):
    return {key: variable.numpy().tobytes() for key, variable in model.named_variables().items()}


@contextmanager
def untouched(model, place):
    """Check that the block leaves all weights bit for bit as they are, and writes nothing."""
    before = bits(model)
    yield
    assert bits(model) == before
    assert not list(place.rglob("*"))


def train(model, source=TASK, **changes):
    """Train for one update, with files that only a run which starts would make."""
    chosen = dict(training_iters=2, verbosity=False, save_weights_path="out/w")
    return model.train(source, {**chosen, "training_weights_path": "snaps/w", **changes})


def test_the_training_of_these_tests_changes_weights_and_writes_files(shared, place):
    before = bits(shared)
    train(shared, save_training_weights_epoch=1)
    assert bits(shared) != before
    assert {p.name for p in place.rglob("*.npz")} == {"w.npz", "w1.npz"}


class OnlySteps:
    def on_step_end(self, loop):
        pass


WRONG_OPTIONS = table(
    ("learning_rate", [0, -1, NAN, INF, "fast", [1, 2], RAGGED, 1j, {}, max], "number above 0"),
    ("learning_rate training_iters clip_grads performance_cutoff", [RAGGED, b"", {}], "number"),
    ("learning_rate training_iters", [True], "number"),
    ("training_iters", [-5, NAN, INF, "many", [1, 2]], "number of at least 0"),
    (
        "loss_epoch save_training_weights_epoch performance_epoch",
        [0, -1, 2.5, "x", True, NAN, [1]],
        "whole number",
    ),
    ("workers", [-1, 1.5, "two", True, NAN, [1]], "whole number"),
    ("checkpoint_path", [5, b"w", ["w"], True, "", "\0"], "file name"),
    ("checkpoint_epoch", [0, -1, 2.5, "x", True, NAN, [1]], "whole number"),
    ("on_nan", ["go on", "", 5, ["stop"], {}], "'stop'"),
    ("verbosity carry_state resume", ["yes", 2, [True], np.ones(2)], "True or False"),
    ("save_weights_path training_weights_path", [5, b"w", ["w"], True], "file name"),
    ("save_weights_path", ["", "\0", "new/", "n" * 300], "file name"),
    ("optimizer", [5, tf.keras.optimizers.Adam, "adm", "", {}, max, [], np.ones(2)], "optimizer"),
    ("clip_grads", [-1, NAN, INF, "yes", [1, 2]], "number above 0"),
    ("clip_grads_by", ["norm", "", 5, ["tensor"], {}, np.ones(2)], "'global'"),
    ("fixed_weights", [5, "W_rec", [1], np.ones((4, 4))], "dict"),
    ("fixed_weights", [{"W_reec": np.ones((4, 4))}, {1: 1}, {"": 1}], "W_rec"),
    ("fixed_weights", [{"W_rec": np.ones((4, 2))}, {"W_rec": [1]}], "(4, 4)"),
    ("fixed_weights", [{"W_in": np.ones((2, 4))}], "[N_rec, N_in] = (4, 2)"),
    ("fixed_weights", [{"init_state": np.ones(3)}], "(1, 4)"),
    ("fixed_weights", [{"b_rec": np.full(4, 0.5)}, {"b_rec": [0, 0, 0, -1]}], "1 (frozen) or 0"),
    ("fixed_weights", [{"b_rec": np.full(4, NAN)}], "finite"),
    ("fixed_weights", [{"W_rec": "all"}, {"W_rec": RAGGED}, {"init_state": RAGGED}], "numbers"),
    ("performance_measure", [5, "accuracy", [max]], "function"),
    ("performance_cutoff", [NAN, INF, "high", [0.9, 1]], "number"),
    ("callbacks", [5, [5], "stop", [None], [Callback], Callback, OnlySteps()], "Callback"),
    ("held_out", [5, "yes", [TASK], PerceptualDiscrimination], "a task"),
    ("curriculum", [5, "yes", [TASK], TASK], "a Curriculum"),
)


@pytest.mark.parametrize("key, value, words", WRONG_OPTIONS)
def test_wrong_option_of_training(key, value, words, shared, place):
    with untouched(shared, place), refused("Basic.train", key, words):
        train(shared, **{key: value})


def test_every_option_of_training_is_tried():
    assert {case.values[0] for case in WRONG_OPTIONS} == options.TRAIN_KEYS


@pytest.mark.parametrize("wrong", [5, "fast", [1], {1, 2}])
def test_options_of_training_that_are_no_dict(wrong, shared, place):
    with untouched(shared, place), refused("Basic.train", "dict of options", str(wrong)):
        shared.train(TASK, wrong)


@pytest.mark.parametrize(
    "given, lacking",
    [
        (dict(performance_measure=max), "performance_cutoff"),
        (dict(performance_cutoff=0.9), "performance_measure"),
    ],
)
def test_performance_measure_and_cutoff_come_together(given, lacking, shared, place):
    words = (f"Basic.train.{lacking}", *given, "training will not be cutoff based on performance")
    with untouched(shared, place), refused(*words):
        train(shared, **given)


@pytest.mark.parametrize("key", ["save_weights_path", "training_weights_path"])
def test_file_name_below_a_file(key, shared, place):
    (place / "file").write_text("kept")
    with refused(f"Basic.train.{key}", "file"):
        train(shared, **{key: "file/deeper/w"})
    assert (place / "file").read_text() == "kept" and len(list(place.rglob("*"))) == 1


def test_file_name_that_is_a_folder(shared, place):
    (place / "w.npz").mkdir()
    with refused("Basic.train.save_weights_path", "folder"):
        train(shared, save_weights_path="w")


@pytest.mark.parametrize("name", ["", "new/", 5, b"w", None])
def test_save_under_a_wrong_name(name, shared, place):
    with untouched(shared, place), refused("Basic.save", "file name"):
        shared.save(name)


@pytest.mark.parametrize(
    "key, meant",
    [
        ("learning_rat", "learning_rate"),
        ("fixed_weight", "fixed_weights"),
        ("save_weight_path", "save_weights_path"),
        ("training_iter", "training_iters"),
    ],
)
def test_near_miss_of_an_option_of_training_warns(key, meant, shared, place):
    with pytest.warns(UserWarning, match=f"Basic.train.*'{key}'.*Did you mean '{meant}'"):
        train(shared, **{key: None})


def test_unknown_keyword_of_train_is_not_ignored(shared, place):
    with pytest.raises((TypeError, ParameterError, UserWarning)), warnings.catch_warnings():
        warnings.simplefilter("error")
        shared.train(TASK, training_iters=2, verbosity=False, lr=0.1)


def test_learning_rate_beside_an_optimizer_is_not_ignored(shared, place):
    with pytest.raises((ParameterError, UserWarning)), warnings.catch_warnings():
        warnings.simplefilter("error")
        train(shared, optimizer=tf.keras.optimizers.SGD(0.1), learning_rate=0.5)


def test_optimizer_of_another_model(shared, place):
    optimizer = tf.keras.optimizers.Adam()
    optimizer.build([tf.Variable(1.0)])
    with untouched(shared, place), refused("Basic.train.optimizer", "another model"):
        train(shared, optimizer=optimizer)


def test_nothing_to_train(place):
    flags = [key for key in options.NETWORK_KEYS if key.endswith("_train")]
    model = Basic.for_task(TASK, N_rec=4, **dict.fromkeys(flags, False))
    with untouched(model, place), refused("Basic.train", "trainable"):
        train(model)
    model.destruct()


# -- batches ---------------------------------------------------------------------------------------

GOOD = (X, Y, MASK, None)


def with_nan(values):
    values = np.array(values)
    values[0, -1, 0] = NAN
    return values


WRONG_BATCHES = {
    "None": (None, "batch"),
    "number": (5, "batch"),
    "array": (X, "batch"),
    "dict": ({"x": X, "y": Y, "mask": MASK}, "batch"),
    "two parts": ((X, Y), "batch", "2 values"),
    "flat x": ((X[0], Y, MASK), "x of a batch", "N_in = 2", "(5, 2)"),
    "x of 3 channels": ((np.ones((2, 5, 3)), Y, MASK), "x of a batch", "N_in = 2", "(2, 5, 3)"),
    "no trials": ((X[:0], Y[:0], MASK[:0]), "x of a batch", "(0, 5, 2)"),
    "text x": (("x", Y, MASK), "x of a batch", "'x'"),
    "ragged x": ((RAGGED, Y, MASK), "x of a batch"),
    "NaN x": ((with_nan(X), Y, MASK), "x of a batch", "finite"),
    "infinite x": ((X + INF, Y, MASK), "x of a batch", "finite"),
    "complex x": ((X * 1j, Y, MASK), "x of a batch"),
    "y of 3 channels": ((X, np.ones((2, 5, 3)), MASK), "y of a batch", "(2, 5, 2)", "(2, 5, 3)"),
    "short y": ((X, Y[:, 1:], MASK), "y of a batch", "(2, 4, 2)"),
    "fewer y": ((X, Y[:1], MASK), "y of a batch", "(1, 5, 2)"),
    "NaN y": ((X, with_nan(Y), MASK), "y of a batch", "finite"),
    "text y": ((X, "y", MASK), "y of a batch", "'y'"),
    "ragged y": ((X, RAGGED, MASK), "y of a batch"),
    "complex y": ((X, Y * 1j, MASK), "y of a batch"),
    "missing y": ((X, None, MASK), "y of a batch"),
    "flat mask": ((X, Y, MASK[:, :, 0]), "mask of a batch", "(2, 5, 2)", "(2, 5)"),
    "NaN mask": ((X, Y, with_nan(MASK)), "mask of a batch", "finite"),
    "empty mask": ((X, Y, 0 * MASK), "mask of the first batch"),
    "text mask": ((X, Y, "all"), "mask of a batch", "'all'"),
    "ragged mask": ((X, Y, RAGGED), "mask of a batch"),
    "missing mask": ((X, Y, None), "mask of a batch"),
}


@pytest.mark.parametrize("kind", WRONG_BATCHES)
def test_wrong_first_batch(kind, shared, place):
    batch, *words = WRONG_BATCHES[kind]
    with untouched(shared, place), refused("Basic.train", "expected", *words):
        train(shared, iter([batch] * 3))


def test_wrong_second_batch_keeps_the_weights_of_the_first_update(shared, place):
    kept = []

    class Keep(Callback):
        def on_step_end(self, loop):
            kept.append(bits(loop.model))

    with refused("Basic.train", "x of a batch"):
        train(shared, iter([GOOD, (X[0], Y, MASK)]), training_iters=4, callbacks=[Keep()])
    assert len(kept) == 1 and bits(shared) == kept[0]


@pytest.mark.parametrize(
    "source",
    [None, 5, "task", X, [GOOD], GOOD, PerceptualDiscrimination, TASK.batch_generator, {}],
    ids=str(list(range(9))).strip("[]").split(", "),
)
def test_source_of_batches_that_is_none(source, shared, place):
    with untouched(shared, place), refused("Basic.train", "a task, or a generator", "got"):
        train(shared, source)


def test_generator_that_is_empty(shared, place):
    words = ("Basic.train", "generator", "update 1, after 0 of", "training_iters")
    with untouched(shared, place), refused(*words, kind=(TrainingError, ParameterError)):
        train(shared, iter([]))


def test_generator_that_runs_dry(shared, place):
    before = bits(shared)
    with refused("Basic.train", "generator", "update 2, after 2 of 6", kind=TrainingError):
        train(shared, iter([GOOD]), training_iters=6)
    assert bits(shared) != before and not list(place.rglob("*.npz"))


def test_generator_that_runs_dry_in_a_performance_test(shared, place):
    chosen = dict(performance_measure=lambda *_: 0.0, performance_cutoff=1.0, training_iters=6)
    with refused("Basic.train", "generator", "ended", kind=TrainingError):
        train(shared, iter([GOOD]), **chosen)


def test_wrong_batch_in_a_performance_test(shared, place):
    chosen = dict(performance_measure=lambda *_: 0.0, performance_cutoff=1.0, training_iters=6)
    with refused("Basic.train", "y of a batch"):
        train(shared, iter([GOOD, (X, np.ones((2, 5, 3)), MASK), GOOD, GOOD]), **chosen)


@pytest.mark.parametrize("result", [None, "good", NAN, [1, 2], {}], ids=str)
def test_performance_measure_that_returns_no_number(result, shared, place):
    with refused("Basic.train.performance_measure", "number"):
        train(shared, performance_measure=lambda *_: result, performance_cutoff=1.0)


WRONG_INPUTS = table(
    ("test", [X[0]], "x[np.newaxis]"),
    ("test", [5, X[:, :, :1], X[np.newaxis], X[:0], X[:, :0], None], "N_in = 2"),
    ("test", [with_nan(X), X + INF], "finite"),
    ("test", ["x", RAGGED, {}, TASK, X * 1j], "inputs"),
)


@pytest.mark.parametrize("key, x, words", WRONG_INPUTS)
def test_wrong_inputs_of_test(key, x, words, shared, place):
    with untouched(shared, place), refused("Basic.test", "expected", "got", words):
        shared.test(x)


W = np.ones((4, 4))
WRONG_WEIGHTS = table(
    ("W_reec", [W], "W_rec"),
    ("W_rec", [np.ones((4, 3)), 1.0], "(4, 4)"),
    ("W_rec", [W * NAN, W * INF, W * 1e300], "finite"),
    ("W_rec b_rec init_state", ["x", RAGGED, {}], "numbers"),
    ("W_rec", [W * 1j], "numbers"),
    ("init_state", [np.ones(3), 1.0], "(1, 4)"),
    ("rec_connectivity Dale_rec", [0 * W], "that of this model"),
    ("dale_ratio", [0.5], "dale_ratio"),
    ("transfer_function", ["tanh", 5], "transfer_function"),
)


@pytest.mark.parametrize("key, value, words", WRONG_WEIGHTS)
def test_wrong_weights_are_refused_as_a_whole(key, value, words, shared, place):
    with untouched(shared, place), refused("Basic.set_weights", key, words):
        shared.set_weights({"b_out": np.array([7.0, 8.0]), key: value})


@pytest.mark.parametrize("wrong", [None, 5, "w.npz", [W]], ids=["None", "5", "text", "list"])
def test_weights_that_are_no_dict(wrong, shared, place):
    with untouched(shared, place), refused("Basic.set_weights", "dict"):
        shared.set_weights(wrong)


CALLS = {
    "train": lambda m: m.train(TASK, training_iters=2),
    "test": lambda m: m.test(X),
    "get_weights": lambda m: m.get_weights(),
    "set_weights": lambda m: m.set_weights({"b_out": np.ones(2)}),
    "reset": lambda m: m.reset(),
    "save": lambda m: m.save("w"),
    "build": lambda m: m.build(),
}


@pytest.mark.parametrize("call", CALLS)
def test_use_after_destruct(call, place):
    model = Basic.for_task(TASK, N_rec=4)
    model.build()
    model.destruct()
    words = ("Basic", model.name, "destructed", "Make a new model")
    with untouched(model, place), refused(*words, kind=RuntimeError):
        CALLS[call](model)


# -- functions of the user -------------------------------------------------------------------------

LOSSES = {
    "vector": lambda p, y, m: tf.reduce_mean(p - y, axis=[0, 1]),
    "nothing": lambda p, y, m: None,
    "text": lambda p, y, m: "low",
    "pair": lambda p, y, m: (tf.reduce_mean(p), tf.reduce_mean(y)),
    "dict": lambda p, y, m: {"loss": tf.reduce_mean(p)},
    "a constant": lambda p, y, m: tf.constant(1.0),
    "truth": lambda p, y, m: tf.reduce_mean(p) > 0,
    "complex": lambda p, y, m: tf.complex(tf.reduce_mean(p), 1.0),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_loss_that_returns_the_wrong_thing(kind, place):
    model = Basic.for_task(TASK, N_rec=4, loss_function=LOSSES[kind])
    with untouched(model, place), refused("Basic", "loss"):
        train(model)
    model.destruct()


@pytest.mark.parametrize("kind", [kind for kind in LOSSES if kind != "a constant"])
def test_penalty_that_returns_the_wrong_thing(kind, place):
    def penalty(model, params):
        return LOSSES[kind](model.predictions, model.y, model.output_mask)

    model = Basic.for_task(TASK, N_rec=4, custom_regularization=penalty)
    with untouched(model, place), refused("Basic", "regularization"):
        train(model)
    model.destruct()


@pytest.mark.parametrize("value", [NAN, INF])
def test_loss_that_is_not_finite_keeps_the_weights(value, place):
    model = Basic.for_task(TASK, N_rec=4, loss_function=lambda p, y, m: value * tf.reduce_sum(p))
    before = bits(model)
    with refused("Basic.train", "update 1", "learning_rate", kind=TrainingError):
        train(model)
    assert bits(model) == before and not list(place.rglob("*.npz"))
    model.destruct()


def network(**methods):
    return type("Own", (Basic,), methods)


WRONG_NETWORKS = {
    "forward nothing": dict(forward_pass=lambda self: None),
    "forward one value": dict(forward_pass=lambda self: self.x),
    "forward three values": dict(forward_pass=lambda self: (self.x, self.x, self.x)),
    "forward flat": dict(forward_pass=lambda self: (self.x[:, 0], self.x)),
    "forward channels": dict(forward_pass=lambda self: (tf.concat([self.x] * 2, 2), self.x)),
    "forward text": dict(forward_pass=lambda self: ("a", "b")),
    "step nothing": dict(recurrent_timestep=lambda self, x, state: None),
    "step wide": dict(recurrent_timestep=lambda self, x, state: tf.concat([state, state], 1)),
    "step pair": dict(recurrent_timestep=lambda self, x, state: (state, state)),
    "step text": dict(recurrent_timestep=lambda self, x, state: "state"),
    "step double": dict(recurrent_timestep=lambda self, x, state: tf.cast(state, tf.float64)),
    "readout nothing": dict(output_timestep=lambda self, state: None),
    "readout number": dict(output_timestep=lambda self, state: tf.reduce_sum(state)),
    "readout wide": dict(output_timestep=lambda self, state: state),
    "readout text": dict(output_timestep=lambda self, state: "output"),
}


@pytest.mark.parametrize("call", ["train", "test"])
@pytest.mark.parametrize("kind", WRONG_NETWORKS)
def test_network_whose_methods_return_the_wrong_thing(kind, call, place):
    model = network(**WRONG_NETWORKS[kind]).for_task(TASK, N_rec=4)
    method = {"forward": "forward_pass", "step": "recurrent_timestep", "readout": ""}
    with untouched(model, place), refused("expected", method[kind.split()[0]]):
        train(model) if call == "train" else model.test(X)
    model.destruct()


# -- anything --------------------------------------------------------------------------------------

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=4),
    st.binary(max_size=3),
    st.integers(-3, 6),
    st.floats(max_value=10),
    st.complex_numbers(),
    st.lists(st.floats() | st.none() | st.text(max_size=2), max_size=5),
    hnp.arrays(st.sampled_from([float, int, bool]), hnp.array_shapes(min_dims=0)),
    st.sampled_from([{}, {1}, object(), Basic, max, RAGGED, np.datetime64("2020"), range(4), NAN]),
    st.dictionaries(
        st.sampled_from(["W_rec", "b_rec", "init_state", "W"]),
        st.sampled_from([W, 0 * W, W > 0, W * NAN, np.ones(4), None, "x", RAGGED, {}, 1]),
        max_size=2,
    ),
)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(key=st.sampled_from(sorted(options.TRAIN_KEYS)), junk=JUNK)
def test_any_value_of_any_option_of_training_works_or_gives_a_sentence(key, junk, shared, place):
    before = bits(shared)
    try:
        shared.train(iter([GOOD] * 12), **{"training_iters": 2, "verbosity": False, key: junk})
    except TrainingError as error:  # None for training_iters is the default, 50000
        assert "update " in str(error)
    except ParameterError as error:
        assert 20 < len(str(error)) < 500, str(error)
        assert bits(shared) == before

"""Wrong arguments of tasks, tasks that make wrong trials, and wrong weight files."""

import os
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import INF, NAN, RAGGED, refused, table

from psychrnn import Basic, ParameterError, PerceptualDiscrimination, Task, WeightInitializer
from psychrnn.tasks.accuracy import choice_accuracy

TASK = dict(dt=10, tau=100, T=50, N_batch=2)


class Own(Task):
    def __init__(self, point=None, whole=None, **changes):
        super().__init__(**{**TASK, "N_in": 3, "N_out": 2, **changes})
        self._point, self._whole = point, whole

    def generate_trial_params(self, batch, trial):
        return {}

    def trial_function(self, time, params):
        return self._point

    def generate_trial(self, params):
        return super().generate_trial(params) if self._whole is None else self._whole


POINT = (np.ones(3), np.ones(2), np.ones(2))
TRIAL = (np.ones((5, 3)), np.ones((5, 2)), np.ones((5, 2)))


def test_the_tasks_of_these_tests_can_be_good():
    for task in (Own(POINT), Own(whole=TRIAL), PerceptualDiscrimination(**TASK)):
        assert task.get_trial_batch().x.shape[:2] == (2, 5)


BOTH = table(
    ("N_batch", [0, -1, 2.5, "2", True, NAN, [2], None, RAGGED], "whole number"),
    ("dt T", [0, -1, NAN, INF, "ten", "10", [10], None, RAGGED, 1j, True], "number above 0"),
    ("tau", [0, -1, NAN, INF, "ten", "100", [], None, [100, NAN], RAGGED, {}], "number above 0"),
    ("seed", [-1, 1.5, "x", True, [1], NAN], "whole number"),
)
SIZES = table(("N_in N_out", [0, -1, 2.5, "2", True, NAN, None], "whole number"))


@pytest.mark.parametrize("key, value, words", BOTH + SIZES)
def test_wrong_argument_of_a_task(key, value, words):
    refused(lambda: Own(POINT, **{key: value}), f"Own.{key}", "expected", "got", words)


PERCEPTUAL = table(
    ("coherence", ["high", "0.5", NAN, INF, [0.1], RAGGED], "number"),
    ("direction", [2, -1, 0.5, 1.0, "left", True, [0, 1], np.array([0, 1])], "0, 1 or None"),
    ("stim_noise", [-0.1, NAN, INF, "loud", [0.1, 0.2], None], "number of at least 0"),
    ("coherences", [[], [NAN], ["high"], None, "high", RAGGED, [0.1, INF]], "coherences"),
)


@pytest.mark.parametrize("key, value, words", BOTH + PERCEPTUAL)
def test_wrong_argument_of_perceptual_discrimination(key, value, words):
    words = (f"PerceptualDiscrimination.{key}", "expected", "got", words)
    refused(lambda: PerceptualDiscrimination(**{**TASK, key: value}), *words)


X, Y, MASK = POINT
WRONG_POINTS = [
    None,
    1.0,
    "xy",
    (X, Y),
    (*POINT, X),
    (X[:2], Y, MASK),
    (X[:1], Y, MASK),
    (X, X, MASK),
    (X, Y, X),
    (X, Y, MASK[:1]),
    ("x", Y, MASK),
    (X, None, MASK),
    (X, Y, RAGGED),
    (X * 1j, Y, MASK),
    {"x": X, "y": Y, "mask": MASK},
]


@pytest.mark.parametrize("point", WRONG_POINTS, ids=range(len(WRONG_POINTS)))
def test_trial_function_that_returns_the_wrong_thing(point):
    words = ("Own.trial_function", "expected", "got", "at time 0")
    refused(lambda: Own(point).get_trial_batch(), *words)


X, Y, MASK = TRIAL
WRONG_TRIALS = [
    (1.0, "three arrays"),
    ("xyz", "three arrays"),
    ((X, Y), "three arrays"),
    ((X[:4], Y, MASK), "x: expected [N_steps, N_in] = (5, 3), got (4, 3)"),
    ((Y, Y, MASK), "x: expected [N_steps, N_in] = (5, 3), got (5, 2)"),
    ((X, X, MASK), "y: expected [N_steps, N_out] = (5, 2), got (5, 3)"),
    ((X, Y, MASK[:, 0]), "mask: expected [N_steps, N_out] = (5, 2), got (5,)"),
    (("x", Y, MASK), "x"),
    ((X, "y", MASK), "y"),
    ((X, Y, RAGGED), "mask"),
    ((X, None, MASK), "y"),
    ((X * 1j, Y, MASK), "x"),
]


@pytest.mark.parametrize("trial, words", WRONG_TRIALS, ids=range(len(WRONG_TRIALS)))
def test_generate_trial_that_returns_the_wrong_thing(trial, words):
    refused(lambda: Own(whole=trial).get_trial_batch(), "Own.generate_trial", words)


def test_accuracy_that_the_task_does_not_define():
    ones = np.ones((2, 5, 2))
    words = ("Own.accuracy_function", "Define accuracy_function")
    refused(lambda: Own(POINT).accuracy_function(ones, ones, ones), *words)


ONES = np.ones((2, 5, 2))
WRONG_SCORES = [
    (ONES, ONES[:1], ONES),
    (ONES, ONES, ONES[:, :, 0]),
    (ONES[0], ONES[0], ONES[0]),
    (ONES, ONES, 0 * ONES),
    (ONES, "out", ONES),
    (ONES, RAGGED, ONES),
    (ONES, NAN * ONES, ONES),
]


@pytest.mark.parametrize("arrays", WRONG_SCORES, ids=range(len(WRONG_SCORES)))
def test_choices_that_cannot_be_scored(arrays):
    refused(lambda: choice_accuracy(*arrays), "choice_accuracy", "expected", "got")


# -- weight files ----------------------------------------------------------------------------------


def good_entries():
    initial = WeightInitializer(N_in=2, N_rec=4, N_out=2, W_rec=np.eye(4)).initializations
    return {**initial, "transfer_function": "relu", "dale_ratio": NAN}


def load(path, **changes):
    task = PerceptualDiscrimination(**TASK)
    return Basic.for_task(task, **{"N_rec": 4, "load_weights_path": str(path), **changes})


def written(tmp_path, **changes):
    entries = {**good_entries(), **changes}
    path = tmp_path / "w.npz"
    np.savez(path, **{key: value for key, value in entries.items() if value is not None})
    return path


def test_the_file_of_these_tests_is_a_good_one(tmp_path):
    load(written(tmp_path)).destruct()


def test_file_that_is_missing(tmp_path):
    path = written(tmp_path)
    words = ("load_weights_path", "no file")
    refused(lambda: load(tmp_path / "v.npz"), *words, "v.npz", kind=FileNotFoundError)
    refused(lambda: load(tmp_path), *words, kind=FileNotFoundError)
    words = (*words, f"Did you mean '{path}'")
    refused(lambda: load(tmp_path / "w"), *words, kind=FileNotFoundError)


@pytest.mark.parametrize("key", ["W_in", "W_rec", "W_out", "b_rec", "b_out", "init_state"])
def test_file_without_an_entry(key, tmp_path):
    path = written(tmp_path, **{key: None})
    refused(lambda: load(path), str(path), repr(key))


def test_file_of_another_size(tmp_path):
    path = written(tmp_path)
    refused(lambda: load(path, N_rec=5), "w.npz", "N_rec", "(5,", "(4,")


WRONG_ENTRIES = table(
    ("W_in", [np.ones(4), np.ones((4, 3)), np.float64(1)], "W_in"),
    ("W_rec", [np.ones((4, 3)), np.full((4, 4), NAN), np.full((4, 4), "a")], "W_rec"),
    ("W_out", [np.ones((3, 4)), np.ones(4)], "W_out"),
    ("b_rec init_state", [np.ones(3), np.full(4, INF), "zero"], ""),
    ("rec_connectivity", [np.ones((3, 3)), np.full((4, 4), 0.5), np.zeros((4, 4))], ""),
    ("Dale_rec Dale_out", [np.ones((4, 4)), np.ones(4), np.eye(4) * 3], ""),
    ("dale_ratio", [2.0, -1.0, np.ones(2), "half"], ""),
    ("transfer_function", ["reluu", 3.0], "relu"),
    ("transfer_function", [np.ones(2)], "a name"),
)


@pytest.mark.parametrize("key, value, words", WRONG_ENTRIES)
def test_wrong_entry_in_a_file(key, value, words, tmp_path):
    path = written(tmp_path, **{key: value})
    refused(lambda: load(path), "w.npz", key, words)


def damaged(path, kind):
    content = path.read_bytes()
    if kind == "not a zip":
        path.write_bytes(b"these are no weights" * 9)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "flipped":
        path.write_bytes(content.replace(b"\xf0?", b"\xf1?"))
    elif kind == "a plain array":
        with open(path, "wb") as file:
            np.save(file, np.ones(4))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("W_rec.npy", {"text in an entry": b"text", "empty entry": b""}[kind])


KINDS = ["not a zip", "empty", "cut", "flipped", "a plain array", "text in an entry", "empty entry"]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_file(kind, tmp_path):
    path = written(tmp_path)
    damaged(path, kind)
    refused(lambda: load(path), "w.npz")


class Bomb:
    """Unpickles as a call of ``os.system`` that makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize(
    "key", ["dale_ratio", "transfer_function", "W_rec", "b_out", "Dale_rec", "note"]
)
def test_code_in_a_file_is_refused_and_not_run(key, tmp_path):
    mark = tmp_path / "ran"
    path = written(tmp_path, **{key: np.array(Bomb(mark), dtype=object)})
    refused(lambda: load(path), "w.npz", repr(key), "refused", "nothing was run")
    assert not mark.exists()
    with np.load(path, allow_pickle=True) as archive:
        archive[key]
    assert mark.exists()  # the file is a live one


@pytest.mark.parametrize("key", ["dale_ratio", "transfer_function"])
@pytest.mark.parametrize("value", [eval, os.system, print, {"a": 1}, [1], b"x", 1j], ids=str)
def test_other_pickled_objects_are_refused(key, value, tmp_path):
    entry = np.empty((), dtype=object)
    entry[()] = value
    refused(lambda: load(written(tmp_path, **{key: entry})), repr(key), "refused")


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=4),
    st.integers(-3, 6),
    st.floats(width=16),
    st.complex_numbers(),
    st.lists(st.floats() | st.none() | st.text(max_size=2), max_size=5),
    hnp.arrays(st.sampled_from([float, int, bool]), hnp.array_shapes(min_dims=0)),
    st.sampled_from([{}, {1}, object(), Basic, max, RAGGED, range(4), "10", b"1"]),
)
EXTRA = ["coherence", "direction", "stim_noise", "coherences", "seed"]


@settings(deadline=None, max_examples=150)
@given(key=st.sampled_from([*TASK, *EXTRA]), junk=JUNK)
def test_any_argument_of_a_task_gives_a_batch_or_a_sentence(key, junk):
    if key in ("T", "dt"):
        value = junk.flat[0] if isinstance(junk, np.ndarray) else junk
        if isinstance(value, (float, np.floating)):  # right, but too many steps for a test
            assume(not ((key == "T" and value > 1e4) or (key == "dt" and 0 < value < 0.1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            batch = PerceptualDiscrimination(**{**TASK, key: junk}).get_trial_batch()
        except ParameterError as error:
            assert 20 < len(str(error)) < 500, str(error)
        else:
            assert np.isfinite(batch.x).all() and batch.x.shape == (*batch.y.shape[:2], 2)

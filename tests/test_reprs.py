"""What tasks, batches and results look like in a console and in a notebook."""

import copy
import pickle
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psychrnn import (
    ArrayTask,
    Basic,
    Batch,
    DelayedDiscrimination,
    MatchToCategory,
    ParameterError,
    PerceptualDiscrimination,
    Task,
    _html,
)
from psychrnn.backend.training import TrainResult

TASK = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=8, seed=3)


class Arrays(NamedTuple):
    outputs: np.ndarray
    states: np.ndarray

    __repr__ = _html.arrays_text
    _repr_html_ = _html.arrays_table


class Odd(Task):
    """A task with names and attributes that need care."""

    input_names = ("<b>left</b>", "a & b")

    def __init__(self, **kwargs):
        super().__init__(2, 1, 10, [100.0] * 4, 100, 2, **kwargs)
        self.table = list(range(1000))
        self.grid = np.zeros((20, 30))
        self.function = len
        self.label = "x" * 500
        self.level = np.float32(0.1)
        self._hidden = 5

    def generate_trial_params(self, batch, trial):
        return {}

    def trial_function(self, time, params):
        return 0, 0, 1


def parsed(shown):
    """Return the table of a notebook as a dict of words and sentences, and the picture."""
    page = ElementTree.fromstring(f"<div>{shown}</div>")
    rows = {row.find("th").text: row.find("td").text for row in page.iter("tr")}
    rows["title"] = page.find(".//caption").text
    pictures = list(page.iter("{http://www.w3.org/2000/svg}svg"))
    assert len(pictures) <= 1
    return rows, pictures[0] if pictures else None


# -- tasks -----------------------------------------------------------------------------------------


def test_a_task_says_its_class_and_options():
    assert repr(TASK) == (
        "PerceptualDiscrimination(N_batch=8, N_in=2, N_out=2, dt=10, tau=100, T=500, lo=0.2, hi=1, "
        "stim_noise=0.1, coherences=[0.1, 0.3, 0.5, 0.7], seed=3)"
    )


def test_a_task_in_a_notebook():
    rows, _ = parsed(TASK._repr_html_())
    assert rows == {
        "title": "PerceptualDiscrimination",
        "inputs": "2: stimulus 0, stimulus 1",
        "outputs": "2: choice 0, choice 1",
        "time": "dt 10 ms, tau 100 ms, T 500 ms, 50 steps a trial",
        "batch": "8 trials",
        "options": "lo 0.2, hi 1, stim_noise 0.1, coherences [0.1, 0.3, 0.5, 0.7], seed 3",
    }


@pytest.mark.parametrize(
    "task",
    [
        MatchToCategory(dt=20, tau=100, T=2200, N_batch=2, N_in=8, N_out=8),
        DelayedDiscrimination(dt=10, tau=100, T=2000, N_batch=2, onset_time=10),
        ArrayTask(np.zeros((5, 4, 1)), np.zeros((5, 4, 2)), dt=10, tau=100, N_batch=2),
        Odd(seed=1),
    ],
    ids=lambda task: type(task).__name__,
)
def test_every_task_is_shown_in_a_few_words(task):
    rows, _ = parsed(task._repr_html_())
    assert rows["title"] == type(task).__name__
    assert repr(task).startswith(f"{type(task).__name__}(N_batch={task.N_batch}, ")
    assert "\n" not in repr(task) and len(repr(task)) < 400
    assert all(len(row) < 400 for row in rows.values())


def test_unusual_attributes_are_shortened_and_text_is_escaped():
    task = Odd(seed=1)
    rows, _ = parsed(task._repr_html_())
    assert rows["inputs"] == "2: <b>left</b>, a & b" and "<b>" not in task._repr_html_()
    for words in ("table a list of 1000", "grid [20, 30]", "level 0.1"):
        assert words in rows["options"] and words.replace(" ", "=", 1) in repr(task)
    assert "function" not in repr(task) and "hidden" not in repr(task)


def test_a_task_without_a_seed_and_with_one_set_later():
    task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=8)
    assert "seed" not in repr(task)
    task.seed = 7
    assert repr(task).endswith("seed=7)")


def test_a_task_that_is_half_made_can_be_shown():
    class Early(Odd):
        def __init__(self):
            self.seen = repr(self)
            super().__init__()

    assert Early().seen == "Early()"
    with pytest.raises(ParameterError):
        PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=8, direction=TASK)


def test_copies_and_pickles_of_a_task_are_shown_alike():
    for other in (copy.deepcopy(TASK), pickle.loads(pickle.dumps(TASK)), TASK.copied()):
        assert repr(other) == repr(TASK)
        np.testing.assert_array_equal(other.get_trial_batch().x.shape, (8, 50, 2))


# -- batches and results ---------------------------------------------------------------------------


def test_a_batch_is_shown_by_its_shapes():
    batch = TASK.copied().get_trial_batch()
    assert repr(batch) == "Batch(x=[8, 50, 2], y=[8, 50, 2], mask=[8, 50, 2], params=[8])"
    rows, _ = parsed(batch._repr_html_())
    assert rows["x"] == f"[8, 50, 2], {batch.x.min():.3g} to {batch.x.max():.3g}"
    assert rows["params"].startswith("[8], coherence, direction")
    assert rows["task"] == repr(TASK)
    assert "task" not in parsed(Batch(*batch)._repr_html_())[0]


def test_a_batch_is_still_a_tuple():
    batch = TASK.copied().get_trial_batch()
    x, _y, mask, params = batch
    assert x is batch.x and params is batch[3]
    other = batch._replace(mask=mask)
    assert other.task is batch.task and isinstance(other, Batch)
    assert Batch(1, 2, 3, 4) == (1, 2, 3, 4)


@pytest.mark.parametrize("part", [None, 5, "x", [1, 2], [], np.empty((0, 3)), [[1], [1, 2]]])
def test_a_batch_of_anything_can_be_shown(part):
    batch = Batch(part, part, part, part)
    assert repr(batch).startswith("Batch(x=")
    assert parsed(batch._repr_html_())[0]["title"] == "Batch"


def test_outputs_that_are_not_finite_are_counted():
    values = np.ones((2, 5, 3), dtype=np.float32)
    values[0, 0] = [np.nan, np.inf, 0]
    result = Arrays(values, np.array([[-1.0, 2.0]]))
    assert repr(result) == "Arrays(outputs=[2, 5, 3], states=[1, 2])"
    rows, _ = parsed(result._repr_html_())
    assert rows["outputs"] == "[2, 5, 3], 2 of 30 values are NaN or infinite"
    assert rows["states"] == "[1, 2], -1 to 2"


def test_results_of_a_network_are_short():
    model = Basic.for_task(TASK, N_rec=5, seed=1)
    trained = model.train(TASK, training_iters=32, loss_epoch=2, verbosity=False)
    assert "losses=[2 recorded, first " in repr(trained)
    rows, picture = parsed(trained._repr_html_())
    assert rows["interrupted"] == "no" and picture is not None
    assert parsed(model._repr_html_())[0]["title"] == f"Basic {model.name!r}"
    assert "5 recurrent" in parsed(model._repr_html_())[0]["units"]
    losses, _seconds, _ = trained
    assert len(losses) == 2 and trained == tuple(trained)
    model.destruct()


@pytest.mark.parametrize("losses", [[], [0.5], [np.nan, np.nan], [np.inf, 1.0], [-1.0, 1.0, 0.0]])
def test_any_losses_can_be_shown(losses):
    result = TrainResult([np.float32(loss) for loss in losses], 12.345, 1.5)
    result.interrupted = "<nan>"
    rows, picture = parsed(result._repr_html_())
    assert rows["losses"].startswith(f"{len(losses)} recorded" if losses else "none recorded")
    assert rows["interrupted"] == "<nan>"
    assert rows["time"] == "12.3 s, and 1.5 s before the first update"
    assert (picture is not None) == (np.isfinite(losses).sum() >= 2)
    assert "training_time=12.3" in repr(result) and "interrupted='<nan>'" in repr(result)


# -- the picture of the loss -----------------------------------------------------------------------


def points(picture):
    line = picture.find("{http://www.w3.org/2000/svg}polyline").get("points")
    return np.array([pair.split(",") for pair in line.split()], dtype=float)


def test_a_sparkline_is_the_line_that_numpy_draws():
    values = np.array([4.0, 1.0, np.nan, 2.0, 3.0])
    page = ElementTree.fromstring(_html.sparkline(values, "loss < 1", width=104, height=34))
    x, y = points_of = points(page).T
    assert points_of.shape == (2, 4)
    np.testing.assert_allclose(x, 2 + 100 * np.arange(4) / 3, atol=0.06)
    np.testing.assert_allclose(y, 2 + 30 * (4 - np.array([4.0, 1, 2, 3])) / 3, atol=0.06)
    assert page.find("{http://www.w3.org/2000/svg}title").text == "loss < 1"


def test_a_long_sparkline_is_averaged():
    values = np.repeat(np.arange(120.0), 50)
    y = points(ElementTree.fromstring(_html.sparkline(values, "loss")))[:, 1]
    np.testing.assert_allclose(np.diff(y), -36 / 119, atol=0.11)
    assert len(_html.sparkline(np.ones(10**5), "loss")) < 3000


def test_a_loss_is_shown_on_a_logarithmic_scale_where_it_is_positive():
    falling = TrainResult(list(np.geomspace(1, 1e-3, 20)), 1.0, 1.0)
    y = points(parsed(falling._repr_html_())[1])[:, 1]
    np.testing.assert_allclose(np.diff(y), 36 / 19, atol=0.11)


@given(st.lists(st.floats()), st.text())
def test_any_sparkline_lies_within_its_frame(values, title):
    with np.errstate(all="raise", under="ignore", over="ignore"):
        shown = _html.sparkline(values, title)
    if np.isfinite(values).sum() < 2:
        assert shown == ""
        return
    found = np.array([pair.split(",") for pair in shown.split("points='")[1][:-9].split()], float)
    assert (found >= 2).all() and (found <= [238, 38]).all()
    assert "<script" not in shown


def test_tables_escape_all_text():
    shown = _html.table("<i>a</i>", [("<b>", "x & <y>")])
    rows, _ = parsed(shown)
    assert rows == {"title": "<i>a</i>", "<b>": "x & <y>"}

"""Choices, tables of trials, reaction times and confusions against plain loops."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import INF, NAN, RAGGED, refused, table
from scipy import stats

import psychrnn
from psychrnn import (
    ArrayTask,
    DelayedDiscrimination,
    MatchToCategory,
    PerceptualDiscrimination,
    Task,
)
from psychrnn.analysis import behavior
from psychrnn.analysis.behavior import (
    Readout,
    chronometric,
    confusion_matrix,
    masked_mean,
    threshold_crossing,
    trials_table,
)
from psychrnn.tasks.accuracy import choice_accuracy
from psychrnn.tasks.batch import Batch

COLUMNS = ["target", "choice", "correct", "reaction_time", "confidence"]
TASKS = {
    "perceptual": PerceptualDiscrimination(10, 100, 1000, 32, seed=1),
    "delayed": DelayedDiscrimination(10, 100, 2000, 32, seed=1),
    "category": MatchToCategory(20, 100, 2000, 32, N_out=4, seed=1),
}


class Signed(Task):
    """One output channel: -1 or 1 after a cue, which some trials lack."""

    def __init__(self, N_out=1, dt=10):
        super().__init__(1, N_out, dt, 100, 300, 16, seed=1)

    def generate_trial_params(self, batch, trial):
        params = {"side": int(self.rng.choice([-1, 1])), "cued": trial % 4 > 0}
        return {**params, "cue": 55.0} if params["cued"] else params

    def periods(self, params):
        return {"go": (params["cue"], 200.0)} if params["cued"] else {}

    def generate_trial(self, params):
        x, y, mask = np.zeros((30, 1)), np.zeros((30, self.N_out)), np.zeros((30, self.N_out))
        y[10:20], mask[10:20] = params["side"], params["cued"]
        return x, y, mask


def noisy(batch, sigma=0.5, seed=0):
    return batch.y + sigma * np.random.default_rng(seed).standard_normal(batch.y.shape)


def batch_of(mask, params=None, y=None):
    mask = np.asarray(mask, dtype=float)
    params = [{} for _ in mask] if params is None else params
    return Batch(mask, mask if y is None else y, mask, np.array(params, dtype=object))


@pytest.mark.parametrize("name", TASKS)
def test_masked_mean_is_what_accuracy_counts(name):
    batch = TASKS[name].get_trial_batch()
    outputs = noisy(batch, 8.0)
    read = masked_mean()(batch, outputs)
    for trial, (out, mask) in enumerate(zip(outputs, batch.mask)):
        means = [(out[:, k] @ mask[:, k]) / mask[:, k].sum() for k in range(out.shape[1])]
        assert read.choice[trial] == int(np.argmax(means))
        best = sorted(means)
        assert read.confidence[trial] == pytest.approx(best[-1] - best[-2])
    assert np.isnan(read.reaction_time).all()
    correct = trials_table(TASKS[name], batch, outputs)["correct"]
    assert 0 < correct.mean() < 1
    assert correct.mean() == TASKS[name].accuracy_function(batch.y, outputs, batch.mask)


def test_ties_and_trials_that_ask_for_nothing():
    mask = np.ones((3, 4, 2))
    mask[2] = 0
    read = masked_mean()(batch_of(mask), np.ones((3, 4, 2)))
    np.testing.assert_array_equal(read.choice, [0, 0, NAN])
    np.testing.assert_array_equal(read.confidence, [0, 0, NAN])
    with_mask = choice_accuracy(mask, np.ones((3, 4, 2)), mask)
    assert with_mask == 1.0


def test_one_channel_chooses_by_a_boundary():
    outputs = np.array([0.9, 0.6, 0.2, -3.0])[:, np.newaxis, np.newaxis] * np.ones((4, 5, 1))
    batch = batch_of(2 * np.ones((4, 5, 1)))
    np.testing.assert_array_equal(masked_mean()(batch, outputs).choice, [1, 1, 1, 0])
    read = masked_mean(boundary=0.6)(batch, outputs)
    np.testing.assert_array_equal(read.choice, [1, 0, 0, 0])
    np.testing.assert_allclose(read.confidence, [0.3, 0, 0.4, 3.6], atol=1e-12)


def crossing_by_hand(outputs, mask, dt, start, threshold):
    """Return choice and reaction time of one trial, step by step."""
    counted = [k for k in range(len(mask)) if mask[k].any()]
    for step in range(len(outputs)):
        if not counted or step > counted[-1] or step * dt < start:
            continue
        channels = [k for k in range(outputs.shape[1]) if outputs[step, k] >= threshold]
        if channels:
            return max(channels, key=lambda k: (outputs[step, k], -k)), step * dt - start
    return NAN, NAN


@pytest.mark.parametrize("since", [None, "stimulus", "response", 400, 0.0])
def test_threshold_crossing_step_by_step(since):
    task = TASKS["perceptual"]
    batch = task.get_trial_batch()
    outputs = np.round(np.random.default_rng(1).normal(size=batch.y.shape), 1)
    read = threshold_crossing(1.8, since=since)(batch, outputs)
    for trial in range(len(outputs)):
        if since is None:
            start = 10 * np.flatnonzero(batch.mask[trial].any(axis=1))[0]
        else:
            start = batch.periods[trial][since][0] if isinstance(since, str) else since
        wanted = crossing_by_hand(outputs[trial], batch.mask[trial], 10, start, 1.8)
        np.testing.assert_allclose([read.choice[trial], read.reaction_time[trial]], wanted)
    np.testing.assert_array_equal(read.confidence, masked_mean()(batch, outputs).confidence)
    assert np.isfinite(read.choice).sum() > 16 and (read.reaction_time >= 0).sum() > 16


def test_crossings_too_early_or_too_late_or_none():
    mask = np.zeros((4, 10, 2))
    mask[:, 4:8] = 1
    outputs = np.zeros((4, 10, 2))
    outputs[0, :3, 1] = 1  # before
    outputs[1, 8:, 1] = 1  # after
    outputs[2, 2:, 1] = 1  # before, and still there
    outputs[3, 7, :] = [1, 1.5]  # in the last step, both
    task = PerceptualDiscrimination(10, 100, 100, 4)
    read = threshold_crossing(1.0)(batch_of(mask).of_task(task), outputs)
    np.testing.assert_array_equal(read.choice, [NAN, NAN, 1, 1])
    np.testing.assert_array_equal(read.reaction_time, [NAN, NAN, 0, 30])


def test_a_moment_between_steps_and_trials_without_the_period():
    task = Signed(N_out=2)
    batch = task.get_trial_batch()
    outputs = np.zeros((16, 30, 2))
    outputs[:, 12:, 0] = 1
    read = threshold_crossing(0.5, since="go")(batch, outputs)
    cued = np.array([p["cued"] for p in batch.params])
    np.testing.assert_array_equal(read.choice, np.where(cued, 0, NAN))
    np.testing.assert_array_equal(read.reaction_time, np.where(cued, 120 - 55, NAN))


def test_one_channel_crosses_upwards_or_downwards():
    task = Signed()
    batch = task.get_trial_batch()
    outputs = 0.5 + np.cumsum(0.1 * batch.y, axis=1)
    table = trials_table(task, batch, outputs, threshold_crossing(0.9, boundary=0.5))
    side = np.array([p["side"] for p in batch.params])
    cued = np.array([p["cued"] for p in batch.params])
    np.testing.assert_array_equal(table["choice"], np.where(cued, side > 0, NAN))
    np.testing.assert_array_equal(table["correct"], np.where(cued, 1, NAN))
    np.testing.assert_array_equal(table["reaction_time"], np.where(cued, 30, NAN))


def test_steps_of_a_tenth_do_not_round_a_crossing_away():
    mask = np.ones((1, 10, 2))
    outputs = np.zeros((1, 10, 2))
    outputs[0, 3] = 1
    task = PerceptualDiscrimination(0.1, 100, 1.0, 1)
    read = threshold_crossing(1.0, since=0.3)(batch_of(mask).of_task(task), outputs)
    assert read.reaction_time[0] == pytest.approx(0, abs=1e-9)  # 3 * 0.1 > 0.3


@pytest.mark.parametrize("name", TASKS)
def test_table_has_a_row_for_each_trial(name):
    task = TASKS[name]
    batch = task.get_trial_batch()
    columns = trials_table(task, batch, noisy(batch))
    assert all(column.shape == (32,) for column in columns.values())
    assert list(columns)[-5:] == COLUMNS
    for key in batch.params[0]:
        column = columns.get(f"param_{key}") if key in COLUMNS else columns[key]
        assert column.tolist() == [p[key] for p in batch.params]
        assert column.dtype.kind in "if"
    truth = {"perceptual": "direction", "delayed": "param_choice", "category": "category"}[name]
    np.testing.assert_array_equal(columns["target"], columns[truth])


class Run(NamedTuple):
    outputs: np.ndarray
    states: np.ndarray


def test_plain_tuples_and_results_of_a_test():
    task = TASKS["perceptual"]
    batch = task.get_trial_batch()
    outputs = noisy(batch)
    for readout in (None, threshold_crossing(0.5, since="stimulus")):
        wanted = trials_table(task, batch, outputs, readout)
        found = trials_table(task, tuple(batch), Run(outputs, outputs), readout)
        assert list(found) == list(wanted)
        for key in wanted:
            np.testing.assert_array_equal(found[key], wanted[key])


def test_recorded_trials_and_parameters_of_every_kind():
    params = {
        "subject": ["a", "b", "a", "c"],
        "rewarded": [True, False, True, True],
        "angle": [0.5, 1, 2, 3],
        "choice": [1, 0, 0, 1],
        "image": np.arange(24).reshape(4, 2, 3),
    }
    x, y = np.ones((4, 5, 1)), np.zeros((4, 5, 2))
    y[:, :, 1] = 1
    recorded = ArrayTask(x, y, params=params, dt=10, tau=100, N_batch=4, shuffle=False)
    columns = trials_table(recorded, recorded.all_trials(), y)
    assert list(columns) == [
        "subject", "rewarded", "angle", "param_choice", "image", "trial", *COLUMNS,
    ]  # fmt: skip
    kinds = {key: column.dtype.kind for key, column in columns.items()}
    assert [kinds[key] for key in list(columns)[:6]] == list("UbfiOi")
    np.testing.assert_array_equal(columns["image"][2], params["image"][2])


def test_parameters_that_some_trials_lack():
    params = [
        {"n": 1, "flag": True, "word": "a", "mixed": 1, 5: 0, "param_choice": 1, "choice": 2},
        {
            "n": np.int64(2),
            "flag": None,
            "mixed": "b",
            "big": 10**30,
            "x": np.array(0.5),
            "none": None,
        },
    ]
    columns = trials_table(
        TASKS["perceptual"], batch_of(np.ones((2, 3, 2)), params), np.ones((2, 3, 2))
    )
    assert columns["n"].dtype.kind == "i"
    np.testing.assert_array_equal(columns["x"], [NAN, 0.5])
    np.testing.assert_array_equal(columns["5"], [0, NAN])
    np.testing.assert_array_equal(columns["param_choice"], [1, NAN])
    np.testing.assert_array_equal(columns["param_param_choice"], [2, NAN])
    for key, values in {"flag": [True, None], "word": ["a", None], "mixed": [1, "b"]}.items():
        assert columns[key].dtype == object and columns[key].tolist() == values
    assert columns["big"].tolist()[1] == 10**30 and columns["none"].tolist() == [None, None]


def test_pandas_takes_the_table_as_it_is():
    pandas = pytest.importorskip("pandas")
    task = Signed()
    batch = task.get_trial_batch()
    frame = pandas.DataFrame(trials_table(task, batch, batch.y))
    assert frame.shape == (16, 8)
    assert frame.groupby("side")["correct"].mean().tolist() == [1.0, 1.0]
    assert frame["cue"].isna().sum() == frame["choice"].isna().sum() == 4


def test_a_readout_of_your_own():
    task = TASKS["category"]
    batch = task.get_trial_batch()

    def last_step(batch, outputs):
        choice = outputs[:, -1].argmax(axis=1)
        return choice, np.full(len(choice), 7.0), outputs[:, -1].max(axis=1)

    columns = trials_table(task, batch, noisy(batch), last_step)
    assert (columns["reaction_time"] == 7).all() and columns["choice"].dtype == float
    np.testing.assert_array_equal(columns["correct"], columns["choice"] == columns["target"])


def test_a_perfect_integrator_has_a_psychometric_curve():
    task = PerceptualDiscrimination(10, 100, 1000, 256, coherences=(0.05, 0.1, 0.3), seed=2)
    batch = task.get_trial_batch()
    integrated = np.cumsum(batch.x, axis=1) / 100
    columns = trials_table(task, batch, integrated)
    signed = columns["coherence"] * np.where(columns["direction"] == 1, 1, -1)
    fit = behavior.psychometric(signed, columns["choice"], 0, 0, n_bootstrap=0)
    assert abs(fit.threshold) < 0.1 and fit.slope > 1


def test_chronometric_by_level():
    rng = np.random.default_rng(0)
    stimulus = rng.choice([0.1, 0.1 + 0.2, 0.9], 300)
    stimulus[::7] = np.where(stimulus[::7] > 0.2, stimulus[::7], 0.1)
    times = rng.gamma(4, 100, 300)
    times[::10] = NAN
    correct = (rng.random(300) < 0.8).astype(float)
    for statistic, center in (("median", np.median), ("mean", np.mean)):
        for only, use in ((None, np.ones(300, bool)), (correct, correct == 1)):
            found = chronometric(stimulus, times, only, statistic, unit="coherence")
            for k, level in enumerate((0.1, 0.3, 0.9)):
                here = np.isclose(stimulus, level)
                wanted = times[here & use & ~np.isnan(times)]
                assert found.reaction_times[k] == center(wanted)
                assert found.counts[k] == len(wanted)
                assert found.missing[k] == np.isnan(times[here]).sum()
                if statistic == "mean":
                    error = np.std(wanted, ddof=1) / np.sqrt(len(wanted))
                else:
                    n = len(wanted)
                    weights = np.diff(
                        stats.beta((n + 1) / 2, (n + 1) / 2).cdf(np.arange(n + 1) / n)
                    )
                    moments = [weights @ np.sort(wanted) ** power for power in (1, 2)]
                    error = np.sqrt(moments[1] - moments[0] ** 2)
                assert found.errors[k] == pytest.approx(error, rel=1e-6)
            assert (found.statistic, found.unit) == (statistic, "coherence")


@pytest.mark.parametrize(("n", "tolerance"), [(41, 0.03), (40, 0.05), (6, 0.15)])
def test_error_of_a_median_is_that_of_a_bootstrap(n, tolerance):
    rng = np.random.default_rng(1)
    times = rng.gamma(2, 100, n)
    medians = np.median(rng.choice(times, (20_000, n)), axis=1)
    error = chronometric(np.zeros(n), times).errors[0]
    assert error == pytest.approx(medians.std(), rel=tolerance)


def test_levels_without_reaction_times_are_nan():
    with pytest.warns(UserWarning, match="1 of 3 levels have no reaction time") as caught:
        found = chronometric([1, 1, 2, 2, 3], [5, 6, NAN, NAN, 7])
    assert len(caught) == 1 and caught[0].filename == __file__
    np.testing.assert_array_equal(found.reaction_times, [5.5, NAN, 7])
    np.testing.assert_array_equal(np.isnan(found.errors), [False, True, True])
    np.testing.assert_array_equal(found.missing, [0, 2, 0])


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_confusions_by_counting(data):
    n, k = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 4))
    values = st.sampled_from([*map(float, range(k)), NAN])
    target = np.array(data.draw(st.lists(values, min_size=n, max_size=n)))
    choice = np.array(data.draw(st.lists(values, min_size=n, max_size=n)))
    if np.isnan(target).all():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = confusion_matrix(target, choice, labels=range(k))
    for a in range(k):
        row = [np.sum((target == a) & (choice == b)) for b in range(k)]
        assert found.counts[a].tolist() == row
        assert found.missing[a] == np.sum((target == a) & np.isnan(choice))
        share = np.array(row) / sum(row) if sum(row) else np.full(k, NAN)
        np.testing.assert_array_equal(found.proportions[a], share)


def test_labels_of_a_confusion_matrix():
    with pytest.warns(UserWarning, match="1 of 3 targets have no choice") as caught:
        found = confusion_matrix(["b", "a", "b"], ["b", "c", "a"], labels=["c", "b", "a"])
    assert len(caught) == 1 and caught[0].filename == __file__
    assert found.counts.tolist() == [[0, 0, 0], [0, 1, 1], [1, 0, 0]]
    assert found.labels.tolist() == ["c", "b", "a"]
    named = confusion_matrix([1.0, 0, NAN], [1.0, 1, 0], labels=("left", "right"))
    assert named.counts.tolist() == [[0, 1], [0, 1]] and named.labels.tolist() == ["left", "right"]
    by_value = confusion_matrix([3, 1, 1, NAN], [3, 3, 1, 7])
    assert by_value.labels.tolist() == [1, 3] and by_value.counts.tolist() == [[1, 1], [0, 1]]


def test_wrong_readout_results():
    task = TASKS["perceptual"]
    batch = task.get_trial_batch()
    good = np.zeros(32)
    for result, words in (
        (good, "a Readout"),
        ((good, good), "a Readout"),
        ((good, good, 1.0), "confidence: expected [N_batch] = (32,), got ()"),
        ((np.zeros((32, 1)), good, good), "choice: expected [N_batch] = (32,), got (32, 1)"),
        (Readout(good, None, good), "reaction_time: expected an array of numbers"),
        ((np.array(["left"] * 32), good, good), "choice: expected an array of numbers"),
        (None, "a Readout"),
    ):
        refused(
            lambda result=result: trials_table(task, batch, batch.y, lambda b, o: result),
            "behavior.trials_table.readout", words,
        )  # fmt: skip
    for readout in (5, "argmax", Readout, lambda outputs: outputs):
        refused(lambda r=readout: trials_table(task, batch, batch.y, r), "readout", "function")


GOOD = TASKS["perceptual"].get_trial_batch()
WRONG = table(
    ("outputs", [GOOD.y[:, :, :1], GOOD.y[:5], GOOD.y[0]], "the shape of the mask, (32, 100, 2)"),
    ("outputs", [GOOD.y * NAN, GOOD.y + INF], "finite numbers"),
    ("outputs", [None, "outputs", RAGGED, {}], "array of numbers"),
    ("batch", [None, 5, GOOD.x, GOOD[:3], [], "abcd"], "x, y, mask and params"),
    ("batch", [(*GOOD[:3], [{}]), (*GOOD[:3], None), (*GOOD[:3], [1] * 32)], "32 dicts"),
    ("batch", [(GOOD.x, GOOD.y[:, 1:], GOOD.mask, GOOD.params)], "the shape of the mask"),
    ("batch", [(GOOD.x, GOOD.y, GOOD.mask[0], GOOD.params)], "three axes"),
    ("batch", [(GOOD.x, GOOD.y, GOOD.mask * NAN, GOOD.params)], "finite numbers"),
    ("batch", [(GOOD.x[:0], GOOD.y[:0], GOOD.mask[:0], [])], "N_batch"),
    ("task", [None, PerceptualDiscrimination, {}], "a task"),
)


@pytest.mark.parametrize(("key", "value", "words"), WRONG)
def test_wrong_arguments_of_a_table(key, value, words):
    arguments = {"task": TASKS["perceptual"], "batch": GOOD, "outputs": GOOD.y, key: value}
    refused(lambda: trials_table(**arguments), "behavior.trials_table", words)
    if key != "task":
        arguments.pop("task")
        refused(lambda: masked_mean()(**arguments), "behavior.masked_mean", words)


def test_wrong_arguments_of_readouts():
    where = "behavior.threshold_crossing"
    for value in (None, NAN, "high", [1]):
        refused(lambda v=value: threshold_crossing(v), f"{where}.threshold", "number")
        if value is not None:
            refused(lambda v=value: masked_mean(v), "behavior.masked_mean.boundary", "number")
    for since in (-5, NAN, [100], True):
        refused(lambda s=since: threshold_crossing(1, s), f"{where}.since", "number")
    crossing = threshold_crossing(1, "delay")
    refused(lambda: crossing(GOOD, GOOD.y), f"{where}.since", "'fixation', 'response', 'stimulus'")
    refused(lambda: crossing(tuple(GOOD), GOOD.y), where, "knows its task", "trials_table")
    without = ArrayTask(GOOD.x, GOOD.y, dt=10, tau=100, N_batch=4)
    batch = without.get_trial_batch()
    refused(lambda: crossing(batch, batch.y), f"{where}.since", "The task names no periods")
    refused(lambda: threshold_crossing(0.5, boundary=0.5)(*one_channel()), where, "above")


class Withhold(Task):
    """Answer with 1 in half of the trials, and not at all, with 0, in the others."""

    def generate_trial_params(self, batch, trial):
        return {"go": trial % 2}

    def trial_function(self, time, params):
        return params["go"], params["go"], time >= 50


def test_the_boundary_of_a_single_channel_lies_between_its_targets():
    task = Withhold(1, 1, dt=10, tau=100, T=100, N_batch=6, seed=1)
    batch = task.get_trial_batch()
    outputs = 0.8 * batch.y + 0.1
    table = trials_table(task, batch, outputs)
    np.testing.assert_array_equal(table["choice"], [0, 1] * 3)
    np.testing.assert_array_equal(table["target"], [0, 1] * 3)
    assert table["confidence"] == pytest.approx(0.4)
    assert (trials_table(task, batch, outputs, masked_mean(0.05))["choice"] == 1).all()
    crossed = trials_table(task, batch, outputs, threshold_crossing(0.7))
    np.testing.assert_array_equal(crossed["choice"], [0, 1] * 3)
    alone = batch._replace(y=np.ones_like(batch.y))
    assert (trials_table(task, alone, outputs)["target"] == 1).all()


def test_readouts_that_return_infinity_and_batches_of_other_tasks():
    task = Withhold(1, 1, dt=10, tau=100, T=100, N_batch=6, seed=1)
    batch = task.get_trial_batch()

    def endless(batch, outputs):
        return np.full(6, np.inf), np.zeros(6), np.zeros(6)

    refused(lambda: trials_table(task, batch, batch.y, endless), "readout, choice", "infinity")
    other = DelayedDiscrimination(10, 100, 100, 6, onset_time=0, stim_duration_1=10,
                                  delay_duration=10, stim_duration_2=10)  # fmt: skip
    crossing = threshold_crossing(0.5, since="stimulus 1")
    refused(lambda: trials_table(other, batch, batch.y, crossing), "the task that made the batch")


def one_channel():
    batch = Signed().get_trial_batch()
    return batch, batch.y


CURVE = {"stimulus": [1, 1, 2], "reaction_time": [300, 400, 500], "correct": [1, 0, 1]}
WRONG_CURVES = table(
    ("stimulus", [[1, NAN, 2], [1, INF, 2]], "finite numbers"),
    ("stimulus", [["a", "b", "c"], None, RAGGED, {}, "abc"], "number"),
    ("stimulus", [[]], "at least one trial"),
    ("stimulus reaction_time correct", [[1, 1], [[1, 1, 1]], 1], "number"),
    ("reaction_time", [[300, INF, 500]], "finite numbers or NaN"),
    ("correct", [[1, 2, 0], [0.5, 1, 1]], "0, 1 or NaN"),
    ("statistic", ["mode", None, np.mean], "'median' or 'mean'"),
)


@pytest.mark.parametrize(("key", "value", "words"), WRONG_CURVES)
def test_wrong_arguments_of_a_chronometric_curve(key, value, words):
    refused(lambda: chronometric(**{**CURVE, key: value}), "behavior.chronometric", words)


@pytest.mark.parametrize(
    ("target", "choice", "labels", "words"),
    [
        ([], [], None, "at least one"),
        ([NAN], [1], None, "at least one trial with a target"),
        ([0, 1], [0], None, "2 trials"),
        (5, 5, None, "trials"),
        ([0, 1], ["a", "b"], None, "the other for choices"),
        ([0, 1], [0, 2], [0, 1], "one of the labels 0, 1"),
        ([0, 2], [0, 1], ["left", "right"], "one of the labels 0, 1"),
        ([0, 1], [0, 1], [0, 0], "differ"),
        ([0, 1], [0, 1], [], "labels"),
        ([0, 1], [0, 1], 5, "labels"),
        (["a"], ["a"], [0], "one of the labels"),
        (RAGGED, [0, 1], None, "number or string"),
        (np.array(0), np.array(1), None, "confusion_matrix"),
        ([0, INF], [0, 1], None, "number or string"),
    ],
)
def test_wrong_arguments_of_a_confusion_matrix(target, choice, labels, words):
    refused(lambda: confusion_matrix(target, choice, labels), "behavior.confusion_matrix", words)


def test_public_names_are_there():
    assert all(getattr(behavior, name).__doc__ for name in behavior.__all__)
    assert isinstance(psychrnn.ParameterError("x"), UserWarning)

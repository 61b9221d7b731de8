"""Every picture shows the data that it is given, on axes that say what they are."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from pictures import (
    ACTIVITY,
    BATCH,
    CURVE,
    LEVELS,
    LOG,
    NAMES,
    OUTPUTS,
    PATHS,
    POINTS,
    RING_BATCH,
    RNG,
    SCORES,
    SIGNS,
    TASK,
    Log,
    W,
    drawn,
    fit,
    inner,
    legend,
    lines,
    texts,
)
from refusals import INF, NAN, refused
from scipy.stats import binomtest

from psychrnn import (
    Basic,
    Curriculum,
    DelayedDiscrimination,
    plotting,
)
from psychrnn.analysis import behavior, connectivity, dynamics
from psychrnn.backend.training import TrainResult

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("no_figures")]


# -- trials ----------------------------------------------------------------------------------------


def test_a_trial_shows_its_arrays_in_milliseconds():
    above, below = plotting.trial(BATCH, 2, OUTPUTS)
    x, y, mask = (part[2] for part in BATCH[:3])
    for k, line in enumerate(lines(above)[:2]):
        np.testing.assert_array_equal(line.get_xdata(), 10 * np.arange(100))
        np.testing.assert_array_equal(line.get_ydata(), x[:, k])
        assert line.get_label() == f"stimulus {k}"
    targets = lines(below, drawstyle="steps-post")
    for k, line in enumerate(targets):
        wanted = np.where(mask[:, k] > 0, y[:, k], NAN)
        np.testing.assert_array_equal(line.get_ydata(), [*wanted, wanted[-1]])
        np.testing.assert_array_equal(line.get_xdata(), 10 * np.arange(101))
        assert line.is_dashed()
    assert len(targets) == 2
    for k, line in enumerate(lines(below, linestyle="-")[:2]):
        np.testing.assert_array_equal(line.get_ydata(), OUTPUTS[2, :, k])
    assert legend(below) == ["choice 0", "choice 1", "target", "mask"]
    assert below.get_xlabel() == "time (ms)" and above.get_xlim() == below.get_xlim() == (0, 1000)
    markers = [line.get_marker() for line in lines(above)[:2]]
    assert len(set(markers)) == 2


def test_the_mask_is_a_bar_below_the_data():
    mask = np.zeros((1, 20, 2))
    mask[0, 5:10, 0], mask[0, 15:, 1] = 1.0, 0.5
    y = RNG.normal(size=mask.shape)
    _, below = plotting.trial((np.ones((1, 20, 1)), y, mask, None))
    (bar,) = below.collections
    corners = bar.get_paths()[0].vertices
    low, high = corners[:, 1].min(), corners[:, 1].max()
    assert high < np.where(mask > 0, y, INF).min() and low == below.get_ylim()[0]
    for start, stop, share in ((0, 5, 0), (5, 10, 1), (10, 15, 0), (15, 20, 0.5)):
        inside = corners[(corners[:, 0] > start) & (corners[:, 0] < stop)]
        top = inside[:, 1].max() if len(inside) else low
        assert top == pytest.approx(low + share * (high - low))


def test_a_single_step_that_counts_is_seen():
    mask = np.zeros((1, 10, 1))
    mask[0, 9] = 1
    _, below = plotting.trial((np.ones((1, 10, 1)), 2 * mask, mask, None))
    (target,) = lines(below, drawstyle="steps-post")
    np.testing.assert_array_equal(target.get_ydata()[9:], [2, 2])
    np.testing.assert_array_equal(target.get_xdata()[9:], [9, 10])
    assert np.isnan(target.get_ydata()[:9]).all()
    assert below.get_xlabel() == "time (steps)"


def test_periods_are_named_and_every_second_one_is_shaded():
    above, below = plotting.trial(BATCH, 3)
    periods = BATCH.periods[3]
    assert texts(above) == list(periods)
    for ax in (above, below):
        starts = [patch.get_x() for patch in ax.patches]
        np.testing.assert_allclose(starts, [start for start, _ in periods.values()])
        widths = [patch.get_width() for patch in ax.patches]
        np.testing.assert_allclose(widths, [b - a for a, b in periods.values()])
        assert [patch.get_alpha() > 0 for patch in ax.patches] == [False, True, False]


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_names_of_short_periods_do_not_run_into_each_other(seed, own):
    task = DelayedDiscrimination(dt=10, tau=100, T=2000, N_batch=1, seed=seed)
    axes = None if own else plt.subplots(2, 2, figsize=(10, 7), layout="constrained")[1][:, 0]
    above, _ = plotting.trial(task.get_trial_batch(), ax=axes)
    renderer = drawn(above.figure)
    boxes = [text.get_window_extent(renderer) for text in above.texts]
    assert len(boxes) == 5
    for a, b in itertools.combinations(boxes, 2):
        assert not a.overlaps(b)
    data = max(line.get_ydata().max() for line in lines(above)[:2])
    lowest = above.transData.inverted().transform([0, min(box.y0 for box in boxes)])[1]
    assert lowest > data


def test_many_channels_are_an_image():
    above, below = plotting.trial(RING_BATCH, 1, RING_BATCH.y * 0.5)
    (image,), (answers,) = above.images, below.images
    np.testing.assert_array_equal(image.get_array(), RING_BATCH.x[1].T)
    np.testing.assert_array_equal(answers.get_array(), 0.5 * RING_BATCH.y[1].T)
    assert image.get_extent() == [0, 2200, -0.5, 15.5]
    assert len(inner(above)) == len(inner(below)) == 1
    assert "mask" in [label.get_text() for label in below.get_yticklabels()]
    outline = below.collections[1].get_paths()[0].vertices
    category = RING_BATCH.params[1]["category"]
    assert abs(outline[:, 1] - category).max() <= 0.5 + 1e-9
    assert outline[:, 0].min() >= 1190 and outline[:, 0].max() <= 2010


def test_targets_that_never_count_are_not_drawn():
    for outputs in (None, RING_BATCH.y):
        _, below = plotting.trial(RING_BATCH._replace(mask=0 * RING_BATCH.mask), 0, outputs)
        drawn(below.figure)
        assert not below.collections
        assert np.ma.getmaskarray(below.images[0].get_array()).all() == (outputs is None)


def test_results_of_a_network_can_be_drawn(check):
    model = Basic.for_task(TASK, N_rec=10, dale_ratio=0.8, seed=1)
    result = model.test(BATCH.x)
    for outputs in (result, tuple(result), result.outputs):
        _, below = plotting.trial(BATCH, 1, outputs)
        np.testing.assert_array_equal(lines(below)[0].get_ydata(), result.outputs[1, :, 0])
    recurrent = model.get_weights()["W_rec"]
    by_model, by_signs = (
        plotting.weights(recurrent, signs=signs).images[0].get_array()
        for signs in (model, np.diag(model.Dale_rec.numpy()))
    )
    np.testing.assert_array_equal(by_model, by_signs)
    spectrum = connectivity.spectrum(recurrent)
    (points,) = lines(plotting.eigenvalues(spectrum), linestyle="None")
    check("radius", abs(points.get_xdata() + 1j * points.get_ydata()).max(), spectrum.radius, 1e-9)
    model.destruct()


def test_signs_of_a_network_without_dale_are_refused():
    model = Basic.for_task(TASK, N_rec=10, seed=1)
    recurrent = model.get_weights()["W_rec"]
    refused(lambda: plotting.weights(recurrent, signs=model), "weights.signs", "Dale")
    model.destruct()


# -- training --------------------------------------------------------------------------------------


@pytest.mark.parametrize("losses, scale", [([1, 0.5, 0.2], "linear"), ([1, 0.1, 0.01], "log")])
def test_loss_against_updates(losses, scale):
    ax = plotting.training(TrainResult(np.float32(losses), 1.0, 1.0), loss_epoch=5)
    assert ax.lines[0].get_xdata().tolist() == [5, 10, 15]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), losses, rtol=1e-6)
    assert ax.get_yscale() == scale
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("updates", "loss")


def test_losses_that_are_not_finite_are_gaps_and_those_below_zero_have_no_logarithm():
    ax = plotting.training([100.0, NAN, 1.0])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [100, NAN, 1])
    assert ax.get_yscale() == "log"
    assert plotting.training([100.0, 1.0, -1.0]).get_yscale() == "linear"


def test_stages_and_accuracy_of_a_curriculum():
    ax = plotting.training([4.0, 3.0, 2.0, 1.0], LOG)
    (right,) = set(ax.figure.axes) - {ax}
    (accuracy,) = right.lines
    np.testing.assert_array_equal(accuracy.get_xdata(), LOG.update)
    np.testing.assert_array_equal(accuracy.get_ydata(), LOG.accuracy)
    assert accuracy.get_linestyle() == "--" and "dashed" in right.get_ylabel()
    assert [patch.get_x() for patch in ax.patches] == [0, 20]
    assert ax.patches[0].get_width() == 20
    assert texts(ax) == ["stage 0", "stage 1"]


def test_names_of_short_stages_do_not_run_into_each_other():
    update = 10 * np.arange(1, 101)
    stage = np.repeat([0, 1, 2, 3, 4], [40, 1, 1, 3, 55])
    ax = plotting.training(np.ones(100), Log(update, stage, np.ones(100)))
    renderer = drawn(ax.figure)
    shown = [text for text in ax.texts if text.get_text()]
    assert [text.get_text() for text in shown][::3] == ["stage 0", "stage 4"] or len(shown) >= 2
    boxes = [text.get_window_extent(renderer) for text in shown]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_a_curriculum_before_its_first_test_and_one_without_losses():
    curriculum = Curriculum([TASK])
    ax = plotting.training([1.0, 2.0], curriculum)
    assert ax.figure.axes == [ax]
    plotting.training([], LOG)
    refused(lambda: plotting.training([], curriculum), "training.result", "recorded loss")


def test_a_log_of_several_runs_is_refused():
    refused(lambda: plotting.training([1.0, 0.9], LOG), "curriculum", "same run", "40")
    plotting.training([1.0, 0.9, 0.8, 0.7], LOG)


# -- behaviour -------------------------------------------------------------------------------------


def test_psychometric_shows_data_curve_and_threshold():
    observer = fit()
    ax = plotting.psychometric(observer, label="monkey")
    points, bars, interval = ax.collections[1], ax.collections[0], ax.collections[2]
    np.testing.assert_allclose(points.get_offsets(), np.c_[LEVELS, observer.proportions])
    assert (np.diff(points.get_sizes()) == 0).sum() == 1  # two levels have 40 trials
    assert points.get_sizes()[1] > points.get_sizes()[3] > points.get_sizes()[0]
    successes = np.rint(observer.proportions * observer.counts).astype(int)
    for k, n, bar in zip(successes, observer.counts, bars.get_segments()):
        wilson = binomtest(int(k), int(n)).proportion_ci(0.95, "wilson")
        np.testing.assert_allclose(bar[:, 1], wilson, atol=1e-4)
    curve, down = lines(ax)[0], lines(ax, linestyle=":")[0]
    np.testing.assert_allclose(curve.get_ydata(), observer.predict(curve.get_xdata()))
    assert curve.get_xdata().min() < -0.4 and curve.get_xdata().max() > 0.4
    assert list(down.get_xdata()) == [0.05, 0.05] and down.get_ydata()[1] == 0.5
    np.testing.assert_allclose(interval.get_segments()[0], [[0.01, 0.5], [0.1, 0.5]])
    assert ax.get_xlabel() == "stimulus (%)"
    assert legend(ax) == ["monkey\nthreshold 0.05\n(0.01 to 0.1)"]


@pytest.mark.parametrize("key", ["threshold", "location", "scale", "guess", "lapse"])
def test_a_fit_that_failed_has_no_curve(key):
    ax = plotting.psychometric(fit(**{key: NAN}))
    assert not lines(ax) and len(ax.collections) == 2 and ax.get_legend() is None


def test_a_fit_without_an_interval_has_none():
    ax = plotting.psychometric(fit(intervals={"threshold": (NAN, NAN)}))
    assert len(ax.collections) == 2 and legend(ax) == ["threshold 0.05"]


def test_an_interval_with_one_side_reaches_to_the_end_of_the_curve():
    for (low, high), words in (((0.01, NAN), "at least 0.01"), ((NAN, 0.1), "at most 0.1")):
        ax = plotting.psychometric(fit(intervals={"threshold": (low, high)}))
        (start, stop), curve = ax.collections[2].get_segments()[0][:, 0], lines(ax)[0].get_xdata()
        assert start == (curve[0] if np.isnan(low) else low)
        assert stop == (curve[-1] if np.isnan(high) else high)
        assert legend(ax) == [f"threshold 0.05\n({words})"]


def test_results_of_the_analysis_can_be_drawn():
    stimulus = np.repeat([-0.4, -0.1, 0.1, 0.4], 60)
    choice = (RNG.random(240) < 1 / (1 + np.exp(-8 * stimulus))).astype(float)
    found = behavior.psychometric(stimulus, choice, unit="coherence")
    ax = plotting.psychometric(found)
    curve = lines(ax)[0]
    np.testing.assert_allclose(curve.get_ydata(), found.predict(curve.get_xdata()))
    np.testing.assert_allclose(ax.collections[1].get_offsets()[:, 1], found.proportions)
    with pytest.warns(UserWarning):
        failed = behavior.psychometric(stimulus, stimulus > 0)
    assert not lines(plotting.psychometric(failed))
    times = behavior.chronometric(np.abs(stimulus), 500 - 300 * np.abs(stimulus), unit="coherence")
    ax = plotting.chronometric(times)
    np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), times.reaction_times)
    assert ax.get_ylabel() == "median reaction time (ms)"
    choice[:5] = NAN
    matrix = behavior.confusion_matrix(stimulus > 0, choice, labels=["left", "right"])
    ax = plotting.confusion(matrix)
    np.testing.assert_allclose(ax.images[0].get_array(), matrix.proportions)
    assert "5 trials" in ax.get_title()


def test_fixed_points_of_a_network_can_be_drawn():
    states = RNG.normal(size=(20, 5))
    fields = dict.fromkeys(dynamics.FixedPoints._fields, np.full(20, True))
    found = dynamics.FixedPoints(**{**fields, "states": states})
    paths = RNG.normal(size=(2, 10, 5))
    space = dynamics.pca(paths, n_components=2)
    projected = space.project(paths)
    ax = plotting.trajectories(projected, fixed_points=(space.project(states), found.stable))
    assert len(lines(ax, label="stable fixed point")[0].get_xdata()) == 20
    refused(lambda: plotting.trajectories(projected, fixed_points=found), "Project them first")


def test_fits_in_the_same_axes_look_different():
    ax = plotting.psychometric(fit(), label="a")
    plotting.psychometric(fit(), ax=ax, label="b")
    one, _, two, _ = lines(ax)
    assert one.get_color() != two.get_color() and one.get_linestyle() != two.get_linestyle()
    assert [text.split("\n")[0] for text in legend(ax)] == ["a", "b"]
    ax = plotting.chronometric(CURVE, label="a")
    plotting.chronometric(CURVE, ax=ax, label="b", color="black")
    one, two = (container.lines[0] for container in ax.containers)
    assert one.get_color() != two.get_color() == "black"
    assert one.get_linestyle() != two.get_linestyle() and one.get_marker() != two.get_marker()


def test_levels_without_trials_are_left_out():
    ax = plotting.psychometric(fit(proportions=[0.1, NAN, 0.5, 0.9], counts=[10, 0, 10, 10]))
    np.testing.assert_array_equal(ax.collections[1].get_offsets()[:, 0], [-0.4, 0.1, 0.4])


def test_chronometric_shows_times_and_errors():
    ax = plotting.chronometric(CURVE)
    line, _, (bars,) = ax.containers[0].lines
    np.testing.assert_array_equal(line.get_xdata(), [0.1, 0.4])
    np.testing.assert_array_equal(line.get_ydata(), [600, 400])
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends == [[580, 620], [390, 410]]
    assert ax.get_xlabel() == "stimulus (coherence)" and ax.get_ylabel() == "reaction time (ms)"


def test_confusion_shows_fractions_and_numbers():
    counts = np.array([[30, 10, 0], [0, 0, 0], [5, 0, 15]])
    matrix = SimpleNamespace(counts=counts, labels=["a", "b", "c"], missing=np.array([2, 0, 1]))
    ax = plotting.confusion(matrix)
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown[[0, 2]], [[0.75, 0.25, 0], [0.25, 0, 0.75]])
    assert np.ma.getmaskarray(shown)[1].all()
    assert texts(ax) == ["0.75\n30", "0.25\n10", "0\n0", "0.25\n5", "0\n0", "0.75\n15"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert "3 trials" in ax.get_title()


@pytest.mark.parametrize("classes", [2, 5, 9, 12, 25, 60])
def test_numbers_and_names_stay_readable(classes):
    names = [f"category {k}" for k in range(classes)]
    counts = RNG.integers(0, 900, (classes, classes))
    ax = plotting.confusion(SimpleNamespace(counts=counts, labels=names))
    renderer = drawn(ax.figure)
    cell = ax.get_window_extent(renderer).width / classes
    for text in ax.texts:
        box = text.get_window_extent(renderer)
        assert text.get_fontsize() >= 5.5 and box.width < cell and box.height < cell
    named = [label.get_window_extent(renderer) for label in ax.get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(named))
    assert len(ax.texts) == (classes**2 if classes <= 12 else 0)


def test_decoding_shows_score_folds_and_chance():
    ax = plotting.decoding(SCORES, dt=20, start=-200)
    score, chance = lines(ax)
    np.testing.assert_array_equal(score.get_ydata(), SCORES.score)
    np.testing.assert_allclose(score.get_xdata(), -200 + 20 * np.arange(50))
    assert set(chance.get_ydata()) == {0.5} and chance.get_linestyle() == "--"
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.4) and band[:, 1].max() == pytest.approx(1.1)
    assert ax.get_ylabel() == "accuracy"


def test_decoding_across_time_and_of_numbers():
    scores = RNG.random((8, 8))
    ax = plotting.decoding(SimpleNamespace(score=scores, kind="R2", chance=0.0), dt=5)
    np.testing.assert_array_equal(ax.images[0].get_array(), scores)
    assert ax.images[0].get_extent() == [0, 40, 0, 40] and ax.images[0].origin == "lower"
    assert "trained" in ax.get_ylabel() and "tested" in ax.get_xlabel()
    assert inner(ax)[0].get_ylabel() == "R squared"


# -- networks --------------------------------------------------------------------------------------


def test_weights_are_sorted_by_sign_and_centred_on_zero():
    ax = plotting.weights(W, signs=SIGNS)
    order = [*np.flatnonzero(SIGNS > 0), *np.flatnonzero(SIGNS < 0)]
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), W[order][:, order])
    low, high = image.get_clim()
    assert low == -high and image.get_cmap().name == "RdBu_r"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["excitatory", "inhibitory"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["excitatory", "inhibitory"]
    across, down = ax.lines[0].get_xdata(), ax.lines[1].get_ydata()
    assert set(across) == set(down) == {6.5}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("source", "target")
    assert inner(ax)[0].get_ylabel() == "weight"


def test_only_the_side_of_the_units_is_sorted():
    order = np.argsort(-SIGNS, kind="stable")
    into = plotting.weights(W[:, :3], signs=SIGNS).images[0].get_array()
    np.testing.assert_array_equal(into, W[order, :3])
    out = plotting.weights(W[:3], signs=SIGNS).images[0].get_array()
    np.testing.assert_array_equal(out, W[:3, order])
    matrix = plotting.weights(W[:3], signs=np.diag(SIGNS)).images[0].get_array()
    np.testing.assert_array_equal(matrix, out)


def test_blocks_come_in_their_order_and_the_rest_last():
    blocks = {"motor": [7, 2], "sensory": range(4, 6), "mask": np.arange(10) == 9}
    ax = plotting.weights(W, blocks=blocks)
    order = [7, 2, 4, 5, 9, 0, 1, 3, 6, 8]
    np.testing.assert_array_equal(ax.images[0].get_array(), W[np.ix_(order, order)])
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["motor", "sensory", "mask", "other"]
    np.testing.assert_allclose(ax.get_xticks(), [0.5, 2.5, 4, 7])
    assert sorted({line.get_xdata()[0] for line in ax.lines[:3]}) == [1.5, 3.5, 4.5]
    columns = {"first": range(5), "second": range(5, 10)}
    assert len(plotting.weights(W[:2], blocks=columns).get_xticks()) == 2


def test_names_of_small_blocks_do_not_run_into_each_other():
    blocks = {"a long name": [0], "another long name": [1], "rest": range(2, 10)}
    ax = plotting.weights(W, blocks=blocks)
    renderer = drawn(ax.figure)
    boxes = [label.get_window_extent(renderer) for label in ax.get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_few_large_weights_do_not_hide_the_others():
    values = np.full((20, 20), 0.1)
    values[0, 0] = -50.0
    values[10:] = 0
    image = plotting.weights(values).images[0]
    assert image.get_clim() == (-0.1, 0.1)
    assert image.colorbar.extend == "both"
    values[0, 0] = 0.11
    image = plotting.weights(values).images[0]
    assert image.get_clim() == (-0.11, 0.11) and image.colorbar.extend == "neither"
    assert plotting.weights(np.zeros((3, 3))).images[0].get_clim() == (-1, 1)


def test_eigenvalues_and_the_unit_circle():
    values = np.array([0.5 + 1j, 0.5 - 1j, -0.3])
    ax = plotting.eigenvalues(values)
    (circle,) = lines(ax, label="unit circle")
    np.testing.assert_allclose(np.hypot(circle.get_xdata(), circle.get_ydata()), 1)
    (points,) = lines(ax, linestyle="None")
    np.testing.assert_array_equal(points.get_xdata() + 1j * points.get_ydata(), values)
    assert ax.get_aspect() == 1
    assert not lines(plotting.eigenvalues(values, circle=False), label="unit circle")


@pytest.mark.parametrize("size", [2, 3])
def test_trajectories_mark_start_and_time(size):
    paths = PATHS[..., :size]
    ax = plotting.trajectories(paths, labels=NAMES, dt=10, mark=100)

    def data(line):
        return np.stack(line.get_data_3d() if size == 3 else line.get_data(), axis=-1)

    found = [line for line in ax.lines if data(line).size]
    for k in range(3):
        path, dots, start = found[3 * k : 3 * k + 3]
        np.testing.assert_array_equal(data(path), paths[k])
        np.testing.assert_array_equal(data(dots), paths[k, 10::10])
        np.testing.assert_array_equal(data(start), paths[k, :1])
    assert legend(ax) == [*NAMES, "start", "every 100 ms"]
    assert ax.name == ("3d" if size == 3 else "rectilinear")


def test_time_marks_are_optional_and_in_steps_without_dt():
    assert "every 10 steps" in legend(plotting.trajectories(PATHS))
    assert legend(plotting.trajectories(PATHS, mark=0)) == ["start"]
    assert legend(plotting.trajectories(PATHS, dt=10, mark=1))[-1] == "every 10 ms"
    assert legend(plotting.trajectories(PATHS, dt=10, mark=1e6)) == ["start"]
    for steps, dt in itertools.product((1, 2, 7, 1000), (0.1, 1, 20)):
        plotting.trajectories(np.ones((steps, 2)), dt=dt)
        plt.close("all")


def test_stable_fixed_points_are_filled_and_unstable_ones_open():
    ax = plotting.trajectories(PATHS[..., :2], fixed_points=POINTS)
    (stable,) = lines(ax, label="stable fixed point")
    (unstable,) = lines(ax, label="unstable fixed point")
    np.testing.assert_array_equal(np.ravel(stable.get_data()), POINTS[0][0])
    np.testing.assert_array_equal(np.ravel(unstable.get_data()), POINTS[0][1])
    assert stable.get_fillstyle() == "full" and unstable.get_fillstyle() == "none"
    ax = plotting.trajectories(PATHS[..., :2], fixed_points=POINTS[0])
    assert len(lines(ax, label="fixed point")) == 1
    for none in (np.empty((0, 2)), (np.empty((0, 2)), np.empty(0, bool)), None):
        ax = plotting.trajectories(PATHS[..., :2], fixed_points=none)
        assert "fixed" not in " ".join(legend(ax))


def test_activity_is_a_panel_for_each_condition_on_one_scale():
    panels = plotting.activity(ACTIVITY, labels=NAMES, dt=10, order="peak", start=-100)
    assert panels.shape == (3,)
    mean = ACTIVITY.mean(axis=0)
    order = np.argsort(mean.argmax(axis=0), kind="stable")
    for panel, values, name in zip(panels, ACTIVITY, NAMES):
        (image,) = panel.images
        np.testing.assert_array_equal(image.get_array(), values.T[order])
        assert image.get_clim() == (ACTIVITY.min(), ACTIVITY.max())
        assert image.get_extent() == [-100, 400, 11.5, -0.5]
        assert panel.get_title().replace("\n", ", ") == name
    assert len(panels[0].figure.axes) == 4  # one colour bar
    one = plotting.activity(ACTIVITY[:1], order=[3, 1])
    np.testing.assert_array_equal(one.images[0].get_array(), ACTIVITY[0].T[[3, 1]])


@pytest.mark.parametrize("number", [1, 3, 4, 6, 9])
def test_panels_without_one_below_have_the_label_of_time(number):
    panels = np.atleast_1d(plotting.activity(RNG.random((number, 5, 3)), dt=10))
    assert len(panels[0].figure.axes) in (number, number + 1)  # with a colour bar
    for k, panel in enumerate(panels):
        lowest, first = k + 4 >= number, k % 4 == 0
        assert panel.get_xlabel() == ("time (ms)" if lowest else "")
        assert panel.get_ylabel() == ("unit" if first else "")
        assert panel.xaxis.get_tick_params()["labelbottom"] == lowest
        assert panel.yaxis.get_tick_params()["labelleft"] == first


def test_activity_of_both_signs_is_centred_on_zero_and_nan_is_no_peak():
    values = RNG.normal(size=(2, 30, 5))
    values[0, :10] = NAN
    values[:, :, 4] = NAN
    panels = plotting.activity(values, order="peak")
    low, high = panels[0].images[0].get_clim()
    assert low == -high == -np.nanmax(np.abs(values))
    drawn(panels[0].figure)


def test_condition_averages_and_their_projections_can_be_drawn():
    states = RNG.normal(size=(20, 30, 8)).cumsum(axis=1)
    averages = dynamics.condition_averages(states, {"choice": np.arange(20) % 2})
    panels = plotting.activity(averages, dt=10)
    assert [panel.get_title() for panel in panels] == averages.labels
    projected = dynamics.pca(averages, n_components=2).project(averages.averages)
    ax = plotting.trajectories(projected, labels=averages.labels, dt=10)
    np.testing.assert_array_equal(np.stack(lines(ax)[0].get_data(), -1), projected[0])
    decoding = dynamics.decode(states, np.arange(20) % 2, folds=2, seed=1)
    ax = plotting.decoding(decoding, dt=10)
    np.testing.assert_array_equal(lines(ax)[0].get_ydata(), decoding.score)

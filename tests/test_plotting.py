"""Every picture fits its figure, leaves all else alone, and refuses what it cannot draw."""

import inspect
import itertools
import warnings
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from pictures import (
    ACTIVITY,
    BATCH,
    CURVE,
    LOG,
    OUTPUTS,
    PATHS,
    PICTURES,
    POINTS,
    SIGNS,
    W,
    drawn,
    fit,
    listed,
    texts,
)
from refusals import INF, NAN, RAGGED, refused, table

from psychrnn import Batch, ParameterError, PerceptualDiscrimination, plotting
from psychrnn.backend.training import TrainResult
from psychrnn.plotting import style

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("no_figures")]


# -- what holds for every picture ------------------------------------------------------------------


def test_every_function_is_tried_and_described():
    assert {name.split()[0] for name in PICTURES} >= set(plotting.__all__) - {"decoding"}
    for name in plotting.__all__:
        function = getattr(plotting, name)
        assert inspect.signature(function).parameters["ax"].default is None
        for word in ("Arguments:", "Returns:", "Raises:", "Example:"):
            assert word in function.__doc__, name


@pytest.mark.parametrize("name", PICTURES)
def test_a_new_figure_holds_all_of_its_picture(name):
    _, _, draw = PICTURES[name]
    before = dict(matplotlib.rcParams)
    axes = listed(draw(None))
    assert len(plt.get_fignums()) == 1
    assert dict(matplotlib.rcParams) == before
    figure = axes[0].figure
    renderer = drawn(figure)
    box = figure.get_tightbbox(renderer)  # inches
    assert box.x0 > -0.02 and box.y0 > -0.02
    assert box.x1 < figure.get_figwidth() + 0.02 and box.y1 < figure.get_figheight() + 0.02
    for ax in axes:
        assert ax.get_xlabel() or ax is not axes[-1]
        assert ax.get_ylabel() or name == "activity"


@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("name", PICTURES)
def test_given_axes_are_used_and_nothing_else_is_touched(name, layout):
    number, projection, draw = PICTURES[name]
    kind = {"subplot_kw": {"projection": projection}}
    figure, axes = plt.subplots(1, number + 1, figsize=(14, 4), layout=layout, **kind)
    other, own = axes[0], axes[1:]
    plt.sca(other)
    before = dict(matplotlib.rcParams), plt.get_fignums(), len(other.get_children())
    place = other.get_position().bounds
    found = draw(own[0] if number == 1 else own)
    assert listed(found) == list(own)
    after = dict(matplotlib.rcParams), plt.get_fignums(), len(other.get_children())
    assert after == before and other.get_position().bounds == place
    assert plt.gca() is other
    drawn(figure)
    more = set(figure.axes) - set(axes)  # colour bars, and the axis of the accuracy
    assert len(more) <= 1


@pytest.mark.parametrize("name", ["trial", "weights", "activity", "activity of one condition"])
def test_a_tight_layout_works_too(name):
    number, _, draw = PICTURES[name]
    figure, axes = plt.subplots(1, number, figsize=(9, 5), layout="tight")
    found = listed(draw(axes))
    right = found[-1].get_tightbbox(drawn(figure)).x1
    assert right <= figure.bbox.x1 + 1


@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("name", ["trial", "decoding", "trajectories", "trajectories in space"])
def test_legends_hide_no_data_and_fit(name, layout):
    number, projection, draw = PICTURES[name]
    kind = {"subplot_kw": {"projection": projection}}
    layout = "compressed" if projection and layout else layout
    figure, axes = plt.subplots(number, 1, figsize=(6, 3 * number), layout=layout, **kind)
    found = listed(draw(axes))
    renderer = drawn(figure)
    for ax in found:
        box = ax.get_legend().get_window_extent(renderer)
        assert box.x0 >= ax.get_window_extent(renderer).x1
        assert box.x1 <= figure.bbox.x1 + 1
        if projection == "3d":
            assert not box.overlaps(ax.zaxis.label.get_window_extent(renderer))


@pytest.mark.parametrize("name", PICTURES)
def test_axes_of_another_kind_are_refused(name):
    number, projection, draw = PICTURES[name]
    for other in {None, "3d", "polar"} - {projection}:
        _, axes = plt.subplots(1, number, subplot_kw={"projection": other}, squeeze=False)
        given = list(axes.flat)
        refused(lambda g=given, n=number: draw(g[0] if n == 1 else g), ".ax", "axes")
    for junk in ("axes", 5, plt.figure(), [1, 2, 3, 4]):
        refused(lambda j=junk: draw(j), ".ax", "new figure")
    ax = plt.figure().add_subplot(projection=projection)
    ax.remove()
    refused(lambda: draw([ax] * number if number > 1 else ax), ".ax")


def test_colours_differ_for_the_colour_blind_and_in_grey():
    grey = [np.dot(to_rgb(color), [0.299, 0.587, 0.114]) for color in style.COLOURS]
    assert all(abs(a - b) > 0.12 for a, b in itertools.pairwise(grey))
    for number in (1, 4, 6, 7, 20):
        looks = [(str(look["color"]), look["linestyle"]) for look in style.lines(number)]
        assert len(set(looks)) == number
        assert all(a[1] != b[1] for a, b in itertools.pairwise(looks))


# -- bad input -------------------------------------------------------------------------------------

ALL_NAN = np.full((2, 5, 3), NAN)
SHORT = SimpleNamespace(levels=[1, 2], reaction_times=[1, 2], errors=[1])
WRONG = table(
    ("trial", [dict(batch=5), dict(batch=[]), dict(batch=(1, 2)), dict(batch="abc")], "batch"),
    ("trial", [dict(batch=(BATCH.x, BATCH.y[:3], BATCH.mask))], "x, y and mask"),
    ("trial", [dict(batch=(ALL_NAN, ALL_NAN, ALL_NAN))], "finite"),
    ("trial", [dict(batch=BATCH._replace(x=BATCH.x[0]))], "[N_batch, N_steps, N_in]"),
    ("trial", [dict(batch=BATCH, trial=6), dict(batch=BATCH, trial=-1)], "from 0 to 5"),
    ("trial", [dict(batch=BATCH, trial=t) for t in (1.0, "0", None, True, [1])], "the number"),
    ("trial", [dict(batch=BATCH, outputs=OUTPUTS[:, :, :1])], "as the targets have"),
    ("trial", [dict(batch=BATCH, outputs=o) for o in ("out", OUTPUTS[0], 5, RAGGED)], "outputs"),
    ("trial", [dict(batch=BATCH, outputs=NAN * OUTPUTS)], "NaN"),
    ("training", [dict(result=r) for r in ([], TrainResult([], 1.0, 1.0))], "recorded loss"),
    ("training", [dict(result=r) for r in (None, "loss", [[1.0]], [1j], RAGGED, {})], "losses"),
    ("training", [dict(result=[NAN, NAN])], "finite"),
    ("training", [dict(result=[1.0], loss_epoch=e) for e in (0, 1.5, "10", None)], "loss_epoch"),
    ("training", [dict(result=[1.0], curriculum=c) for c in (5, "log", [1, 2])], "Curriculum"),
    ("training", [dict(result=[1.0], curriculum=LOG._replace(stage=[1]))], "Curriculum"),
    ("psychometric", [dict(fit=f) for f in (None, 5, [1, 2], "fit", CURVE)], "PsychometricFit"),
    ("psychometric", [dict(fit=fit(counts=np.zeros(4)))], "with a proportion and trials"),
    ("psychometric", [dict(fit=fit(proportions=[NAN] * 4))], "finite"),
    ("psychometric", [dict(fit=fit(levels=[1, 2]))], "for each level"),
    ("chronometric", [dict(curve=f) for f in (None, 5, [1, 2], "curve", fit())], "Chronometric"),
    ("chronometric", [dict(curve=SHORT)], "for each level"),
    ("confusion", [dict(matrix=m) for m in ([[1, 2]], [1, 2], "ab", RAGGED, None, [])], "matrix"),
    ("confusion", [dict(matrix=m) for m in ([[-1.0]], [[0.0]], [[NAN, 1], [1, 1]])], "above 0"),
    ("decoding", [dict(result=r) for r in (None, "score", [], 5, np.ones((2, 2, 2)))], "result"),
    ("decoding", [dict(result=np.ones((3, 2)))], "[N_steps, N_steps]"),
    ("decoding", [dict(result=[0.5], dt=d) for d in (0, -1, NAN, "ms")], "dt"),
    ("decoding", [dict(result=[NAN, NAN])], "finite"),
    ("weights", [dict(W=w) for w in (None, 5, [1, 2], "W", RAGGED, [], np.ones((2, 2, 2)))], "W"),
    ("weights", [dict(W=NAN * W)], "finite"),
    ("weights", [dict(W=W, signs=s) for s in ([1, -1], "EI", np.ones((2, 2, 2)), 1j)], "signs"),
    ("weights", [dict(W=W, blocks=b) for b in (5, {}, [[1]], "E")], "dict of names"),
    ("weights", [dict(W=W, blocks={"a": b}) for b in ([10], [0.5], [], "E")], "blocks['a']"),
    ("weights", [dict(W=W, blocks={"a": [1, 2], "b": [2, 3]})], "two blocks"),
    ("weights", [dict(W=W[:2], blocks={"a": b}) for b in ([1, 2], [1, 5], [1])], "columns"),
    ("weights", [dict(W=W, signs=SIGNS, blocks={"a": [1]})], "both"),
    ("eigenvalues", [dict(values=v) for v in (None, "x", W, [], 5, RAGGED, ["a"], {})], "values"),
    ("eigenvalues", [dict(values=[NAN, INF])], "finite"),
    ("eigenvalues", [dict(values=[1.0], circle="yes")], "circle"),
    ("trajectories", [dict(projected=p) for p in (None, 5, [1, 2], "x", RAGGED, [])], "2 or 3"),
    ("trajectories", [dict(projected=ACTIVITY)], "pca(averages, 3)"),
    ("trajectories", [dict(projected=ALL_NAN)], "finite"),
    ("trajectories", [dict(projected=PATHS, labels=n) for n in (["a"], "abc", 5)], "labels"),
    ("trajectories", [dict(projected=PATHS, mark=m) for m in (-1, NAN, "ms")], "mark"),
    ("trajectories", [dict(projected=PATHS, fixed_points=p) for p in (
        "x", POINTS[0], (PATHS[0], [True]), ([[1, 2, 3]], "a"), 5,
        SimpleNamespace(stable=[True], points=np.ones((1, 8))))], "fixed_points"),
    ("activity", [dict(averages=a) for a in (None, 5, [1, 2], "x", RAGGED, [])], "averages"),
    ("activity", [dict(averages=ALL_NAN)], "finite"),
    ("activity", [dict(averages=ACTIVITY, labels=["a", "b"])], "labels"),
    ("activity", [dict(averages=ACTIVITY, order=o) for o in ("size", [0, 0], [12])], "order"),
    ("activity", [dict(averages=ACTIVITY, order=o) for o in ([0.5], 3, [], RAGGED)], "order"),
    ("activity", [dict(averages=ACTIVITY, ax=[1, 2])], "3 axes"),
)  # fmt: skip


@pytest.mark.parametrize("name, arguments, words", WRONG)
def test_bad_input_is_refused_in_one_sentence(name, arguments, words):
    refused(lambda: getattr(plotting, name)(**arguments), f"plotting.{name}", words)


def test_periods_of_a_task_that_are_none_are_refused():
    class Broken(PerceptualDiscrimination):
        def periods(self, params):
            return {"stimulus": 5}

    task = Broken(dt=10, tau=100, T=500, N_batch=2, seed=1)
    refused(lambda: plotting.trial(task.get_trial_batch()), "periods of Broken", "(start, end)")
    batch = Batch(*task.get_trial_batch()[:3], None).of_task(task)
    assert not texts(plotting.trial(batch)[0])


JUNK = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.floats(),
    st.lists(st.floats() | st.none(), max_size=4),
    hnp.arrays(
        st.sampled_from([float, np.float32, int, bool, complex, object]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    hnp.arrays(
        float, hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), elements=st.floats(-9, 9)
    ),
    st.just(object()),
)
MAIN = {
    name: next(iter(inspect.signature(getattr(plotting, name)).parameters))
    for name in plotting.__all__
}


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(plotting.__all__), junk=JUNK)
def test_anything_is_drawn_or_refused(name, junk):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            axes = getattr(plotting, name)(**{MAIN[name]: junk})
            listed(axes)[0].figure.canvas.draw()
        except ParameterError as error:
            assert 20 < len(str(error)) < 500
        finally:
            plt.close("all")

"""How a network is wired: against NumPy and closed forms, and wrong input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import INF, NAN, RAGGED, refused

from psychrnn.analysis import connectivity
from psychrnn.analysis.connectivity import balance, change, spectrum, weight_distributions

RNG = np.random.default_rng(3)
W = RNG.normal(size=(9, 9)) * (RNG.random((9, 9)) < 0.6)
BLOCKS = {"E": range(6), "I": [6, 7, 8]}

pytestmark = pytest.mark.filterwarnings("error")


# -- results ---------------------------------------------------------------------------------------


def test_spectrum_of_a_rotation_and_a_decay():
    a, b = 0.3, 1.1  # eigenvalues a +- ib, and -1.5
    result = spectrum([[a, -b, 0], [b, a, 0], [0, 0, -1.5]])
    assert np.allclose(result.eigenvalues, [-1.5, a + 1j * b, a - 1j * b])
    assert result.radius == pytest.approx(1.5) and result.abscissa == pytest.approx(a)


def test_spectrum_has_the_trace_and_the_determinant():
    values = spectrum(W.astype(np.float32)).eigenvalues
    assert values.sum() == pytest.approx(np.trace(W), abs=1e-6)
    assert values.prod() == pytest.approx(np.linalg.det(W), abs=1e-6)
    assert (np.diff(np.abs(values)) <= 1e-12).all()


def test_random_weights_fill_the_disk(rng):
    matrix = rng.normal(size=(400, 400)) * 1.3 / np.sqrt(400)
    assert spectrum(matrix).radius == pytest.approx(1.3, rel=0.1)


def test_balance_sums_over_sources():
    result = balance([[1.0, -0.5, 2.0], [0.0, 0.0, 4.0], [-1.0, 0.0, 0.0]])
    assert result.excitation.tolist() == [3, 4, 0]
    assert result.inhibition.tolist() == [-0.5, 0, -1]
    assert result.net.tolist() == [2.5, 4, -1]
    assert result.ratio.tolist() == [6, INF, 0]


def test_a_unit_that_receives_nothing_has_no_ratio():
    assert np.isnan(balance(np.zeros((2, 2))).ratio).all()


def test_weights_of_each_pair_of_blocks():
    result = weight_distributions(W, BLOCKS)
    assert list(result.weights) == [("E", "E"), ("E", "I"), ("I", "E"), ("I", "I")]
    for (target, source), (values, pairs) in result.weights.items():
        part = [[W[i, j] for j in BLOCKS[source]] for i in BLOCKS[target]]
        assert pairs == np.size(part)
        assert sorted(values) == sorted(w for row in part for w in row if w)


def test_table_of_weights():
    table = weight_distributions(W, BLOCKS).table()
    assert {len(column) for column in table.values()} == {8}
    row = np.flatnonzero((table["target"] == "I") & (table["source"] == "E"))
    assert table["sign"][row].tolist() == ["excitatory", "inhibitory"]
    part = W[6:, :6]
    for i, chosen in zip(row, (part[part > 0], part[part < 0])):
        assert table["count"][i] == len(chosen) > 1
        assert table["mean"][i] == pytest.approx(chosen.mean())
        assert table["std"][i] == pytest.approx(np.sqrt(((chosen - chosen.mean()) ** 2).mean()))
        assert table["fraction"][i] == pytest.approx(len(chosen) / 18)
        assert table["present"][i] == pytest.approx((part != 0).sum() / 18)


def test_connections_with_a_weight_of_zero_count_where_connectivity_is_given():
    given, mask = np.array([[0.0, 2.0], [0.0, 0.0]]), np.array([[1, 1], [0, 0]])
    table = weight_distributions(given, connectivity=mask).table()
    assert table["present"].tolist() == [0.5, 0.5]
    assert table["count"].tolist() == [1, 0] and np.isnan(table["mean"][1])
    assert weight_distributions(given).table()["present"].tolist() == [0.25, 0.25]


def test_blocks_by_booleans_and_units_in_none():
    result = weight_distributions(W, {"first": np.arange(9) < 2})
    assert result.weights["first", "first"].pairs == 4


def test_change_by_training(rng):
    after = W + 0.1 * rng.normal(size=W.shape) * (W != 0)
    result = change(W, after)
    assert np.allclose(result.difference, after - W)
    assert result.relative == pytest.approx(
        np.sqrt(((after - W) ** 2).sum()) / np.sqrt((W**2).sum())
    )
    assert result.correlation == pytest.approx(np.corrcoef(W[W != 0], after[W != 0])[0, 1])
    assert result.largest == np.abs(after - W).max()
    assert result.blocks["relative"].tolist() == [result.relative]


def test_change_between_blocks():
    after = W.copy()
    after[6, :6] += 1.0
    table = change(W, after, BLOCKS).blocks
    moved = (table["target"] == "I") & (table["source"] == "E")
    assert table["largest"][moved] == pytest.approx(1)
    assert (table["largest"][~moved] == 0).all() and (table["changed"][~moved] == 0).all()
    exists = (W[6:, :6] != 0) | (after[6:, :6] != 0)
    assert table["changed"][moved] == pytest.approx(6 / exists.sum())
    assert table["mean"][moved] == table["mean_absolute"][moved] == pytest.approx(6 / exists.sum())
    assert np.allclose(table["correlation"][~moved], 1)


def test_change_of_nothing_and_from_nothing():
    none, some = np.zeros((2, 2)), np.eye(2)
    assert np.isnan(change(none, none).relative) and np.isnan(change(none, none).correlation)
    assert np.isnan(change(none, none).blocks["changed"]).all()
    assert change(none, some).relative == INF
    assert change(some, some).relative == 0 and np.isnan(change(some, some).correlation)


def test_scaled_weights_correlate_fully():
    assert change(W, 3 * W).correlation == pytest.approx(1)
    assert change(W, -W).correlation == pytest.approx(-1)
    assert change(W, 3 * W).relative == pytest.approx(2)


def test_weights_of_a_network_with_dales_principle():
    from psychrnn import Basic, PerceptualDiscrimination

    task = PerceptualDiscrimination(dt=10, tau=100, T=100, N_batch=2, seed=1)
    model = Basic.for_task(task, N_rec=10, dale_ratio=0.8, autapses=False, seed=1)
    weights = model.get_weights()["W_rec"]
    table = weight_distributions(weights, {"E": range(8), "I": range(8, 10)}).table()
    wrong = (table["source"] == "E") == (table["sign"] == "inhibitory")
    assert (table["count"][wrong] == 0).all() and (table["count"][~wrong] > 0).all()
    assert spectrum(weights).radius == pytest.approx(np.abs(np.linalg.eigvals(weights)).max())
    model.destruct()


# -- wrong input -----------------------------------------------------------------------------------

NOT_WEIGHTS = [
    (np.ones((2, 3)), "[N_rec, N_rec]"),
    (np.ones(4), "[N_rec, N_rec]"),
    (np.ones((2, 2, 2)), "[N_rec, N_rec]"),
    (np.ones((0, 0)), "[N_rec, N_rec]"),
    (5.0, "[N_rec, N_rec]"),
    (None, "[N_rec, N_rec]"),
    ("W_rec", "[N_rec, N_rec]"),
    ([["a", "b"], ["c", "d"]], "[N_rec, N_rec]"),
    (RAGGED, "[N_rec, N_rec]"),
    (np.eye(2) * 1j, "[N_rec, N_rec]"),
    ({"W_rec": np.eye(2)}, "[N_rec, N_rec]"),
    (np.array([[1, NAN], [0, 1]]), "finite numbers, got nan at index [0, 1]"),
    (np.array([[1, INF], [0, 1]]), "finite numbers, got inf"),
    (np.full((2, 2), 1e300), "finite numbers"),
]


@pytest.mark.parametrize("value, words", NOT_WEIGHTS)
def test_what_is_no_matrix_of_weights(value, words):
    for name in ("spectrum", "balance", "weight_distributions"):
        function = getattr(connectivity, name)
        refused(lambda f=function: f(value), f"connectivity.{name}.W_rec: expected", words)
    refused(lambda: change(value, np.eye(2)), "connectivity.change.before", words)
    refused(lambda: change(np.eye(2), value), "connectivity.change.after", words)


def test_change_of_another_network():
    refused(lambda: change(np.eye(2), np.eye(3)), "change.after", "as many units as before, 2")


NOT_BLOCKS = [
    ({"E": [0, 1], "I": [1, 2]}, "blocks that do not overlap, got unit 1 in 'E' and in 'I'"),
    ({"E": [0, 0]}, "got unit 0 in 'E' twice"),
    ({"E": [0, 9]}, "numbers of units, from 0 to 8, got 9"),
    ({"E": [-1]}, "numbers of units, from 0 to 8, got -1"),
    ({"E": range(3), "I": []}, "at least one unit, got none"),
    ({"E": range(0)}, "at least one unit"),
    ({"E": np.zeros(9, bool)}, "at least one unit"),
    ({"E": [True, False]}, "numbers of units"),
    ({"E": [0.5, 1]}, "numbers of units"),
    ({"E": "units"}, "numbers of units"),
    ({"E": 3}, "numbers of units"),
    ({"E": [[0, 1]]}, "numbers of units"),
    ({"E": None}, "numbers of units"),
    ({"E": RAGGED}, "numbers of units"),
    ({1: [0]}, "names that are strings"),
    ({}, "a dict"),
    ([0, 1], "a dict"),
    ("E", "a dict"),
]


@pytest.mark.parametrize("blocks, words", NOT_BLOCKS)
def test_what_are_no_blocks(blocks, words):
    refused(lambda: weight_distributions(W, blocks), "weight_distributions.blocks", words)
    refused(lambda: change(W, W, blocks), "connectivity.change.blocks", words)


@pytest.mark.parametrize(
    "mask, words",
    [
        (np.ones((9, 5)), "[N_rec, N_rec] = (9, 9)"),
        (np.full((9, 9), 0.5), "1 (connected) or 0"),
        (np.zeros((9, 9)), "a connection wherever there is a weight"),
        (np.full((9, 9), NAN), "finite numbers"),
        ("all", "an array of numbers"),
    ],
)
def test_what_is_no_connectivity(mask, words):
    refused(lambda: weight_distributions(W, connectivity=mask), "connectivity", words)


MATRICES = st.integers(1, 5).flatmap(
    lambda n: hnp.arrays(float, (n, n), elements=st.floats(-1e6, 1e6) | st.just(0.0))
)


@settings(deadline=None, max_examples=100)
@given(MATRICES)
def test_any_matrix_is_described_without_a_warning(matrix):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        eigenvalues, radius, abscissa = spectrum(matrix)
        result = balance(matrix)
        table = weight_distributions(matrix).table()
        moved = change(matrix, matrix[::-1])
    assert abscissa <= radius + 1e-9 and len(eigenvalues) == len(matrix)
    assert np.allclose(result.excitation + result.inhibition, result.net)
    assert table["count"].sum() == (matrix != 0).sum()
    assert not abs(moved.correlation) > 1
    assert moved.largest == np.abs(matrix[::-1] - matrix).max()

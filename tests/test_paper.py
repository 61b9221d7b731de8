"""The paper's experiments: what their output folder promises."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from psychrnn import Basic, Callback, PerceptualDiscrimination

FOLDER = Path(__file__).parent.parent / "examples" / "paper"


@pytest.fixture
def common(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("common")
    for name in [n for n in sys.modules if n == "common" or n.startswith("figure_")]:
        del sys.modules[name]


def numbers(value):
    return lambda store: {"value": value, "array": np.arange(2)}


def test_a_finished_run_is_kept_unless_told_otherwise(common, tmp_path):
    folder = tmp_path / "out"
    common.run_figures(common.Store(folder), {"one": numbers(1)})
    written = json.loads((folder / "results.json").read_text())
    assert written["complete"] and written["figures"]["one"]["array"] == [0, 1]
    assert written["versions"]["psychrnn"] and not (folder / "results.part").exists()
    with pytest.raises(SystemExit, match="finished run"):
        common.Store(folder)
    common.run_figures(common.Store(folder, overwrite=True), {"one": numbers(2)})
    assert json.loads((folder / "results.json").read_text())["figures"]["one"]["value"] == 2


def test_an_interrupted_run_goes_on(common, tmp_path):
    def interrupted(store):
        store.part("half", lambda: {"value": 3})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        common.run_figures(common.Store(tmp_path / "out"), {"one": numbers(1), "two": interrupted})
    store = common.Store(tmp_path / "out")
    assert store.results["figures"]["one"]["value"] == 1
    never = {"one": pytest.fail, "two": lambda store: store.part("half", pytest.fail)}
    common.run_figures(store, never)
    assert store.results["complete"] and store.results["figures"]["two"]["value"] == 3


def test_networks_are_read_back(common, tmp_path):
    task = PerceptualDiscrimination(20, 100, 400, 4, seed=1)

    def make():
        return Basic.for_task(task, N_rec=5, seed=1), {"updates": 0}

    store = common.Store(tmp_path / "out")
    one, _ = store.network("net", make)
    other, report = common.Store(tmp_path / "out").network("net", pytest.fail)
    x = task.get_trial_batch().x
    np.testing.assert_array_equal(one.test(x).outputs, other.test(x).outputs)
    assert report["updates"] == 0


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "holds no run"),
        ("[1]", "holds no run"),
        ('{"a": 1}', "holds no run"),
        ('{"quick": true, "figures": {}, "parts": {}, "versions": {}}', "other options"),
    ],
)
def test_folders_that_a_run_cannot_go_on_in(common, tmp_path, content, word):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(SystemExit, match=word):
        common.Store(tmp_path)


def test_a_folder_of_something_else_is_left_alone(common, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(SystemExit, match="holds no run of this program"):
        common.Store(tmp_path)
    with pytest.raises(SystemExit, match="holds no run of this program"):
        common.Store(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_places_where_no_folder_can_be(common, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(SystemExit, match="cannot be used"):
            common.Store(place)


def test_interrupted_training_is_no_result(common, tmp_path):
    class Interrupting(Callback):
        def on_step_end(self, loop):
            if loop.epoch == 2:
                os.kill(os.getpid(), signal.SIGINT)

    task = PerceptualDiscrimination(20, 100, 400, 4, seed=1)
    model = Basic.for_task(task, N_rec=5, seed=1)
    train = model.train
    callbacks = [Interrupting()]
    with pytest.raises(SystemExit, match="SIGINT"):
        common.train_for(model, task, 20, callbacks=callbacks)
    model.__dict__["train"] = lambda *args, **options: train(*args, callbacks=callbacks, **options)
    with pytest.raises(SystemExit, match="SIGINT"):
        common.train_to(model, task, most=20)


def test_masks_and_fixed_weights_of_figure_4(common):
    figure_4 = importlib.import_module("figure_4")
    across = figure_4.across()
    assert across[:40, :40].sum() == 0 and across[40:, 40:].sum() == 0
    assert across[:40, 40:].all() and across[40:, :40].all()
    mask = figure_4.areas()["rec_connectivity"]
    assert mask[:20, :20].all() and not mask[:20, 35:].any() and not mask[35:, :20].any()
    assert 0.02 < mask[20:35, :20].mean() < 0.2


def test_pairs_of_figure_5_start_from_the_same_weights(common, monkeypatch, tmp_path):
    figure_5 = importlib.import_module("figure_5")
    seen = []

    def train_to(model, tasks, **options):
        seen.append((model.get_weights()["W_rec"], [task.coherence for task in tasks], options))
        return {"log": {}, "updates": 1, "reached": True}

    monkeypatch.setattr(common, "train_to", train_to)
    for kind in ("curriculum", "direct"):
        figure_5.train(common.Store(tmp_path, quick=True), "held_out", kind, 3)
    (one, tasks, options), (other, alone, _) = seen
    np.testing.assert_array_equal(one, other)
    assert tasks == [0.7, 0.5, 0.3, 0.1] and alone == [0.1] and options["trials"] == 1000


def test_figure_5_compares_pairs(common):
    figure_5 = importlib.import_module("figure_5")
    rng = np.random.default_rng(1)
    runs = [
        {
            kind: {"updates": int(updates), "reached": True, "accuracy_afterwards": 0.9}
            for kind, updates in (("curriculum", rng.integers(50, 90)), ("direct", 100 + pair))
        }
        for pair in range(20)
    ]
    found = figure_5.compare(runs)
    assert found["curriculum_faster"] == 20 and found["wilcoxon_p"] < 1e-4
    same = [{kind: runs[0]["direct"] for kind in ("curriculum", "direct")}] * 5
    assert figure_5.compare(same)["wilcoxon_p"] is None

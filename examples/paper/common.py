"""What the figures share: settings, a store that an interrupted run goes on from, and the style."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
import time
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import psychrnn
from psychrnn import Curriculum, ParameterError
from psychrnn.analysis import behavior

SETTINGS = {"dt": 10, "tau": 100, "T": 2000, "N_batch": 128}
N_REC = 50
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
         "legend.frameon": False, "figure.dpi": 100, "savefig.dpi": 200}  # fmt: skip


class Store:
    """The output folder: pictures, networks, and every number in ``results.json``.

    Whatever was finished is read back, so a run that was interrupted goes on where it stopped.
    """

    def __init__(self, folder, quick=False, overwrite=False):
        self.folder, self.quick = Path(folder), bool(quick)
        self.file = self.folder / "results.json"
        self.results = {
            "complete": False,
            "quick": self.quick,
            "versions": versions(),
            "settings": {**SETTINGS, "N_rec": N_REC},
            "figures": {},
            "parts": {},
        }
        try:
            self._open(overwrite)
        except OSError as reason:
            raise SystemExit(f"{self.folder} cannot be used: {reason}") from None

    def _open(self, overwrite):
        """Read what the folder holds, or empty it, or make it."""
        found = self._found() if self.folder.exists() and any(self.folder.iterdir()) else None
        if found is not None and not overwrite:
            self.results = self._to_go_on(found)
        elif found is not None:
            for path in (*self.folder.glob("networks/*.npz"), *self.folder.glob("figure_*.p*")):
                path.unlink()
        (self.folder / "networks").mkdir(parents=True, exist_ok=True)
        self.save()  # what is interrupted before its first result is found again, too

    def _found(self):
        """Return the results in a folder that is not empty, if they are of this program."""
        try:
            found = json.loads(self.file.read_text())
        except (ValueError, FileNotFoundError):
            found = None
        if not isinstance(found, dict) or not {"figures", "parts", "versions"} <= found.keys():
            raise SystemExit(
                f"{self.folder} exists and holds no run of this program. Give another folder "
                "with --output, or remove it."
            )
        return found

    def _to_go_on(self, found):
        if found.get("complete"):
            raise SystemExit(f"{self.folder} holds a finished run. Give --overwrite to replace it.")
        if found.get("quick") != self.quick or found.get("versions") != versions():
            raise SystemExit(
                f"{self.folder} holds an interrupted run with other options or versions. Go on "
                "with the same ones, or give --overwrite."
            )
        return found

    def save(self):
        """Write ``results.json``; an older one stays whole until the new one is."""
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.results, indent=1, default=plain) + "\n")
        os.replace(part, self.file)

    def part(self, name, compute):
        """Return what ``compute()`` returns, or returned in the run that was interrupted."""
        parts = self.results["parts"]
        if name not in parts:
            begin = time.perf_counter()
            parts[name] = json.loads(json.dumps(compute(), default=plain))
            parts[name]["seconds"] = round(time.perf_counter() - begin, 1)
            self.save()
        return parts[name]

    def network(self, name, make):
        """Return a trained network and what ``make() -> (network, dict)`` told of its training."""
        path = self.folder / "networks" / f"{name}.npz"

        def train():
            model, report = make()
            model.save(str(path))
            model.destruct()
            return report

        if not path.exists():
            self.results["parts"].pop(name, None)
        report = self.part(name, train)
        return psychrnn.load(str(path)), report

    def picture(self, name, figure):
        """Write a figure as .png and .pdf."""
        for kind in ("png", "pdf"):
            figure.savefig(self.folder / f"{name}.{kind}")
        plt.close(figure)


def plain(value):
    """Return what JSON does not know as what it knows."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def versions():
    """Return the versions that numbers depend on."""
    names = ("psychrnn", "tensorflow", "numpy", "scipy", "matplotlib")
    return {"python": sys.version.split()[0]} | {n: importlib.metadata.version(n) for n in names}


def train_to(model, tasks, threshold=0.9, most=3000, every=10, trials=None):
    """Train through tasks until each is done at a threshold; return the log as a dict.

    Arguments:
        model: the network.
        tasks: one task, or several from easy to hard.
        threshold: accuracy that is enough.
        most: number of updates after which training ends all the same.
        every: number of updates between tests.
        trials: number of trials of a test; those of one batch where None.

    """
    stages = list(tasks) if isinstance(tasks, (list, tuple)) else [tasks]
    curriculum = Curriculum(stages, thresholds=threshold, metric_epoch=every, n_trials=trials)
    result = model.train(
        curriculum=curriculum, training_iters=most * stages[0].N_batch, verbosity=False
    )
    _refuse_interrupted(result)
    log = curriculum.log
    return {
        "reached": bool(curriculum.stop_training),
        "updates": int(log.update[-1]) if len(log.update) else 0,
        "accuracy": float(log.accuracy[-1]) if len(log.update) else None,
        "log": {key: np.round(np.float64(getattr(log, key)), 6) for key in log._fields},
        "training_seconds": round(result.training_time, 1),
    }


def _refuse_interrupted(result):
    """End the program where training was interrupted, which it reports and does not raise."""
    if result.interrupted is not None:
        raise SystemExit(f"interrupted by {result.interrupted}; the same command goes on from here")


def train_for(model, task, updates, **options):
    """Train for a number of updates; return a report."""
    result = model.train(task, training_iters=updates * task.N_batch, verbosity=False, **options)
    _refuse_interrupted(result)
    return {
        "updates": updates,
        "loss": float(result.losses[-1]),
        "training_seconds": round(result.training_time, 1),
    }


def choices(model, task, perturbations=None):
    """Return the table of one batch, with the coherence signed by the direction."""
    batch = task.get_trial_batch()
    outputs = model.test(batch.x, perturbations=perturbations)
    table = behavior.trials_table(task, batch, outputs)
    table["signed"] = np.where(table["direction"] == 1, 1, -1) * table["coherence"]
    return table


def psychometric(table, seed):
    """Return the fitted psychometric function of choosing channel 1, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a quick run is at chance; the fit is NaN
        try:
            return behavior.psychometric(
                table["signed"], table["choice"], unit="coherence", seed=seed
            )
        except ParameterError as reason:
            print(f"no psychometric function: {reason}", file=sys.stderr)
            return None


def numbers_of(fit):
    """Return the numbers of a fit for ``results.json``."""
    if fit is None:
        return None
    keys = ("threshold", "slope", "guess", "lapse", "levels", "proportions", "counts")
    return {key: getattr(fit, key) for key in keys} | {"intervals": dict(fit.intervals)}


def main(name, run):
    """Run one figure from the command line."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__.split("\n")[0])
    options(parser)
    given = parser.parse_args()
    store = Store(given.output or f"paper_{name}", given.quick, given.overwrite)
    run_figures(store, {name: run})


def options(parser):
    """Add the options that all programs here have."""
    parser.add_argument("--quick", action="store_true", help="minutes: too few updates and trials")
    parser.add_argument("--overwrite", action="store_true", help="replace what the folder holds")
    parser.add_argument("--output", default=None, help="folder for pictures and results.json")


def run_figures(store, figures):
    """Run figures that are not done yet, with a progress bar, and write ``results.json``."""
    from tqdm import tqdm

    bar = tqdm(figures.items(), unit="figure")
    for name, run in bar:
        bar.set_description(name)
        if name in store.results["figures"]:
            continue
        begin = time.perf_counter()
        with plt.rc_context(STYLE):
            numbers = run(store)
        numbers["seconds"] = round(time.perf_counter() - begin, 1)
        store.results["figures"][name] = numbers
        store.save()
    store.results["complete"] = True
    store.save()
    print(f"wrote {store.folder}")

"""Shared set-up: models of one test are gone before the next, and a report of deviations."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from reference_data import worst

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of a run in a shell's background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng():
    """Return a random generator, the same one in each test."""
    return np.random.default_rng(7)


@pytest.fixture
def no_figures():
    """Close the pictures of other tests, and those of this one."""
    from matplotlib import pyplot as plt

    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture
def check(record_property):
    """Compare with a tolerance, and keep the deviation for the report of the run."""

    def compare(what, got, wanted, tolerance):
        deviation = worst(got, wanted)
        record_property("deviation", (what, deviation, tolerance))
        assert deviation <= tolerance, f"{what}: off by {deviation}, allowed {tolerance}"

    return compare


@pytest.fixture(autouse=True)
def _free_names():
    """Free the models of a test; what lives on, such as TensorFlow, is not looked at again."""
    gc.freeze()
    yield
    gc.collect()


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many numbers were compared with PsychRNN 1.0, and how close the closest call was."""
    found = []
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if report.when == "call":
            found += [(report.nodeid, v) for k, v in report.user_properties if k == "deviation"]
    if found:
        node, (what, deviation, tolerance) = max(found, key=lambda f: f[1][1] / f[1][2])
        terminalreporter.write_line(
            f"{len(found)} comparisons with PsychRNN 1.0; closest to its tolerance: {what} in "
            f"{node.split('::')[-1]}, off by {deviation:.2g} of {tolerance:.2g}"
        )

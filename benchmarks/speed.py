"""Time one training step of this library beside what a user would take instead.

Run ``python benchmarks/speed.py`` from the root of the checkout. Libraries that are not installed
are left out; ``--psychrnn PYTHON`` adds the published PsychRNN 1.0, where PYTHON is the
interpreter of an environment that has it. Every contestant is a process of its own; they take
turns, and the table gives medians, so that a busy machine disturbs all alike. Results are saved
in ``benchmarks/results/``.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import contestants  # noqa: E402

# trials, time steps, units, and whether Dale's principle, a mask and recurrent noise are on
SIZES = {
    "A": (128, 200, 50, False),
    "B": (128, 200, 100, True),
    "C": (64, 500, 256, False),
    "D": (256, 200, 512, False),
}
STEPS_A_TURN = {"A": 15, "B": 8, "C": 3, "D": 2}


def contest(name, sizes):
    """Be a contestant: make the number of steps that each line of input asks for."""
    begin = time.perf_counter()
    step = contestants.ALL[name](*sizes)
    step()
    print(json.dumps(time.perf_counter() - begin), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([times, peak]), flush=True)


class Contestant:
    """A process that makes steps when it is told to."""

    def __init__(self, name, size, python):
        command = [python, __file__, "--contestant", name, "--sizes", size]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.times, self.peak = [], 0.0
        self.first = self._answer()

    def _answer(self):
        for line in self.process.stdout:
            if line[0] in "[0123456789":
                return json.loads(line)
        raise RuntimeError("not installed, or failed")

    def run(self, steps):
        """Make some steps."""
        print(steps, file=self.process.stdin, flush=True)
        times, self.peak = self._answer()
        self.times += times

    def end(self):
        """End the process."""
        self.process.kill()
        self.process.wait()


def compare(size, rounds, names, old_python):
    """Return a row of results for each contestant at one size."""
    running = {}
    for name in names:
        python = old_python if name == "PsychRNN 1.0" else sys.executable
        try:
            running[name] = Contestant(name, size, python)
        except RuntimeError:
            print(f"  {name}: not installed, or failed", flush=True)
    for _ in range(rounds):
        for contestant in running.values():
            contestant.run(STEPS_A_TURN[size])
    for contestant in running.values():
        contestant.end()
    reference = running.get("PsychRNN 1.0", running["psychrnn"])
    base = statistics.median(reference.times)
    return {
        name: {
            "step_ms": 1000 * statistics.median(c.times),
            "ratio": base / statistics.median(c.times),
            "first_s": c.first,
            "peak_MB": c.peak,
        }
        for name, c in running.items()
    }


def show(size, rows):
    """Print a table."""
    print(f"{size}: trials, steps, units, hard = {SIZES[size]}")
    print(f"  {'':22} {'step (ms)':>10} {'speed':>7} {'first (s)':>10} {'peak (MB)':>10}")
    for name, row in rows.items():
        step, ratio, first, peak = row.values()
        print(f"  {name:22} {step:10.2f} {ratio:7.2f} {first:10.1f} {peak:10.0f}", flush=True)


def plot(results, path):
    """Draw the speeds as bars."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(3.2 * len(results), 3), squeeze=False)
    for ax, (size, rows) in zip(axes[0], results.items()):
        names = list(rows)[::-1]
        ax.barh(names, [rows[name]["ratio"] for name in names], color="0.6")
        ax.set(title=size, xlabel="relative speed")
        ax.label_outer()
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main():
    """Compare the contestants, or be one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="ABCD")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--psychrnn", metavar="PYTHON")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        contest(options.contestant, SIZES[options.sizes])
        return
    names = [n for n in contestants.ALL if n != "PsychRNN 1.0" or options.psychrnn]
    results = {}
    for size in options.sizes:
        results[size] = compare(size, options.rounds, names, options.psychrnn)
        show(size, results[size])
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / "speed.json").write_text(json.dumps(results, indent=1))
    plot(results, folder / "speed.png")


if __name__ == "__main__":
    main()

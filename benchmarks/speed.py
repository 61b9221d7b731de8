"""Time this library beside what a user would take instead.

Run ``python benchmarks/speed.py`` from the root of the checkout. Libraries that are not installed
are left out; ``--psychrnn PYTHON`` adds the published PsychRNN 1.0, where PYTHON is the
interpreter of an environment that has it, and ``--others PYTHON`` does so for PyTorch and JAX:
TensorFlow imports a JAX that it finds beside it, which costs every start time and memory.
Every contestant is a process of its own; they take turns, and the tables give medians. Parts:

* ``steps``: one training step at sizes A to D, and its floor, a kernel in C by hand;
* ``lstm``: the same for an LSTM at A and C;
* ``growth``: the step over numbers of time steps, units and trials;
* ``whole``: task generation, the loop of train(), and hello world as a process.

Results are saved in ``benchmarks/results/``, a table as JSON and a picture for each part.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import contestants  # noqa: E402
import contestants_lstm  # noqa: E402
import contestants_whole  # noqa: E402
import racing  # noqa: E402

OLD = "PsychRNN 1.0"
TABLES = {
    "steps": contestants.ALL,
    "lstm": contestants_lstm.ALL,
    "growth": contestants.ALL,
    "whole": contestants_whole.ALL,
}
# trials, time steps, units, and whether Dale's principle, a mask and recurrent noise are on
SIZES = {
    "A": (128, 200, 50, False),
    "B": (128, 200, 100, True),
    "C": (64, 500, 256, False),
    "D": (256, 200, 512, False),
}
GROWTH = {
    "time steps": [(128, n, 50, False) for n in (50, 100, 200, 500, 1000, 2000)],
    "units": [(128, 200, n, False) for n in (25, 50, 100, 256, 512, 1024)],
    "trials": [(n, 200, 50, False) for n in (16, 32, 64, 128, 256, 512, 1024)],
}
IN_GROWTH = ("psychrnn", "psychrnn, own step", "PyTorch, usual loop", "JAX, lax.scan", OLD)


def commands(part, names, options, sizes=()):
    """Return the command of each contestant, with the interpreter that has its library."""
    found = {}
    for name in names:
        python = options.psychrnn if OLD in name else sys.executable
        if name.startswith(("PyTorch", "JAX")):
            python = options.others or sys.executable
        if python:
            task = json.dumps([part, name, sizes])
            found[name] = [python, __file__, "--contestant", task]
    return found


def compare(part, size, options):
    """Race all contestants of a part at one size; print and return their rows."""
    given = SIZES.get(size, ())
    rows = racing.race(commands(part, TABLES[part], options, given), options.rounds)
    base = (rows.get(OLD) or {}).get("step_ms") or rows["psychrnn"].get("step_ms")
    print(f"\n{part} {size}: trials, steps, units, hard = {given}")
    print(f"  {'':24} {'step (ms)':>10} {'speed':>7} {'first (s)':>10} {'peak (MB)':>10}")
    for name, row in rows.items():
        if "failed" in row:
            print(f"  {name:24} left out: {row['failed'][:90]}", flush=True)
            continue
        row["speed"] = base / row["step_ms"] if base else float("nan")
        step, speed, first, peak = (row[k] for k in ("step_ms", "speed", "first_s", "peak_MB"))
        print(f"  {name:24} {step:10.2f} {speed:7.2f} {first:10.1f} {peak:10.0f}", flush=True)
    return rows


def grow(options):
    """Race some contestants over sizes; print and return rows for each."""
    results = {}
    for axis, series in GROWTH.items():
        at = {"time steps": 1, "units": 2, "trials": 0}[axis]
        results[axis] = {}
        print(f"\ngrowth over {axis}: step (ms) / first step (s)")
        for sizes in series:
            # to build its graph takes PsychRNN 1.0 minutes from here on
            names = [n for n in IN_GROWTH if n != OLD or (sizes[1] <= 500 and sizes[2] <= 512)]
            rows = racing.race(commands("growth", names, options, sizes), min(3, options.rounds))
            results[axis][sizes[at]] = rows
            cells = [
                f"{name} {row['step_ms']:.1f} / {row['first_s']:.1f}"
                for name, row in rows.items()
                if "failed" not in row
            ]
            print(f"  {sizes[at]:5}  " + "; ".join(cells), flush=True)
    return results


def whole(options):
    """Race generation and loops, and run hello world; print and return rows."""
    rows = racing.race(commands("whole", TABLES["whole"], options), options.rounds, 1.0)
    print("\nwhole, at A")
    for name, row in rows.items():
        text = f"{row['step_ms']:.2f} ms" if "failed" not in row else f"left out: {row['failed']}"
        print(f"  {name:32} {text}", flush=True)
    for name, python in (("psychrnn", sys.executable), (OLD, options.psychrnn)):
        times = []
        for _ in range(0 if python is None else 1 if name == OLD else 3):
            begin = time.perf_counter()
            command = [python, "-c", "import contestants_whole as w; w.hello_world()"]
            ended = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
            if ended.returncode:
                reason = ended.stderr.strip().splitlines()[-1]
                print(f"  {'hello world, ' + name:32} left out: {reason[:90]}", flush=True)
                break
            times.append(time.perf_counter() - begin)
        if times:
            rows[f"hello world, {name}"] = {"s": statistics.median(times)}
            print(f"  {'hello world, ' + name:32} {statistics.median(times):.1f} s", flush=True)
    return rows


def plot_bars(results, path):
    """Draw speeds as bars, one picture for each size."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(3.4 * len(results), 3), squeeze=False)
    for ax, (size, rows) in zip(axes[0], results.items()):
        names = [name for name in rows if "failed" not in rows[name]][::-1]
        colors = ["C0" if name.startswith("psychrnn") else "0.7" for name in names]
        ax.barh(names, [rows[name]["speed"] for name in names], color=colors)
        ax.set(title=size, xlabel=f"speed ({OLD} = 1)" if OLD in names else "speed (psychrnn = 1)")
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def plot_growth(results, path):
    """Draw step and first step over each size."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(10.5, 6), sharey="row", layout="constrained")
    for column, (axis, series) in zip(axes.T, results.items()):
        for name in IN_GROWTH:
            points = [(n, rows[name]) for n, rows in series.items() if name in rows]
            points = [(n, row) for n, row in points if "failed" not in row]
            for ax, key in zip(column, ("step_ms", "first_s") if points else ()):
                ax.plot([n for n, _ in points], [row[key] for _, row in points], ".-", label=name)
        for ax in column:
            ax.set(xscale="log", xlabel=axis)
            ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set(yscale="log", ylabel="training step (ms)")
    axes[1, 0].set(ylim=0, ylabel="first step, with imports (s)")
    axes[0, 0].legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=120)


def main():
    """Compare the contestants, or be one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--sizes", default="ABCD", help="of the parts steps and lstm")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--psychrnn", metavar="PYTHON")
    parser.add_argument("--others", metavar="PYTHON")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        part, name, sizes = json.loads(options.contestant)
        racing.contest(lambda: TABLES[part][name](*sizes))
        return
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    for part in options.parts:
        if part in ("steps", "lstm"):
            sizes = [size for size in options.sizes if part == "steps" or size in "AC"]
            results = {size: compare(part, size, options) for size in sizes}
            plot_bars(results, folder / f"{part}.png")
        elif part == "growth":
            results = grow(options)
            plot_growth(results, folder / "growth.png")
        else:
            results = whole(options)
        (folder / f"{part}.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

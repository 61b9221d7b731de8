"""Show that a long training run does not make the process grow.

Run ``python benchmarks/memory.py`` from the root of the checkout; ``--updates`` says how many
updates to make. Batches come from a task, so generation is part of it.
"""

import argparse
from pathlib import Path

from psychrnn import Basic, PerceptualDiscrimination
from psychrnn.backend.callbacks import Callback

MARKS = (1_000, 10_000, 50_000, 100_000, 200_000, 500_000)


def resident_MB():
    """Return the memory that this process holds now, on Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


class PrintMemory(Callback):
    """Print the memory at some updates."""

    def on_step_end(self, loop):
        """Print it."""
        if loop.epoch in MARKS:
            print(f"{loop.epoch:8} updates: {resident_MB():.0f} MB", flush=True)


def main():
    """Train a small network for long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=500_000)
    updates = parser.parse_args().updates
    task = PerceptualDiscrimination(dt=20, tau=100, T=200, N_batch=4, seed=1)
    model = Basic.for_task(task, N_rec=8, rec_noise=0.1, seed=1)
    options = {"training_iters": 4 * updates, "verbosity": False, "loss_epoch": 10_000}
    model.train(task, callbacks=[PrintMemory()], **options)


if __name__ == "__main__":
    main()

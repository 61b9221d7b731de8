"""Train the hello-world network from ten seeds: how many updates, and how many succeed.

Run ``python benchmarks/hello_world_seeds.py`` from the root of the checkout.
"""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
import hello_world


def main(seeds=10):
    """Print a row for each seed, then the summary."""
    updates, fresh = [], []
    print("seed  updates  accuracy on 1000 fresh trials  seconds")
    for seed in range(seeds):
        with contextlib.redirect_stdout(io.StringIO()):
            _, model, result = hello_world.train(seed)
        updates.append(10 * len(result.losses))
        fresh.append(hello_world.accuracy(model, hello_world.make_task(1000, 12345)))
        print(f"{seed:4} {updates[-1]:8} {fresh[-1]:14.3f} {result.training_time:23.1f}")
        model.destruct()
    done = sum(accuracy >= 0.9 for accuracy in fresh)
    print(f"median {np.median(updates):g} updates; {done} of {seeds} at 0.9 or above")


if __name__ == "__main__":
    main()

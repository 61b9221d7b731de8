"""Let writes fail at any byte, as a full disk does: the older file must stay whole.

Run ``python benchmarks/reliability/disk.py`` from the root of the checkout (Linux, macOS). The
process may write files of a random number of bytes and no more while it saves a network, so that
each save fails somewhere inside.
"""

import argparse
import os
import random
import resource
import signal
import tempfile

import numpy as np


def main():
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=200)
    saves = parser.parse_args().saves
    from psychrnn import Basic, PerceptualDiscrimination, load

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a failing write is an error, not the end
    task = PerceptualDiscrimination(dt=20, tau=100, T=200, N_batch=4, seed=1)
    model = Basic.for_task(task, N_rec=30, seed=1)
    draw, intact, said, left = random.Random(1), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.npz")
        model.save(path)
        whole = open(path, "rb").read()  # noqa: SIM115
        for _ in range(saves):
            model.W_rec.assign(model.W_rec + 0.1)
            resource.setrlimit(resource.RLIMIT_FSIZE, (draw.randrange(len(whole)), -1))
            try:
                model.save(path)
            except OSError:
                said += 1
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            intact += open(path, "rb").read() == whole  # noqa: SIM115
            left += len(os.listdir(folder)) - 1
        same = load(path)
        model.save(path)
        last = np.array_equal(load(path).get_weights()["W_rec"], model.get_weights()["W_rec"])
    print(
        f"{saves} saves that failed, {said} of them said so; older file intact {intact}, files "
        f"left aside {left}; readable at the end: {same.N_rec == 30 and last}"
    )


if __name__ == "__main__":
    main()

"""Train every network on every experiment, from default settings, and count the updates.

Run ``python benchmarks/learning.py`` from the root of the checkout. A network is trained in turns
and tested after each on 1,024 trials that it was not trained on, until its accuracy is 0.93 or
``--most`` updates are made. Then 1,024 further trials give the accuracy that is printed, which is
to be 0.9: the first ones were used to stop at, and flatter the network a little.
"""

import argparse
import statistics
import time

from psychrnn import (
    GRU,
    LSTM,
    Basic,
    DelayedDiscrimination,
    MatchToCategory,
    PerceptualDiscrimination,
)

TASKS = (PerceptualDiscrimination, MatchToCategory, DelayedDiscrimination)
NETWORKS = (Basic, LSTM, GRU)
SIZES = {"dt": 10, "tau": 100, "T": 2000}
TURN = 40  # updates between tests


def accuracy(model, trials):
    """Return the accuracy of a network on a batch."""
    task = trials.task
    return float(task.accuracy_function(trials.y, model.test(trials.x).outputs, trials.mask))


def updates_until_learned(kind, network, seed, most):
    """Return the number of updates, the accuracy on further trials, and the seconds it took."""
    task = kind(**SIZES, N_batch=128, seed=seed)
    held_out = kind(**SIZES, N_batch=1024, seed=1000 + seed)
    model = network.for_task(task, N_rec=50, seed=seed)
    trials, updates, begin = held_out.get_trial_batch(), 0, time.perf_counter()
    while updates < most:
        model.train(task, training_iters=TURN * 128, verbosity=False)
        updates += TURN
        if accuracy(model, trials) >= 0.93:
            break
    seconds = time.perf_counter() - begin
    further = accuracy(model, held_out.get_trial_batch())
    model.destruct()
    return updates, further, seconds


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--most", type=int, default=5000)
    options = parser.parse_args()
    for kind in TASKS:
        for network in NETWORKS:
            rows = [
                updates_until_learned(kind, network, seed, options.most)
                for seed in range(1, options.seeds + 1)
            ]
            updates, accuracies, seconds = zip(*rows)
            print(
                f"{kind.__name__:24} {network.__name__:6} updates {' '.join(map(str, updates)):28} "
                f"median {statistics.median(updates):5g}; accuracy {min(accuracies):.3f} to "
                f"{max(accuracies):.3f}; {statistics.median(seconds):.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

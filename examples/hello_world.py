"""Train a network to tell which of two noisy inputs is stronger, and look at two trials.

Run ``python examples/hello_world.py``; it takes well under a minute on a laptop and writes
``hello_world.png`` and the weights, ``hello_world.npz``. ``--seed 1`` fixes everything random.
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, PerceptualDiscrimination


def make_task(n_trials, seed):
    """Return the experiment: trials of 2 s in steps of 10 ms."""
    return PerceptualDiscrimination(dt=10, tau=100, T=2000, N_batch=n_trials, seed=seed)


def accuracy(model, task):
    """Return the accuracy on a new batch of the task."""
    trials = task.get_trial_batch()
    return task.accuracy_function(trials.y, model.test(trials.x).outputs, trials.mask)


def train(seed=None):
    """Return the task, the trained network and what training returned."""
    task = make_task(128, seed)
    held_out = make_task(512, None if seed is None else 1000 + seed)
    model = Basic.for_task(task, N_rec=50, seed=seed)

    def held_out_accuracy(x, y, mask, output, epoch, losses, verbosity):
        return accuracy(model, held_out)

    result = model.train(
        task,
        learning_rate=0.001,
        performance_measure=held_out_accuracy,
        performance_cutoff=0.9,
        performance_epoch=10,
    )
    return task, model, result


def plot(task, model, path):
    """Draw inputs, targets and outputs of one trial for each direction."""
    x, y, mask, params = task.get_trial_batch()
    outputs = model.test(x).outputs
    directions = np.array([trial["direction"] for trial in params])
    time = np.arange(task.N_steps) * task.dt
    colors = ("#0072B2", "#D55E00")
    figure, axes = plt.subplots(2, 2, figsize=(9, 5), sharex=True, sharey="row")
    for column, direction in enumerate((0, 1)):
        trial = int(np.argmax(directions == direction))
        top, bottom = axes[:, column]
        top.set_title(f"input {direction + 1} is stronger (coherence "
                      f"{params[trial]['coherence']:g})")  # fmt: skip
        for channel, color in enumerate(colors):
            label = f"{channel + 1}"
            top.plot(time, x[trial, :, channel], color=color, lw=1, label=f"input {label}")
            bottom.plot(time, outputs[trial, :, channel], color=color, label=f"output {label}")
            target = np.where(mask[trial, :, channel] > 0, y[trial, :, channel], np.nan)
            bottom.plot(time, target, color=color, ls="--", lw=1, label=f"target {label}")
        bottom.set_xlabel("time (ms)")
    axes[0, 0].set_ylabel("input")
    axes[1, 0].set_ylabel("output")
    axes[0, 0].legend(frameon=False, loc="upper left")
    axes[1, 0].legend(frameon=False, loc="upper left", ncols=2)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main():
    """Train, report, save and plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--picture", default="hello_world.png")
    parser.add_argument("--weights", default="hello_world.npz")
    arguments = parser.parse_args()
    task, model, result = train(arguments.seed)
    print(model)
    updates = 10 * len(result.losses)
    print(f"{updates} updates in {result.training_time:.1f} s")
    print(f"accuracy on 1000 fresh trials: {accuracy(model, make_task(1000, 12345)):.3f}")
    model.save(arguments.weights)
    plot(task, model, arguments.picture)
    print(f"wrote {arguments.picture} and {arguments.weights}")


if __name__ == "__main__":
    main()

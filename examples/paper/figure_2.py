"""Figure 2, task modularity: one experiment over a grid of inputs and output categories.

``MatchToCategory`` with 8, 16 and 32 inputs and 2, 3 and 4 categories; a network is trained on each
cell until 95 % of 1,000 held-out trials are right, so that on others it is at 90 % for certain.
"""

import common
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, MatchToCategory

INPUTS = (8, 16, 32)
CATEGORIES = (2, 3, 4)
SEED = 21


def run(store):
    """Draw one trial of each cell, and train a network on it."""
    figure, axes = plt.subplots(
        2 * len(CATEGORIES), len(INPUTS), figsize=(8, 8.6), sharex=True, layout="constrained",
        height_ratios=[2, 1] * len(CATEGORIES),
    )  # fmt: skip
    cells = {}
    for row, categories in enumerate(CATEGORIES):
        for column, inputs in enumerate(INPUTS):
            pair = axes[2 * row : 2 * row + 2, column]
            cells[f"{inputs} inputs, {categories} categories"] = cell(
                store, pair, inputs, categories
            )
    for row in axes[::2, 0]:
        row.set_ylabel("input (preferred angle)")
    for row in axes[1::2, 0]:
        row.set_ylabel("output")
    for ax in axes[-1]:
        ax.set_xlabel("time (ms)")
    store.picture("figure_2", figure)
    return {"cells": cells}


def cell(store, axes, inputs, categories):
    """Train a network on one cell, draw a trial and its outputs, and return the numbers."""
    seed = SEED + 100 * inputs + categories
    task = make_task(inputs, categories, common.SETTINGS["N_batch"], seed)

    def train():
        model = Basic.for_task(task, N_rec=common.N_REC, seed=seed)
        most = 20 if store.quick else 3000
        return model, common.train_to(model, task, threshold=0.95, most=most, trials=1000)

    model, report = store.network(f"match_{inputs}_{categories}", train)
    held_out = make_task(inputs, categories, 1000, seed + 1).get_trial_batch()
    outputs = model.test(held_out.x).outputs
    accuracy = held_out.task.accuracy_function(held_out.y, outputs, held_out.mask)
    draw(axes, task, held_out, outputs)
    axes[0].set_title(
        f"{inputs} inputs, {categories} categories\n{report['updates']} updates, "
        f"accuracy {accuracy:.2f}",
        fontsize=9,
    )
    model.destruct()
    keys = ("reached", "updates", "training_seconds")
    return {"seed": seed, "accuracy": float(accuracy)} | {key: report[key] for key in keys}


def make_task(inputs, categories, trials, seed):
    """Return the experiment of a cell."""
    return MatchToCategory(
        **{**common.SETTINGS, "N_batch": trials}, N_in=inputs, N_out=categories, seed=seed
    )


def draw(axes, task, batch, outputs):
    """Draw the inputs of the first trial as a picture, and the network's outputs below."""
    time = np.arange(task.N_steps) * task.dt
    extent = (0, task.T, 0, 360)
    axes[0].imshow(batch.x[0].T, aspect="auto", origin="lower", extent=extent, cmap="cividis")
    axes[0].set_yticks([0, 180, 360], ["0°", "180°", "360°"])
    period = task.periods(batch.params[0])["response"] if task.periods(batch.params[0]) else None
    for category in range(task.N_out):
        right = category == batch.params[0]["category"]
        style = {"ls": "-" if right else "--", "lw": 1.6 if right else 1.0}
        axes[1].plot(time, outputs[0, :, category], color=common.COLOURS[category], **style)
    if period is not None:
        axes[1].axvspan(*period, color="0.92", lw=0, zorder=0)
    axes[1].set_ylim(-0.4, 1.4)


if __name__ == "__main__":
    common.main("figure_2", run)

"""Figure 3, perceptual discrimination: single trials, psychometric function, states in a plane.

The inputs carry noise of ``stim_noise`` 1.0, ten times the default, so that coherence 0.1 is not at
ceiling: half a second of such a stimulus gives an ideal observer a d' of about 1.1 per 0.1.
"""

import sys

import common
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, ParameterError, PerceptualDiscrimination, plotting
from psychrnn.analysis import behavior, dynamics

NOISE = 1.0
TRAINED_ON = (0.1, 0.3, 0.5, 0.7)
TESTED_ON = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
SEED = 31


def run(store):
    """Train a network, and draw what it does."""
    model, report = store.network("perceptual", lambda: trained(store))
    test = make_task(300 if store.quick else 4000, TESTED_ON, SEED + 1)
    batch = test.get_trial_batch()
    outputs, states = model.test(batch.x)
    table = behavior.trials_table(test, batch, outputs)
    table["signed"] = np.where(table["direction"] == 1, 1, -1) * table["coherence"]
    fit = common.psychometric(table, SEED + 2)

    figure = plt.figure(figsize=(9, 8), layout="constrained")
    grid = figure.add_gridspec(4, 2)
    for column, coherence in enumerate((0.1, 0.7)):
        trial = int(np.flatnonzero(table["coherence"] == coherence)[0])
        draw_trial(figure, grid[:2, column], batch, outputs, trial)
    ax = figure.add_subplot(grid[2:, 0])
    if fit is not None:
        plotting.psychometric(fit, ax=ax)
    ax.set_xlabel("coherence, positive for channel 1")
    ax.set_ylabel("proportion of choices of channel 1")
    components = draw_states(figure.add_subplot(grid[2:, 1]), model, batch, states, table)
    store.picture("figure_3", figure)
    model.destruct()
    return {
        "seed": SEED,
        "stim_noise": NOISE,
        "trained_on": TRAINED_ON,
        "updates": report["updates"],
        "training_seconds": report["training_seconds"],
        "trials": len(table["choice"]),
        "accuracy": accuracies(table),
        "psychometric": common.numbers_of(fit),
        "explained_variance": components,
    }


def make_task(trials, coherences, seed):
    """Return the experiment with the noise of this figure."""
    return PerceptualDiscrimination(
        **{**common.SETTINGS, "N_batch": trials}, coherences=coherences, stim_noise=NOISE, seed=seed
    )


def trained(store):
    """Return a network trained for 1,500 updates, and a report."""
    task = make_task(common.SETTINGS["N_batch"], TRAINED_ON, SEED)
    model = Basic.for_task(task, N_rec=common.N_REC, seed=SEED)
    return model, common.train_for(model, task, 20 if store.quick else 1500)


def accuracies(table):
    """Return the fraction of right choices at each coherence above 0."""
    levels = [c for c in np.unique(table["coherence"]) if c > 0]
    return {f"{c:g}": float(table["correct"][table["coherence"] == c].mean()) for c in levels}


def draw_trial(figure, place, batch, outputs, trial):
    """Draw inputs and outputs of a trial in two axes."""
    inner = place.subgridspec(2, 1)
    axes = [figure.add_subplot(inner[0]), figure.add_subplot(inner[1])]
    axes[1].sharex(axes[0])
    time = np.arange(batch.x.shape[1]) * common.SETTINGS["dt"]
    params = batch.params[trial]
    for name, (start, stop) in batch.periods[trial].items():
        if name != "fixation":
            for ax in axes:
                ax.axvspan(start, stop, color="0.85" if name == "stimulus" else "#FFE9B8", lw=0)
    for channel in range(2):
        color = common.COLOURS[channel]
        axes[0].plot(time, batch.x[trial, :, channel], color=color, lw=0.7)
        axes[1].plot(time, outputs[trial, :, channel], color=color, label=f"channel {channel}")
        y = batch.y[trial, :, channel]
        axes[1].plot(time, np.where(y > 0, y, np.nan), color=color, ls="--", lw=1)
    axes[0].set_title(
        f"coherence {params['coherence']:g}, channel {params['direction']} stronger", fontsize=9
    )
    axes[0].tick_params(labelbottom=False)
    axes[0].set_ylabel("input")
    axes[1].set_ylabel("output")
    axes[1].set_xlabel("time (ms)")
    axes[1].set_ylim(-0.2, 1.5)
    axes[1].legend(loc="upper left", ncols=2, fontsize=8)


def draw_states(ax, model, batch, states, table):
    """Draw mean rates after stimulus onset in two components, by coherence and choice."""
    onsets = np.array([params["onset_time"] for params in batch.params])
    rates = np.maximum(states, 0)
    aligned = dynamics.align(rates, onsets, model.dt, window=(0, 600))
    known = np.isin(table["coherence"], TRAINED_ON) & (table["correct"] == 1)
    conditions = {"choice": table["choice"], "coherence": table["coherence"]}
    try:
        averages = dynamics.condition_averages(aligned.values, conditions, select=known)
        pca = dynamics.pca(averages, n_components=2)
    except ParameterError as reason:  # a quick run may have too few right choices
        print(f"no components: {reason}", file=sys.stderr)
        return None
    greys = {c: 0.35 + 0.65 * k / (len(TRAINED_ON) - 1) for k, c in enumerate(TRAINED_ON)}
    for path, choice, coherence in zip(
        pca.project(averages.averages), *(averages.conditions[k] for k in ("choice", "coherence"))
    ):
        color = common.COLOURS[int(choice)]
        label = f"choice {int(choice)}, coherence {coherence:g}"
        ax.plot(*path.T, color=color, alpha=greys[float(coherence)], lw=1.6, label=label)
        ax.plot(*path[::10].T, ".", color=color, alpha=greys[float(coherence)], ms=4)
    ax.plot(*pca.project(averages.averages)[:, 0].mean(axis=0), "ks", ms=5, label="onset")
    ax.set_xlabel(f"component 1 ({pca.explained[0]:.0%} of variance)")
    ax.set_ylabel(f"component 2 ({pca.explained[1]:.0%})")
    ax.set_title("mean rates from stimulus onset, a dot every 100 ms", fontsize=9)
    ax.legend(fontsize=6.5, loc="best")
    return [float(part) for part in pca.explained]


if __name__ == "__main__":
    common.main("figure_3", run)

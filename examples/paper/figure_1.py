"""Figure 1, task modularity: one experiment over a grid of delays and stimulus durations.

Nothing but two arguments of ``DelayedDiscrimination`` changes from panel to panel.
"""

import common
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import DelayedDiscrimination

DELAYS = (200, 500, 800)  # ms
STIMULI = (100, 200, 300)  # ms
SEED = 11


def run(store):
    """Draw the inputs of one trial for each duration."""
    figure, axes = plt.subplots(
        len(STIMULI), len(DELAYS), figsize=(8, 5.2), sharex=True, sharey=True, layout="constrained"
    )
    for row, stimulus in zip(axes, STIMULI):
        for ax, delay in zip(row, DELAYS):
            task = DelayedDiscrimination(
                **{**common.SETTINGS, "N_batch": 1}, onset_time=200, stim_duration_1=stimulus,
                delay_duration=delay, stim_duration_2=stimulus, decision_duration=200,
                frequency_pairs=[(30, 14)], seed=SEED,
            )  # fmt: skip
            batch = task.get_trial_batch()
            draw(ax, task, batch)
            ax.set_title(f"delay {delay} ms, stimuli {stimulus} ms", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("time (ms)")
    for ax in axes[:, 0]:
        ax.set_ylabel("input")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    store.picture("figure_1", figure)
    return {"seed": SEED, "delays_ms": DELAYS, "stimuli_ms": STIMULI}


def draw(ax, task, batch):
    """Draw both input channels of a trial, with its periods shaded."""
    time = np.arange(task.N_steps) * task.dt
    shades = {"stimulus 1": "0.8", "delay": "0.93", "stimulus 2": "0.8", "decision": "#FFE9B8"}
    periods = task.periods(batch.params[0])
    for name, shade in shades.items():
        label = {"stimulus 1": "stimuli", "stimulus 2": None}.get(name, name)
        ax.axvspan(*periods[name], color=shade, lw=0, label=label)
    for channel, name in enumerate(batch.input_names):
        ax.plot(time, batch.x[0, :, channel], color=common.COLOURS[channel], lw=0.9, label=name)


if __name__ == "__main__":
    common.main("figure_1", run)

# %% [markdown]
# # Perturb a network
#
# Which activity does a behaviour need, and when? In an animal you would silence or stimulate
# neurons for a while, by light or by current, and see what becomes of the choices. In a network
# you can do the same, to any unit and in any window of time, and undo it.
#
# The example is a memory experiment. A cue on the left or on the right is followed by a delay, and
# a go signal asks for the side of the cue.

# %%
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, Current, Cut, Silence, Task, Trial, in_sequence, plotting
from psychrnn.analysis import behavior
from psychrnn.tasks.accuracy import choice_accuracy


class Remember(Task):
    input_names = ("cue left", "cue right", "go")
    output_names = ("left", "right")

    def __init__(self, N_batch, seed=None):
        super().__init__(N_in=3, N_out=2, dt=20, tau=100, T=1400, N_batch=N_batch, seed=seed)

    def generate_trial_params(self, batch, trial):
        return {"side": int(self.rng.integers(2))}

    def periods(self, params):
        return in_sequence(wait=200, cue=200, delay=600, response=400)

    def generate_trial(self, params):
        trial = Trial(self, params)
        trial.add_noise(0.1)
        trial.add(("cue left", "cue right")[params["side"]], 1, during="cue")
        trial.add("go", 1, during="response")
        trial.target(("left", "right")[params["side"]], 1, during="response")
        return trial.arrays()

    def accuracy_function(self, correct_output, test_output, output_mask):
        return choice_accuracy(correct_output, test_output, output_mask)


# %%
task = Remember(N_batch=64, seed=1)
model = Basic.for_task(task, N_rec=50, dale_ratio=0.8, seed=1)
model.train(task, training_iters=200 * 64, learning_rate=0.002, verbosity=False)

# %% [markdown]
# A function that tests the network on the same 500 trials, with or without a perturbation, and
# returns the fraction of right choices. `perturbations` is a list, so that several can act in one
# trial.

# %%
batch = Remember(N_batch=500, seed=2).get_trial_batch()
side = np.array([params["side"] for params in batch.params])


def choices(perturbations=None):
    outputs = model.test(batch.x, perturbations=perturbations).outputs
    return behavior.masked_mean()(batch, outputs).choice


print(f"without a perturbation {np.mean(choices() == side):.1%} of the choices are right")

# %% [markdown]
# ## When is the activity needed?
#
# All units are silenced for 100 ms, at one time after the other. `Silence` holds their state at 0
# and cuts what others read of them.

# %%
starts = np.arange(0, 1400, 50)
windows = [Silence("all", start=start, stop=start + 100) for start in starts]
accuracy = [np.mean(choices([window]) == side) for window in windows]

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.plot(starts + 50, accuracy, marker="o")
ax.axhline(0.5, color="0.5", ls="--")
ax.set(xlabel="middle of the silenced 100 ms (time in the trial, ms)", ylabel="fraction right")
for name, (start, end) in batch.periods[0].items():
    ax.axvspan(start, end, color="0.9" if name in ("cue", "response") else "1", zorder=0)
    ax.text((start + end) / 2, 1.05, name, ha="center")

# %% [markdown]
# Before the cue there is nothing to lose, and at its beginning the rest of it is still to come.
# From then on 100 ms of silence leave a guess: the memory is in the activity and nowhere else.
# Once the response is under way, the answer has been given.
#
# ## Which units carry it?
#
# In the last part of the delay some units fire more after a left cue, others after a right one.
# The ten most selective excitatory ones of each kind are silenced, in the delay alone.

# %%
times = task.dt * np.arange(task.N_steps)
late = (times >= 700) & (times < 1000)
rates = np.maximum(model.test(batch.x).states, 0)[:, late].mean(axis=1)
difference = rates[side == 1].mean(axis=0) - rates[side == 0].mean(axis=0)
order = np.argsort(difference[:40])  # by dale_ratio=0.8 units 0 to 39 are excitatory
left_units, right_units = order[:10], order[-10:]

conditions = {
    "none": [],
    "left units silenced": [Silence(left_units, start=400, stop=1000)],
    "right units silenced": [Silence(right_units, start=400, stop=1000)],
    "left units cut from each other": [Cut(left_units, left_units, start=400, stop=1000)],
    "left units stimulated": [Current(left_units, amplitude=1.0, start=600, stop=700)],
    "right units stimulated": [Current(right_units, amplitude=1.0, start=600, stop=700)],
}
for name, perturbations in conditions.items():
    chosen = choices(perturbations)
    left, right = (np.mean(chosen[side == k] == 1) for k in (0, 1))
    print(f"{name:32s}right chosen after left cue {left:4.0%}, after right cue {right:4.0%}")

# %% [markdown]
# Silencing the units of one side turns choices to the other side, and stimulating them turns
# choices to their own. Cutting only the connections among the left units erases the memory of the
# left too: it is kept alive by these units exciting each other.
#
# ## How strong must a stimulation be?
#
# The right units get a current for 100 ms in the middle of the delay. The picture shows how often
# the network then chooses right after a left cue, as for an animal in which stimulation competes
# with a memory.

# %%
amplitudes = np.linspace(0, 2, 11)
stimulations = [Current(right_units, size, start=600, stop=700) for size in amplitudes]
chosen = np.array([choices([stimulation]) for stimulation in stimulations])

figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
ax.plot(amplitudes, chosen[:, side == 0].mean(axis=1), marker="o", label="cue left")
ax.plot(amplitudes, chosen[:, side == 1].mean(axis=1), marker="s", label="cue right")
ax.set(xlabel="amplitude of the current", ylabel="fraction of right choices")
legend = ax.legend(frameon=False)

# %% [markdown]
# A single trial, seen through the output: the same left trial as it was, and with a current that
# turns it to the right.

# %%
trial = int(np.argmax(side == 0))
stimulated = [Current(right_units, amplitude=1.5, start=600, stop=700)]
figure, axes = plt.subplots(
    2, 2, figsize=(11, 4.5), sharex=True, sharey="row", layout="constrained"
)
axes[0, 0].set_title("as it was")
axes[0, 1].set_title("right units stimulated from 600 to 700 ms")
for column, perturbations in zip(axes.T, ([], stimulated)):
    outputs = model.test(batch.x, perturbations=perturbations).outputs
    plotting.trial(batch, trial=trial, outputs=outputs, ax=column)

# %% [markdown]
# Where to go on: noise, gain, clamped units and networks in NumPy are on the page on
# [perturbations](../how_to/perturb.md). Why the stimulated state stays where it was pushed is a
# question of fixed points: [analyse a network](analyse_a_network.ipynb).

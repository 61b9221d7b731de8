# %% [markdown]
# # Define a task
#
# An experiment is a class derived from `Task`. It answers three questions about a trial: what does
# the network see, what should it answer, and when does the answer count? Everything here is NumPy,
# so you can design and look at an experiment before any network exists.
#
# The example is a go/no-go experiment. A low or a high tone is played, a delay follows, and a
# light asks for the answer: press the lever after a low tone, hold still after a high one.

# %%
import numpy as np

from psychrnn import Basic, Task, Trial, in_sequence, plotting
from psychrnn.testing import check_task

# %% [markdown]
# ## Moment by moment
#
# `generate_trial_params` draws what differs between trials. `trial_function` gets these parameters
# and a time in ms, and returns three things for that moment: the inputs `x`, the target outputs
# `y` and the mask. Where the mask is 0 the output is free: training neither rewards nor punishes
# it. Here it counts from the light to the end of the trial.


# %%
class GoNoGo(Task):
    input_names = ("low tone", "high tone", "light")
    output_names = ("lever",)

    def __init__(self, N_batch, seed=None):
        super().__init__(N_in=3, N_out=1, dt=20, tau=100, T=1200, N_batch=N_batch, seed=seed)

    def generate_trial_params(self, batch, trial):
        return {"go": bool(self.rng.integers(2))}

    def trial_function(self, time, params):
        x = 0.2 * self.rng.standard_normal(3)  # noise of the senses
        if 200 <= time < 400:
            x[0 if params["go"] else 1] += 1
        if time >= 900:
            x[2] += 1
        return x, float(params["go"]), time >= 900


# %% [markdown]
# `dt` is the length of a time step and `T` the length of a trial. `tau` is the time constant of
# the network's units, which the task hands on to the network. All three are in ms. `self.rng` is a
# random generator that the task's `seed` fixes.
#
# A batch holds many trials: `x` is `[N_batch, N_steps, N_in]`, `y` and `mask` are `[N_batch,
# N_steps, N_out]`, and `params` has what was drawn for each trial.

# %%
batch = GoNoGo(N_batch=64, seed=1).get_trial_batch()
print("inputs", batch.x.shape, "targets", batch.y.shape, "mask", batch.mask.shape)
print("the first trial:", batch.params[0])

# %% [markdown]
# ## From named periods
#
# Trials have periods, and some periods have a random length. `periods` names them, and `Trial`
# fills them in: which input is on during which period, and what the target is. This is quicker to
# read and to compute than `trial_function`, and the names travel with every batch, so that plots
# and analyses can use them.
#
# `accuracy_function` says what counts as correct. Here the lever counts as pressed where the
# output, averaged over the response period, is above one half.


# %%
class DelayedGoNoGo(Task):
    input_names = ("low tone", "high tone", "light")
    output_names = ("lever",)

    def __init__(self, N_batch, seed=None):
        super().__init__(N_in=3, N_out=1, dt=20, tau=100, T=1200, N_batch=N_batch, seed=seed)

    def generate_trial_params(self, batch, trial):
        return {"go": bool(self.rng.integers(2)), "delay": self.rng.uniform(100, 500)}

    def periods(self, params):
        return in_sequence(wait=200, tone=200, delay=params["delay"], response=300)

    def generate_trial(self, params):
        trial = Trial(self, params)
        trial.add_noise(0.05)
        trial.add("low tone" if params["go"] else "high tone", 1, during="tone")
        trial.add("light", 1, during="response")
        trial.target("lever", float(params["go"]), during="response")
        return trial.arrays()

    def accuracy_function(self, correct_output, test_output, output_mask):
        pressed = np.average(test_output, axis=1, weights=output_mask) > 0.5
        asked = np.average(correct_output, axis=1, weights=output_mask) > 0.5
        return np.mean(pressed == asked)


task = DelayedGoNoGo(N_batch=64, seed=1)
batch = task.get_trial_batch()
print(batch.periods[0])

# %% [markdown]
# Random durations are drawn in `generate_trial_params`, so that they are kept with the trial. A
# trial that ends before `T` is padded with zeros that do not count. `add_noise(0.05)` scales the
# noise so that a unit that reads the input fluctuates by 0.05, whatever `dt` is.
#
# `check_task` tests what training counts on, and warns of experiments that cannot mean what they
# say, such as trials without an answer or an accuracy that random outputs reach.

# %%
check_task(task)

# %% [markdown]
# Look at some trials before you train on them: most mistakes can be seen. The inputs are above,
# the target below. The bar along the bottom shows where it counts.

# %%
axes = plotting.trial(batch, trial=0)

# %% [markdown]
# ## Train a network on it
#
# A network of 30 units learns the experiment in a few seconds. `training_iters` counts trials, so
# this is 300 updates of 64 trials each. (`verbosity=False` hides the progress bar.)

# %%
model = Basic.for_task(task, N_rec=30, seed=1)
result = model.train(task, training_iters=300 * 64, learning_rate=0.003, verbosity=False)
print(f"loss {result.losses[0]:.4f} at first, {result.losses[-1]:.4f} at the end")

# %% [markdown]
# Test it on trials that it has never seen. A task with another seed draws other trials.

# %%
unseen = DelayedGoNoGo(N_batch=500, seed=2).get_trial_batch()
outputs, states = model.test(unseen.x)
accuracy = task.accuracy_function(unseen.y, outputs, unseen.mask)
print(f"{accuracy:.1%} of 500 unseen trials are right")

# %% [markdown]
# Two of these trials, one of each kind, with the output of the network:

# %%
go = np.array([params["go"] for params in unseen.params])
for kind in (True, False):
    axes = plotting.trial(unseen, trial=int(np.argmax(go == kind)), outputs=outputs)

# %% [markdown]
# Where to go on: [constraints of biology](biological_constraints.ipynb) for the network, a
# [curriculum](curriculum.ipynb) for experiments that are too hard at once, and the page on
# [experiments](../how_to/own_task.md), which has more on channels, noise and masks.

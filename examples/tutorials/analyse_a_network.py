# %% [markdown]
# # Analyse a network
#
# A network is trained on a perceptual decision and then treated like an animal: what does it
# choose, how does its activity evolve, where does this activity come to rest, and which units does
# it need? This is a whole analysis on one page. Arrays go in and arrays come out at every step, so
# any of them can be replaced by your own.
#
# ## Train
#
# Two noisy inputs are shown for a while, and the network reports which is stronger. With
# `coherence` 0 they are equal, and it has to guess. To the experiment of the library a wait is
# added: before the stimulus both outputs should stay low, so that reaction times mean something.

# %%
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, PerceptualDiscrimination, Silence, plotting
from psychrnn.analysis import behavior, connectivity, dynamics


class Decision(PerceptualDiscrimination):
    def generate_trial(self, params):
        x, y, mask = super().generate_trial(params)
        waiting = np.arange(self.N_steps) * self.dt <= params["onset_time"]
        y[waiting], mask[waiting] = 0.2, 1  # both outputs stay low before the stimulus
        return x, y, mask


options = dict(dt=20, tau=100, T=2000, stim_noise=1.0, coherences=[0.0, 0.1, 0.2, 0.4, 0.8])
task = Decision(N_batch=64, seed=3, **options)
model = Basic.for_task(task, N_rec=50, dale_ratio=0.8, autapses=False, seed=3)
before = model.get_weights()["W_rec"]
result = model.train(task, training_iters=600 * 64, learning_rate=0.002, verbosity=False)
ax = plotting.training(result)

# %% [markdown]
# ## Behaviour
#
# A table has one row for each of 2000 unseen trials. The psychometric function is fitted to the
# choices: where the curve crosses one half, how steep it is, and how often the network lapses.

# %%
batch = Decision(N_batch=2000, seed=4, **options).get_trial_batch()
outputs, states = model.test(batch.x)
table = behavior.trials_table(task, batch, outputs)
signed = np.where(table["direction"] == 1, 1, -1) * table["coherence"]
fit = behavior.psychometric(signed, table["choice"] == 1, unit="coherence", seed=1)
axes = plotting.trial(batch, trial=0, outputs=outputs)
ax = plotting.psychometric(fit)

# %% [markdown]
# Reaction times come from another readout: the first time after stimulus onset that an output
# reaches a threshold. Clear stimuli are answered earlier.

# %%
crossing = behavior.threshold_crossing(0.7, since="stimulus")
timed = behavior.trials_table(task, batch, outputs, crossing)
curve = behavior.chronometric(timed["coherence"], timed["reaction_time"], unit="coherence")
ax = plotting.chronometric(curve)

# %% [markdown]
# ## Activity
#
# Trials are aligned to the onset of the stimulus and averaged by coherence and choice. The units
# are sorted by the time of their largest activity.

# %%
aligned = dynamics.align(states, table["onset_time"], task.dt, window=(0, 1000))
conditions = {"coherence": table["coherence"], "choice": table["choice"]}
averages = dynamics.condition_averages(aligned.values, conditions, min_trials=10)
axes = plotting.activity(averages, dt=task.dt, order="peak")

# %% [markdown]
# When can the stronger input be read from the units? A linear decoder is trained and tested at each
# time, on different trials. Those with coherence 0 keep it from being right always.

# %%
decoding = dynamics.decode(aligned.values, table["direction"], seed=1)
ax = plotting.decoding(decoding, dt=task.dt)

# %% [markdown]
# ## State space and fixed points
#
# Few dimensions hold most of the activity. In the first two the trajectories of the two choices
# part during the stimulus, the faster the clearer it is. The fixed points are those without input:
# stable ones, where the network can wait or keep a choice, and saddle points between them.

# %%
pca = dynamics.pca(averages)
points = dynamics.fixed_points(model, inputs=[0, 0], seed=1)
print(points, "dimensions:", round(dynamics.participation_ratio(averages.averages), 1))
fixed = pca.project(points.states[points.is_fixed])[:, :2], points.stable[points.is_fixed]
paths = pca.project(averages.averages)[..., :2]
ax = plotting.trajectories(paths, averages.labels, dt=task.dt, fixed_points=fixed)

# %% [markdown]
# ## Connections
#
# The weights after training, excitatory units first, and the eigenvalues of the recurrent matrix
# before and after.

# %%
after = model.get_weights()["W_rec"]
figure, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
plotting.weights(after, signs=model, ax=axes[0])
for W_rec, ax in zip((before, after), axes[1:]):
    plotting.eigenvalues(connectivity.spectrum(W_rec), ax=ax)

# %% [markdown]
# ## A lesion
#
# The two excitatory units that prefer choice 1 most are silenced in every trial. The psychometric
# function moves to the side: the network has a bias against this choice, and the more evidence for
# it the less of a bias.

# %%
preference = np.nanmean(np.diff(averages.averages[-2:], axis=0)[0], axis=0)
lesioned_units = np.argsort(preference[:40])[-2:]
lesioned = model.test(batch.x, perturbations=[Silence(lesioned_units)]).outputs
choices = behavior.trials_table(task, batch, lesioned)["choice"] == 1
ax = plotting.psychometric(fit, label="intact")
ax = plotting.psychometric(behavior.psychometric(signed, choices, seed=1), ax=ax, label="lesioned")

# %% [markdown]
# Where to go on: silencing for a part of the trial, stimulation and more in
# [perturb a network](perturb_a_network.ipynb); readouts of your own and tables for pandas on the
# page on [behaviour](../how_to/behavior.md); all results and their fields in the
# [reference](../reference/index.md).

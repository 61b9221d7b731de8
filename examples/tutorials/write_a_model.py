# %% [markdown]
# # Write a model
#
# A new kind of network is a new step: how the state of all units follows from the state before and
# the input. You write one step for a whole batch of trials, in TensorFlow. Training, constraints,
# noise, files and analyses then work as for any other network.
#
# The example gives every synapse short-term plasticity. A spike uses up some of the transmitter,
# so that the synapse tires, and lets calcium in, so that the next release is larger. Both fade
# within seconds. Such synapses can hold a memory while the units are silent (Mongillo, Barak and
# Tsodyks 2008, Science 319).

# %% tags=["remove-stderr"]
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import psychrnn
from psychrnn import Basic, DelayedDiscrimination, plotting
from psychrnn.testing import check_model

# %% [markdown]
# ## The equations
#
# Every unit $j$ has a fraction $x_j$ of transmitter left and releases a fraction $u_j$ of it with
# each spike. With the rate $r_j = f(s_j)$ they follow
#
# $$
# \frac{dx_j}{dt} = \frac{1 - x_j}{\tau_x} - u_j x_j r_j, \qquad
# \frac{du_j}{dt} = \frac{U - u_j}{\tau_u} + U (1 - u_j) r_j ,
# $$
#
# and the rate that other units see is $r_j u_j x_j / U$, which is $r_j$ at rest. The state of the
# network has three parts now, $(s, x, u)$, each of shape `[N_batch, N_rec]`.


# %%
class ShortTermPlasticity(Basic):
    tau_x, tau_u, U = 200.0, 1500.0, 0.15  # ms, ms, release at rest
    spikes_per_ms = 0.01  # what a rate of 1 stands for: 10 spikes a second

    def initial_state(self):
        (s,) = super().initial_state()
        return s, tf.ones_like(s), self.U * tf.ones_like(s)

    def recurrent_timestep(self, rnn_in, s, x, u):
        rate = self.transfer_function(s)
        drive = (
            tf.matmul(rate * u * x / self.U, self.get_effective_W_rec(), transpose_b=True)
            + tf.matmul(rnn_in, self.get_effective_W_in(), transpose_b=True)
            + self.b_rec
        )
        s = (1 - self.alpha) * s + self.alpha * drive + self.recurrent_noise(s)
        spikes = self.spikes_per_ms * rate * self.dt
        change_of_x = self.dt * (1 - x) / self.tau_x - u * x * spikes
        change_of_u = self.dt * (self.U - u) / self.tau_u + self.U * (1 - u) * spikes
        x = tf.clip_by_value(x + change_of_x, 0.0, 1.0)
        return s, x, tf.clip_by_value(u + change_of_u, 0.0, 1.0)


# %% [markdown]
# Three habits keep a step compatible with the rest. It reads `get_effective_W_rec()` and its like,
# not `W_rec`, so that masks and Dale's principle act. It adds `recurrent_noise`, which is 0 unless
# `rec_noise` was asked for. And it returns the parts of the state in the order that it takes them;
# the first is what the output reads and what `test` returns.
#
# `check_model` trains it for a few updates and tests what all networks promise: trials of a batch
# do not see each other, weights survive a file, constraints hold.

# %%
task = DelayedDiscrimination(
    dt=20,
    tau=100,
    T=1800,
    N_batch=64,
    onset_time=100,
    stim_duration_1=300,
    delay_duration=800,
    stim_duration_2=300,
    decision_duration=200,
    seed=1,
)
model = ShortTermPlasticity.for_task(task, N_rec=50, dale_ratio=0.8, seed=1)
check_model(model)
print(model)

# %% [markdown]
# ## Train and test it
#
# The experiment presents two frequencies with a delay of 800 ms, and asks which was higher.

# %%
result = model.train(task, training_iters=150 * 64, learning_rate=0.002, verbosity=False)
batch = task.get_trial_batch()  # other trials than those of training
outputs, states = model.test(batch.x)
accuracy = task.accuracy_function(batch.y, outputs, batch.mask)
print(f"{accuracy:.1%} of {len(batch.x)} unseen trials are right")
axes = plotting.trial(batch, trial=0, outputs=outputs)

# %% [markdown]
# ## Look at what is new in it
#
# `test` returns the first part of the state. The others follow from it: the same equations in
# NumPy, over the rates of one trial.

# %%
rate = np.maximum(states[0], 0)  # relu, [N_steps, N_rec]
x, u = np.ones_like(rate), np.full_like(rate, model.U)
for step in range(1, len(rate)):
    before, spikes = step - 1, model.spikes_per_ms * rate[step - 1] * model.dt
    used = u[before] * x[before] * spikes
    x[step] = x[before] + model.dt * (1 - x[before]) / model.tau_x - used
    u[step] = u[before] + model.dt * (model.U - u[before]) / model.tau_u
    u[step] += model.U * (1 - u[before]) * spikes
efficacy = u * x / model.U

# %%
busy = np.argsort(rate.sum(axis=0))[-5:]  # the five units with the highest rates
time = task.dt * np.arange(len(rate))
delay = batch.periods[0]["delay"]
figure, axes = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
axes[0].plot(time, rate[:, busy])
axes[0].set_ylabel("firing rate")
axes[1].plot(time, efficacy[:, busy])
axes[1].set(xlabel="time (ms)", ylabel="synaptic efficacy")
for ax in axes:
    ax.axvspan(*delay, color="0.9", zorder=0)

# %% [markdown]
# The delay is shaded. In it the rates of these units fall, while their synapses stay stronger than
# at rest, so some of the memory may be in the synapses. How much is a question for
# [perturbations](perturb_a_network.ipynb).
#
# ## Keep it
#
# A weight file names the class, and `load` is told what the name stands for.

# %%
model.save("short_term_plasticity.npz")
same = psychrnn.load(
    "short_term_plasticity.npz", custom_objects={"ShortTermPlasticity": ShortTermPlasticity}
)
print(np.array_equal(same.test(batch.x).outputs, outputs))

# %% [markdown]
# Where to go on: weights of your own that are trained, and networks that are not a step, are on
# the page on [networks](../how_to/own_network.md).

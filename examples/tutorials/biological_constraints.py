# %% [markdown]
# # Biological constraints
#
# A network that may connect everything with everything, by weights of any sign, solves a task in
# ways that no brain could. Constraints say which connections exist, which units excite and which
# inhibit, and which weights may be learned. They hold from the first update to the last.
#
# The example has two areas of 25 units each. A sensory area sees the stimulus, a motor area makes
# the choice, and only excitatory axons reach from one to the other.

# %%
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, PerceptualDiscrimination, plotting
from psychrnn.analysis import connectivity

task = PerceptualDiscrimination(dt=20, tau=100, T=1000, N_batch=64, seed=1)

# %% [markdown]
# ## Who excites, who inhibits
#
# By Dale's principle a neuron either excites all its targets or inhibits all of them.
# `dale_ratio=0.8` makes the first 80 % of the units excitatory and the others inhibitory. So units
# 0 to 39 are excitatory here, and 40 to 49 inhibitory. Each area gets 20 of the first and 5 of the
# second.

# %%
units = np.arange(50)
excitatory = units < 40
sensory = (units < 20) | ((units >= 40) & (units < 45))
motor = ~sensory

# %% [markdown]
# ## Which connections exist
#
# A connectivity matrix has 1 where a connection exists and 0 where there is none. Rows are
# targets, columns are sources, as in all weight matrices here: `W_rec[i, j]` is the connection
# from unit j to unit i.
#
# Within an area everything is connected. Between the areas there are excitatory axons only, and
# one in five of the possible ones, drawn at random.

# %%
within = np.equal.outer(sensory, sensory)
sparse = np.random.default_rng(1).random((50, 50)) < 0.2
rec_connectivity = within | (sparse & excitatory)

input_connectivity = np.zeros((50, task.N_in))
input_connectivity[sensory] = 1  # only the sensory area sees the stimulus
output_connectivity = np.zeros((task.N_out, 50))
output_connectivity[:, motor] = 1  # only the motor area makes the choice

# %%
model = Basic.for_task(
    task,
    N_rec=50,
    dale_ratio=0.8,
    autapses=False,  # no unit connects to itself
    rec_connectivity=rec_connectivity,
    input_connectivity=input_connectivity,
    output_connectivity=output_connectivity,
    seed=1,
)
print(model)

# %% [markdown]
# ## Which weights are learned
#
# Whole matrices stay as they are by `W_in_train=False` and the like, when the network is made.
# Single entries stay as they are by `fixed_weights`, when it is trained: 1 where an entry is
# fixed. Here learning is in excitatory synapses, and those of inhibitory units are fixed.

# %%
fixed = np.zeros((50, 50))
fixed[:, ~excitatory] = 1

before = model.get_weights()["W_rec"]
result = model.train(
    task,
    training_iters=500 * 64,
    learning_rate=0.003,
    fixed_weights={"W_rec": fixed},
    verbosity=False,
)
after = model.get_weights()["W_rec"]

# %%
others = PerceptualDiscrimination(dt=20, tau=100, T=1000, N_batch=500, seed=2)
unseen = others.get_trial_batch()
accuracy = task.accuracy_function(unseen.y, model.test(unseen.x).outputs, unseen.mask)
print(f"{accuracy:.1%} of 500 unseen trials are right")

# %% [markdown]
# ## Before and after
#
# `get_weights` gives effective weights: those that act in the network, with masks and signs
# applied. So the constraints can be read off the matrix.

# %%
print("excitatory units only excite:", (after[:, excitatory] >= 0).all())
print("inhibitory units only inhibit:", (after[:, ~excitatory] <= 0).all())
print("no connections that do not exist:", not after[~rec_connectivity].any())
print("no autapses:", not np.diag(after).any())
print("fixed weights are as they were:", np.array_equal(after[fixed == 1], before[fixed == 1]))
plastic = (before != 0) & (fixed == 0)
print("of the others moved:", f"{(after != before)[plastic].mean():.0%}")

# %% [markdown]
# The units in the pictures are sorted by area and sign. Red weights excite and blue ones inhibit,
# so every column has one colour. The blocks between the areas have few weights and no blue ones.

# %%
blocks = {
    "sensory E": np.flatnonzero(sensory & excitatory),
    "sensory I": np.flatnonzero(sensory & ~excitatory),
    "motor E": np.flatnonzero(motor & excitatory),
    "motor I": np.flatnonzero(motor & ~excitatory),
}
figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
for ax, title, W_rec in zip(axes, ("before training", "after training"), (before, after)):
    plotting.weights(W_rec, blocks=blocks, ax=ax)
    ax.set_title(title)

# %% [markdown]
# `psychrnn.analysis.connectivity` puts numbers to it: the mean absolute change of the weights,
# from block to block.

# %%
changes = connectivity.change(before, after, blocks=blocks).blocks
rows = zip(changes["source"], changes["target"], changes["mean_absolute"])
for source, target, size in rows:
    print(f"{source} -> {target}: {size:.3f}")

# %% [markdown]
# NaN stands for blocks without connections, and 0 for those whose weights were fixed.
#
# Where to go on: which weights matter when is the question of
# [perturbations](perturb_a_network.ipynb). What effective weights are, and which sign the output's
# have, is on the page on [equations](../background/equations.md).

# %% [markdown]
# # A curriculum
#
# An animal is not put before the final experiment on its first day. It learns a simple form of it,
# then a harder one: it is shaped. Networks can be shaped too, and some experiments are learned in
# this way and in no other.
#
# The example is delayed match to sample. A sample, A or B, is followed by a delay and a test
# stimulus, A or B. The answer is whether the two were the same.

# %%
from psychrnn import Basic, Curriculum, Task, Trial, in_sequence, plotting
from psychrnn.tasks.accuracy import choice_accuracy


class DelayedMatch(Task):
    input_names = ("A", "B")
    output_names = ("match", "non-match")

    def __init__(self, delay, N_batch, seed=None):
        self.delay = delay
        super().__init__(N_in=2, N_out=2, dt=20, tau=100, T=800 + delay, N_batch=N_batch, seed=seed)

    def generate_trial_params(self, batch, trial):
        return {"sample": int(self.rng.integers(2)), "test": int(self.rng.integers(2))}

    def periods(self, params):
        return in_sequence(wait=100, sample=200, delay=self.delay, test=200, choice=300)

    def generate_trial(self, params):
        trial = Trial(self, params)
        trial.add_noise(0.1)
        trial.add(params["sample"], 1, during="sample")
        trial.add(params["test"], 1, during="test")
        same = params["sample"] == params["test"]
        trial.target("match" if same else "non-match", 1, during="choice")
        return trial.arrays()

    def accuracy_function(self, correct_output, test_output, output_mask):
        return choice_accuracy(correct_output, test_output, output_mask)


# %% [markdown]
# The hardest form has a delay of two seconds, twenty times the time constant of a unit. Here is
# one trial of it.

# %%
hardest = DelayedMatch(delay=2000, N_batch=500, seed=100).get_trial_batch()
axes = plotting.trial(hardest, trial=0)

# %% [markdown]
# ## Without a curriculum
#
# A network of 50 units is trained on the long delay from the start.

# %%
task = DelayedMatch(delay=2000, N_batch=64, seed=1)
direct = Basic.for_task(task, N_rec=50, seed=1)
direct_result = direct.train(task, training_iters=300 * 64, learning_rate=0.002, verbosity=False)
accuracy = task.accuracy_function(hardest.y, direct.test(hardest.x).outputs, hardest.mask)
print(f"{accuracy:.1%} after 300 updates, where guessing gives 50 %")

# %% [markdown]
# ## With one
#
# A `Curriculum` is a list of tasks, from easy to hard. Every `metric_epoch` updates the network is
# tested on trials that it is not trained on. When its accuracy reaches the threshold, training
# goes on with the next task, and after the last one it ends.

# %%
delays = [0, 300, 1000, 2000]
stages = [DelayedMatch(delay, N_batch=64, seed=2 + k) for k, delay in enumerate(delays)]
curriculum = Curriculum(stages, thresholds=[0.9, 0.9, 0.9, 0.95], metric_epoch=10, n_trials=256)
shaped = Basic.for_task(stages[0], N_rec=50, seed=1)
result = shaped.train(
    None,
    curriculum=curriculum,
    training_iters=300 * 64,
    learning_rate=0.002,
    verbosity=False,
)
accuracy = task.accuracy_function(hardest.y, shaped.test(hardest.x).outputs, hardest.mask)
updates = 10 * len(result.losses)
print(f"{accuracy:.1%} after {updates} updates")

# %% [markdown]
# The easiest task has no delay, and there the network finds out what the experiment is about:
# compare two stimuli. Each longer delay then asks for a little more memory of a network that knows
# why it should remember.
#
# The picture shows the loss, the accuracy of the tests, and the stages, which are shaded in turn.

# %%
ax = plotting.training(result, curriculum=curriculum)

# %% [markdown]
# The log has the same as arrays: updates, stage, accuracy and loss of every test.

# %%
log = curriculum.log
for update, stage, accuracy in zip(log.update, log.stage, log.accuracy):
    print(f"update {update:3d}: stage {stage}, accuracy {accuracy:.2f}")

# %% [markdown]
# Whether the direct way succeeds depends on where the weights start. Of the networks with seeds 1
# to 5, two learned the long delay directly within these 300 updates, and all five with the
# curriculum. One network is an anecdote: compare ways of training on several seeds.
#
# A curriculum can also wait for several good tests in a row, go back to an easier task, and use a
# criterion of your own: see [how](../how_to/curriculum.md).

"""One training step of the same network, written for each library the way its users write it.

Each function takes sizes and returns a function that makes one update: forward, backward,
gradients clipped to norm 1, Adam; those of this library return a function that trains on and on
and calls another after each update. The network is ``Basic`` with relu, and the loss the mean
squared error. At size B only PsychRNN 1.0 and this library apply Dale's principle and a mask, and
all draw recurrent noise: the others do less work. The weights of Keras start elsewhere.
"""

import itertools

import numpy as np

ALPHA, RATE = 0.1, 1e-3


def batch(trials, steps):
    """Return inputs, targets and mask."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((trials, steps, 2)).astype(np.float32) for _ in range(2))
    return x, y, np.ones_like(y)


def weights(units):
    """Return start weights: recurrent, input, output, two biases, start state."""
    rng = np.random.default_rng(1)
    shapes = [(units, units), (units, 2), (2, units), (units,), (2,), (1, units)]
    scale = [1 / np.sqrt(units), 0.5, 1 / np.sqrt(units), 0, 0, 0]
    return [(s * rng.standard_normal(z)).astype(np.float32) for s, z in zip(scale, shapes)]


def _psychrnn(cls, trials, steps, units, hard):
    options = {"N_in": 2, "N_out": 2, "N_rec": units, "N_steps": steps, "N_batch": trials}
    options |= {"dt": 10, "tau": 100, "name": "speed", "seed": 1}
    if hard:
        options |= {"dale_ratio": 0.8, "autapses": False, "rec_noise": 0.1}
    return _trained(cls(options), trials, steps)


def _trained(model, trials, steps):
    from psychrnn.backend.callbacks import Callback

    class Steps(Callback):
        """Hands control back after each update."""

        def on_step_end(self, loop):
            self.each()

    def run(each):
        steps_of_train = Steps()
        steps_of_train.each = each
        batches = itertools.cycle([(*batch(trials, steps), None)])
        model.train(batches, training_iters=1e12, verbosity=False, callbacks=[steps_of_train])

    return run


def psychrnn(*sizes):
    """Return a step of this library, with the network's own equations."""
    from psychrnn import Basic

    return _psychrnn(Basic, *sizes)


def psychrnn_own_step(*sizes):
    """Return a step of this library, for a user's class with a step of its own."""
    import tensorflow as tf

    from psychrnn import Basic

    class Own(Basic):
        def recurrent_timestep(self, rnn_in, state):
            rate = tf.nn.relu(state)
            drive = tf.matmul(rate, self.get_effective_W_rec(), transpose_b=True)
            drive += tf.matmul(rnn_in, self.get_effective_W_in(), transpose_b=True) + self.b_rec
            noise = self.recurrent_noise(state)
            return (1 - self.alpha) * state + self.alpha * drive + noise

    return _psychrnn(Own, *sizes)


def tensorflow_unrolled(trials, steps, units, hard):
    """Return a step of TensorFlow code with a Python loop over time in a ``tf.function``."""
    import tensorflow as tf

    W, W_in, W_out, b, b_out, start = variables = [tf.Variable(w) for w in weights(units)]
    optimizer = tf.keras.optimizers.Adam(RATE)
    data = [tf.constant(part) for part in batch(trials, steps)]

    @tf.function(autograph=False)
    def update(x, y, mask):
        with tf.GradientTape() as tape:
            state, outputs = tf.tile(start, [trials, 1]), []
            for x_t in tf.unstack(x, axis=1):
                rate = tf.nn.relu(state)
                drive = tf.matmul(rate, W, transpose_b=True)
                drive += tf.matmul(x_t, W_in, transpose_b=True) + b
                state = (1 - ALPHA) * state + ALPHA * drive
                if hard:
                    state += 0.0447 * tf.random.normal(tf.shape(state))
                outputs.append(tf.matmul(tf.nn.relu(state), W_out, transpose_b=True) + b_out)
            loss = tf.reduce_mean(tf.square(mask * (tf.stack(outputs, 1) - y)))
        found = [tf.clip_by_norm(g, 1.0) for g in tape.gradient(loss, variables)]
        optimizer.apply_gradients(zip(found, variables))
        return loss

    return lambda: update(*data).numpy()


def keras_rnn(trials, steps, units, hard):
    """Return a step of ``keras.layers.RNN`` with a cell of the same equations."""
    import keras
    from keras import ops

    class Cell(keras.layers.Layer):
        state_size = units

        def build(self, shape):
            make = self.add_weight
            self.W, self.W_in = make(shape=(units, units)), make(shape=(2, units))
            self.b = make(shape=(units,), initializer="zeros")
            self.noise = keras.random.SeedGenerator(1)

        def call(self, x_t, states):
            (state,) = states
            drive = ops.matmul(ops.relu(state), self.W) + ops.matmul(x_t, self.W_in) + self.b
            state = (1 - ALPHA) * state + ALPHA * drive
            if hard:
                state += 0.0447 * keras.random.normal(ops.shape(state), seed=self.noise)
            return ops.relu(state), [state]

    layers = [keras.layers.RNN(Cell(), return_sequences=True), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((steps, 2)), *layers])
    model.compile(keras.optimizers.Adam(RATE, clipnorm=1.0), "mse", jit_compile=True)
    x, y, _ = batch(trials, steps)
    return lambda: model.train_on_batch(x, y)


def pytorch(trials, steps, units, hard):
    """Return a step of PyTorch with the usual loop over time."""
    import torch

    tensors = [torch.tensor(w, requires_grad=True) for w in weights(units)]
    W, W_in, W_out, b, b_out, start = tensors
    optimizer = torch.optim.Adam(tensors, RATE)
    x, y, mask = (torch.tensor(part) for part in batch(trials, steps))

    def step():
        optimizer.zero_grad()
        state, states = start.expand(trials, units), []
        for t in range(steps):
            drive = torch.relu(state) @ W.T + x[:, t] @ W_in.T + b
            state = (1 - ALPHA) * state + ALPHA * drive
            if hard:
                state = state + 0.0447 * torch.randn_like(state)
            states.append(state)
        outputs = torch.relu(torch.stack(states, 1)) @ W_out.T + b_out
        ((mask * (outputs - y)) ** 2).mean().backward()
        for tensor in tensors:
            torch.nn.utils.clip_grad_norm_(tensor, 1.0)
        optimizer.step()

    return step


def jax_scan(trials, steps, units, hard):
    """Return a step of JAX with ``lax.scan``, and Adam written out."""
    import jax
    import jax.numpy as jnp

    data = [jnp.asarray(part) for part in batch(trials, steps)]

    def loss(tensors, number, x, y, mask):
        W, W_in, W_out, b, b_out, start = tensors

        def one(state, given):
            x_t, key = given
            drive = jax.nn.relu(state) @ W.T + x_t @ W_in.T + b
            state = (1 - ALPHA) * state + ALPHA * drive
            if hard:
                state += 0.0447 * jax.random.normal(key, state.shape)
            return state, jax.nn.relu(state) @ W_out.T + b_out

        keys = jax.random.split(jax.random.key(number), steps)
        _, outputs = jax.lax.scan(one, jnp.tile(start, (trials, 1)), (jnp.swapaxes(x, 0, 1), keys))
        return jnp.mean((mask * (jnp.swapaxes(outputs, 0, 1) - y)) ** 2)

    return jax_adam(loss, [jnp.asarray(w) for w in weights(units)], data)


def jax_adam(loss, tensors, data):
    """Return a step of JAX that minimizes ``loss(tensors, number of the step, *data)``."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def update(tensors, m, v, n, *data):
        found = jax.grad(loss)(tensors, n, *data)
        found = [g / jnp.maximum(1.0, jnp.linalg.norm(g.ravel())) for g in found]
        m = [0.9 * a + 0.1 * g for a, g in zip(m, found)]
        v = [0.999 * a + 0.001 * g**2 for a, g in zip(v, found)]
        rate = RATE * jnp.sqrt(1 - 0.999 ** (n + 1.0)) / (1 - 0.9 ** (n + 1.0))
        new = [w - rate * a / (jnp.sqrt(c) + 1e-8) for w, a, c in zip(tensors, m, v)]
        return new, m, v, n + 1

    zeros = [jnp.zeros_like(w) for w in tensors]
    memory = [(tensors, zeros, zeros, 0)]

    def step():
        memory[0] = jax.block_until_ready(update(*memory[0], *data))

    return step


def c_kernel(trials, steps, units, hard):
    """Return a step of ``floor.c``, compiled here: the floor of what this arithmetic costs."""
    import ctypes
    import os
    import subprocess
    import tempfile
    from pathlib import Path

    library = os.path.join(tempfile.mkdtemp(), "floor.so")
    options = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC"]
    source = str(Path(__file__).with_name("floor.c"))
    subprocess.run(["cc", *options, source, "-o", library, "-lm"], check=True)
    update = ctypes.CDLL(library).update
    update.restype = ctypes.c_double

    flat = np.concatenate([w.ravel() for w in weights(units)])
    m, v, gradient = (np.zeros_like(flat) for _ in range(3))
    data = batch(trials, steps)
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    sizes = [ctypes.c_int(n) for n in (trials, steps, units, 2, 2)]
    rest = [*sizes, ctypes.c_float(ALPHA), ctypes.c_float(RATE), ctypes.c_int(threads)]
    number = [0]

    def step():
        number[0] += 1
        arrays = [a.ctypes.data_as(ctypes.c_void_p) for a in (flat, m, v, gradient)]
        given = [a.ctypes.data_as(ctypes.c_void_p) for a in data]
        return update(*arrays, ctypes.c_int(number[0]), *given, *rest)

    step.gradient = gradient
    return step


def psychrnn_1(trials, steps, units, hard):
    """Return a step of the published PsychRNN 1.0, in its own graph and session."""
    from psychrnn.backend.models.basic import Basic

    options = {"N_in": 2, "N_out": 2, "N_rec": units, "N_steps": steps, "N_batch": trials}
    options |= {"dt": 10, "tau": 100, "alpha": 0.1, "name": "speed"}
    if hard:
        options |= {"dale_ratio": 0.8, "autapses": False, "rec_noise": 0.1}
    return _trained_1(Basic(options), trials, steps)


def _trained_1(model, trials, steps):
    import tensorflow as tf

    model.build()
    optimizer = tf.compat.v1.train.AdamOptimizer(RATE)
    found = optimizer.compute_gradients(model.reg_loss)
    update = optimizer.apply_gradients(
        [(tf.clip_by_norm(g, 1.0), v) for g, v in found if g is not None]
    )
    model.sess.run(tf.compat.v1.global_variables_initializer())
    keys = (model.x, model.y, model.output_mask)
    fed = dict(zip(keys, batch(trials, steps)))
    return lambda: model.sess.run(update, fed)


ALL = {
    "PsychRNN 1.0": psychrnn_1,
    "psychrnn": psychrnn,
    "psychrnn, own step": psychrnn_own_step,
    "TensorFlow, unrolled": tensorflow_unrolled,
    "Keras RNN, jit": keras_rnn,
    "PyTorch, usual loop": pytorch,
    "JAX, lax.scan": jax_scan,
    "C, by hand": c_kernel,
}

"""One training step of the same LSTM, written for each library the way its users write it.

As in ``contestants.py``. Keras and PyTorch have their own start weights.
"""

import numpy as np
from contestants import ALPHA, RATE, _trained, _trained_1, batch


def _options(trials, steps, units):
    sizes = {"N_in": 2, "N_out": 2, "N_rec": units, "N_steps": steps, "N_batch": trials}
    return sizes | {"dt": 10, "tau": 10 / ALPHA, "name": "speed"}


def psychrnn(trials, steps, units, hard):
    """Return a step of this library."""
    from psychrnn import LSTM

    return _trained(LSTM({**_options(trials, steps, units), "seed": 1}), trials, steps)


def psychrnn_gru(trials, steps, units, hard):
    """Return a step of this library's GRU, which does three quarters of the work."""
    from psychrnn import GRU

    return _trained(GRU({**_options(trials, steps, units), "seed": 1}), trials, steps)


def keras_lstm(trials, steps, units, hard):
    """Return a step of ``keras.layers.LSTM``."""
    import keras

    layers = [keras.layers.LSTM(units, return_sequences=True), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((steps, 2)), *layers])
    model.compile(keras.optimizers.Adam(RATE, clipnorm=1.0), "mse")
    x, y, _ = batch(trials, steps)
    return lambda: model.train_on_batch(x, y)


def pytorch_lstm(trials, steps, units, hard):
    """Return a step of ``torch.nn.LSTM``."""
    import torch

    torch.manual_seed(0)
    recurrent = torch.nn.LSTM(2, units, batch_first=True)
    readout = torch.nn.Linear(units, 2)
    tensors = [*recurrent.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(tensors, RATE)
    x, y, mask = (torch.tensor(part) for part in batch(trials, steps))

    def step():
        optimizer.zero_grad()
        ((mask * (readout(recurrent(x)[0]) - y)) ** 2).mean().backward()
        for tensor in tensors:
            torch.nn.utils.clip_grad_norm_(tensor, 1.0)
        optimizer.step()

    return step


def jax_lstm(trials, steps, units, hard):
    """Return a step of JAX with ``lax.scan``, and Adam written out."""
    import jax
    import jax.numpy as jnp
    from contestants import jax_adam

    rng = np.random.default_rng(1)
    shapes = [(units + 2, 4 * units), (4 * units,), (units, 2), (2,)]
    tensors = [jnp.asarray(0.1 * rng.standard_normal(s), jnp.float32) for s in shapes]
    data = [jnp.asarray(part) for part in batch(trials, steps)]

    def loss(tensors, number, x, y, mask):
        W, b, W_out, b_out = tensors

        def one(state, x_t):
            hidden, cell = state
            drive = jnp.concatenate([hidden, x_t], axis=1) @ W + b
            forget, write, read, new = jnp.split(drive, 4, axis=1)
            cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(write) * jnp.tanh(new)
            hidden = jax.nn.sigmoid(read) * jnp.tanh(cell)
            return (hidden, cell), hidden @ W_out + b_out

        zeros = jnp.zeros((trials, units))
        _, outputs = jax.lax.scan(one, (zeros, zeros), jnp.swapaxes(x, 0, 1))
        return jnp.mean((mask * (jnp.swapaxes(outputs, 0, 1) - y)) ** 2)

    return jax_adam(loss, tensors, data)


def psychrnn_1(trials, steps, units, hard):
    """Return a step of the published PsychRNN 1.0."""
    from psychrnn.backend.models.lstm import LSTM

    return _trained_1(LSTM({**_options(trials, steps, units), "alpha": ALPHA}), trials, steps)


ALL = {
    "PsychRNN 1.0": psychrnn_1,
    "psychrnn": psychrnn,
    "psychrnn, GRU": psychrnn_gru,
    "Keras LSTM": keras_lstm,
    "PyTorch, nn.LSTM": pytorch_lstm,
    "JAX, lax.scan": jax_lstm,
}

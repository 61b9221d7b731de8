"""The rate network in a few lines of NumPy, in float64: what the library is tested against."""

from __future__ import annotations

import numpy as np

TRANSFER = {
    "relu": lambda s: np.maximum(s, 0),
    "tanh": np.tanh,
    "user": lambda s: s / (1 + np.abs(s)) + 0.1 * s**2,
}


def effective(W, mask, signs):
    return W * mask if signs is None else np.abs(W * mask) @ np.diag(signs)


def forward(raw, masks, signs, transfer, alpha, x):
    """Return outputs and states of every trial, computed one step at a time."""
    f, sign_out = TRANSFER[transfer], None if signs is None else (signs > 0).astype(float)
    W_rec = effective(raw["W_rec"], masks["rec_connectivity"], signs)
    W_in = effective(raw["W_in"], masks["input_connectivity"], signs if signs is None else
                     np.ones(x.shape[2]))  # fmt: skip
    W_out = effective(raw["W_out"], masks["output_connectivity"], sign_out)
    state, states = np.repeat(raw["init_state"].reshape(1, -1), len(x), axis=0), []
    for t in range(x.shape[1]):
        drive = f(state) @ W_rec.T + x[:, t] @ W_in.T + raw["b_rec"]
        state = (1 - alpha) * state + alpha * drive
        states.append(state)
    states = np.stack(states, axis=1)
    return f(states) @ W_out.T + raw["b_out"], states


def numerical_gradient(loss, weights, step=1e-6):
    """Return central differences of ``loss(weights)`` for every entry of every weight."""
    gradients = {}
    for key, values in weights.items():
        gradients[key] = np.zeros_like(values)
        for index in np.ndindex(values.shape):
            ends = []
            for sign in (1, -1):
                moved = values.copy()
                moved[index] += sign * step
                ends.append(loss({**weights, key: moved}))
            gradients[key][index] = (ends[0] - ends[1]) / (2 * step)
    return gradients


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def lstm(w, x, shown=np.tanh):
    """Return outputs and hidden states of an LSTM with effective weights ``w``."""
    h, c = (np.repeat(w[key], len(x), axis=0) for key in ("init_hidden", "init_cell"))
    states = []
    for t in range(x.shape[1]):
        z = np.concatenate([h, x[:, t]], axis=1)
        f, i, o = (sigmoid(z @ w[f"W_{gate}"] + w[f"b_{gate}"]) for gate in "fio")
        c = f * c + i * np.tanh(z @ w["W_c"] + w["b_c"])
        h = o * shown(c)
        states.append(h)
    states = np.stack(states, axis=1)
    return states @ w["W_out"].T + w["b_out"], states


def gru(w, x):
    """Return outputs and hidden states of a GRU with effective weights ``w``."""
    h, states = np.repeat(w["init_hidden"], len(x), axis=0), []
    N_rec = h.shape[1]
    for t in range(x.shape[1]):
        z = np.concatenate([h, x[:, t]], axis=1)
        update, reset = (sigmoid(z @ w[f"W_{gate}"] + w[f"b_{gate}"]) for gate in "zr")
        recalled = h @ w["W_n"][:N_rec] + w["b_h"]
        new = np.tanh(x[:, t] @ w["W_n"][N_rec:] + w["b_n"] + reset * recalled)
        h = (1 - update) * h + update * new
        states.append(h)
    states = np.stack(states, axis=1)
    return states @ w["W_out"].T + w["b_out"], states

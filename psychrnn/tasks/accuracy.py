"""How outputs are scored."""

from __future__ import annotations

import numpy as np

from psychrnn import _checks


def choice_accuracy(
    correct_output: np.ndarray, test_output: np.ndarray, output_mask: np.ndarray
) -> np.float64:
    r"""Return the fraction of trials in which the network chose the right output channel.

    The choice is :math:`\arg\max_k \sum_t m_{tk} o_{tk}` (ties: the lowest channel).
    Trials in which the mask is 0 throughout ask for no choice and are left out.

    Arguments:
        correct_output: target outputs, ``[N_batch, N_steps, N_out]``.
        test_output: outputs of the network, the same shape.
        output_mask: mask of the targets, the same shape.

    Raises:
        ParameterError: if the shapes differ, there is one channel only, or no trial has a mask
            above 0.

    Example:
        >>> y = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
        >>> float(choice_accuracy(y, np.array([[[0.9, 0.2]], [[0.8, 0.1]]]), np.ones_like(y)))
        0.5

    """
    correct, output, mask = (
        _checks.numeric("choice_accuracy", part)
        for part in (correct_output, test_output, output_mask)
    )
    if not (correct.shape == output.shape == mask.shape and correct.ndim == 3):
        raise _checks.error(
            "choice_accuracy",
            "three arrays of the same shape [N_batch, N_steps, N_out]",
            f"{correct.shape}, {output.shape} and {mask.shape}",
        )
    if correct.shape[2] == 1:
        expected, advice = (
            "two output channels or more to choose between",
            ("Score one channel by an accuracy_function of your own."),
        )
        raise _checks.error("choice_accuracy", expected, "one", advice)
    if not np.isfinite(output).all():
        raise _checks.error("choice_accuracy", "finite outputs", "NaN or infinity")
    counted = mask.any(axis=(1, 2))
    if not counted.any():
        raise _checks.error(
            "choice_accuracy", "a mask above 0 in at least one trial", "an empty mask in every one"
        )
    chosen = np.argmax((output * mask)[counted].mean(axis=1), axis=1)
    wanted = np.argmax((correct * mask)[counted].mean(axis=1), axis=1)
    return np.mean(chosen == wanted)

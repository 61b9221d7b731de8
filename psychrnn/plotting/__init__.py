"""Pictures of tasks, networks and their behaviour; every function takes ``ax=`` and returns Axes.

A function draws into the axes that it is given, or into a new figure where ``ax`` is None. It
shows nothing and changes no setting of Matplotlib: call ``plt.show()`` in a script, or
``ax.figure.savefig("picture.pdf")``. Colours can be told apart by the colour-blind and in grey.
Legends and colour bars stand beside the axes, but those of psychometric and
chronometric curves. Figures that hold several
pictures are best made with ``layout="constrained"``, or "compressed" for three dimensions.
"""

from psychrnn.plotting.curves import chronometric, confusion, psychometric
from psychrnn.plotting.learning import training
from psychrnn.plotting.matrices import eigenvalues, weights
from psychrnn.plotting.state_space import trajectories
from psychrnn.plotting.trials import trial
from psychrnn.plotting.units import activity, decoding

__all__ = [
    "activity",
    "chronometric",
    "confusion",
    "decoding",
    "eigenvalues",
    "psychometric",
    "training",
    "trajectories",
    "trial",
    "weights",
]

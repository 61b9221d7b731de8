"""Run all experiments of the paper, and write figures and ``results.json``.

``python examples/paper/run_all.py`` runs them at full size, ``--quick`` in minutes with too few
updates and trials to learn anything. A run that was interrupted goes on where it stopped when the
same command is given again; a folder with a finished run is replaced with ``--overwrite``.
"""

import argparse

import common
import figure_1
import figure_2
import figure_3
import figure_4
import figure_5
import figure_6

FIGURES = {
    module.__name__: module.run
    for module in (figure_1, figure_2, figure_3, figure_4, figure_5, figure_6)
}


def main():
    """Run every figure that is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    common.options(parser)
    given = parser.parse_args()
    folder = given.output or ("paper_quick" if given.quick else "paper_results")
    store = common.Store(folder, given.quick, given.overwrite)
    common.run_figures(store, FIGURES)


if __name__ == "__main__":
    main()

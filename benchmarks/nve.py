"""How well a trained potential conserves energy: 10 ps of acetylacetone at 300 K without a thermostat; writes nve.md.

    python benchmarks/nve.py [--picoseconds 10] [--model FILE]

Without --model, the potential that ships with the package.  The molecule is relaxed, brought to 300 K by 2 ps of
Langevin dynamics, given new velocities, and then left alone, from the same positions and velocities each time.  A line
is fitted through the total energy: the drift is its rise over the whole run, the spread the standard deviation from it.
"""

import argparse
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from dmol_molnet import Molecule, datasets, dynamics
from dmol_molnet.calculator import MolnetCalculator
from dmol_molnet.nn import pretrained
from dmol_molnet.nn.design_space import build
from dmol_molnet.nn.potential import Potential

RUNS = (("float32", 0.5), ("float32", 0.25), ("float64", 0.5))


def in_double(potential):
    """The same weights, computed with in float64."""
    keras.config.set_dtype_policy("float64")
    try:
        network = build("schnet", **potential.model.arguments, neighbors=potential.model.neighbors)
        network.set_weights(potential.model.get_weights())
        return Potential(network, potential.normalisation)
    finally:
        keras.config.set_dtype_policy("float32")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picoseconds", type=float, default=10.0)
    parser.add_argument("--model")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    if arguments.model:
        potential, made = Potential.load(arguments.model), f"`{arguments.model}`"
    else:
        potential, made = pretrained.load("schnet"), f"`{pretrained.COMMANDS['schnet']}`"
    errors = potential.evaluate(datasets.load("acetylacetone").test_300K)
    atoms = dynamics.to_atoms(datasets.load("acetylacetone").test_300K[0], MolnetCalculator(potential))
    relaxed = dynamics.relax(atoms)
    heated = dynamics.run(atoms, None, temperature=300, picoseconds=2, seed=1)
    if heated.stopped:
        raise SystemExit(f"the potential does not hold the molecule: {heated.stopped}")
    start = atoms.copy()
    dynamics.heat(start, 300, np.random.default_rng(2))  # the thermostat has moved and turned it as a whole
    rows = []
    for precision, timestep in RUNS:
        keras.config.set_dtype_policy(precision)
        used = potential if precision == "float32" else in_double(potential)
        keras.config.set_dtype_policy(precision)
        atoms = dynamics.to_atoms(Molecule(start.numbers, start.positions), MolnetCalculator(used))
        atoms.set_momenta(start.get_momenta())
        atoms.get_potential_energy()  # compiles
        began = time.perf_counter()
        done = dynamics.run(
            atoms, None, temperature=300, picoseconds=arguments.picoseconds, timestep=timestep, friction=None
        )
        seconds = time.perf_counter() - began
        if done.stopped:
            raise SystemExit(f"{precision}: {done.stopped}")
        steps = done.picoseconds * 1000 / timestep
        rows.append(
            f"| {precision} | {timestep:g} | {done.temperature:.0f} | {done.drift * done.picoseconds:+.4f} | "
            f"{done.spread:.4f} | {1000 * seconds / steps:.2f} |"
        )
        print(rows[-1], flush=True)
    arguments.output.write_text(
        "\n".join(
            [
                "# Conservation of energy",
                "",
                f"Made by `python benchmarks/nve.py --picoseconds {arguments.picoseconds:g}`: acetylacetone without a "
                f"thermostat for {arguments.picoseconds:g} ps,",
                f"on the potential of {made}, whose errors (RMSE) on",
                f"`test_300K` are {1000 * errors['energy_rmse_per_atom']:.2f} meV/atom and "
                f"{1000 * errors['force_rmse']:.1f} meV/Å.  The start is the same each time: relaxed (largest force "
                f"{relaxed.largest_force:.3f} eV/Å),",
                "then 2 ps of Langevin dynamics at 300 K, then new velocities.  Drift: the rise of the line fitted "
                "through the total energy, over the whole run.",
                "Spread: the standard deviation from that line.",
                "",
                "| precision | time step, fs | mean temperature, K | drift, meV/atom | spread, meV/atom | ms/step |",
                "| --- | ---: | ---: | ---: | ---: | ---: |",
                *rows,
                "",
                f"{platform.machine()}, {os.cpu_count()} cores, shared; Python {platform.python_version()}, "
                f"TensorFlow {tf.__version__}, Keras {keras.__version__}.",
                "",
            ]
        )
    )


if __name__ == "__main__":
    main()

"""The commands `evaluate`, `relax`, `md`, `vibrations` and `live` of `dmol-molnet`: a potential at work."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from dmol_molnet.cli_common import (
    AsJson,
    EnergyKey,
    EnergyUnit,
    ForcesKey,
    ForceUnit,
    Gradients,
    LengthUnit,
    NoCheck,
    Reading,
    check_model,
    check_output,
    say_warning,
)
from dmol_molnet.files import write_whole
from dmol_molnet.molecules import InputError, Molecule, quoted

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A potential that `train` has written, .keras; or schnet or mace, which ship."
    ),
]
Start = Annotated[
    str,
    typer.Argument(
        metavar="MOLECULE",
        help="A SMILES; or a file (its last molecule): .xyz, .traj, .sdf, .pdb, … `dmol-molnet formats` lists them.",
    ),
]
Bound = Annotated[
    float | None,
    typer.Option(help="eV/Å; how large the standard deviation of a force may be, by a committee (train --members)."),
]
OnBound = Annotated[str, typer.Option(help="Over the bound: stop, or warn and go on.")]
Uncertain = Annotated[Path | None, typer.Option(help="Write frames over the bound into this file, to label: .xyz.")]
Output = typer.Option("-o", "--output", help="Where: a file that ends in .xyz.")


def evaluate(
    model: Model,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A file, of any kind that `dmol-molnet formats` lists; or acetylacetone or acetylacetone-dft: all its "
            "tests, or one by NAME:FILE.",
        ),
    ],
    batch_size: Annotated[int, typer.Option(min=1, help="Molecules at a time.")] = 32,
    energy_key: EnergyKey = None,
    forces_key: ForcesKey = None,
    energy_unit: EnergyUnit = None,
    length_unit: LengthUnit = None,
    force_unit: ForceUnit = None,
    gradients: Gradients = False,
    no_check: NoCheck = False,
    as_json: AsJson = False,
) -> None:
    """Compare a potential with labelled molecules.

    Errors are mean absolute (MAE) and root mean square (RMSE), those of forces over all components.  --json gives eV
    and eV/Å: one object with molecules, energy_mae, energy_rmse, energy_rmse_per_atom, force_mae and force_rmse, the
    last two null without forces; for a set of several files, an object of such by file.

    Of a committee, it also tells how well its standard deviations know the errors: their mean, the share of errors
    within one and within two of them (68 % and 95 %, were all as it says), and the rank correlation with the errors'
    sizes, for forces by atom: energy_std_mean, energy_within_one_std, energy_within_two_std, energy_rank_correlation,
    and the same of force.

    \b
    Examples:
      dmol-molnet evaluate acac.keras acetylacetone
      dmol-molnet evaluate acac.keras acetylacetone:test_600K --json
      dmol-molnet evaluate ethanol.keras test.xyz --energy-unit kcal/mol
    """
    model = check_model(model)
    reading = Reading(energy_key, forces_key, energy_unit, length_unit, force_unit, gradients, not no_check)
    files = reading.files(data)
    for name, molecules in files.items():
        without = [k for k, molecule in enumerate(molecules, 1) if molecule.energy is None]
        if without:
            raise InputError(f"{name or quoted(data)}: molecule {without[0]} has no energy{reading.hint(name or data)}")
    potential = _load(model)
    errors = {}
    for name, molecules in files.items():
        try:
            errors[name] = potential.evaluate(molecules, batch_size)
        except InputError as error:
            raise InputError(f"{name or quoted(data)}: {error}") from None
    if as_json:
        print(json.dumps(errors.get(None, errors)))
        return
    print("Energies in meV, forces in meV/Å.\n")
    names = [name or data for name in errors]
    width = max(*map(len, names), 4)
    print(f"{'':<{width}}  molecules  energy: MAE     RMSE  RMSE/atom  forces: MAE     RMSE")
    for name, e in zip(names, errors.values(), strict=True):
        forces = [f"{'–' if e[key] is None else f'{1000 * e[key]:.1f}':>11}" for key in ("force_mae", "force_rmse")]
        print(
            f"{name:<{width}}  {e['molecules']:>9,}  {1000 * e['energy_mae']:>11.2f}  {1000 * e['energy_rmse']:>7.2f}  "
            f"{1000 * e['energy_rmse_per_atom']:>9.3f}  {forces[0]}  {forces[1].strip():>7}"
        )
    if "energy_std_mean" not in next(iter(errors.values())):
        return
    print(f"\n{'Spread of the committee':<{width + 13}}  mean  errors within 1 and 2 of it  rank correlation")
    for name, e in zip(names, errors.values(), strict=True):
        for kind in ("energy", "force"):
            mean, one, two, rank = (
                e[f"{kind}_{key}"] for key in ("std_mean", "within_one_std", "within_two_std", "rank_correlation")
            )
            cells = ["–" if x is None else f"{x:{how}}" for x, how in ((one, ".0%"), (two, ".0%"), (rank, ".2f"))]
            size = "–" if mean is None else f"{1000 * mean:.2f}"
            print(f"{name:<{width}}  {kind:<7}  {size:>10}  {cells[0]:>19}  {cells[1]:>5}  {cells[2]:>16}")


def relax(
    model: Model,
    molecule: Start,
    output: Annotated[Path, Output],
    fmax: Annotated[float, typer.Option(help="Done when no force is larger, eV/Å.")] = 0.01,
    steps: Annotated[int, typer.Option(min=1, help="At most.")] = 500,
    trajectory: Annotated[Path | None, typer.Option(help="Write every step into this file too: .xyz.")] = None,
    bound: Bound = None,
    on_bound: OnBound = "stop",
    uncertain: Uncertain = None,
) -> None:
    """Move a molecule to the nearest minimum of a potential.

    Ends with exit code 1 and one line on standard error when the forces are not small enough after all steps; the
    output then has the last step.  So it does when a force is more uncertain than --bound.

    \b
    Examples:
      dmol-molnet relax acac.keras "C/C(O)=C/C(C)=O" -o relaxed.xyz
      dmol-molnet relax acac.keras start.xyz -o relaxed.xyz --fmax 0.001 --trajectory path.xyz
    """
    for path in (output, trajectory, uncertain):
        if path is not None:
            check_output(path, (".xyz", ".extxyz"), "a geometry")
    if not 0 < fmax < float("inf"):
        raise InputError(f"--fmax is a positive force in eV/Å, not {fmax:g}")
    _check_bound(bound, on_bound, uncertain)
    atoms = _atoms(model, molecule, uncertainty=bound is not None)
    from dmol_molnet import dynamics

    progress = None
    if sys.stderr.isatty():

        def progress(step, energy, largest):
            print(f"\r\x1b[2Kstep {step}: {energy:.4f} eV, {largest:.4f} eV/Å", end="", flush=True, file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = say_warning
        done = dynamics.relax(atoms, fmax, steps, trajectory, progress, bound, on_bound, uncertain)
    if progress is not None:
        print(file=sys.stderr)
    write_whole(output, dynamics.frame_text(atoms))
    print(f"{output}: {done.energy:.4f} eV, largest force {done.largest_force:.4f} eV/Å after {done.steps} steps")
    _tell_uncertain(done, uncertain)
    if done.stopped is not None:
        print(f"dmol-molnet: stopped: {done.stopped}", file=sys.stderr)
        raise typer.Exit(1)
    if not done.converged:
        print(
            f"dmol-molnet: not converged: the largest force is {done.largest_force:.4f} eV/Å after {done.steps} steps, "
            f"and not yet {fmax:g}",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def vibrations(
    model: Model,
    molecule: Start,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write frequencies and displacements into this file: .json.")
    ] = None,
    film: Annotated[
        Path | None, typer.Option(help="Write a film of one vibration into this file: .gif, .mp4 or .png.")
    ] = None,
    mode: Annotated[int, typer.Option(help="Which one; 1 is the softest.")] = 1,
    fmax: Annotated[float, typer.Option(help="The molecule is relaxed to this force first, eV/Å.")] = 0.001,
    step: Annotated[float, typer.Option(help="Of differences of forces, Å.")] = 0.005,
    as_json: AsJson = False,
) -> None:
    """Relax a molecule and print its harmonic frequencies and its zero-point energy.

    Frequencies are in 1/cm, from the Hessian by differences of forces; imaginary ones, of a geometry that is no
    minimum, are told as negative, and end with exit code 1.

    \b
    Examples:
      dmol-molnet vibrations mace "C/C(O)=C/C(C)=O"
      dmol-molnet vibrations mace relaxed.xyz --film stretch.gif --mode 39
      dmol-molnet vibrations acac.keras relaxed.xyz -o modes.json
    """
    for name, value in (("--fmax", fmax), ("--step", step)):
        if not 0 < value < float("inf"):
            raise InputError(f"{name} is a positive number, not {value:g}")
    if output is not None:
        check_output(output, (".json",), "what was found")
    if film is not None:
        from dmol_molnet.figures.film import destination

        destination(film, (".gif", ".mp4", ".png"))
    atoms = _atoms(model, molecule)
    if not len(atoms) or atoms.pbc.any():
        raise InputError("vibrations are those of a molecule, not of a crystal")
    from dmol_molnet import dynamics
    from dmol_molnet import vibrations as harmonic

    relaxed = dynamics.relax(atoms, fmax)
    if not relaxed.converged:
        raise InputError(f"the molecule does not relax: the largest force is still {relaxed.largest_force:.4f} eV/Å")
    if sys.stderr.isatty():
        with typer.progressbar(length=3 * len(atoms), label="differences", file=sys.stderr) as bar:
            hessian = harmonic.hessian(atoms, step, lambda done, of: bar.update(1))
    else:
        hessian = harmonic.hessian(atoms, step)
    found = harmonic.modes(hessian, atoms.positions, atoms.get_masses())
    numbers = {
        "energy": relaxed.energy,
        "zero_point_energy": found.zero_point_energy,
        "frequencies": found.frequencies.tolist(),
    }
    if output is not None:
        geometry = {"symbols": atoms.get_chemical_symbols(), "positions": atoms.positions.tolist()}
        units = {"energy": "eV", "frequencies": "1/cm", "positions": "Å", "displacements": "1/sqrt(u)"}
        more = {"displacements": found.displacements.tolist(), "units": units}
        write_whole(output, (json.dumps(numbers | geometry | more) + "\n").encode())
    if film is not None:
        from dmol_molnet.figures import vibration

        vibration(Molecule.from_ase(atoms), found, mode).save(film)
    if as_json:
        print(json.dumps(numbers))
    else:
        name, cells = atoms.get_chemical_formula(), [f"{k:>4} {f:>8.1f}" for k, f in enumerate(found.frequencies, 1)]
        print(f"{name}: {len(cells)} vibrations, 1/cm; zero-point energy {found.zero_point_energy:.4f} eV")
        for k in range(0, len(cells), 5):
            print("".join(cells[k : k + 5]))
        for path in filter(None, (output, film)):
            print(f"{path}: {'vibration ' + str(mode) if path == film else 'frequencies and displacements'}")
    if found.frequencies.min(initial=0.0) < 0:
        print("dmol-molnet: no minimum: an imaginary frequency is told as a negative one", file=sys.stderr)
        raise typer.Exit(1)


def live(
    model: Model,
    molecule: Annotated[
        str | None,
        typer.Argument(
            metavar="[MOLECULE]", help="A SMILES or a file, as for `relax`; one it was trained on if left out."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where: a file that ends in .html.")] = Path(
        "live.html"
    ),
    temperature: Annotated[float, typer.Option(help="K, where the slider begins: 0 to 600.")] = 300.0,
) -> None:
    """Write a page in which a molecule moves under a potential, to drag, to heat and to run.

    The page is one file, which computes for itself in any browser and needs no network; when it opens, it compares its
    first forces with Python's.

    \b
    Examples:
      dmol-molnet live acac.keras -o acac.html
      dmol-molnet live acac.keras "C/C(O)=C/C(C)=O" -o enol.html
      dmol-molnet live acac.keras relaxed.xyz -o cold.html --temperature 50
    """
    check_output(output, (".html", ".htm"), "a page")
    if not 0 <= temperature <= 600:
        raise InputError(f"--temperature is from 0 to 600 K, not {temperature:g}")
    if molecule is None:
        start, potential = None, _load(check_model(model))
    else:
        atoms = _atoms(model, molecule)
        start, potential = Molecule.from_ase(atoms), atoms.calc.potential
    from dmol_molnet import live

    page = live.show(potential, start, path=str(check_model(model)), temperature=temperature)
    page.save(output)
    print(f"{output}: {page.title}, {len(page.text.encode()) / 1e6:.1f} MB; open it in a browser")


def md(
    model: Model,
    molecule: Start,
    output: Annotated[Path, Output],
    temperature: Annotated[float, typer.Option(help="K.")] = 300.0,
    picoseconds: Annotated[float, typer.Option(help="How long.")] = 1.0,
    timestep: Annotated[float, typer.Option(help="fs.")] = 0.5,
    friction: Annotated[float, typer.Option(help="1/fs, of the Langevin thermostat.")] = 0.01,
    nve: Annotated[bool, typer.Option("--nve", help="No thermostat: conserve the energy, and say how well.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Steps from frame to frame.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of velocities and noise.")] = 0,
    new_velocities: Annotated[
        bool, typer.Option("--new-velocities", help="Random ones, although the file has momenta.")
    ] = False,
    bound: Bound = None,
    on_bound: OnBound = "stop",
    uncertain: Uncertain = None,
) -> None:
    """Run molecular dynamics on a potential.

    A file with momenta, such as this command writes, goes on from its last frame; other molecules start with random
    velocities.  Masses are those of the file or of its isotopes, and fixed atoms stay where they are.

    Frames have energies, forces and momenta; an interrupted run leaves whole ones.  Ends with exit code 1 and one line
    on standard error when the molecule flies apart, gets too hot, or has a force more uncertain than --bound; its
    frames stay.

    \b
    Examples:
      dmol-molnet md acac.keras relaxed.xyz -o run.xyz --temperature 300 --picoseconds 10
      dmol-molnet md acac.keras run.xyz -o more.xyz --picoseconds 10
      dmol-molnet md acac.keras relaxed.xyz -o run.xyz --nve --timestep 0.25
      dmol-molnet md committee.keras relaxed.xyz -o run.xyz --bound 0.5 --on-bound warn --uncertain to-label.xyz
    """
    for path in (output, uncertain):
        if path is not None:
            check_output(path, (".xyz", ".extxyz"), "a trajectory")
    for name, value in (("--picoseconds", picoseconds), ("--timestep", timestep), ("--friction", friction)):
        if not 0 < value < float("inf"):
            raise InputError(f"{name} is a positive number, not {value:g}")
    if not 0 <= temperature < float("inf"):
        raise InputError(f"--temperature is 0 K or more, not {temperature:g}")
    _check_bound(bound, on_bound, uncertain)
    atoms = _atoms(model, molecule, uncertainty=bound is not None)
    from dmol_molnet import dynamics

    dynamics.check_constraints(atoms)
    if new_velocities:
        atoms.set_momenta(None)
    if atoms.get_momenta().any():
        print(f"Going on from the momenta in {molecule}, at {atoms.get_temperature():.0f} K.", file=sys.stderr)
    options = (temperature, picoseconds, timestep, None if nve else friction, every, seed)
    watched = {"bound": bound, "on_bound": on_bound, "uncertain": uncertain}
    with warnings.catch_warnings():
        warnings.showwarning = say_warning
        if sys.stderr.isatty():
            with typer.progressbar(length=1000, label="running", file=sys.stderr) as bar:
                shown = 0

                def progress(step, of):
                    nonlocal shown
                    bar.update(1000 * step // of - shown)
                    shown = 1000 * step // of

                done = dynamics.run(atoms, output, *options, progress, **watched)
        else:
            done = dynamics.run(atoms, output, *options, **watched)
    said = f"{output}: {done.frames} frames of {done.picoseconds:g} ps, at {done.temperature:.0f} K on average"
    if nve:
        said += (
            f"; the total energy drifts by {done.drift:+.4f} meV/atom/ps, off that line by {done.spread:.4f} meV/atom"
        )
    print(said)
    _tell_uncertain(done, uncertain)
    if done.stopped is not None:
        print(f"dmol-molnet: stopped: {done.stopped}", file=sys.stderr)
        raise typer.Exit(1)


# ------------------------------------------------------------------------------------------------ atoms and bounds


def _atoms(model: Path, molecule: str, uncertainty: bool = False):
    """Atoms of ASE with the potential as their calculator."""
    from dmol_molnet.files import read_atoms

    model = check_model(model)
    start = read_atoms(molecule)
    potential = _load(model)
    from dmol_molnet.calculator import MolnetCalculator

    if potential.normalisation is not None:
        potential.normalisation.reference(Molecule.from_ase(start))  # an element that it does not know is told now
    start.calc = MolnetCalculator(potential, uncertainty)
    return start


def _load(path: Path):
    from dmol_molnet.nn import start_quietly

    start_quietly()
    from dmol_molnet.nn.potential import Potential

    return Potential.load(path)


def _check_bound(bound: float | None, on_bound: str, uncertain: Path | None) -> None:
    """Refuse what `dynamics` would refuse, before TensorFlow starts."""
    if bound is None and uncertain is not None:
        raise InputError("--uncertain needs --bound, over which a frame is uncertain")
    if bound is not None and not 0 < bound < float("inf"):
        raise InputError(f"--bound is a positive number in eV/Å, not {bound:g}")
    if on_bound not in ("stop", "warn"):
        raise InputError(f"--on-bound is stop or warn, not {quoted(on_bound)}")


def _tell_uncertain(done, path: Path | None) -> None:
    """Say how many steps were over the bound."""
    if done.uncertain:
        steps = f"{done.uncertain} step{'s' if done.uncertain > 1 else ''} over the bound"
        print(f"{path}: frames to label, of {steps}" if path is not None else steps)

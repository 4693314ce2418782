"""The command line: `dmol-molnet …`, or `python -m dmol_molnet …`.

Exit code 0: done.  2: wrong use or bad input, with one line on standard error.  `exercises check` ends with 1 when the
answer is not right, `relax` when it has not converged, `md` when it had to stop.
"""

import contextvars
import importlib.metadata
import json
import platform
import re
import shutil
import sys
import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer
from packaging.requirements import Requirement

import dmol_molnet
from dmol_molnet import cli_active, cli_labels, cli_potential, cli_train
from dmol_molnet.files import read_molecule
from dmol_molnet.molecules import SYMBOLS, InputError, InputWarning, Molecule, quoted

app = typer.Typer(
    name="dmol-molnet",
    help="Modern molecular neural networks: the commands that go with the book.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; wrong use and bad input end in one line and exit code 2."""
    code = 2
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", InputWarning)
            warnings.showwarning = _say(warnings.showwarning)
            # In a context of its own: what a command sets ends with it.
            code = contextvars.copy_context().run(app, arguments, standalone_mode=False)
    except typer.Abort:
        code = 130
    except Exception as error:
        # Typer's usage errors are click's, which it carries under a name that changes from version to version.
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not hasattr(error, "format_message") and not isinstance(error, InputError | OSError):
            raise
        print(f"dmol-molnet: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _say(otherwise):
    """A `warnings.showwarning` that says what was taken for granted in one line, each once."""
    said = set()

    def show(message, category, *place, **options):
        if not issubclass(category, InputWarning):
            otherwise(message, category, *place, **options)
        elif str(message) not in said:
            said.add(str(message))
            print(f"dmol-molnet: warning: {' '.join(str(message).split())}", file=sys.stderr)

    return show


def _print_version(wanted: bool) -> None:
    if wanted:
        print(dmol_molnet.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version)] = False,
) -> None:
    pass


@app.command()
def wl(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="A SMILES, or a file with a molecule (of several, the last): .smi, .mol or .sdf."
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    k: Annotated[int, typer.Option(help="1 colours atoms; 2 and 3 colour pairs and triples of atoms.")] = 1,
    variant: Annotated[str, typer.Option(help="Which 2- or 3-WL: folklore or oblivious.")] = "folklore",
    hydrogens: Annotated[bool, typer.Option("--hydrogens", help="Make every hydrogen an atom.")] = False,
    bond_orders: Annotated[
        bool, typer.Option("--bond-orders", help="See neighbours through their bond orders.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Say whether Weisfeiler-Leman tells two molecules apart.

    \b
    Examples:
      dmol-molnet wl CCO COC
      dmol-molnet wl C1CCC2CCCCC2C1 "C1CCC(C1)C2CCCC2" --hydrogens
      dmol-molnet wl C1CCC2CCCCC2C1 "C1CCC(C1)C2CCCC2" --k 2 --json
    """
    from dmol_molnet import wl

    first, second = (_molecule(text, hydrogens) for text in (a, b))
    found = wl.compare(first, second, k=k, variant=variant, edge_label="order" if bond_orders else None)
    if as_json:
        answer = {"distinguished": found.distinguished, "round": found.round, "k": found.k, "variant": found.variant}
        print(json.dumps(answer))
    else:
        print(f"{first.formula} and {second.formula}: {found}")


def _molecule(text: str, hydrogens: bool) -> Molecule:
    """As `read_molecule`; what is neither a SMILES nor a file that it reads is called by its name."""
    kind = Path(text).suffix.lower()
    if kind in (".smi", ".mol", ".sdf"):
        return read_molecule(text, hydrogens)
    if text.lstrip().lower().startswith("inchi="):
        raise InputError(
            f"{quoted(text)} is an InChI, and a SMILES is asked for: Chem.MolToSmiles(Chem.MolFromInchi(...)) of RDKit "
            "makes one of it"
        )
    if kind in _OTHER_FILES or (len(text) < 255 and Path(text).is_file()):
        raise InputError(f"a molecule's graph is read from a SMILES, or a .smi, .mol or .sdf file, not {quoted(text)}")
    if re.search(r"\[!?#\d|\[[^]]*[,;&!]|~|\$\(", text):
        raise InputError(f"{quoted(text)} is a SMARTS, a pattern for many molecules; give the SMILES of one")
    return read_molecule(text, hydrogens)


_OTHER_FILES = (
    ".pdb",
    ".ent",
    ".xyz",
    ".extxyz",
    ".mol2",
    ".cif",
    ".cml",
    ".inchi",
    ".smiles",
    ".txt",
    ".csv",
    ".json",
)


@app.command()
def animate(
    molecule: Annotated[
        str,
        typer.Argument(
            metavar="SMILES", help="A SMILES, or a file with a molecule (of several, the last): .smi, .mol or .sdf."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where: .mp4, .gif, .html (to step through), .svg or .png (stills).")
    ],
    layers: Annotated[int, typer.Option(min=1, max=6, help="How many layers.")] = 2,
    features: Annotated[int, typer.Option(min=1, max=6, help="Features of an atom after a layer.")] = 3,
    aggregate: Annotated[Literal["sum", "mean"], typer.Option(help="Over neighbours.")] = "sum",
    refine: Annotated[bool, typer.Option("--refine", help="Colour refinement instead of message passing.")] = False,
    hydrogens: Annotated[bool, typer.Option(help="Make every hydrogen an atom.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the random weights.")] = 0,
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    fps: Annotated[
        float, typer.Option(min=0.05, max=60, help="Frames a second; a step stays for one to four frames.")
    ] = 1.0,
) -> None:
    """Draw message passing on a molecule, step by step, from a recorded run with random weights.

    \b
    Examples:
      dmol-molnet animate CO -o methanol.mp4
      dmol-molnet animate CCO -o ethanol.html --aggregate mean --layers 3
      dmol-molnet animate C1CCC2CCCCC2C1 -o decalin.gif --refine --no-hydrogens
    """
    from dmol_molnet import figures
    from dmol_molnet.figures.film import destination

    drawn, path = _molecule(molecule, hydrogens), destination(output)
    figures.style(theme)  # a wrong theme is told before TensorFlow starts
    if refine:
        story = figures.refinement(drawn, names=(drawn.formula,))
    else:
        story = _messages(drawn, layers, features, aggregate, seed)
    film = figures.animate(story, theme, fps)
    if sys.stderr.isatty():
        with typer.progressbar(length=len(story.steps), label="drawing", file=sys.stderr) as bar:
            film.save(path, progress=lambda done, of: bar.update(1))
    else:
        film.save(path)
    print(f"{path}: {len(story.steps)} steps, {film.seconds:g} s, {path.stat().st_size / 1000:,.0f} kB")


def _messages(molecule: Molecule, layers: int, features: int, aggregate: str, seed: int):
    """The story of layers with random weights on a molecule."""
    from dmol_molnet.figures.story import check_size
    from dmol_molnet.nn import start_quietly

    check_size(molecule)  # before TensorFlow is started
    start_quietly()
    import keras

    from dmol_molnet import figures
    from dmol_molnet.nn.message_passing import MessagePassing, directed_edges, one_hot

    keras.utils.set_random_seed(seed)
    elements = tuple(sorted(set(molecule.symbols), key=lambda symbol: (symbol != "H", SYMBOLS.index(symbol))))
    h, edges, traces = one_hot(molecule, elements=elements), directed_edges(molecule), []
    for _ in range(layers):
        traces.append(MessagePassing(features, aggregate)(h, *edges, trace=True))
        h = traces[-1].outputs
    return figures.messages(molecule, traces, columns=elements)


for _command in (
    cli_train.train,
    cli_potential.evaluate,
    cli_potential.relax,
    cli_potential.md,
    cli_potential.vibrations,
    cli_potential.live,
    cli_labels.label,
    cli_active.active,
):
    app.command()(_command)


exercises_app = typer.Typer(
    help="""The book's exercises: start one, edit the file, check it.

    \b
    Examples:
      dmol-molnet exercises list
      dmol-molnet exercises start refine-by-hand
      dmol-molnet exercises check refine-by-hand
    """,
    rich_markup_mode=None,
)
app.add_typer(exercises_app, name="exercises")

ExerciseName = Annotated[str, typer.Argument(metavar="NAME", help="An exercise, as `exercises list` names it.")]


@exercises_app.callback(invoke_without_command=True)
def _exercises(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@exercises_app.command("list")
def list_exercises(
    chapter: Annotated[str | None, typer.Argument(metavar="CHAPTER", help="One chapter; all if left out.")] = None,
) -> None:
    """List the exercises, by chapter.

    \b
    Examples:
      dmol-molnet exercises list
      dmol-molnet exercises list message_passing
    """
    from dmol_molnet import exercises

    for page in exercises.CHAPTERS if chapter is None else [chapter]:
        found = exercises.catalog(page)
        print(f"{exercises.CHAPTERS[page]} ({page})")
        for name, exercise in found.items():
            print(f"  {name:<22} {exercises.plain(exercise.title)}")


@exercises_app.command("start")
def start_exercise(
    name: ExerciseName,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where; NAME.py if left out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Start over: write over a file that is there.")] = False,
) -> None:
    """Write the task and a starter into a Python file.

    \b
    Example:
      dmol-molnet exercises start refine-by-hand
    """
    from dmol_molnet import exercises

    path = exercises.start_file(name, output, force)
    where = "" if output is None else f" {path}"
    print(f"{path}: read it, put in your answer, then `dmol-molnet exercises check {name}{where}`")


@exercises_app.command("check")
def check_exercise(
    name: ExerciseName,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Your file; NAME.py if left out.")] = None,
) -> None:
    """Run your file and judge its `answer`. Exit code 0: right; 1: not (yet).

    \b
    Examples:
      dmol-molnet exercises check refine-by-hand
      dmol-molnet exercises check write-a-layer my_layer.py
    """
    from dmol_molnet import exercises

    result = exercises.check_file(name, file)
    print(result)
    if result.state in ("wrong", "your code raised"):
        print(f"`dmol-molnet exercises hint {name}` gives a hint.")
    raise typer.Exit(0 if result.right else 1)


@exercises_app.command("hint")
def hint_at_exercise(
    name: ExerciseName,
    step: Annotated[int, typer.Option(help="1: a nudge; 2: the method; 3: nearly the code.")] = 1,
) -> None:
    """Give a hint.

    \b
    Examples:
      dmol-molnet exercises hint refine-by-hand
      dmol-molnet exercises hint refine-by-hand --step 2
    """
    from dmol_molnet import exercises

    print(exercises.hint(name, step))


@exercises_app.command("solution")
def solve_exercise(name: ExerciseName) -> None:
    """Print a solution, and why it is right.

    \b
    Example:
      dmol-molnet exercises solution refine-by-hand
    """
    from dmol_molnet import exercises

    print(exercises.solution(name))


@app.command("formats")
def list_formats() -> None:
    """List the files that are read: endings, where energies and forces are looked for, and in which units.

    \b
    Example:
      dmol-molnet formats
    """
    from dmol_molnet import formats

    print(
        "Files with molecules, as `train`, `evaluate`, `relax` and `md` read them. Other names of labels are told by\n"
        "--energy-key and --forces-key, other units by --energy-unit, --length-unit and --force-unit.\n"
    )
    for name, endings, labels, units in formats.table()[1]:
        print(f"{name}: {endings}\n  labels: {labels}\n  units:  {units}")


@app.command()
def doctor() -> None:
    """Say what is installed, and how to get what is missing.

    \b
    Example:
      dmol-molnet doctor
    """
    print(f"dmol-molnet {dmol_molnet.__version__} on Python {platform.python_version()}, {platform.platform()}")
    lacking = []
    try:
        needed = importlib.metadata.requires("dmol-molnet") or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError(
            "the package is here but not installed; install it with pip to have its needs checked"
        ) from None
    for line in needed:
        requirement = Requirement(line)
        extra = next((extra for extra in _EXTRAS if _wanted(requirement, extra)), None)
        if extra is None and requirement.marker and not requirement.marker.evaluate():
            continue  # the book's own tools, or another platform's
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            version = None
        if version is None:
            state = f"missing{f'; for {_EXTRAS[extra]}' if extra else ''}: {_install(requirement)}"
            lacking += [] if extra else [requirement.name]
        elif not requirement.specifier.contains(version, prereleases=True):
            state = f"{version}, but {requirement.specifier} is needed: {_install(requirement)}"
            lacking.append(requirement.name)
        else:
            state = version
        print(f"  {requirement.name:<12} {state}")
    print(
        f"  {'ffmpeg':<12} {shutil.which('ffmpeg') or 'not on the path; imageio-ffmpeg, with moviepy, brings its own'}"
    )
    if lacking:
        raise InputError(f"{', '.join(lacking)} must be installed or renewed before everything here works")
    print("Everything that the package needs is there.")


def _install(requirement: Requirement) -> str:
    return f"pip install '{requirement.name}{requirement.specifier}'"


_EXTRAS = {"anim": "animations", "data": "making the data anew"}


def _wanted(requirement: Requirement, extra: str) -> bool:
    """Whether the requirement belongs to this extra alone."""
    marker = requirement.marker
    return marker is not None and not marker.evaluate({"extra": ""}) and marker.evaluate({"extra": extra})

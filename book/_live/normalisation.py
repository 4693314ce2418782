"""The figure of the chapter on normalisation: committed trainings with one choice changed, beside those with none."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from dmol_molnet import datasets
from dmol_molnet.figures import new, show
from dmol_molnet.figures.style import Picture
from dmol_molnet.live.page import Figure

GROUPS = (
    ("shift", "normalisation", "base", "fitted", ("shift-molecule", "shift-free", "shift-none")),
    ("labels", "normalisation", "base", "as they are", ("float32-dft",)),
    (
        "scale",
        "normalisation",
        "base",
        "spread of the forces",
        ("scale-two", "scale-1", "scale-total", "scale-kcal", "scale-hartree"),
    ),
    (
        "sums divided by",
        "normalisation",
        "base",
        "mean number of neighbours",
        ("divide-degree", "divide-root", "divide-none"),
    ),
    ("weight of forces", "normalisation", "base", None, ("weight-0", "weight-1", "weight-100")),
    ("nonlinearity", "layers", "linear", "none", ("pointwise", "base")),
    ("norm", "layers", "base", "none", ("norm",)),
    ("norm, no gates", "layers", "linear", "none", ("norm-linear",)),
    ("sums over channels", "layers", "base", "divided by √K", ("undivided", "drawn", "one-rate")),
    ("silu", "layers", "base", "with its constant", ("silu",)),
)
"""What is changed, in which experiment, beside which of its choices, what that one has, and the choices."""

WORDS = {
    "shift-molecule": "one for each molecule",
    "scale-two": "two, for energies and for forces",
    "divide-degree": "each atom's own",
    "divide-root": "root of the mean number",
    "base": "gates",
    "norm": "at each entrance",
    "norm-linear": "at each entrance",
    "undivided": "not divided",
    "drawn": "not divided, weights smaller",
    "one-rate": "the same, one rate",
    "silu": "without it",
}
"""Where the experiment's own words are too long, or say too little without its table."""

STRIPS = {
    "normalisation": (
        ("energy_rmse", "test: energies are off by", "meV"),
        ("force_rmse", "test: forces are off by", "meV/Å"),
        ("two_molecules_minus_each", "promise: two molecules far apart, less each alone", "meV"),
        ("derivative_force_rmse", "promise: slopes are off exactly as forces are", "meV/Å"),
    ),
    "layers": (
        ("energy_rmse", "test: energies are off by", "meV"),
        ("force_rmse", "test: forces are off by", "meV/Å"),
        ("energy_changed_by_turn", "promise: turned, the energy changes by", "meV"),
    ),
}
"""Of an experiment: a key of its runs, what it says, and its unit."""

PROMISES = {
    "two_molecules_minus_each": ("two molecules", None),
    "derivative_force_rmse": ("slopes", "force_rmse"),
    "energy_changed_by_turn": ("turns", None),
}
"""Of a promise: its name, and the key that it is held against."""

KEPT = 1.0
"""meV: a promise that is broken by less is kept; float32 rounds energies of −600 eV to a tenth of that."""

FIRST = "shift-molecule"


def values(experiment: str, name: str, key: str) -> list[float | None]:
    """Of each run the size of a number, in thousandths; None where it diverged."""
    runs = datasets.experiment(experiment)["choices"][name]["runs"]
    return [None if run.get("diverged") else 1000 * abs(run[key]) for run in runs]


def ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Where an axis in powers of ten, from 10^low to 10^high, has numbers, and which; at most about six."""
    if high - low > 4:
        return [(10.0**n, f"{10.0**n:g}" if abs(n) < 4 else _power(n)) for n in range(-20, 20, 2) if low <= n <= high]
    some = [m * 10.0**n for n in range(-3, 5) for m in (1, 2, 5)] if high - low > 0.6 else None
    if some is None:
        some = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(10**low, 10**high)
    return [(float(x), f"{x:g}") for x in some if 10**low <= x <= 10**high]


def _power(n: int) -> str:
    return "10" + str(n).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def runs() -> dict:
    experiments = {}
    for experiment, strips in STRIPS.items():
        names = {name for _, of, base, _, options in GROUPS if of == experiment for name in (base, *options)}
        found = {}
        for key, words, unit in strips:
            by_choice = {name: values(experiment, name, key) for name in sorted(names)}
            all_of_them = [x for some in by_choice.values() for x in some if x]  # no zero: the axis has powers of ten
            low, high = np.log10(min(all_of_them)), np.log10(max(all_of_them))
            room = 0.1 * (high - low)
            promise, like = PROMISES.get(key, (None, None))
            found[key] = {
                "words": words,
                "unit": unit,
                "promise": promise,
                "like": like,
                "from": round(float(low - room), 4),
                "to": round(float(high + room), 4),
                "ticks": ticks(low - room, high + room),
                "values": by_choice,
            }
        experiments[experiment] = found
    groups = [
        {
            "name": name,
            "experiment": experiment,
            "base": base,
            "beside": beside or f"{datasets.experiment(experiment)['training']['force_weight']:g}",
            "options": {
                option: WORDS.get(option, datasets.experiment(experiment)["choices"][option]["value"])
                for option in options
            },
        }
        for name, experiment, base, beside, options in GROUPS
    ]
    return {"experiments": experiments, "groups": groups, "first": FIRST, "kept": KEPT}


def runs_still() -> Picture:
    strips, choices = runs()["experiments"]["normalisation"], datasets.experiment("normalisation")["choices"]
    figure, axes = new(3.7, 5.4, nrows=len(strips))
    for ax, strip in zip(axes, strips.values(), strict=True):
        for height, name, marker, color in ((1, "base", "o", "#2a7fb8"), (0, FIRST, "s", "#d9822b")):
            x = strip["values"][name]
            ax.plot(x, [height] * len(x), marker, mfc="none", mec=color, mew=1.6)
        ax.set(xscale="log", xlim=[10 ** strip[end] for end in ("from", "to")], ylim=(-0.7, 1.7), yticks=[0, 1])
        places, words = zip(*strip["ticks"], strict=True)
        ax.set_xticks(places, words)
        ax.set_xticks([], minor=True)
        ax.set_yticklabels(["changed", "unchanged"])
        ax.set_title(f"{strip['words']} ({strip['unit']})", fontsize=8, fontweight="normal", loc="left", x=-0.2)
    broken = max(strips["two_molecules_minus_each"]["values"][FIRST]) / 1000
    return show(
        figure,
        f"Trainings of three seeds each, beside the base those whose shift is the {choices[FIRST]['value']}: the same "
        "errors of energies and forces, and the same slope; but two molecules far apart have not the sum of their "
        f"energies, and are off by {broken:.0f} eV.",
    )


FIGURES = {"runs": Figure(runs_still, None, runs)}

"""What tests of commands share: data, a small network, and the one line of a command that was used wrongly."""

from dmol_molnet import datasets

FRAMES = datasets.load("acetylacetone").train[:24]
SMALL = ["--channels", "8", "--layers", "1", "--cutoff", "3"]


def write(path, molecules, labels=True):
    lines = []
    for m in molecules:
        columns = ":forces:R:3" if labels else ""
        lines += [str(len(m)), f"Properties=species:S:1:pos:R:3{columns} {f'energy={m.energy!r}' if labels else ''}"]
        for symbol, x, f in zip(m.symbols, m.positions, m.forces, strict=True):
            lines.append(" ".join([symbol, *(f"{number:.10f}" for number in [*x, *(f if labels else [])])]))
    path.write_text("\n".join(lines) + "\n")
    return path


def one_line(done, code=2):
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.startswith("dmol-molnet: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr

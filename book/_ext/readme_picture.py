"""The README's picture: `python book/_ext/readme_picture.py` draws book/_static/readme.svg anew."""

from pathlib import Path

from dmol_molnet import Molecule
from dmol_molnet.figures import rounds, style

PATH = Path(__file__).parents[1] / "_static" / "readme.svg"


def main():
    pair = ("decalin", "bicyclopentyl")
    figure = rounds(*(Molecule.example(name, hydrogens=False) for name in pair), pair)
    with style():
        figure.savefig(PATH, metadata={"Date": None})


if __name__ == "__main__":
    main()

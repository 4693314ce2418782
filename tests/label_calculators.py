"""Calculators of ASE for tests of labelling: GFN2-xTB that misbehaves.  Workers import them by name."""

import os
import time
from pathlib import Path

from tblite.ase import TBLite


class _GFN2(TBLite):
    def __init__(self, **options):
        super().__init__(method="GFN2-xTB", verbosity=0, **options)


class NotANumber(_GFN2):
    """Energies of what holds oxygen are no numbers in its third calculation and after."""

    calls = 0

    def calculate(self, atoms=None, *arguments):
        super().calculate(atoms, *arguments)
        if 8 in atoms.numbers:
            NotANumber.calls += 1
            if NotANumber.calls > 2:
                self.results["energy"] = float("nan")


class Refuses(_GFN2):
    """Does not converge for nitrogen."""

    def calculate(self, atoms=None, *arguments):
        if 7 in atoms.numbers:
            raise RuntimeError("no convergence\nin 50 iterations")
        super().calculate(atoms, *arguments)


class Deadly(_GFN2):
    """Ends its process for nitrogen, always; for oxygen once, as the file `once` tells."""

    def __init__(self, once):
        super().__init__()
        self.once = Path(once)

    def calculate(self, atoms=None, *arguments):
        if 7 in atoms.numbers:
            os._exit(1)
        if 8 in atoms.numbers and not self.once.exists():
            self.once.touch()
            os._exit(1)
        super().calculate(atoms, *arguments)


class Slow(_GFN2):
    """Takes its time over each new calculation."""

    def __init__(self, seconds=0.2):
        time.sleep(seconds)
        super().__init__()


class EnergyOnly(_GFN2):
    """Gives no forces."""

    implemented_properties = ("energy",)

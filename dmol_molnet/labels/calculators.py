"""Who labels: GFN2-xTB by tblite, or any calculator of ASE, named so that a worker elsewhere can make it anew.

Source of GFN2-xTB: Bannwarth, Ehlert and Grimme (2019), `bannwarth2019gfn2`.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field

from ase.calculators.calculator import Calculator

from dmol_molnet.molecules import InputError, quoted

GFN2 = "gfn2"


@dataclass(frozen=True)
class Method:
    """A calculator by name.

    Attributes:
        name: "gfn2", or the module and the class of a calculator of ASE, such as "ase.calculators.emt:EMT".
        options: what the class is called with.
    """

    name: str = GFN2
    options: dict = field(default_factory=dict)

    def calculator(self, charge: int = 0, electrons: int = 0, accuracy: float = 1.0) -> Calculator:
        """A new one.

        Args:
            charge: of the molecule, e.
            electrons: how many it has; an odd number makes a doublet.
            accuracy: of the self-consistency of GFN2-xTB, where 1 is tblite's own and less is stricter.

        Raises:
            InputError: it is not installed, there is none of that name, or it does not take its options; or it has none
                and there is a charge, of which only gfn2 is told.
        """
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # molecules this small are slower with more threads
        if self.name == GFN2:
            try:
                from tblite.ase import TBLite
            except ImportError:
                raise InputError("GFN2-xTB needs tblite: pip install 'dmol-molnet[data]'") from None
            state = {"charge": charge, "multiplicity": 1 + electrons % 2}
            return TBLite(**{"method": "GFN2-xTB", "verbosity": 0, "accuracy": accuracy, **state, **self.options})
        if charge and not self.options:
            raise InputError(f"{quoted(self.name)} is not told of the charge {charge:+d}: say it in its options")
        module, _, name = self.name.partition(":")
        if not name:
            raise InputError(
                f"a calculator is gfn2, or module:class as in ase.calculators.emt:EMT, not {quoted(self.name)}"
            )
        try:
            made = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise InputError(f"there is no calculator {quoted(self.name)}: {error}") from None
        try:
            calculator = made(**self.options)
        except Exception as error:  # of anybody's calculator
            raise InputError(f"{quoted(self.name)} does not start with {self.options}: {error}") from None
        if not {"energy", "forces"} <= set(getattr(calculator, "implemented_properties", ())):
            raise InputError(f"{quoted(self.name)} gives no energy and forces")
        return calculator

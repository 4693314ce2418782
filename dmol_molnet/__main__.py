"""`python -m dmol_molnet`, the same as `dmol-molnet`."""

from dmol_molnet.cli import main

main()

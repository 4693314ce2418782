"""Puts the scripts of live figures into a wheel: who installs it has no node.

Where they cannot be built, as without a network, the wheel lacks them, and only `dmol-molnet live` is missing.
"""

import runpy
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildScripts(BuildHookInterface):
    """Of wheels; an editable installation builds them when it needs them."""

    def initialize(self, version, build_data):
        if version == "editable":
            return
        bundle = runpy.run_path(str(Path(self.root) / "dmol_molnet" / "live" / "bundle.py"))
        try:
            bundle["scripts"]()
        except Exception as error:  # whatever it is, the rest of the package does not need them
            self.app.display_warning(f"without the scripts of live figures: {error}")

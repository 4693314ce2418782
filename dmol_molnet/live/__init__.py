"""Potentials in a web page: `export` writes one as a file, and the engine beside it computes with what it finds there.

The engine (`engine/`) is plain JavaScript, modules named as their twins in `dmol_molnet.nn`.
"""

from dmol_molnet.live.exporter import export

__all__ = ["export"]

"""Potentials in a web page: `show` puts a molecule to work in one; `export` writes a potential for the engine.

    >>> from dmol_molnet import live
    >>> live.show(potential, molecule).save("page.html")     # in a notebook, `live.show(potential, molecule)` alone

The engine (`engine/`) is plain JavaScript, modules named as their twins in `dmol_molnet.nn`; what stands around it in a
page is the `stage/`.
"""

from dmol_molnet.live.exporter import export
from dmol_molnet.live.page import Page, show

__all__ = ["Page", "export", "show"]

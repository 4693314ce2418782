"""How often 1-WL gives two different known molecules the same colours, as counted by `benchmarks/wl_census.py`."""

import json
from importlib.resources import files


def census() -> dict:
    """The counts, as plain dictionaries and lists.

    `pools` has the numbers of "catalogued" molecules, and of these together with the "generated" ones of QM9; for each
    labelling in turn, how many pairs merge, and how many of those are the same labelled graph or different graphs.
    `pairs` are the catalogued pairs with different graphs, as SMILES; `pairs_within_generated` is how many there are
    among the molecules of QM9.  `collections` says what was read.
    """
    return json.loads((files("dmol_molnet") / "data" / "wl_census.json").read_text(encoding="utf-8"))

"""Labelled frames of many molecules, made in parallel: which molecules, which frames, and the work of it."""

from dmol_molnet.labels.calculators import Method
from dmol_molnet.labels.enumeration import constitutions
from dmol_molnet.labels.frames import Plan, frames
from dmol_molnet.labels.work import Labelling, label

__all__ = ["Labelling", "Method", "Plan", "constitutions", "frames", "label"]

"""Labelled frames of many molecules, made in parallel: which molecules, which frames, and the work of it."""

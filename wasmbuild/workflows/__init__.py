"""Verbs: the only place that wires the rooms together, one module for each."""

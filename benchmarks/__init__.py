"""Measurements of the house, each a module: ``make bench-NAME`` runs ``benchmarks/NAME.py``."""

"""Verbs of ``shouwang-edge`` for the person at the box, one file each."""

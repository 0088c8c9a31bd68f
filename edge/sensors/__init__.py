"""Sensors: one file each; a hardware library is imported inside it and is an extra."""

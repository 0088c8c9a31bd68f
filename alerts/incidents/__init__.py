"""Incidents: one ongoing danger from the first sign to the second look, and the duties it asks."""

"""Versions of this software on a device: put in place, tried, and put back."""

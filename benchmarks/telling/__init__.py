"""What ``make bench-notices`` measures, and the house that it fills for it."""

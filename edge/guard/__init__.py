"""The guard: a few rules on the device that switch off and sound where waiting would be dangerous.

``rule`` is what the file says, ``watching`` and ``standing`` decide (pure), ``guard`` acts. Nothing
here, and nothing that comes by wire, switches anything on.
"""

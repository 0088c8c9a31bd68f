"""The box about itself: what a machine lacks is left out, never invented.

``box`` puts it together; ``rounds`` asks each probe in a thread of its own, so that a card or modem
that hangs delays nothing; ``board``, ``card`` and ``modem`` are the probes; ``room`` is how long the
journal will last.
"""

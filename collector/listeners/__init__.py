"""Devices that speak TCP to us: one server a port, one named task a peer, errors end one peer only.

A format's talk (``hj212.py``, ``ap3000.py``) makes events of bytes and does no I/O; ``room.py`` has
the sockets. What is heard goes the way of all readings: intake, journal, and only then the answer.
"""

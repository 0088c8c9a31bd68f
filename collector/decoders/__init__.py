"""What foreign devices say, one file a format, each giving the same: a Told, or why it is refused.

A decoder is pure: bytes, a topic and the device's mapping in, records out. It knows neither the
registry nor the clock; ``collector/decoders/foreign.py`` dates the records and binds them.
"""

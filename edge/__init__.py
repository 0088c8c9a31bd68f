"""The device agent, and the language it speaks with the server."""

VERSION = (
    "0.1.0"  # of the package; asking importlib.metadata for it takes 3 MB of a device's memory
)

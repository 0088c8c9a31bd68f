"""The device's own time: from the kernel, asked of the server, and given to readings."""

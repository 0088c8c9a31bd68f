"""The running house: links, intake, journal, storage, and the one place that wires everything."""

"""Draining a broker's queue into InfluxDB: what `make bench-collector` is made of."""

"""Where readings are kept for charts: one port, an embedded SQLite store, and InfluxDB 2."""

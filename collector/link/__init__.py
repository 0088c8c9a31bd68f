"""Links to the broker: one port, two adapters (MQTT 5 and 3.1.1), one contract suite."""

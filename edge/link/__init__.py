"""The line to the broker: one MQTT connection at a time, kept up for ever; paho is known here only."""

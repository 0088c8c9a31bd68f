"""The operations database: registry, incidents, duties, people's acts and the outbox."""

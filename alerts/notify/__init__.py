"""Notices on their way: the channels, their outcomes, and the dispatcher that empties the outbox."""

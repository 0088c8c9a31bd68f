"""Settings that come by wire: which keys may, what they lie over, and their trial."""

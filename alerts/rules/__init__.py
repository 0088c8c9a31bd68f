"""Rules: from the journal's entries to transitions, by pure functions alone."""

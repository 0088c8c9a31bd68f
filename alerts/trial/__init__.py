"""A rule on trial: its numbers changed, what it would have said beside what did ring, counted. Pure."""

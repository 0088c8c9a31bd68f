"""The verbs of `shouwang`, one module each."""

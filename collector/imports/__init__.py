"""History from elsewhere: a table is read row by row and goes straight into the store, past the rules."""

"""The demo: the whole house on one machine, on recordings, with parts that need no installing."""

"""The device agent, and the language it speaks with the server."""

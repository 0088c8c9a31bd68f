"""The reference that names a secret in ``edge.toml``: env:NAME or file:PATH."""

from collections.abc import Mapping
from pathlib import Path

from edge.contract.secret import Secret
from edge.table import Table


def read(table: Table, key: str, folder: Path, environment: Mapping[str, str]) -> Secret | None:
    """The secret that ``key`` refers to by env:NAME or file:PATH; None when it is not given."""
    if key not in table:
        return None
    kind, _, name = table.text(key).partition(":")
    if kind == "env" and name:
        value = environment.get(name)
        if not value:
            table.complain(
                key, f"the environment has no {name}; write it into edge.env beside the file"
            )
        return Secret(value or "")
    if kind == "file" and name:
        try:
            return Secret((folder / name).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            table.complain(key, f"{folder / name} cannot be read: {error}")
            return None
    table.complain(key, "write a reference, env:NAME or file:PATH, never the password itself")
    return None

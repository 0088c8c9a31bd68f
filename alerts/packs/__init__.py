"""The rule packs that come with the house, as TOML files beside this one."""

from importlib import resources


def shipped() -> dict[str, str]:
    """File name -> TOML text, in the order of the names."""
    folder = resources.files("alerts") / "packs"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {file.name: file.read_text(encoding="utf-8") for file in files}

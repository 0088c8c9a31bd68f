"""The rule packs that come with the house, as TOML files beside this one."""

import json
from collections.abc import Mapping
from importlib import resources


def shipped() -> dict[str, str]:
    """File name -> TOML text, in the order of the names."""
    folder = resources.files("alerts") / "packs"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def notices() -> Mapping[str, Mapping[str, tuple[int, int, int | None, int | None]]]:
    """How soon the rules noticed, by rule and seconds between readings: found, of how many, median
    and 95 % in seconds. Written by ``make bench-seasons ARGS=--write``; a test measures it anew."""
    file = resources.files("alerts") / "packs" / "notices.json"
    found: Mapping[str, Mapping[str, tuple[int, int, int | None, int | None]]] = json.loads(
        file.read_text(encoding="utf-8")
    )
    return found

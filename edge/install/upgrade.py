"""``shouwang-edge upgrade``: a new version beside the running one, checked, then on trial.

By hands on the device only; nothing that comes by wire leads here. The packages that it needs are
taken by the hashes that its own wheel brings.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.environment import beside
from edge.errors import UpgradeError, UpgradeMissing
from edge.install.trial import JUDGE, SERVICE, restart
from edge.install.versions import Versions

EXTRAS = ("modbus", "serial", "gpio")
REQUIREMENTS = "edge/requirements"  # in the wheel: base.txt and one file for each extra
CHECK_S = 60  # real: a Pi Zero takes 3
TOLD = 15  # lines of a program that failed

_WHEEL = re.compile(r"shouwang-([0-9][^-]*)-py3-none-any\.whl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """``source`` is a wheel, or the name of a version that is already there.

    ``extras`` None takes those of the version that runs. ``wheels`` is a folder to take packages
    from instead of the network.
    """

    source: str
    config: Path
    extras: tuple[str, ...] | None = None
    wheels: Path | None = None


def upgrade(versions: Versions, asked: Upgrade) -> str:
    """The version that now runs; UpgradeError leaves everything as it was."""
    os.umask(0o022)  # the service's user must be able to read what root installs
    old = versions.current
    if versions.trial() is not None:
        raise UpgradeError(f"{old} is on trial; wait until it is kept or put back")
    try:
        (versions.root / "versions").mkdir(parents=True, exist_ok=True)
        _make_room(versions)
        if asked.source in versions.names() and versions.is_ready(asked.source):
            new = asked.source
        else:
            new = _build(versions, asked)
        if new == old:
            raise UpgradeError(f"{new} is what runs already")
        _check(versions.path(new), asked.config, is_first=old is None)
        if old is None:
            versions.begin(new)
            return new
        _run(["systemctl", "cat", JUDGE], f"install {JUDGE} first, so that the trial has a judge")
        versions.begin_trial(new)
    except OSError as error:
        raise UpgradeMissing(
            f"{error}; run it with sudo, and see that the disk has room"
        ) from error
    try:
        restart(SERVICE)
    finally:
        restart(JUDGE)  # in any case: it puts the old one back when the new one does not run
    return new


def _make_room(versions: Versions) -> None:
    """Keep the one that runs and the one before; half-made ones go as well."""
    kept = {versions.current, versions.previous}
    for name in versions.names():
        if name not in kept and not versions.is_ready(name):
            shutil.rmtree(versions.path(name))


def _build(versions: Versions, asked: Upgrade) -> str:
    wheel = Path(asked.source)
    match = _WHEEL.fullmatch(wheel.name)
    if match is None or not wheel.is_file():
        known = ", ".join(versions.names()) or "none"
        raise UpgradeError(
            f"{asked.source}: name the file shouwang-...whl, or a version that is there: {known}"
        )
    old = versions.current
    extras = asked.extras
    if extras is None:
        extras = versions.extras(old) if old is not None else ()
    name = "-".join([match[1], _digest(wheel), *extras])
    if versions.is_ready(name):
        return name
    for other in versions.names():
        if other not in (old, versions.previous):
            shutil.rmtree(versions.path(other))
    folder = versions.path(name)
    try:
        _install(folder, wheel.absolute(), extras, asked.wheels)
        (folder / "ready").write_text(" ".join(extras), encoding="utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return name


def _digest(wheel: Path) -> str:
    """Two builds of one version are two versions."""
    import hashlib

    return hashlib.sha256(wheel.read_bytes()).hexdigest()[:8]


def _install(folder: Path, wheel: Path, extras: Sequence[str], wheels: Path | None) -> None:
    interpreter = os.path.realpath(sys.executable)  # the machine's own, not that of our version
    # What drives a Pi's pins, lgpio, has wheels for some Pythons only; Raspberry Pi OS packs it.
    sight = ["--system-site-packages"] if "gpio" in extras else []
    _run(
        [interpreter, "-I", "-m", "venv", *sight, str(folder)],
        "sudo apt install python3-venv, and see that the disk has room", error=UpgradeMissing,
    )  # fmt: skip
    pip = [str(folder / "bin/python"), "-I", "-m", "pip", "--disable-pip-version-check"]
    where = ["--no-index", "--find-links", str(wheels)] if wheels is not None else []
    needed = [
        argument
        for path in _requirements(folder, wheel, extras)
        for argument in ("--requirement", str(path))
    ]
    _run(
        [*pip, "install", "--quiet", "--require-hashes", "--only-binary", ":all:", *where, *needed],
        "see that the disk has room and the network is there, or bring the packages: --wheels DIR",
        error=UpgradeMissing,
    )
    _run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], "fetch it again")


def _requirements(folder: Path, wheel: Path, extras: Sequence[str]) -> list[Path]:
    """What the wheel says it needs, by hash, laid down beside its environment."""
    import zipfile

    paths = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in ("base", *extras):
                path = folder / f"{name}.txt"
                path.write_bytes(archive.read(f"{REQUIREMENTS}/{name}.txt"))
                paths.append(path)
    except zipfile.BadZipFile as error:
        raise UpgradeError(f"{wheel}: {error}; fetch it again") from error
    except KeyError as error:
        raise UpgradeError(f"{wheel}: {error.args[0]}; it cannot be installed this way") from error
    return paths


def _check(folder: Path, config: Path, *, is_first: bool) -> None:
    """The new version must understand the box's own configuration."""
    if is_first and not config.exists():
        return
    _run(
        [str(folder / "bin/shouwang-edge"), "check", str(config)],
        "mend the configuration for the new version, or keep the old one",
        {**_environment(), **beside(config)},
    )


def _environment() -> dict[str, str]:
    """Ours without what would lead a new version to an old one's modules."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def _run(
    command: list[str], remedy: str, environment: dict[str, str] | None = None,
    *, error: type[UpgradeError] = UpgradeError,
) -> None:  # fmt: skip
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace",
            env=_environment() if environment is None else environment,
            timeout=CHECK_S if environment is not None else None,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as trouble:
        raise error(f"{trouble}; {remedy}") from trouble
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-TOLD:])
        raise error(f"{' '.join(command[:4])} ended with {done.returncode}:\n{said}\n{remedy}")

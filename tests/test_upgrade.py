"""The wheel of this tree, put on a box as its owner would, and replaced by the next one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.install.upgrade import EXTRAS
from tests.edge.box import Box, Init
from tests.edge.device import Server, wait_until
from tests.wheel import ROOT, run

pytestmark = pytest.mark.timeout(300)  # the first build fetches its tools

REQUIREMENTS = ROOT / "edge/requirements"
CONFIG = """
site = "riverside"
device = "box"
[mqtt]
url = "{url}"
[journal]
path = "{folder}/journal.db"
durability = "each"
[agent]
resend_s = 1
[[sensor]]
kind = "simulated"
name = "air"
place = "shed-1"
metrics = ["shed-temp"]
interval_s = 1
"""


@pytest.mark.parametrize("name", ["base", *EXTRAS])
def test_the_packages_of_a_device_are_those_of_the_lock_file(uv: str, name: str) -> None:
    path = REQUIREMENTS / f"{name}.txt"
    header, _, body = path.read_text("utf-8").partition("\n")
    command, _, target = header.removeprefix("# ").partition(" > ")
    assert target == str(path.relative_to(ROOT))
    made = run(uv, *command.split()[1:], "--quiet", "--project", ROOT)
    assert made.returncode == 0, made.stderr
    assert body == made.stdout, f"uv.lock has other packages; in the repository: {header[2:]}"
    pinned = [line for line in body.splitlines() if line[:1].isalpha()]
    assert len(pinned) == body.count("==")
    assert all(line.endswith("\\") for line in pinned)  # a hash follows


def test_every_driver_of_the_project_has_its_packages() -> None:
    names = {path.stem for path in REQUIREMENTS.glob("*.txt")}
    assert names == {"base", *EXTRAS}


@pytest.fixture
def packages(uv: str, tmp_path: Path) -> Path:
    """What a stick would carry to a box without a network."""
    folder, fetch = tmp_path / "stick", tmp_path / "fetch"
    assert run(sys.executable, "-m", "venv", fetch).returncode == 0
    fetched = run(
        fetch / "bin/pip", "download", "--quiet", "--no-deps", "--require-hashes",
        "--dest", folder, "--requirement", REQUIREMENTS / "base.txt",
    )  # fmt: skip
    assert fetched.returncode == 0, fetched.stderr
    return folder


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def init(box: Box) -> Iterator[Init]:
    init = Init(box, within_s=12.0)
    yield init
    init.cut_power()


def variant(wheel: Path, folder: Path) -> Path:
    """The same wheel, and another build."""
    folder.mkdir()
    copy = Path(shutil.copy(wheel, folder))
    with zipfile.ZipFile(copy, "a") as archive:
        archive.comment = folder.name.encode()
    return copy


@pytest.mark.packaging
@pytest.mark.mosquitto
def test_a_box_takes_the_wheel_keeps_the_next_one_and_puts_back_one_that_does_not_report(
    wheel: Path, packages: Path, box: Box, init: Init, mosquitto_server, tmp_path: Path
) -> None:
    broker = mosquitto_server()
    server = Server(broker.host, broker.port)
    try:
        box.config.write_text(CONFIG.format(url=broker.url, folder=tmp_path))
        first = subprocess.run(
            [
                "python3", "-m", "edge.cli", "upgrade", wheel, "--wheels", packages,
                "--root", box.root, "--config", box.config,
            ],
            env=box.environment(PYTHONPATH=str(wheel)), cwd=tmp_path,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert first.returncode == 0, first.stderr
        one = box.versions.current
        init.boot()
        wait_until((box.run / "reported").exists, "the first version reports")

        done = box.upgrade(variant(wheel, tmp_path / "two"), "--wheels", packages)
        assert done.returncode == 0, done.stderr
        two = box.versions.current
        assert two != one
        wait_until(lambda: not (box.root / "trial").exists(), "the trial is over")
        assert (box.versions.current, box.versions.previous) == (two, one)

        server.is_silent = True
        done = box.upgrade(variant(wheel, tmp_path / "three"), "--wheels", packages)
        assert done.returncode == 0, done.stderr
        three = box.versions.current
        wait_until(lambda: not (box.root / "trial").exists(), "the trial is over")
        assert box.versions.current == two
        server.is_silent = False
        said = f"({three} rolled back)"
        wait_until(lambda: said in server.statuses[-1].firmware, "the old version says so")
        wait_until((box.run / "reported").exists, "the old version reports again")
    finally:
        server.close()


@pytest.mark.packaging
@pytest.mark.parametrize(
    ("change", "complaint"),
    [("hash", "DO NOT MATCH THE HASHES"), ("gone", "No matching distribution")],
)
def test_packages_that_are_not_those_of_the_lock_file_are_not_installed(
    wheel: Path, packages: Path, box: Box, change: str, complaint: str
) -> None:
    (package,) = packages.glob("*.whl")
    if change == "hash":
        with zipfile.ZipFile(package, "a") as archive:
            archive.comment = b"tampered"
    else:
        package.unlink()
    done = subprocess.run(
        [
            sys.executable, "-m", "edge.cli", "upgrade", wheel, "--wheels", packages,
            "--root", box.root, "--config", box.config,
        ],
        env=box.environment(), cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 3
    assert complaint in done.stderr
    assert (box.versions.current, box.versions.names()) == (None, [])

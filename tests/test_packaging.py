"""The wheel holds what runs, and a device that installs it gets paho-mqtt and nothing heavier."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.wheel import run

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.timeout(300),  # the first build fetches its tools
]

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "edge/samples/edge.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An environment with the wheel and nothing else asked for."""

    bin: Path
    packages: frozenset[str]

    def run(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        program, *arguments = command
        return subprocess.run(
            [self.bin / program, *arguments], capture_output=True, text=True, cwd=cwd, timeout=60
        )


@pytest.fixture(scope="module")
def contents(wheel: Path) -> frozenset[str]:
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


@pytest.fixture(scope="module")
def device(uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Device:
    environment = tmp_path_factory.mktemp("device") / "venv"
    python = environment / "bin/python"
    made = run(uv, "venv", "--quiet", environment)
    assert made.returncode == 0, made.stderr
    installed = run(uv, "pip", "install", "--quiet", "--python", python, wheel)
    assert installed.returncode == 0, installed.stderr
    listed = run(uv, "pip", "freeze", "--quiet", "--python", python)
    names = {line.split("==")[0].split(" @ ")[0] for line in listed.stdout.splitlines()}
    return Device(bin=environment / "bin", packages=frozenset(names))


def test_a_device_gets_paho_and_nothing_heavier(device: Device) -> None:
    assert device.packages == {"shouwang", "paho-mqtt"}


def test_a_device_checks_its_sample_configuration(device: Device, tmp_path: Path) -> None:
    shutil.copy(SAMPLE, tmp_path / "edge.toml")
    checked = device.run("shouwang-edge", "check", "edge.toml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_broken_configuration_is_refused_with_code_2(device: Device, tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text("no_such_key = true\n", encoding="utf-8")
    checked = device.run("shouwang-edge", "check", "edge.toml", cwd=tmp_path)
    assert checked.returncode == 2, checked.stdout + checked.stderr
    assert "edge.toml" in checked.stdout + checked.stderr


def test_a_device_that_starts_the_server_command_is_told_of_the_extra(
    device: Device, tmp_path: Path
) -> None:
    started = device.run("shouwang", "serve", cwd=tmp_path)
    assert started.returncode == 3, started.stdout + started.stderr
    assert "shouwang[server]" in started.stderr
    assert "Traceback" not in started.stderr


@pytest.mark.parametrize(
    "pattern",
    [
        "dashboards/console/static/vendor/uplot/uPlot.iife.min.js",
        "dashboards/console/static/vendor/uplot/uPlot.min.css",
        "dashboards/console/static/vendor/uplot/LICENSE",
        "alerts/packs/*.toml",
        "collector/demo/recordings/*",
        "edge/samples/edge.toml",
        "edge/install/BUILT",
    ],
)
def test_the_wheel_holds(contents: frozenset[str], pattern: str) -> None:
    assert [name for name in contents if Path(name).match(pattern)], f"no {pattern} in the wheel"


def test_the_wheel_holds_the_four_packages_and_nothing_beside_them(
    contents: frozenset[str],
) -> None:
    top = {name.split("/")[0] for name in contents}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "edge",
        "collector",
        "alerts",
        "dashboards",
    }


def test_every_tracked_file_of_the_packages_is_in_the_wheel(contents: frozenset[str]) -> None:
    listed = run("git", "-C", ROOT, "ls-files", "edge", "collector", "alerts", "dashboards")
    if listed.returncode:
        pytest.skip("this is no git checkout")
    build_only = {"package.json", "package-lock.json", ".npmrc"}
    tracked = {name for name in listed.stdout.splitlines() if Path(name).name not in build_only}
    missing = {name for name in tracked - contents if (ROOT / name).exists()}
    assert not missing


def test_the_lock_file_names_one_public_index_and_no_local_path() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    packages = [package for package in lock["package"] if package["name"] != "shouwang"]
    assert {tuple(package["source"]) for package in packages} == {("registry",)}
    assert len({package["source"]["registry"] for package in packages}) == 1
    # A tool of the developer's may have no wheel.
    files = [file for package in packages for file in package.get("wheels", [package.get("sdist")])]
    assert all(file["url"].startswith("https://") for file in files)


def test_the_base_dependency_is_paho_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [name.split(">")[0] for name in project["dependencies"]] == ["paho-mqtt"]

"""The guide for the person with the screwdriver: its commands run, its drawings are right."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.edge.device import Server, wait_until
from tests.wheel import ROOT, run

GUIDE = ROOT / "docs/box.md"
DRAWINGS = sorted((ROOT / "docs/images").glob("box-*.svg"))
UNIT = ROOT / "docs/deploy/systemd/shouwang-edge.service"

# What changes the machine itself, or wants a person.
NOT_HERE = ("apt", "useradd", "sudoedit", "systemctl")
# The 40 places of a Pi's header.
PLACES = {
    "GPIO4": {7}, "GPIO17": {11}, "GPIO18": {12}, "GPIO27": {13}, "GPIO22": {15}, "GPIO23": {16},
    "3V3": {1, 17}, "5V": {2, 4}, "GND": {6, 9, 14, 20, 25, 30, 34, 39},
}  # fmt: skip

each_drawing = pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)


def blocks() -> list[list[str]]:
    """The guide's commands, one list for each place where they are given."""
    found = re.findall(r"^```console\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    return [block.splitlines() for block in found]


def texts(path: Path) -> list[str]:
    return [text for text in ElementTree.parse(path).getroot().itertext() if text.strip()]


@pytest.mark.parametrize("name", ["box.md", "box.zh.md"])
def test_the_guide_begins_with_what_only_an_electrician_may_do(name: str) -> None:
    head = (ROOT / "docs" / name).read_text("utf-8").partition("```")[0][:600]
    assert "持" in head
    assert "电工" in head
    assert name != "box.md" or "licensed electrician" in head


def test_there_are_at_most_ten_lines_from_login_to_the_first_reading() -> None:
    assert 5 < len(blocks()[1]) <= 10


def test_both_drawings_are_there() -> None:
    assert [path.stem for path in DRAWINGS] == ["box-river", "box-shed"]


@each_drawing
def test_a_drawing_names_each_pin_by_its_place_on_the_header_and_uses_none_twice(
    path: Path,
) -> None:
    named = [re.fullmatch(r"(\w+) \((\d+)\)", text) for text in texts(path)]
    pins = [(match[1], int(match[2])) for match in named if match is not None]
    assert len(pins) >= 2
    assert [pin for pin in pins if pin[1] not in PLACES[pin[0]]] == []
    assert [
        place for place, times in Counter(place for _, place in pins).items() if times > 1
    ] == []


@each_drawing
def test_a_drawing_speaks_both_languages_and_loads_nothing(path: Path) -> None:
    said = " ".join(texts(path))
    assert "电工" in said
    assert "electrician" in said
    source = path.read_text("utf-8")
    assert "href" not in source
    assert "<script" not in source


@pytest.mark.packaging
@pytest.mark.mosquitto
@pytest.mark.timeout(300)
def test_the_guide_leads_to_the_first_reading(
    wheel: Path, mosquitto_server, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    carried = re.findall(r"\S+/\S+", blocks()[0][1])
    for pattern in carried:
        found = [wheel] if pattern.startswith("dist/") else list(ROOT.glob(pattern))
        assert found, f"{pattern} is not there to be carried over"
        for path in found:
            shutil.copy(path, home)
    (tmp_path / "systemd").mkdir()
    broker = mosquitto_server()

    def here(command: str) -> str:
        """The same command without the rights and the places of a Pi."""
        for there, instead in (
            ("sudo -u shouwang ", ""), ("sudo ", ""), (" -g shouwang", ""),
            ("/etc/systemd/system", f"{tmp_path}/systemd"),
            ("/etc/shouwang", f"{tmp_path}/etc"), ("/opt/shouwang", f"{tmp_path}/opt"),
            (" upgrade ", f" upgrade --root {tmp_path}/opt --config {tmp_path}/etc/edge.toml "),
        ):  # fmt: skip
            command = command.replace(there, instead)
        return command

    ran = []
    for command in blocks()[1]:
        if any(word in command for word in NOT_HERE):
            if "sudoedit" in command:
                _edit(tmp_path / "etc/edge.toml", broker.url, tmp_path / "journal.db")
            continue
        done = subprocess.run(
            ["sh", "-c", here(command)], cwd=home, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        ran.append(command)
    assert len(ran) == len(blocks()[1]) - len(NOT_HERE)
    assert {path.name for path in (tmp_path / "systemd").iterdir()} == {
        "shouwang-edge.service", "shouwang-edge-trial.service",
    }  # fmt: skip

    start = re.search(r"^ExecStart=(.*)$", UNIT.read_text("utf-8"), re.M)
    assert start is not None
    server = Server(broker.host, broker.port)
    agent = subprocess.Popen(here(start[1]).split(), cwd=home, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: server.of("shed-temp"), "the first reading")
    finally:
        agent.terminate()
        agent.wait(20)
        server.close()


@pytest.mark.packaging
@pytest.mark.timeout(300)
def test_the_packages_for_a_box_without_a_network_can_be_fetched_as_told(
    tmp_path: Path, uv: str
) -> None:
    command = re.search(r"`(pip download [^`]*)`", GUIDE.read_text("utf-8"))
    assert command is not None
    assert run("python3", "-m", "venv", tmp_path / "venv").returncode == 0
    words = command[1].replace("-d stick", f"-d {tmp_path}/stick").split()
    done = subprocess.run(
        [tmp_path / "venv/bin" / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "stick").glob("paho_mqtt-*.whl")]


def _edit(path: Path, url: str, journal: Path) -> None:
    """What the guide asks the person to write."""
    text = path.read_text("utf-8")
    text = re.sub(r'^url = ".*?"', f'url = "{url}"', text, flags=re.M)
    text = re.sub(r'^path = ".*?"', f'path = "{journal}"', text, flags=re.M)
    path.write_text(text, "utf-8")

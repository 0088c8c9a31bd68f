"""The back-off of the link, and what the edge loads."""

import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

from edge import VERSION
from edge.link.mqtt import LONGEST_WAIT_S, back_off_s
from edge.sensors.kinds import KINDS
from tests.edge.device import ROOT


@pytest.mark.parametrize(
    ("failures", "chance", "wait_s"),
    [(0, 0.0, 0.25), (0, 1.0, 0.5), (1, 1.0, 1.0), (4, 0.0, 4.0), (4, 1.0, 8.0), (99, 1.0, 60.0)],
)
def test_the_wait_doubles_up_to_a_minute_and_half_of_it_is_chance(failures, chance, wait_s) -> None:
    assert back_off_s(failures, chance) == wait_s <= LONGEST_WAIT_S


def test_the_agent_brings_paho_and_the_standard_library_only() -> None:
    script = (
        "import sys; before = set(sys.modules); import edge.agent, edge.cli\n"
        "names = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(' '.join(sorted(names - set(sys.stdlib_module_names) - {'edge', 'paho'})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_an_agent_of_usual_sensors_loads_only_what_it_uses(tmp_path) -> None:
    """Each name costs memory of a device that has 30 MB for this, and none is needed here.

    What paho brings itself (http, email, urllib.request) is not ours to change.
    """
    (tmp_path / "edge.toml").write_text(
        'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "mqtt://127.0.0.1"\n'
        '[journal]\npath = "journal.db"\n'
        '[[sensor]]\nkind = "ds18b20"\nid = "28-0316a2795b21"\nmetric = "shed-temp"\n'
        'place = "shed"\n'
        '[[sensor]]\nkind = "modbus"\nmap = "pzem-004t-v3"\nserial = "/dev/ttyUSB0"\n'
        'place = "shed"\nport = "p1"\n',
        encoding="utf-8",
    )
    script = (
        "import sys; before = set(sys.modules)\n"
        "from pathlib import Path\n"
        "import edge.cli, edge.agent\n"
        "from edge.clock import Clock\n"
        "config = edge.config.read(Path(sys.argv[1]))\n"
        "edge.agent.Agent(config, Clock())\n"
        "heavy = {'asyncio', 'concurrent.futures', 'csv', 'decimal', 'difflib', 'gzip',\n"
        "         'importlib.metadata', 'multiprocessing', 'pymodbus', 'serial', 'subprocess',\n"
        "         'unittest', 'xml', 'zipfile'} | {\n"
        "    f'edge.sensors.{kind}' for kind in edge.config.KINDS if kind not in\n"
        "    ('ds18b20', 'modbus')}\n"
        "print(' '.join(sorted(heavy & (set(sys.modules) - before))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "edge.toml")],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_version_that_a_status_says_is_the_package_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_each_kind_of_sensor_is_a_module_that_reads_its_keys() -> None:
    for kind in KINDS:
        assert callable(import_module(f"edge.sensors.{kind}").read), kind

"""Floors, cycles, pure modules, the light edge: held on the tree, and shown to bite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.floors import problems

ROOT = Path(__file__).parent.parent


def test_the_tree_keeps_its_floors() -> None:
    assert problems(ROOT) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in ("edge", "alerts", "dashboards", "collector"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("node_modules", "vendor", "__pycache__", "recordings"),
        )
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("edge/contract/ids.py", "import edge.journal.journal", "a floor above"),
        ("edge/clock.py", "import alerts.words", "a room beside it"),
        ("alerts/words.py", "from edge import journal", "a room beside it"),
        ("alerts/words.py", "import collector.intake", "a floor above"),
        ("dashboards/ports.py", "import collector.watch", "a floor above"),
        ("edge/clock.py", "import pydantic", "nothing heavier"),
        ("edge/clock.py", "import pymodbus", "nothing heavier"),
        ("edge/contract/compare.py", "import socket", "is pure and imports socket"),
        ("alerts/rules/rule.py", "import sqlite3", "is pure and imports sqlite3"),
        ("alerts/incidents/model.py", "x = datetime.now()", "reads the clock"),
        ("alerts/incidents/model.py", "x = open('x')", "calls open()"),
        ("alerts/rules/rule.py", "x = Shift.read_text()", "calls .read_text()"),
        ("edge/contract/ids.py", "from edge.contract import subject", "cycle: "),
    ],
)
def test_a_deliberate_violation_is_found(tree: Path, file: str, line: str, complaint: str) -> None:
    path = tree / file
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    found = problems(tree)
    assert any(complaint in problem for problem in found), found


def test_a_driver_inside_a_function_is_fine(tree: Path) -> None:
    path = tree / "edge/clock.py"
    path.write_text(path.read_text("utf-8") + "\ndef f():\n    import pymodbus\n", "utf-8")
    assert problems(tree) == []


def test_the_agent_loads_nothing_heavy() -> None:
    script = (
        "import sys, edge.agent, edge.cli\n"
        "heavy = {'pydantic','aiohttp','sqlalchemy','influxdb_client','alerts','collector',"
        "'dashboards','rich','orjson','argparse','asyncio','email','http','subprocess'} & {name.split('.')[0] for name in sys.modules}\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

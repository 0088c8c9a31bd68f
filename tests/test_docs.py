"""What the documents name is there: files, commands, targets, settings."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import pytest

from collector.cli import VERBS
from collector.config import Config
from dashboards.console.guard import FORWARDED

ROOT = Path(__file__).resolve().parents[1]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
UNITS = sorted((ROOT / "docs/deploy/systemd").glob("*.service"))

_LINK = re.compile(r"!?\[[^]]*]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.M | re.S)
_VERB = re.compile(r"(?:[\s`]|bin/)shouwang ([a-z]+(?:-[a-z]+)*)\b")
_TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
_ROW = re.compile(r"^\| `(\w+)` \| (?:`([^`]*)` )?\|", re.M)

each_document = pytest.mark.parametrize("path", DOCS, ids=[str(p.relative_to(ROOT)) for p in DOCS])


def code(path: Path) -> list[str]:
    """What is set as code: what a reader may copy."""
    return [found[0] for found in _CODE.finditer(path.read_text("utf-8"))]


@each_document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    links = [link for link in _LINK.findall(path.read_text("utf-8")) if "://" not in link]
    names = [unquote(link.partition("#")[0]) for link in links]
    assert [name for name in names if name and not (path.parent / name).exists()] == []


@each_document
def test_every_verb_exists(path: Path) -> None:
    named = {verb for text in code(path) for verb in _VERB.findall(text)}
    assert named - set(VERBS) == set()


@each_document
def test_every_make_target_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [name.replace("%", "[a-z-]+") for name in re.findall(r"^([a-z%-]+):", makefile, re.M)]
    named = {target for text in code(path) for target in _TARGET.findall(text)}
    assert [name for name in named if not any(re.fullmatch(t, name) for t in targets)] == []


def test_every_setting_is_described_with_its_default() -> None:
    told: dict[str, dict[str, str]] = {}
    text = (ROOT / "docs/config.md").read_text("utf-8")
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        if rows := dict(_ROW.findall(section)):
            told[section.partition("\n")[0]] = rows
    assert told == settings(Config())


def test_the_proxy_that_is_described_strips_what_the_desk_refuses() -> None:
    text = (ROOT / "docs/config.md").read_text("utf-8")
    assert [name for name in FORWARDED if f'proxy_set_header {name} "";' not in text] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_with_a_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text("utf-8")
    copy = tmp_path / unit.name
    # systemd looks whether the program is there.
    copy.write_text(re.sub(r"/opt/shouwang/\S*bin/\S+", "/bin/true", text), "utf-8")
    verify = ["systemd-analyze", "verify", "--man=no", str(copy)]
    said = subprocess.run(verify, capture_output=True, text=True, timeout=60)
    ours = [line for line in said.stderr.splitlines() if unit.name in line]
    assert (said.returncode, ours) == (0, []), said.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_the_agent_little_exposed() -> None:
    unit = ROOT / "docs/deploy/systemd/shouwang-edge.service"
    # 0 is shut in, 100 is bare; devices and network must stay open to it.
    weigh = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=25"]
    said = subprocess.run([*weigh, str(unit)], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stdout + said.stderr


def settings(config: Any) -> dict[str, dict[str, str]]:
    """Each table's keys with their defaults, as the document writes them."""
    tables: dict[str, dict[str, str]] = {"At the top": {}}
    for one in fields(config):
        value = getattr(config, one.name)
        of = get_args(one.type)  # a table that may stand several times is a tuple of its class
        kind: Any = type(value) if is_dataclass(value) else of[0] if of else None
        if is_dataclass(kind):
            tables[one.name] = {
                key.name: "" if key.default in ("", (), MISSING) else str(key.default)
                for key in fields(kind)
            }
        else:
            tables["At the top"][one.name] = str(value)
    return tables

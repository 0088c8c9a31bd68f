"""``edge.toml`` as values; every mistake of the file at once, each with its key and remedy."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.topics import SERVER
from edge.errors import ConfigError
from edge.health.probe import HealthConfig
from edge.health.probe import read as read_health
from edge.link.config import MqttConfig
from edge.link.config import read as read_link
from edge.measuring.measuring import Measuring, read_measuring
from edge.onsite.plan import OnsitePlan
from edge.onsite.plan import read as read_onsite
from edge.sensors.kinds import KINDS
from edge.sensors.port import Plan, Sensor
from edge.table import Table, at_seconds
from edge.timekeeping.timekeeper import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """Caps of the journal. ``durability_s`` 0 commits each reading; alarm class always is."""

    path: Path
    max_bytes: int
    max_age_ms: int
    durability_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorConfig:
    """A sensor to be: ``build`` needs the begin, which may only be known once the journal is open."""

    name: str
    plan: Plan
    measuring: Measuring = field(default_factory=Measuring)
    kind: str = ""

    def build(self, begin_ms: int) -> Sensor:
        return self.plan.build(self.name, begin_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """One device. Intervals are house seconds; ``backlog_per_s`` is readings a real second.

    ``trial_s`` is real, too: how long settings that came by wire may leave it without a server.
    """

    site: str
    device: str
    mqtt: MqttConfig
    journal: JournalConfig
    sensors: tuple[SensorConfig, ...]
    onsite: OnsitePlan = field(default_factory=OnsitePlan)
    health: HealthConfig = field(default_factory=HealthConfig)
    begin_ms: int | None = None
    health_interval_s: float = 300.0
    resend_s: float = 30.0
    backlog_per_s: float = 5000.0
    trial_s: float = 600.0
    exit_when_done: bool = False
    summary: Path | None = None
    trust: Trust = Trust.AUTO


def read(path: Path, environment: Mapping[str, str] | None = None) -> EdgeConfig:
    """The configuration in the file; ConfigError with all its problems.

    Paths in it are relative to its folder; ``env:`` references are looked up in ``environment``.
    """
    return build(load(path), path, environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What of a file is about sensors."""

    site: str
    device: str
    begin_ms: int | None
    sensors: tuple[SensorConfig, ...]


def read_sensors(path: Path) -> Bench:
    """The sensors alone, for who stands at the box: no broker, password or journal is needed."""
    problems: list[str] = []
    top = Table(load(path), "", problems)
    bench = Bench(
        site=top.id("site"),
        device=top.id("device"),
        begin_ms=_begin(top.table("house")),
        sensors=_sensors(top, path.absolute().parent),
    )
    if problems:
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    return bench


def load(path: Path) -> dict[str, Any]:
    """The file as TOML; ConfigError when it is none or cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}; name a file that can be read"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error


def build(
    raw: Mapping[str, Any], path: Path, environment: Mapping[str, str] | None = None
) -> EdgeConfig:
    """What ``load`` gave as values; ConfigError with all its problems, each beginning with ``path``."""
    problems: list[str] = []
    environment = os.environ if environment is None else environment
    config = _config(Table(raw, "", problems), path.absolute().parent, environment)
    if problems:
        raise ConfigError([f"{path}: {problem}" for problem in problems])
    return config


def _config(top: Table, folder: Path, environment: Mapping[str, str]) -> EdgeConfig:
    site, device = top.id("site"), top.id("device")
    if device == SERVER:
        top.complain("device", f"{SERVER!r} is the server's own name; choose another")
    agent, house, clock = top.table("agent"), top.table("house"), top.table("time")
    summary = agent.text("summary", "") if "summary" in agent else ""
    sensors = _sensors(top, folder)
    paces = {each: sensor.plan.pace_s for sensor in sensors for each in sensor.plan.gives}
    config = EdgeConfig(
        site=site,
        device=device,
        begin_ms=_begin(house),
        mqtt=read_link(top.table("mqtt"), folder, environment),
        journal=_journal(top.table("journal"), folder),
        sensors=sensors,
        health=read_health(top.table("health")),
        onsite=read_onsite(top, folder, paces),
        health_interval_s=agent.number("health_interval_s", 300.0, least=1, most=86_400),
        resend_s=agent.number("resend_s", 30.0, least=1, most=86_400),
        backlog_per_s=agent.number("backlog_per_s", 5000.0, least=1, most=1e6),
        trial_s=agent.number("trial_s", 600.0, least=1, most=86_400),
        exit_when_done=agent.flag("exit_when_done", False),
        summary=folder / summary if summary else None,
        trust=Trust(clock.one_of("trust", Trust, Trust.AUTO)),
    )
    for table in (agent, house, clock, top):
        table.done()
    return config


def _begin(house: Table) -> int | None:
    if "begin_ms" in house and "begin" in house:
        house.complain("begin", "is given twice; take begin or begin_ms out")
    if "begin_ms" in house:
        return house.whole("begin_ms", least=0, most=2**53)
    moment = house.moment("begin")
    if moment is None:
        return None
    return round(_moment_seconds(moment) * 1000)


def _journal(table: Table, folder: Path) -> JournalConfig:
    durability, durability_s = table.raw("durability"), 0.0
    if isinstance(durability, str):
        if durability != "each":
            table.complain("durability", f'write seconds, or "each", got {durability!r}')
    else:
        durability_s = table.number("durability", 10.0, above=0, most=3600)
    config = JournalConfig(
        path=folder / table.text("path", "journal.db"),
        max_bytes=round(table.number("max_mb", 200.0, least=1, most=1e6) * 1e6),
        max_age_ms=round(table.number("max_days", 60.0, above=0, most=3660) * 86_400_000),
        durability_s=durability_s,
    )
    table.done()
    return config


def _sensors(top: Table, folder: Path) -> tuple[SensorConfig, ...]:
    sensors: list[SensorConfig] = []
    for nth, table in enumerate(top.tables("sensor"), 1):
        kind = table.one_of("kind", KINDS)
        if table.raw("kind") not in KINDS:
            continue  # of a kind that is none nobody knows the keys
        name = table.id("name", f"{kind}-{nth}")
        if any(name == other.name for other in sensors):
            table.complain("name", f"{name!r} is taken by another sensor; names differ")
        plan = KINDS[kind](table, folder)
        measuring = read_measuring(table, kind, plan)
        sensors.append(SensorConfig(name=name, plan=plan, measuring=measuring, kind=kind))
        table.done()
    if "sensor" not in top and "announcer" not in top:
        top.complain("sensor", "there is none; write at least one [[sensor]]")
    return tuple(sensors)


def _moment_seconds(moment: str | float) -> float:
    if isinstance(moment, float):
        return moment
    return at_seconds(moment) or 0.0  # the door let only times pass

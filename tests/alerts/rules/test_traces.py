"""Every shipped rule rings on its trace, and stays quiet on the one that only looks like it."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.figures import fill
from alerts.incidents.model import Incident
from alerts.incidents.model import State as IncidentState
from alerts.messages import holes
from alerts.packs import shipped
from alerts.registry.model import PlaceKind
from alerts.replay import replay
from alerts.rules.aside import Aside
from alerts.rules.inputs import Colour, Sight, Warning
from alerts.rules.packs import read_packs
from alerts.rules.rule import Of, Where
from alerts.rules.transition import Change
from alerts.words import Language
from edge.contract.topics import SERVER
from tests.alerts.rules import worlds

TRACES: dict[str, dict[str, Any]] = {}
for file in sorted((Path(__file__).parent / "traces").glob("*.toml")):
    TRACES |= tomllib.loads(file.read_text("utf-8"))
PACKS = read_packs(shipped())


def test_every_shipped_rule_has_a_trace_that_rings_and_a_look_alike() -> None:
    assert {rule: set(traces) for rule, traces in TRACES.items()} == {
        id_: {"rings", "quiet"}
        for id_, rule in PACKS.rules.items()
        if not isinstance(rule, Aside)  # no reading rings it: test_faults.py
    }


@pytest.mark.parametrize("rule", TRACES)
def test_it_rings(rule: str) -> None:
    trace = TRACES[rule]["rings"]
    rang = [t for t in run(rule, trace) if t.change is not Change.CLEARED]
    assert rang, trace["says"]
    assert max(t.severity for t in rang).name.lower() == trace["severity"]


@pytest.mark.parametrize("rule", TRACES)
def test_it_stays_quiet_on_what_looks_like_it(rule: str) -> None:
    trace = TRACES[rule]["quiet"]
    assert run(rule, trace) == [], trace["says"]


def run(id_: str, trace: dict[str, Any]) -> list[Any]:
    rule = PACKS.rules[id_]
    where = rule.places[0]
    is_itself = where in (Where.DEVICE, Where.CELL)
    kind = PlaceKind.REACH if is_itself else PlaceKind(where.value)
    own = worlds.PORT if rule.of is Of.PORT else ""
    columns: dict[worlds.Spot, list[float | None]] = {}
    for name, text in trace.get("series", {}).items():
        metric, _, at = name.partition("@")
        place, _, port = at.partition("/")
        columns[place or worlds.PLACE, port or ("" if at else own), metric] = expanded(text)
    if "values" in trace:
        main = ("" if is_itself else worlds.PLACE, own, rule.metric or "do")
        columns[main] = expanded(trace["values"])
    override = {id_: trace["override"]} if "override" in trace else None
    world = worlds.village(kind, list(columns), interval_s=trace["interval"], override=override)
    interval_ms = trace["interval"] * 1000
    start_ms = worlds.T0
    if "starts" in trace:
        start_ms = round(datetime.fromisoformat(trace["starts"]).timestamp() * 1000)
    tick_ms = min(interval_ms, 5_000 if interval_ms < 60_000 else 60_000)
    device = SERVER if where is Where.CELL else worlds.DEVICE
    whats = list(worlds.together(interval_ms, columns, tick_ms, start_ms, device))
    for name, text in trace.get("boxes", {}).items():  # others there, with smoke detectors
        (box,) = worlds.registry(
            kind, "smoke", interval_s=trace["interval"], devices=(name,)
        ).devices
        world = replace(world, devices=(*world.devices, box))
        for n, value in enumerate(expanded(text)):
            at_ms = start_ms + n * interval_ms
            if value is not None:
                whats.append((at_ms, worlds.batch((at_ms, value), metric="smoke", device=name)))
    if "blind" in trace:
        for n, sees in zip(trace["blind"], (False, True), strict=True):
            at_ms = start_ms + n * interval_ms
            whats.append((at_ms, Sight(sees, at_ms)))
    for warning in trace.get("warnings", ()):
        at_ms = start_ms + warning["at"] * interval_ms
        whats.append((at_ms, official(at_ms, warning)))
    whats.sort(key=lambda what: what[0])
    entries = worlds.journal(world, dict(PACKS.texts), whats)
    return [transition for transition in replay(entries) if transition.rule == id_]


def expanded(text: str) -> list[float | None]:
    """The readings of a trace: "6.1x3", "~" for one that did not come, "110>30x8" for a ramp."""
    values: list[float | None] = []
    for part in text.split():
        number, _, times = part.partition("x")
        first, _, last = number.partition(">")
        count = int(times or 1)
        if last:
            step = (float(last) - float(first)) / count
            values += [round(float(first) + n * step, 3) for n in range(count)]
        else:
            values += [None if number == "~" else float(number)] * count
    return values


def official(at_ms: int, warning: dict[str, Any]) -> Warning:
    return Warning(
        id=warning.get("id", "w"),
        event=warning["event"],
        colour=Colour[warning["colour"].upper()],
        sites=(warning.get("site", worlds.SITE),),
        issuer="市气象台",
        title="市气象台发布预警信号",
        issued_ms=at_ms,
        onset_ms=at_ms,
        expires_ms=at_ms + round(warning["hours"] * 3_600_000),
        is_cancelled=warning.get("cancelled", False),
    )


@pytest.mark.parametrize("id_", TRACES)
@pytest.mark.parametrize("language", Language)
def test_each_of_its_sentences_is_filled_by_what_it_tells(id_: str, language: Language) -> None:
    rule, trace = PACKS.rules[id_], TRACES[id_]["rings"]
    told = run(id_, trace)[0]
    at = datetime.fromtimestamp(told.at_ms / 1000, UTC)
    incident = Incident(
        id=1,
        rule=id_,
        subject=told.subject,
        cls=told.cls,
        severity=told.severity,
        state=IncidentState.OPEN,
        since=at,
        opened_at=at,
        place=told.place or (worlds.PLACE if rule.places != (Where.CELL,) else ""),
        port=told.port,
        device=told.device,
        metric=told.metric,
        value=told.value,
        limit=told.limit,
        peak=told.peak,
        facts=told.facts,
    )
    filled = holes(incident, worlds.registry(port=told.port), language)
    for key in ("what", "why", "do", "clear"):
        template = getattr(rule.say[language], key)
        # What has told of an official warning may end without one.
        if key != "clear" or "{warning}" not in template:
            assert fill(template, filled), (key, template, filled)

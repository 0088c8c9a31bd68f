"""The ``[[output]]`` tables: the kinds of switch, by name, each read by its own keys."""

from collections.abc import Callable, Mapping

from edge.contract.metrics import METRICS
from edge.outputs.plan import OutputPlan, Proof, Switch, Wiring
from edge.sensors.port import Series
from edge.table import Table

TCP_PORT = 502
LONGEST_PULSE_S = 5.0  # a shunt trip's coil is made for moments (own knowledge: see its sheet)


def read_outputs(
    top: Table, paces: Mapping[Series, float], *, has_button: bool
) -> tuple[OutputPlan, ...]:
    """All outputs; mistakes are complained of to their tables. ``paces``: what sensors here give."""
    plans: list[OutputPlan] = []
    for table in top.tables("output"):
        plan = _output(table, paces, has_button)
        if any(plan.name == other.name for other in plans):
            table.complain("name", f"{plan.name!r} is taken by another output; names differ")
        if any(plan.where == other.where for other in plans):
            table.complain("name", f"{plan.where} is another output's already; each has its own")
        plans.append(plan)
        table.done()
    return tuple(plans)


def _output(table: Table, paces: Mapping[Series, float], has_button: bool) -> OutputPlan:
    wiring = Wiring(table.one_of("wiring", tuple(Wiring)))
    kind = table.one_of("kind", KINDS)
    name = table.id("name")
    where, open_switch = KINDS[kind](table)
    if wiring is Wiring.BUZZER:
        return OutputPlan(name=name, wiring=wiring, open=open_switch, where=where)
    place, port = table.id("place"), table.id("port", "") if "port" in table else ""
    proof = _proof(table, place, port, paces)
    if wiring is Wiring.HOLD and not has_button:
        table.complain("wiring", "what is held is closed by a hand at the box; add a [button]")
    if wiring is Wiring.TRIP and not (proof or has_button):
        table.complain(
            "proof", "is missing; without it and without a [button] nobody could say that it is on"
        )
    return OutputPlan(
        name=name,
        wiring=wiring,
        open=open_switch,
        where=where,
        place=place,
        port=port,
        pulse_s=_pulse(table) if wiring is Wiring.TRIP else 0.0,
        proof=proof,
    )


def _pulse(table: Table) -> float:
    return table.number("pulse_s", 0.5, least=0.05, most=LONGEST_PULSE_S)


def _proof(table: Table, place: str, port: str, paces: Mapping[Series, float]) -> Proof | None:
    if "proof" not in table:
        return None
    given = table.table("proof")
    proof = Proof(
        series=Series(
            given.id("place", place),
            given.id("port", port) if "port" in given or port else "",
            given.one_of("metric", tuple(METRICS)),
        ),
        above=given.number("above", 0.5),
        hold_ms=round(given.number("hold_s", 180.0, least=1, most=86_400) * 1000),
    )
    if proof.series not in paces:
        given.complain("metric", "no sensor here gives it; see place, port and metric")
    given.done()
    return proof


def _pin(table: Table) -> tuple[str, Callable[[], Switch]]:
    from edge.outputs.pin import PinSwitch

    raw = table.raw("pin")
    if isinstance(raw, bool) or not (
        (isinstance(raw, int) and 0 <= raw <= 27) or (isinstance(raw, str) and raw)
    ):
        table.complain("pin", f'write a BCM number, 0 to 27, or a name such as "BOARD11": {raw!r}')
        raw = 0
    pin = raw if isinstance(raw, int) else str(raw)
    is_high = table.one_of("closes_at", ("high", "low"), "high") == "high"
    return f"pin {pin}", lambda: PinSwitch(pin, is_high)


def _coil(table: Table) -> tuple[str, Callable[[], Switch]]:
    from edge.outputs.coil import CoilSwitch
    from edge.sensors.line import read_line

    is_rtu = table.one_of("framing", ("tcp", "rtu"), "rtu" if "serial" in table else "tcp") == "rtu"
    if not is_rtu and "serial" in table:
        table.complain("framing", "a serial line speaks rtu; take it out")
    line = read_line(table, tcp_port=TCP_PORT)
    unit_id = table.whole("unit_id", 1, least=1, most=255)
    address = table.whole("coil", least=0, most=65_535)
    is_inverted = table.flag("inverted", False)
    where = f"coil {address} of unit {unit_id} at {line}"
    return where, lambda: CoilSwitch(line, unit_id, address, is_rtu, is_inverted)


KINDS: dict[str, Callable[[Table], tuple[str, Callable[[], Switch]]]] = {
    "gpio": _pin,
    "coil": _coil,
}
"""By kind, each loaded when a file names it: where it is, and what opens it."""

"""What LoRaWAN network servers have in common: a decoded object, a frame counter, who heard it how well."""

from typing import Any

from collector.decoders import flat
from collector.decoders.moments import iso_ms
from collector.decoders.port import Garbled, Record, Told, missing

MOST_FRAMES = 2**32


def uplink(
    *, at: tuple[str, Any], heard_by: Any, decoded: Any, raw: Any, remedy: str,
    session: Any, session_length: int, counter: Any,
) -> Told:  # fmt: skip
    """What one uplink says. ``at`` is its time with the field's name; an uplink that has ``raw``
    bytes and nothing ``decoded`` is Garbled, and ``remedy`` says what to set up.
    """
    name, time = at
    if time is not None and not isinstance(time, str):
        raise Garbled(f"{name} {str(time)[:40]!r} is no text")
    at_ms = iso_ms(time) if time else None
    records = signal(heard_by, at_ms)
    if decoded is not None:
        records = values(decoded, at_ms) + records
    elif raw:
        raise Garbled(remedy)
    is_session = isinstance(session, str) and len(session) <= session_length
    return Told(
        records=tuple(records),
        number=number(session if is_session else "", counter, at_ms),
    )


def values(decoded: Any, at_ms: int | None) -> list[Record]:
    """Numbers, booleans and nulls of a decoded object by dotted name; texts measure nothing."""
    if not isinstance(decoded, dict):
        raise Garbled("the decoded payload is an object")
    found = []
    for name, leaf in flat.leaves(decoded).items():
        if leaf is None:
            found.append(missing(name, at_ms=at_ms))
            continue
        value = float(leaf) if isinstance(leaf, bool) else flat.number(leaf)
        if value is not None and not isinstance(leaf, str):
            found.append(Record(name, value, at_ms=at_ms))
    return found


def signal(heard_by: Any, at_ms: int | None) -> list[Record]:
    """``rx.rssi``, at the gateway that heard the frame best."""
    strengths = [
        strength
        for gateway in (heard_by if isinstance(heard_by, list) else [])[:100]
        if isinstance(gateway, dict)
        and not isinstance(gateway.get("rssi"), str)
        and (strength := flat.number(gateway.get("rssi"))) is not None
    ]
    if not strengths:
        return []
    return [Record("rx.rssi", max(strengths), "signal", "dBm", at_ms, spare=True)]


def number(session: str, counter: Any, at_ms: int | None) -> tuple[str, int] | None:
    """By what the same uplink is known when it is delivered twice; servers leave a counter of 0 out.

    The counter alone is none: a device whose counter is not checked begins anew when its battery is
    changed. None for an uplink without a time.
    """
    if counter is not None and (type(counter) is not int or not 0 <= counter < MOST_FRAMES):
        raise Garbled(f"{str(counter)[:20]!r} is no frame counter")
    return None if at_ms is None else (f"{session} {at_ms}", counter or 0)


def part(body: Any, name: str) -> dict[str, Any]:
    """The object ``name`` within; empty when there is none."""
    found = body.get(name) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}

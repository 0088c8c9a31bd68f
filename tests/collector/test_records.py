from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.registry.model import (
    Binding,
    Device,
    Names,
    Place,
    PlaceKind,
    PostRole,
    Registry,
    Site,
    Tier,
    Tiers,
)
from alerts.rules.inputs import (
    Amendment,
    Colour,
    DeviceSaid,
    Entry,
    GivenUp,
    PacksRevised,
    RegistryRevised,
    Sight,
    Standing,
    Stands,
    Tick,
    Warning,
)
from alerts.words import IncidentClass, Severity
from collector import records
from edge.contract.metrics import METRICS
from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch, Decoded, Reading
from edge.contract.senml import decode
from edge.contract.status import State, Status
from edge.journal.rows import Row

NOW_MS = 1_800_000_000_000
ids = st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True)
REGISTRY = Registry(
    revision=3,
    sites=(Site(id="s", names=Names(zh="社区", en="Community")),),
    places=(Place(id="p", site="s", kind=PlaceKind.SHED, names=Names(zh="棚"), latitude=30.5),),
    devices=(
        Device(
            id="d", site="s", names=Names(zh="箱"), bindings=(Binding(place="p", metrics=("co",)),)
        ),
    ),
    tiers=(
        Tiers(
            kind=PlaceKind.SHED,
            steps=(Tier(role=PostRole.GUARD, wait_s={Severity.CRITICAL: 60.0}),),
            classes=(IncidentClass.FIRE,),
        ),
    ),
)


@st.composite
def batches(draw) -> Batch:
    first = draw(st.integers(0, 2**53))
    count = draw(st.integers(0, 6))
    batch = Batch(site=draw(ids), device=draw(ids), run=draw(ids), first=first, count=count + 2)
    batch.untrusted = draw(st.booleans())
    seqs = sorted(
        draw(st.sets(st.integers(first, first + count + 1), min_size=count, max_size=count))
    )
    for seq in seqs:
        missing = draw(st.booleans())
        batch.add(
            Reading(
                place=draw(st.sampled_from(["", "a", "b"])),
                port=draw(st.sampled_from(["", "1"])),
                metric=draw(st.sampled_from(sorted(METRICS))),
                value=None if missing else draw(st.floats(allow_nan=False, allow_infinity=False)),
                at_ms=draw(st.integers(10**12, 2 * 10**12)),
                quality=Quality.MISSING if missing else draw(st.sampled_from(Quality)),
                reason=draw(st.text(max_size=5)) if missing else "",
                seq=seq,
            )
        )
        if draw(st.booleans()):
            batch.marks[len(batch) - 1] = draw(st.integers(1, 2**22))
    return batch


@given(batch=batches(), at_ms=st.integers(0, 2**42))
def test_a_batch_comes_back_as_it_went(batch, at_ms):
    row = records.row(at_ms, batch)._replace(position=7)
    assert records.entry(row) == Entry(7, at_ms, batch)


@st.composite
def packs_of_a_form(draw) -> Batch:
    """What devices of ours send, read as columns; a quality may have been judged, a word added."""
    names = draw(st.lists(st.sampled_from(sorted(METRICS)), min_size=1, max_size=6))
    parts = [
        {"n": name, "u": METRICS[name].senml, "v": draw(st.floats(-1e9, 1e9))} for name in names
    ]
    head = {"bn": draw(st.sampled_from(["", "a/", "a%s/", "a/1/"])).replace("%s", "-"), "bt": 1.8e9}
    parts[0] |= head | {"run": draw(ids), "seq": draw(st.integers(0, 2**53 - 10))}
    payload = orjson.dumps(parts)
    decoded = decode(payload, topic="t", site="s", device="d", now_ms=NOW_MS)
    assert isinstance(decoded, Decoded)
    batch = decoded.batch
    assert batch.form is not None
    batch.quality = [draw(st.sampled_from([1, 1, 1, 3])) for _ in names]
    if draw(st.booleans()):
        batch.reasons[0] = draw(st.text(max_size=5))
    batch.is_news, batch.untrusted = draw(st.booleans()), draw(st.booleans())
    return batch


@given(batch=packs_of_a_form(), at_ms=st.integers(0, 2**42))
def test_a_pack_of_a_form_comes_back_as_it_went(batch, at_ms):
    row = records.row(at_ms, batch)._replace(position=7)
    found = records.entry(row)
    assert found == Entry(7, at_ms, batch)
    plain = records.row(at_ms, replace(batch, form=None))
    assert row.cls == plain.cls
    assert orjson.loads(row.body) == orjson.loads(plain.body)


def test_rows_of_one_form_come_back_with_one_form():
    parts = [{"n": "ph", "u": "pH", "v": 7, "bn": "a/", "bt": 1.8e9, "run": "r", "seq": 0}]
    decoded = decode(orjson.dumps(parts), topic="t", site="s", device="d", now_ms=NOW_MS)
    assert isinstance(decoded, Decoded)
    first, second = [records.entry(records.row(at_ms, decoded.batch)).what for at_ms in (1, 2)]
    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert first.form is second.form is not None


WARNING = Warning(
    id="33030041600000_20260714082000",
    event="rainstorm",
    colour=Colour.ORANGE,
    sites=("linjiang", "s"),
    issuer="温州市气象台",
    title="温州市气象台发布暴雨橙色预警信号",
    text="预计未来 3 小时……",
    issued_ms=1,
    onset_ms=2,
    expires_ms=3,
    source="CMA",
)


@pytest.mark.parametrize(
    "what",
    [
        Tick(),
        Sight(True, 5),
        Sight(False, 6),
        DeviceSaid("s", "d", Status(state=State.ONLINE, run="r", firmware="1", at_ms=4)),
        DeviceSaid("s", "d", Status(state=State.OFFLINE)),
        GivenUp(site="s", device="d", run="r", lo=3, hi=9, reason="space"),
        GivenUp(
            site="s",
            device="d",
            run="r",
            lo=3,
            hi=9,
            reason="age",
            by_house=True,
            since_ms=4,
            until_ms=5,
        ),
        RegistryRevised(REGISTRY),
        RegistryRevised(Registry()),
        PacksRevised({"river": "[[rule]]\nname = '溶解氧'"}),
        Amendment(
            site="s",
            device="d",
            place="p",
            port="",
            metric="ph",
            since_ms=5,
            until_ms=9,
            quality=4,
            marks=Check.FLAT.fail,
        ),
        Standing(7, ()),
        Standing(
            2**62,
            (
                Stands(
                    rule="r",
                    subject="port:s/p/1",
                    severity=Severity.MAJOR,
                    since_ms=3,
                    cls=IncidentClass.FIRE,
                    place="p",
                    port="1",
                    device="d",
                ),
            ),
        ),
        WARNING,
        replace(WARNING, colour=None, is_cancelled=True, text=""),
    ],
)
def test_every_other_fact_comes_back_as_it_went(what):
    row = records.row(11, what)._replace(position=3)
    assert records.entry(row) == Entry(3, 11, what)


@pytest.mark.parametrize(
    ("metrics", "cls"),
    [(["co", "smoke"], "alarm"), (["uptime", "co"], "series"), (["uptime"], "health")],
)
def test_a_row_is_as_dear_as_its_dearest_reading(metrics, cls):
    batch = Batch(site="s", device="d", run="r", first=0, count=2)
    for seq, metric in enumerate(metrics):
        batch.add(Reading(place="", port="", metric=metric, value=1.0, at_ms=1, seq=seq))
    assert records.row(0, batch).cls == cls


@pytest.mark.parametrize(
    "row",
    [
        Row(position=1, kind="novelty"),
        Row(position=1, kind="readings", stream="s/d", body=b"\x00"),
        Row(position=1, kind="readings", stream="s/d", body=b'{"n":2,"p":["a"]}'),
        Row(position=1, kind="device", stream="s/d", body=b"{}"),
        Row(position=1, kind="given-up", stream="s/d", body=b'["r",3]'),
        Row(position=1, kind="registry", body=b'{"sitez":[]}'),
        Row(position=1, kind="sight", body=b"[]"),
        Row(position=1, kind="warning", body=b'{"id":"w"}'),
    ],
)
def test_a_row_that_cannot_be_read_says_which(row):
    with pytest.raises(records.Unreadable, match="record 1 "):
        records.entry(row)

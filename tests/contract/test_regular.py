"""A regular pack means the same read as columns and read record by record.

A label that nobody knows is ignored (RFC 8428, section 4.4) and makes a pack irregular, so each pack
is read once as it is and once with such a label.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract import regular, senml
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch, Decoded, Rejected
from edge.contract.regular import read_quick, read_regular

NOW_MS = 1_795_390_000_000
BASE = {"bn": "reach/", "bt": 1_795_389_000.0, "run": "r", "seq": 7}
PH = {"n": "ph", "u": "pH", "v": 7.0}

numbers = st.one_of(
    st.floats(-1e6, 1e6),
    st.integers(-10, 10),
    st.sampled_from([0, -0.0, 2**63, 2**63 + 1, -(2**63) - 1, 10**400, 1.7e308, True, None, "1"]),
)
base_names = st.sampled_from(
    ["", "a/", "a/b/", "a", "a/b", "/", "a//", "A/", "a/b/c/", "x" * 201 + "/", 5, None]
)
times = st.sampled_from([0, 60, -60.5, 1e9, -1_795_389_000.0, 1e300, 2**70, True, None, "1"])
known = st.sampled_from([(name, metric.senml) for name, metric in METRICS.items()])
strange = st.sampled_from([("ph", "V"), ("a/ph", "pH"), ("p", "pH"), ("ph", None), (3, None)])
labels: dict[str, Any] = {
    "t": times,
    "q": st.sampled_from([1, 2, 3, 4, 9, 0, 1.0, True, None]),
    "bn": base_names,
    "bt": times,
    "bu": st.just("pH"),
    "bv": st.just(1.0),
    "vb": st.sampled_from([True, False, 1, None]),
    "vs": st.just("text"),
    "why": st.just("a word"),
    "bver": st.sampled_from([10, 11]),
    "must_": st.just(1),
}


@st.composite
def packs(draw) -> list[dict[str, Any]]:
    """Mostly regular, each with a few things that are not."""
    records: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 6))):
        name, unit = draw(known)
        records.append({"n": name, "u": unit, "v": draw(st.floats(-1e6, 1e6))})
    records[0] |= BASE
    if draw(st.booleans()):
        for record in records[1:]:
            record["t"] = draw(st.integers(-600, 600))
    for _ in range(draw(st.integers(0, 2))):
        record = draw(st.sampled_from(records))
        change = draw(st.sampled_from(["label", "number", "name", "less"]))
        if change == "label":
            label = draw(st.sampled_from(sorted(labels)))
            record[label] = draw(labels[label])
        elif change == "number":
            record["v"] = draw(numbers)
        elif change == "name":
            record["n"], record["u"] = draw(strange)
        else:
            record.pop(draw(st.sampled_from(["n", "u", "v", "bn", "bt"])), None)
    return records


def decode(records: object) -> Decoded | Rejected:
    payload = json.dumps(records).encode()
    return senml.decode(payload, topic="t", site="s", device="d", now_ms=NOW_MS)


def read(records: list[Any]) -> Batch | None:
    """The pack read as columns, or None."""
    return read_regular(records, "s", "d", senml.YEAR_2000_MS, NOW_MS + senml.AHEAD_MS, 200)


@settings(deadline=None, max_examples=400)
@given(packs())
def test_both_ways_of_reading_agree(records) -> None:
    got = decode(records)
    odd = [*records[:-1], records[-1] | {"ignored": 1}]
    assert read(odd) is None
    wanted = decode(odd)
    assert isinstance(got, Decoded)
    assert isinstance(wanted, Decoded)
    assert repr(got.batch) == repr(wanted.batch)  # as -0.0 == 0.0
    assert [(r.seq, r.reason) for r in got.rejected] == [(r.seq, r.reason) for r in wanted.rejected]


def text_of(records: object) -> bytes:
    """As devices of ours write it."""
    return json.dumps(records, separators=(",", ":"), ensure_ascii=False).encode()


def decode_text(payload: bytes) -> Decoded | Rejected:
    return senml.decode(payload, topic="t", site="s", device="d", now_ms=NOW_MS)


def read_text(payload: bytes) -> Batch | None:
    return read_quick(payload, "s", "d", senml.YEAR_2000_MS, NOW_MS + senml.AHEAD_MS, 200)


@settings(deadline=None, max_examples=400)
@given(packs(), st.randoms())
def test_a_text_that_is_known_is_read_as_it_was_before(records, chance) -> None:
    regular._known._forget()
    payload = text_of(records)
    unknown = decode_text(payload)
    assert repr(decode_text(payload)) == repr(unknown)
    # Now the text is known: other numbers, and whatever else a byte may do to it.
    other = bytearray(payload)
    for _ in range(chance.randrange(4)):
        digits = [i for i, byte in enumerate(other) if byte in b"0123456789"]
        other[chance.choice(digits)] = chance.choice(b"0123456789")
    if chance.random() < 0.3:
        other[chance.randrange(len(other))] = chance.choice(b'09 ,"\\{}[]v.-e\x00\xff')
    got = decode_text(bytes(other))
    regular._known._forget()
    assert repr(got) == repr(decode_text(bytes(other)))


def test_what_devices_of_ours_send_is_read_by_its_text_the_second_time() -> None:
    regular._known._forget()
    payload = text_of([BASE | PH, {"n": "orp", "u": "mV", "v": -12.5}])
    assert read_text(payload) is None
    decode_text(payload)
    quick = read_text(payload.replace(b"-12.5", b"-13"))
    assert quick is not None
    assert quick.value == [7.0, -13.0]
    assert type(quick.value[1]) is float


@pytest.mark.parametrize(
    "number", ["1e3", "01", "1.", ".5", "+1", "-", "NaN", "1" * 16, '"1"', " 1"]
)
def test_unusual_numbers_are_left_to_the_json_reader(number) -> None:
    regular._known._forget()
    payload = text_of([BASE | PH])
    decode_text(payload)
    assert read_text(payload) is not None
    for usual in (b'"v":7.0', b'"bt":1795389000.0', b'"seq":7'):
        name = usual.partition(b":")[0]
        assert read_text(payload.replace(usual, name + b":" + number.encode())) is None


def test_a_backlog_is_not_cut_into_pieces_in_vain() -> None:
    payload = text_of([BASE | PH, *([PH] * 200)])
    decode_text(payload)
    assert read_text(payload) is None


@settings(deadline=None, max_examples=200)
@given(packs())
def test_a_form_says_what_its_columns_say(records) -> None:
    got = decode(records)
    assert isinstance(got, Decoded)
    batch, form = got.batch, got.batch.form
    if form is None:
        return
    assert (form.site, form.device) == (batch.site, batch.device)
    assert (form.place, form.port, form.metric) == (batch.place, batch.port, batch.metric)
    assert len(set(batch.at_ms)) == 1
    assert batch.seq == list(range(batch.first, batch.first + len(batch)))


def test_packs_of_one_form_share_it() -> None:
    first, second = read([BASE | PH]), read([BASE | PH | {"v": 7.5, "seq": 8}])
    assert first is not None
    assert second is not None
    assert first.form is second.form is not None
    for other in ({"bn": "other/"}, {"n": "orp", "u": "mV"}):
        third = read([BASE | PH | other])
        assert third is not None
        assert third.form not in (first.form, None)


def test_devices_of_two_sites_have_two_forms() -> None:
    here, there = [
        read_regular([BASE | PH], site, "d", senml.YEAR_2000_MS, NOW_MS, 200)
        for site in ("here", "there")
    ]
    assert here is not None
    assert there is not None
    assert here.form is not there.form


def test_all_ports_of_a_shed_at_one_time_are_a_form() -> None:
    records = [
        {"bn": f"shed/p{n}/"} | {"n": name, "u": unit, "v": 1.0 * n}
        for n in range(24)
        for name, unit in (("power", "W"), ("current", "A"))
    ]
    for record in records[1::2]:
        del record["bn"]
    records[0] |= {"bt": BASE["bt"], "run": "r", "seq": 7}
    batch, again = read(records), read(records)
    assert batch is not None
    assert again is not None
    assert batch.form is again.form is not None
    assert batch.port == [f"p{n // 2}" for n in range(48)]


def test_a_pack_of_several_times_has_no_form() -> None:
    batch = read([BASE | PH, PH | {"t": 60}])
    assert batch is not None
    assert batch.form is None


def test_forms_are_forgotten_when_there_are_too_many(monkeypatch) -> None:
    monkeypatch.setattr(regular, "_FORMS_KNOWN", 3)
    forms = []
    for n in range(10):
        batch = read([BASE | PH | {"bn": f"p{n}/"}])
        assert batch is not None
        forms.append(batch.form)
        assert batch.place == [f"p{n}"]
    assert sum(len(kind.forms) for kind in regular._known.kinds.values()) <= 3


@pytest.mark.parametrize(
    "records",
    [
        [BASE | PH],
        [BASE | PH, PH | {"t": 60}, PH | {"t": 120.5, "q": 3}],
        [BASE | PH, {"bn": "shed/p1/", "n": "power", "u": "W", "v": 5}, PH | {"bn": ""}],
        [BASE | {"n": "door", "u": "/", "vb": True}, PH],
        [BASE | {"dropped": [["r", 0, 6, "space"]]} | PH],
    ],
)
def test_what_devices_of_ours_send_is_regular(records) -> None:
    assert read(records) is not None


def test_what_an_encoder_of_ours_wrote_is_regular() -> None:
    got = decode([BASE | PH, PH | {"t": 60}])
    assert isinstance(got, Decoded)
    again = json.loads(senml.encode(list(got.batch.readings())))
    assert read(again) is not None


def test_a_long_pack_of_one_time_has_no_form() -> None:
    batch = read([BASE | PH, *[dict(PH) for _ in range(150)]])
    assert batch is not None
    assert batch.form is None
    assert batch.place == ["reach"] * 151


@pytest.mark.parametrize("records", [[BASE | PH, 5], [BASE | PH, "text"], [BASE | PH, []]])
def test_what_is_no_record_is_irregular(records) -> None:
    assert read(records) is None

"""AP3000 frames as two public guides of the protocol print them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decoders import ap3000
from collector.decoders.ap3000_frame import Frame, Frames, Noise, Text
from collector.decoders.port import Garbled, Record

BOARD = 0x04AB373B


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


POWER = raw(
    "444E593200 3B37AB04 0A00 06 0101 100E 3000 01 E803 B004 2003 E803 20190901180000130030380102030405"
    "0100 E803 9808 C701 55 00 DA08"
)
HEARTBEAT = raw("444E591000 3B37AB04 0100 21 9808 02 0000 09 05 EE02")
SETTLED = raw(
    "444E592800 3B37AB04 0100 03 100E E803 3000 01 01 00000000 01 20190901180000130030380102030405"
    "E803 4405"
)
REGISTER = raw("444E591300 3B37AB04 B900 20 7E00 02 14 21 00 0000 E400 9104")
OLD = raw("444E591D00 3B37AB04 B900 01 7E00 8C08 02 0003 0000E400 00003B02 29 07 02 20 00 6D05")
ASKS_TIME = raw("444E590900 3B37AB04 B900 22 F002")


def frame(text: bytes) -> Frame:
    (found,) = Frames().feed(text)
    assert isinstance(found, Frame), found
    return found


def told(command: int, data: str, board: int = BOARD) -> list[Record]:
    return list(ap3000.told(Frame(board=board, message=1, command=command, data=raw(data))).records)


def values(records: list[Record]) -> dict[str, float | None]:
    return {record.name: record.value for record in records}


def test_the_power_of_a_port_that_charges():
    said = ap3000.told(frame(POWER))
    assert values(list(said.records)) == {
        "port:2.state": 1, "port:2.energy": 480, "port:2.power": 100, "voltage": 220,
        "port:2.current": 0.455, "temp": 20,
    }  # fmt: skip
    assert said.online
    assert [r.metric for r in said.records] == [
        "port-state", "energy", "power", "voltage", "current", "shed-temp",
    ]  # fmt: skip


def test_a_heartbeat_says_each_ports_state():
    assert values(list(ap3000.told(frame(HEARTBEAT)).records)) == {
        "voltage": 220, "mains": 1, "port:1.state": 0, "port:2.state": 0, "temp": -60,
    }  # fmt: skip


def test_an_old_heartbeat_has_states_and_powers():
    found = values(list(ap3000.told(frame(OLD)).records))
    assert found == {
        "voltage": 218.8, "mains": 1, "port:1.state": 0, "port:2.state": 3, "port:1.power": 0,
        "port:2.power": 22.8, "temp": -33,
    }  # fmt: skip


def test_a_settlement_says_why_the_charge_stopped():
    energy, state = ap3000.told(frame(SETTLED)).records
    assert (energy.name, energy.value) == ("port:2.energy", 480)
    assert (state.value, state.reason) == (129, "charging stopped: full")


def test_what_the_guides_print_is_written_the_same():
    for one in (POWER, HEARTBEAT, SETTLED, REGISTER, OLD, ASKS_TIME):
        assert frame(one).encode() == one


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (HEARTBEAT, "444E590A00 3B37AB04 0100 21 00 3802"),
        (SETTLED, "444E590A00 3B37AB04 0100 03 00 1A02"),
        (REGISTER, "444E590A00 3B37AB04 B900 20 00 EF02"),
        (OLD, "444E590A00 3B37AB04 B900 01 00 D002"),
        (ASKS_TIME, "444E590D00 3B37AB04 B900 22 090EA95F 1304"),
        (POWER, ""),
    ],
    ids=["heartbeat", "settled", "register", "old heartbeat", "time", "power"],
)
def test_a_board_is_answered_as_its_guide_says(asked, answered):
    found = ap3000.answer(frame(asked), 0x5FA90E09)
    assert found == raw(answered)


def test_a_host_that_asks_is_told_the_time():
    asked = frame(raw("444E590900 8426D609 0500 12 9402"))
    assert ap3000.answer(asked, 0x5FA95CDE) == raw("444E590D00 8426D609 0500 12 DE5CA95F DA04")


def test_a_card_is_the_operators_to_answer():
    card = raw("444E591100 3B37AB04 0100 02 7A8D05DD 00 01 0000 0A04")
    assert ap3000.answer(frame(card), 0) == b""
    assert ap3000.told(frame(card)).records == ()


@pytest.mark.parametrize(
    ("kind", "metric", "value"),
    [
        (1, "mains", 0),
        (2, "water", 1),
        (3, "smoke", 1),
        (4, "smoke", 1),
        (5, "smoke", 1),
        (6, "water", 1),
        (7, "door", 1),
    ],
)
def test_an_alarm_is_a_metric_that_rules_know(kind, metric, value):
    (record,) = told(0x42, f"{kind:02x}0000")
    assert (record.metric, record.value) == (metric, value)


LEAKAGE_HOST = 0x0A000001
STATUS = "01 5A 9808 E803 10270000 0000 00000000 01 00 0C 55 00 00 00"


def test_a_leakage_hosts_status_has_smoke_breaker_and_residual_current():
    assert values(told(0x17, STATUS, LEAKAGE_HOST)) == {
        "temp": 25, "voltage": 220, "current": 10, "energy": 100_000, "smoke": 1, "breaker": 1,
        "residual": 12, "live-wire": 20,
    }  # fmt: skip


def test_another_hosts_status_is_believed_only_where_it_means_something():
    assert "breaker" not in values(told(0x17, STATUS, 0x09D62684))
    assert values(told(0x17, STATUS, 0x09D62684))["smoke"] == 1


def test_a_heartbeat_without_voltage_says_that_the_mains_are_away():
    assert values(told(0x21, "1400 01 00 00 00"))["mains"] == 0  # 2 V
    assert values(told(0x21, "9808 01 00 00 00"))["mains"] == 1


def test_a_faulty_port_says_what_is_wrong():
    records = told(0x21, "9808 01 09 00 00")
    assert [(r.value, r.reason) for r in records if r.name == "port:1.state"] == [
        (9, "relay welded")
    ]


@pytest.mark.parametrize(
    "cut", [(0x21, "98"), (0x06, "00 01"), (0x42, ""), (0x17, "00"), (0x03, "00"), (0x21, "0000ff")]
)
def test_data_that_is_too_short_is_garbled(cut):
    with pytest.raises(Garbled):
        told(*cut)


def test_keep_alives_and_the_sim_are_no_noise():
    stream = b"89860413161892009275" + b"link" + HEARTBEAT + b"link" + POWER
    found = [*Frames().feed(stream)]
    assert [type(one) for one in found] == [Text, Text, Frame, Text, Frame]


@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_where_the_reads_are_cut_changes_nothing(cuts):
    stream = b"89860413161892009275link" + HEARTBEAT + b"link" + POWER + SETTLED
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    frames = Frames()
    found = [one for lo, hi in pairwise(at) for one in frames.feed(stream[lo:hi])]
    assert [one.command for one in found if isinstance(one, Frame)] == [0x21, 0x06, 0x03]
    assert not [one for one in found if isinstance(one, Noise)]
    assert [*frames.end()] == []


def test_a_wrong_sum_is_noise_and_the_next_frame_is_read():
    broken = bytearray(POWER)
    broken[20] ^= 1
    found = [*Frames().feed(bytes(broken) + HEARTBEAT)]
    assert [type(one) for one in found] == [Noise, Frame]


PIECES = st.sampled_from(
    [b"DNY", b"link", b"89", b"\x09\x00", b"\x10\x00", HEARTBEAT, POWER, SETTLED]
)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=30))
def test_garbled_bytes_raise_nothing_but_garbled(pieces):
    frames = Frames()
    for found in [*(one for piece in pieces for one in frames.feed(piece)), *frames.end()]:
        if isinstance(found, Frame):
            try:
                ap3000.told(found)
            except Garbled:
                pass


@given(st.integers(0, 255), st.binary(max_size=60))
def test_any_data_of_any_command_is_told_or_garbled(command, data):
    one = Frame(board=LEAKAGE_HOST, message=1, command=command, data=data)
    try:
        for record in ap3000.told(one).records:
            assert record.value is not None
    except Garbled:
        pass
    ap3000.answer(one, 0)

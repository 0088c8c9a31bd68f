"""HJ 212 packets as public receivers publish them, and what becomes of garbled ones."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decoders import hj212
from collector.decoders.hj212_frame import Frames, Noise, Segment, crc, frame
from collector.decoders.port import Garbled, Record
from edge.contract.quality import Quality

# As a water station sent it (README of chenqi92/alltobs-hj212): Flag=8, a CRC in lower case.
STATION = (
    b"##0435QN=20210301111100112;ST=21;CN=2011;PW=123456;MN=ZLDSZ20210127;Flag=8;CP=&&"
    b"DataTime=20210301111100;w01001-Rtd=8.33,w01001-Flag=N;w01009-Rtd=10.15,w01009-Flag=N;"
    b"w01010-Rtd=9.7,w01010-Flag=N;w01014-Rtd=1425,w01014-Flag=N;w01003-Rtd=13.10,w01003-Flag=N;"
    b"w21011-Rtd=0,w21011-Flag=N;w21001-Rtd=3.563168,w21001-Flag=N;w21003-Rtd=0.09055002,"
    b"w21003-Flag=N;w01019-Rtd=4.102818,w01019-Flag=N;w01008-Rtd=0,w01008-Flag=N;w23002-Rtd=0,"
    b"w23002-Flag=N&&7d00"
)
# The example of HJ 212-2017 itself.
STANDARD = (
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&RtdInterval=30&&1C80\r\n"
)
# Without QN and Flag, as the standard of 2005 allows.
OLD = (
    b"##0109ST=32;CN=2011;PW=123456;MN=NJGDKYYC202101q0001w0001;CP=&&DataTime=20210305003817000;"
    b"ele01-Rtd=1;ele02-Rtd=0&&8c41"
)
HOURLY = (
    b"##0285QN=20190925181031464;ST=22;CN=2061;PW=BF470F88957588DE902D1A52;MN=Z13401000010301;"
    b"Flag=5;CP=&&DataTime=20190924220000;a34006-Avg=2.69700,a34006-Flag=N;a34007-Avg=7.96600,"
    b"a34007-Flag=N;a34048-Avg=3.30600,a34048-Flag=N;a34047-Avg=7.35700,a34047-Flag=N;"
    b"a34049-Avg=10.66300,a34049-Flag=N&&C181"
)
WRONG_CRC = (
    b"##0275QN=20190901181526940;ST=32;CN=2011;PW=123456;MN=Y80110010000010;Flag=4;CP=&&"
    b"DataTime=20190901181500;a21005-Rtd=1.760,a21005-Flag=N;a21026-Rtd=106.400,a21026-Flag=N;"
    b"O3-Rtd=63.400,O3-Flag=N;a21004-Rtd=63.200,a21004-Flag=N;a34002-Rtd=9,a34002-Flag=N;"
    b"a34004-Rtd=4,a34004-Flag=N&&1100"
)
WRONG_LENGTH = (
    b"##0188QN=20250920184004003;ST=21;CN=2051;PW=123456;MN=WATER_ALARM_001;Flag=0;CP=&&"
    b"DataTime=20250920184004,w01001-Rtd=5.2,w01001-Flag=N,w01003-Rtd=8.0,w01003-Flag=N&&9ABC"
)


def segment(text: str) -> bytes:
    return text.encode("gb18030")


def parsed(raw: bytes) -> hj212.Packet:
    (found,) = Frames().feed(raw)
    assert isinstance(found, Segment), found
    return hj212.parse(found.raw)


def told(text: str):
    packet = hj212.parse(segment(text))
    return hj212.told(packet, packet.at_ms)


def test_a_stations_packet_gives_the_catalogues_metrics_in_beijing_time():
    packet = parsed(STATION)
    records = hj212.told(packet, packet.at_ms).records
    at_ms = int(datetime(2021, 3, 1, 3, 11, tzinfo=UTC).timestamp() * 1000)
    assert records[1] == Record("w01009", 10.15, "do", "mg/L", at_ms)
    assert {record.metric: record.value for record in records if record.metric} == {
        "ph": 8.33, "do": 10.15, "water-temp": 9.7, "conductivity": 1425.0, "turbidity": 13.1,
        "tp": 0.0, "tn": 3.563168, "nh3n": 0.09055002, "codmn": 4.102818,
    }  # fmt: skip
    assert not packet.wants_answer


def test_the_standards_own_example_has_its_crc():
    packet = parsed(STANDARD)
    assert (packet.mn, packet.cn, packet.wants_answer) == ("010000A8900016F000169DC0", "1062", True)
    assert crc(STANDARD[6:107]) == 0x1C80
    assert frame(STANDARD[6:107]) == STANDARD


def test_a_packet_of_2005_has_neither_qn_nor_flag():
    packet = parsed(OLD)
    assert (packet.qn, packet.wants_answer) == ("", False)
    assert [record.name for record in hj212.told(packet, packet.at_ms).records] == [
        "ele01",
        "ele02",
    ]


def test_means_are_names_of_their_own_and_nobody_misses_them():
    packet = parsed(HOURLY)
    record = hj212.told(packet, packet.at_ms).records[0]
    assert (record.name, record.metric, record.spare) == ("a34006-Avg.2061", "", True)


@pytest.mark.parametrize(("raw", "why"), [(WRONG_CRC, "CRC"), (WRONG_LENGTH, "ended within")])
def test_a_wrong_crc_or_length_is_noise_and_the_next_frame_is_read(raw, why):
    frames = Frames()
    alone = [*frames.feed(raw), *frames.end()]
    assert [type(one) for one in alone] == [Noise]
    assert [why in one.reason for one in alone if isinstance(one, Noise)] == [True]
    assert isinstance([*Frames().feed(raw + b"\r\n" + STATION)][-1], Segment)


@given(cuts=st.lists(st.integers(0, 700), max_size=12))
def test_where_the_reads_are_cut_changes_nothing(cuts):
    raw = STATION + b"\r\n" + HOURLY + b"\r\n" + OLD
    at = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    frames = Frames()
    found = [one for lo, hi in pairwise(at) for one in frames.feed(raw[lo:hi])]
    assert [type(one) for one in found] == [Segment] * 3
    assert [*frames.end()] == []


@pytest.mark.parametrize(
    ("flag", "quality", "value"),
    [
        ("N", Quality.NOT_EVALUATED, 6.2),
        ("F", Quality.MISSING, None),
        ("M", Quality.MISSING, None),
        ("C", Quality.MISSING, None),
        ("B", Quality.MISSING, None),
        ("D", Quality.FAIL, 6.2),
        ("T", Quality.SUSPECT, 6.2),
        ("?", Quality.SUSPECT, 6.2),
    ],
)
def test_a_stations_flag_is_a_quality(flag, quality, value):
    text = f"ST=21;CN=2011;MN=A;CP=&&DataTime=20260101000000;w01009-Rtd=6.2,w01009-Flag={flag}&&"
    (record,) = told(text).records
    assert (record.quality, record.value) == (quality, value)


def test_chinese_text_in_gbk_harms_nothing():
    text = "ST=21;CN=2011;MN=A;CP=&&DataTime=20260101000000;w01009-Rtd=6.2,w01009-Info=溶解氧&&"
    assert [record.value for record in told(text).records] == [6.2]


@pytest.mark.parametrize("word", ["nan", "1_0", "１２", "", "6.2mg", "1e999"])
def test_what_is_no_number_is_refused_and_the_rest_goes_on(word):
    said = told(f"ST=21;CN=2011;MN=A;CP=&&w01001-Rtd={word};w01009-Rtd=6.2&&")
    assert [record.name for record in said.records] == ["w01009"]
    assert len(said.refused) == 1


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "CN=2011;CP=&&&&",
        "MN=A;CN=x;CP=&&&&",
        "MN=A;CN=2011;Flag=-1;CP=&&&&",
        "MN=A;CN=2011;CP=&&DataTime=20261399000000&&",
    ],
)
def test_what_is_no_packet_is_garbled(text):
    with pytest.raises(Garbled):
        hj212.parse(segment(text))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("QN=1;ST=21;CN=2011;PW=p;MN=A;Flag=5;", b"QN=1;ST=91;CN=9014;PW=p;MN=A;Flag=4;CP=&&&&"),
        ("QN=1;ST=21;CN=2011;PW=p;MN=A;Flag=9;", b"QN=1;ST=91;CN=9014;PW=p;MN=A;Flag=8;CP=&&&&"),
        ("QN=1;ST=21;CN=1013;PW=p;MN=A;Flag=5;", b"QN=1;ST=91;CN=9013;PW=p;MN=A;Flag=4;CP=&&&&"),
        ("ST=21;CN=2011;PW=p;MN=A;Flag=1;", b"ST=91;CN=9014;PW=p;MN=A;Flag=0;CP=&&&&"),
    ],
)
def test_the_answer_has_the_packets_own_number_and_version(head, expected):
    assert hj212.answer(hj212.parse(segment(head + "CP=&&&&"))) == expected


def test_the_password_is_not_in_the_repr():
    assert "123456" not in repr(parsed(STATION))


PIECES = st.sampled_from(
    [b"##", b"0435", b"0010", b"9999", b"\r\n", b"&&", b"CP=&&", b"MN=A;", b"CN=2011;", b"PNUM=2;",
     b"DataTime=2026", b"w01009-Rtd=", b"-Flag=", STATION, b"\xff\xfe"]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=20), max_size=30))
def test_garbled_bytes_raise_nothing_but_garbled(pieces):
    frames = Frames()
    for found in [*(one for piece in pieces for one in frames.feed(piece)), *frames.end()]:
        if isinstance(found, Segment):
            try:
                packet = hj212.parse(found.raw)
            except Garbled:
                continue
            if packet.is_data:
                hj212.told(packet, packet.at_ms)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=30))
def test_any_segment_is_a_packet_or_garbled(pieces):
    try:
        packet = hj212.parse(b"".join(pieces))
    except Garbled:
        return
    if packet.is_data:
        for record in hj212.told(packet, packet.at_ms).records:
            assert record.value is None or abs(record.value) < 1e300
    hj212.answer(packet)


def test_newlines_without_end_do_not_exhaust_the_stack():
    assert [*Frames().feed(b"\r\n" * 50_000 + STATION)] == [*Frames().feed(STATION)]

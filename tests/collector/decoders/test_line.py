"""InfluxDB line protocol."""

import time

import pytest

from collector.decoders.line import told
from collector.decoders.port import Garbled, Record

# As Telegraf's outputs.mqtt writes it, with its own tag `host`.
CAPTURED = (
    b"modbus,host=sluice-gw,name=sonde,slave_id=3 do=8.31,ph=7.42,temp=21.6,fault=0i,"
    b"door=false,serial=\"A-1, 'b' = c\" 1720000000123456789\n"
    b"modbus,host=sluice-gw,name=gauge level=1.283 1720000000123456789\n"
)
AT_MS = 1_720_000_000_123


def test_what_telegraf_sends_is_read() -> None:
    said = told(CAPTURED)
    assert said.refused == ()
    assert said.records == (
        Record("modbus.do", 8.31, at_ms=AT_MS),
        Record("modbus.ph", 7.42, at_ms=AT_MS),
        Record("modbus.temp", 21.6, at_ms=AT_MS),
        Record("modbus.fault", 0.0, at_ms=AT_MS),
        Record("modbus.door", 0.0, at_ms=AT_MS),
        Record("modbus.level", 1.283, at_ms=AT_MS),
    )


def test_the_tags_that_are_asked_for_stand_in_the_name() -> None:
    names = [record.name for record in told(CAPTURED, tags=("name", "slave_id")).records]
    assert names[0] == "modbus.do{name=sonde,slave_id=3}"
    assert names[-1] == "modbus.level{name=gauge}"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"m f=1", "m.f", 1.0),
        (b"m f=-1.5e-3", "m.f", -0.0015),
        (b"m f=.5", "m.f", 0.5),
        (b"m f=12i", "m.f", 12.0),
        (b"m f=-12i", "m.f", -12.0),
        (b"m f=18446744073709551615u", "m.f", 1.8446744073709552e19),
        (b"m f=t", "m.f", 1.0),
        (b"m f=FALSE", "m.f", 0.0),
        (b"  m   f=1  ", "m.f", 1.0),
        (b"m f=1\r", "m.f", 1.0),
        (rb"my\ pump,a\,b=c\=d f\ g=1", "my pump.f g", 1.0),
        (rb"m\,n f\==1", "m,n.f=", 1.0),
        (rb'm s="a \" \\ b, c=1 2",f=1', "m.f", 1.0),
        (rb"C:\temp f=1", r"C:\temp.f", 1.0),
        ("水质,站=老坝口 溶解氧=8.3".encode(), "水质.溶解氧", 8.3),
    ],
)
def test_a_line_is_read(line, name, value) -> None:
    said = told(line)
    assert said.refused == ()
    assert [(r.name, r.value, r.at_ms) for r in said.records] == [(name, value, None)]


@pytest.mark.parametrize(
    ("precision", "stamp"),
    [("ns", b"1720000000123456789"), ("us", b"1720000000123456"), ("ms", b"1720000000123")],
)
def test_timestamps_count_what_the_option_says(precision, stamp) -> None:
    assert told(b"m f=1 " + stamp, precision).records[0].at_ms == AT_MS


def test_seconds_are_whole() -> None:
    assert told(b"m f=1 1720000000", "s").records[0].at_ms == 1_720_000_000_000
    assert told(b"m f=1 -1", "s").records[0].at_ms == -1000


@pytest.mark.parametrize(
    "line",
    [
        b"m",
        b"m ",
        b"m f",
        b"m f=",
        b"m =1",
        b"m f=1,",
        b"m f=1,,g=2",
        b"m f=1 g=2",
        b"m, f=1",
        b"m,a= f=1",
        b"m,a f=1",
        b",a=b f=1",
        b"m f=nan",
        b"m f=inf",
        b"m f=1_0",
        b"m f=1e999",
        b"m f=1x",
        b'm f="open',
        b"m f=1 17.5",
        b"m f=1 99999999999999999999",
        b"m f=1 1720000000 x",
        b"m f=\xff",
        "m f=１".encode(),
    ],
)
def test_a_bad_line_sinks_alone(line) -> None:
    said = told(b"# comment\n\nbefore f=1\n" + line + b"\nafter f=2\n", "ns")
    assert [r.name for r in said.records] == ["before.f", "after.f"]
    assert [raw for _, raw in said.refused] == [line]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b'm s="one\ntwo",f=1 1720000000000000000', ["m.f"]),
        (b'm f=1,s="\n\n# no comment\n",g=2', ["m.f", "m.g"]),
        (b'm s="a\r\nb\\"\nc",t="d\ne",f=1\r', ["m.f"]),
    ],
)
def test_a_text_may_hold_line_ends(line, names) -> None:
    said = told(b"before f=1\n" + line + b"\nafter f=2")
    assert [r.name for r in said.records] == ["before.f", *names, "after.f"]
    assert said.refused == ()


def test_a_text_that_is_never_closed_swallows_no_line() -> None:
    said = told(b'm f="open\nm g=1\nm s="x",h=2\nm f="open\n' + b"m k=1\n" * 50)
    assert [r.name for r in said.records] == ["m.g", "m.h", *["m.k"] * 50]
    assert [raw for _, raw in said.refused] == [b'm f="open'] * 2


def test_seconds_taken_for_nanoseconds_are_refused_not_believed() -> None:
    said = told(b"m f=1 1720000000123456789", "s")
    assert said.records == ()
    assert "is no time" in said.refused[0][0]


def test_of_many_bad_lines_some_are_shown_and_all_are_counted() -> None:
    said = told(b"x\n" * 1000 + b"m f=1")
    assert len(said.records) == 1
    assert len(said.refused) == 101
    assert said.refused[-1] == ("900 more parts of the message are wrong", b"")


def test_a_message_of_too_much_is_garbled() -> None:
    with pytest.raises(Garbled, match="bytes"):
        told(b"m f=1\n" * 100_000)
    with pytest.raises(Garbled, match="lines"):
        told(b"x\n" * 5001)
    with pytest.raises(Garbled, match="values"):
        told(b"m " + b",".join(b"f%d=1" % nth for nth in range(6000)))


@pytest.mark.parametrize("part", [b"\\", b"\\ ", b",", b"=", b'"', b'"\\', b"a=", b"m ", b" "])
def test_no_line_takes_long(part) -> None:
    began_s = time.process_time()
    try:
        told(b"m f=1," + part * (190_000 // len(part)))
    except Garbled:
        pass
    assert time.process_time() - began_s < 2  # 0.05 s on a slow machine

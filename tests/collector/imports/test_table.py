import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import ConfigError
from collector.imports.mapping import Column, CsvMapping
from collector.imports.table import Chunk, Table
from edge.contract.quality import Quality

NOW = 1_780_315_200_000  # 2026-06-01 12:00 UTC
COLUMNS = {
    "ph": Column(metric="ph", place="p"),
    "cond": Column(metric="conductivity", place="p", unit="mS/cm"),
}


def mapping(**more) -> CsvMapping:
    return CsvMapping(**{"site": "s", "device": "d", "time": "at", "column": COLUMNS, **more})


def read(cells: list[str], header: tuple[str, ...] = ("at", "ph", "cond"), **more) -> Chunk:
    chunk = Chunk()
    Table(mapping(**more), header, NOW).read(cells, 7, chunk)
    return chunk


def values(chunk: Chunk) -> list[tuple[str, int, float | None, int]]:
    return [
        row
        for batch in chunk.batches.values()
        for row in zip(batch.metric, batch.at_ms, batch.value, batch.quality, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("2026-06-01T12:00:00Z", {}),
        ("2026-06-01 12:00", {}),
        ("2026-06-01 20:00", {"zone": "Asia/Shanghai"}),
        ("2026-06-01 05:00", {"zone": "-07:00"}),
        ("2026-06-01T14:00:00+02:00", {"zone": "Asia/Shanghai"}),
        ("2026/6/1 20:00", {"zone": "Asia/Shanghai", "time_format": "%Y/%m/%d %H:%M"}),
        ("1780315200", {"time_format": "unix"}),
        ("1780315200000.0", {"time_format": "unix-ms"}),
        (" 2026-06-01 12:00 ", {}),
    ],
)
def test_a_time_is_read_in_its_format_and_zone(text, more):
    assert values(read([text, "7.1", ""], **more)) == [("ph", NOW, 7.1, Quality.GOOD)]


def test_a_date_and_a_time_may_be_two_columns():
    chunk = read(
        ["2026-06-01", "7.1", "", "12:00"], ("date", "ph", "cond", "hour"), time=("date", "hour")
    )
    assert values(chunk) == [("ph", NOW, 7.1, Quality.GOOD)]


def test_units_become_those_of_the_catalogue_and_the_range_is_judged():
    chunk = read(["2026-06-01 12:00", "15", "0.764"])
    assert values(chunk) == [
        ("ph", NOW, 15.0, Quality.FAIL),
        ("conductivity", NOW, pytest.approx(764.0), Quality.GOOD),
    ]
    assert values(read(["2026-06-01 12:00", "-9999", ""]))[0][3] == Quality.FAIL
    assert chunk.rejected == []


@pytest.mark.parametrize("text", ["", " ", "NA", "null", "--", "无", "坏", "-1"])
def test_a_cell_without_a_reading_is_none(text):
    chunk = read(["2026-06-01 12:00", text, ""], missing=("坏", "-1"))
    assert (values(chunk), chunk.rejected) == ([], [])


def test_a_decimal_comma_is_read_where_it_is_declared():
    assert values(read(["2026-06-01 12:00", "7,25", ""], decimal=","))[0][2] == 7.25
    assert read(["2026-06-01 12:00", "1.234", ""], decimal=",").rejected != []
    assert read(["2026-06-01 12:00", "7,25", ""]).rejected != []


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["yesterday", "7", ""], "'yesterday' is no time in this format"),
        (["1970-01-01", "7", ""], "'1970-01-01' lies before 1990 or in the future"),
        (["2026-06-03", "7", ""], "'2026-06-03' lies before 1990 or in the future"),
        (["2026-06-01"], "has 1 cells, the header has 3"),
        (["2026-06-01", "7", "", "x"], "has 4 cells, the header has 3"),
        (["2026-06-01", "seven", ""], "ph: 'seven' is no number"),
        (["2026-06-01", "7,5", ""], "ph: '7,5' is no number; for a decimal comma: --decimal ,"),
        (["2026-06-01", "1e999", "1_0"], "ph: '1e999' is no number; cond: '1_0' is no number"),
    ],
)
def test_what_cannot_be_read_is_told_by_line_and_reason(cells, reason):
    chunk = read(cells)
    assert chunk.rejected == [(7, reason, cells)]


@pytest.mark.parametrize("text", ["2026-03-08 02:30", "2025-11-02 01:30"])
def test_a_time_that_a_zone_has_twice_or_never_is_not_guessed(text):
    ((_, reason, _),) = read([text, "7", ""], zone="America/Denver").rejected
    assert "is there twice or never" in reason
    assert "-07:00" in reason
    assert len(values(read([text, "7", ""], zone="-07:00"))) == 1


def test_a_bad_cell_costs_no_other():
    chunk = read(["2026-06-01 12:00", "seven", "0.5"])
    assert [row[0] for row in values(chunk)] == ["conductivity"]
    assert len(chunk.rejected) == 1


def test_empty_rows_and_rows_of_others_are_passed_over():
    header = ("at", "ph", "cond", "station")
    row = ["2026-06-01 12:00", "7", "", "down"]
    assert values(read(row, header, where={"station": "up"})) == []
    assert len(values(read(row, header, where={"station": "down"}))) == 1
    assert read(["", "", ""]).rejected == read([]).rejected == []


def test_a_header_without_the_columns_is_told_with_what_it_has():
    with pytest.raises(ConfigError) as caught:
        Table(mapping(), ("time", "ph", "ph"), NOW)
    assert [problem[:38] for problem in caught.value.problems] == [
        "line 1: there is no column 'at'; the t",
        "line 1: there is no column 'cond'; the",
        "line 1: column 'ph' stands twice",
    ]


def test_an_empty_header_is_told_as_one():
    with pytest.raises(ConfigError, match="line 1: is empty; it should name the columns"):
        Table(mapping(), [], NOW)


@given(st.lists(st.text(), max_size=6))
def test_whatever_the_cells_hold_each_is_a_reading_a_reason_or_nothing(cells):
    for form, decimal in (("", "."), ("unix", ","), ("%Y", ".")):
        chunk = read(cells, time_format=form, decimal=decimal)
        assert all(math.isfinite(value) for _, _, value, _ in values(chunk) if value is not None)
        assert len(values(chunk)) == chunk.readings

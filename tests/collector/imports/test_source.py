import gzip

import pytest

from collector.errors import ConfigError
from collector.imports.mapping import CsvMapping
from collector.imports.source import LOOK_BYTES, Source, encoding_of

TEXT = "时间,电导率\n2026-06-01,764\n2026-06-02,765\n"


def read(path, **more) -> tuple[list[str], list[tuple[int, list[str]]]]:
    with Source(path, CsvMapping(**more)) as source:
        header = list(source.header)
        return header, [(line, list(cells)) for line, cells, _ in source.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_is_read_whatever_it_is_written_in(tmp_path, encoding, packed):
    body = TEXT.encode(encoding)
    path = tmp_path / "table.csv"
    path.write_bytes(gzip.compress(body) if packed else body)
    header, rows = read(path)
    assert header == ["时间", "电导率"]
    assert rows == [(2, ["2026-06-01", "764"]), (3, ["2026-06-02", "765"])]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_header_s_own(tmp_path, sign):
    path = tmp_path / "table.csv"
    path.write_text(f"at{sign}ph\n2026-06-01{sign}7\n", "utf-8")
    assert read(path)[1] == [(2, ["2026-06-01", "7"])]


def test_a_quoted_cell_may_hold_anything_and_lines_are_counted_as_an_editor_does(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('at,note\r\n1,"two\r\nlines, a comma"\r\n2,x\r\n', "utf-8", newline="")
    assert read(path)[1] == [(3, ["1", "two\r\nlines, a comma"]), (4, ["2", "x"])]


def test_a_cell_without_an_end_is_told_and_the_reading_goes_on(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("at,ph\n1," + "x" * 140_000 + "\n2,7\n", "utf-8")
    with Source(path, CsvMapping()) as source:
        rows = list(source.rows())
    assert "field larger than field limit" in rows[0][2]
    assert rows[-1][1] == ["2", "7"]


def test_a_look_that_ends_within_a_letter_is_still_utf_8():
    whole = "x" * (LOOK_BYTES - 1) + "汉"
    assert encoding_of(whole.encode()[:LOOK_BYTES]) == "utf-8"
    assert encoding_of("汉字".encode("gbk")) == "gb18030"


@pytest.mark.parametrize("mark", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_is_told_by_its_mark_and_not_shown(tmp_path, mark):
    path = tmp_path / "table.csv"
    path.write_bytes(mark + b"\x1b[31m" * 99)
    with pytest.raises(ConfigError, match=r"table.csv: is a workbook and no text; save its sheet"):
        read(path)


def test_an_empty_file_has_no_header(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"")
    assert read(path) == ([], [])

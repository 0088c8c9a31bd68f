import pytest

from collector.errors import ConfigError
from collector.imports.mapping import column_of, read_mapping

WHOLE = """
site = "linjiang"
device = "logger"
time = ["date", "time"]
time_format = "%Y/%m/%d %H:%M"
zone = "Asia/Shanghai"
decimal = ","
[column."电导率"]
place = "laobakou"
metric = "conductivity"
unit = "mS/cm"
[column.power]
device = "meter"
port = "p-1"
metric = "power"
"""


def test_a_file_says_what_the_columns_mean_and_options_lie_over_it(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text(WHOLE, "utf-8")
    name, column = column_of("ph=laobakou/ph")
    mapping = read_mapping(path, {"site": "other", "zone": "", "column": {name: column}})
    assert mapping.times == ("date", "time")
    assert mapping.site == "other"
    assert mapping.zone == "Asia/Shanghai"
    assert {name: mapping.key(column) for name, column in mapping.column.items()} == {
        "电导率": ("other", "logger"),
        "power": ("other", "meter"),
        "ph": ("other", "logger"),
    }


def test_a_column_is_written_in_one_word():
    assert column_of("a=b=shed/p-1/power:kW") == (
        "a",
        {"place": "b=shed", "port": "p-1", "metric": "power", "unit": "kW"},
    )
    assert column_of("cond=laobakou/conductivity:mS/cm")[1]["unit"] == "mS/cm"
    for text in ("", "a", "a=b", "a=/b", "=a/b", "a=b/c/d/e"):
        with pytest.raises(ConfigError, match="write NAME=PLACE"):
            column_of(text)


def test_every_mistake_is_told_at_once_with_its_key(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text(
        'decimal = ";"\ndelimiter = "ab"\nencoding = "klingon"\nzone = "Mars"\n'
        '[column.a]\nplace = "P Q"\nmetric = "phh"\n'
        '[column.b]\nmetric = "ph"\nsite = "s"\ndevice = "d"\nunit = "furlong"\n',
        "utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        read_mapping(path, {})
    told = "\n".join(caught.value.problems)
    for words in (
        "time: is missing",
        "decimal: is '.' or ','",
        "delimiter: is one character",
        "encoding: 'klingon' is not known",
        "zone: 'Mars' is not known",
        "column 'a': site: is missing",
        "column 'a': device: is missing",
        "column 'a': place: an id is",
        "column 'a': metric: there is no 'phh'",
        "column 'b': unit: ph is not measured in 'furlong'",
    ):
        assert words in told, words
    assert len(caught.value.problems) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tiem = 'at'", "tiem: Unexpected keyword"),
        ("[column.a]\nplace = 'p'", "column.a.metric"),
        ("= 1", "is no TOML"),
    ],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path, text, said):
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=said):
        read_mapping(path, {})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_mapping(tmp_path / "nowhere.toml", {})

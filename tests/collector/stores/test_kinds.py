import pytest

from collector.stores.kinds import InfluxSettings, Kind, buckets_of
from collector.stores.port import Level
from collector.stores.retention import Retention

URL = "http://10.0.0.2:8086"


def settings(kind: Kind = Kind.INFLUX, url: str = URL, **more) -> InfluxSettings:
    return InfluxSettings(kind=kind, url=url, org="o p", bucket="b", **more)


@pytest.mark.parametrize(
    ("url", "gzip", "packs"),
    [
        ("http://127.0.0.1:8086", None, False),
        ("http://[::1]:8086", None, False),
        ("http://localhost", None, False),
        (URL, None, True),
        ("https://influx.example.org", None, True),
        (URL, False, False),
        ("http://localhost", True, True),
    ],
)
def test_lines_are_packed_unless_the_server_is_on_this_machine(url, gzip, packs):
    assert settings(url=url, gzip=gzip).compresses is packs


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind.INFLUX, "/api/v2/write?org=o%20p&bucket=b&precision=ms"),
        (Kind.INFLUX1, "/write?db=b&precision=ms"),
        (Kind.INFLUX3, "/api/v3/write_lp?db=b&precision=millisecond&accept_partial=true"),
        (Kind.VICTORIA, "/write?db=b&precision=ms"),
    ],
)
def test_each_kind_has_its_own_path(kind, path):
    assert settings(kind).write_path("b") == path


@pytest.mark.parametrize(
    ("kind", "given", "header"),
    [
        (Kind.INFLUX, {"token": "t"}, "Token t"),
        (Kind.INFLUX3, {"token": "t"}, "Bearer t"),
        (Kind.VICTORIA, {"token": "t"}, "Bearer t"),
        (Kind.INFLUX1, {"user": "u", "password": "p"}, "Basic dTpw"),
        (Kind.VICTORIA, {}, None),
    ],
)
def test_each_kind_signs_in_its_own_way(kind, given, header):
    assert settings(kind, **given).headers.get("Authorization") == header


def test_a_site_may_have_buckets_of_its_own():
    shared, apart = settings(), settings(bucket_per_site=True)
    assert shared.bucket_of("linjiang", Level.HOUR) == "b_1h"
    assert apart.bucket_of("linjiang") == "b_linjiang"
    assert apart.bucket_of("linjiang", Level.MINUTE) == "b_linjiang_1m"
    assert [n for n in ("b", "b_x", "b_x_1m", "bb_x", "b_X") if apart.holds_points(n)] == ["b_x"]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Kind.INFLUX, {"b": 400, "b_1m": 90, "b_1h": None}),
        (Kind.INFLUX1, {"b": 400, "b_1m": 90, "b_1h": None}),
        (Kind.INFLUX3, {"b": 400}),
        (Kind.VICTORIA, {}),
    ],
)
def test_what_is_made_on_each_kind(kind, names):
    assert buckets_of(settings(kind), Retention()) == names

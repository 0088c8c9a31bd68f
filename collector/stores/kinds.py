"""The servers that take line protocol, and where they differ: paths, sign-in, names of buckets. Pure.

What InfluxDB 2 calls a bucket is a database of InfluxDB 1 and 3; here it is a bucket everywhere, and
each kind has the same three: ``<bucket>``, ``<bucket>_1m``, ``<bucket>_1h``. VictoriaMetrics knows
none and keeps the name as the label ``db``.
"""

import base64
import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import quote, urlencode, urlsplit

from collector.stores.port import Level
from collector.stores.retention import Retention


class Kind(StrEnum):
    """What ``[store] kind`` names, the embedded store apart."""

    INFLUX = "influx"  # InfluxDB 2
    INFLUX1 = "influx1"  # InfluxDB 1.6 to 1.11
    INFLUX3 = "influx3"  # InfluxDB 3, for writing
    VICTORIA = "victoria"  # VictoriaMetrics, for writing


NAMES = {
    Kind.INFLUX: "InfluxDB",
    Kind.INFLUX1: "InfluxDB 1",
    Kind.INFLUX3: "InfluxDB 3",
    Kind.VICTORIA: "VictoriaMetrics",
}
ANSWERS_INFLUXQL = frozenset({Kind.INFLUX, Kind.INFLUX1})
"""VictoriaMetrics has none, and none of our questions was tried on an InfluxDB 3: these are written
to, and charts come from the embedded store beside them."""

SUFFIXES = {Level.MINUTE: "_1m", Level.HOUR: "_1h"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxSettings:
    """Where a server is and who we are there; we write and read the buckets.

    A token is for kinds 2 and 3, user and password for 1 and for VictoriaMetrics behind a sign-in.
    ``gzip`` None compresses unless the server is on this machine.
    """

    kind: Kind = Kind.INFLUX
    url: str
    org: str = ""
    bucket: str
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    gzip: bool | None = None
    bucket_per_site: bool = False

    @property
    def compresses(self) -> bool:
        """Measured (docs/store.md): worth its processor on a line, never on loopback."""
        return not _is_loopback(self.url) if self.gzip is None else self.gzip

    def bucket_of(self, site: str, level: Level | None = None) -> str:
        """The bucket of a site's points, or of a roll-up of them."""
        name = f"{self.bucket}_{site}" if self.bucket_per_site else self.bucket
        return name + ("" if level is None else SUFFIXES[level])

    def holds_points(self, bucket: str) -> bool:
        """Whether a bucket of the server is one of ours for points (an id has no ``_``)."""
        if not self.bucket_per_site:
            return bucket == self.bucket
        return re.fullmatch(re.escape(self.bucket) + "_[a-z0-9-]{1,64}", bucket) is not None

    @property
    def headers(self) -> dict[str, str]:
        """How a request signs in."""
        if self.user:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        if not self.token:
            return {}
        scheme = "Token" if self.kind is Kind.INFLUX else "Bearer"
        return {"Authorization": f"{scheme} {self.token}"}

    def write_path(self, bucket: str) -> str:
        """The path and query to which lines with times in milliseconds are posted."""
        if self.kind is Kind.INFLUX:
            path, query = "/api/v2/write", {"org": self.org, "bucket": bucket, "precision": "ms"}
        elif self.kind is Kind.INFLUX3:
            query = {"db": bucket, "precision": "millisecond", "accept_partial": "true"}
            path = "/api/v3/write_lp"
        else:
            path, query = "/write", {"db": bucket, "precision": "ms"}
        return f"{path}?{urlencode(query, quote_via=quote)}"


def buckets_of(settings: InfluxSettings, kept: Retention, site: str = "") -> dict[str, int | None]:
    """The buckets of a site (of all, when sites share them) and the days that each keeps."""
    if settings.kind is Kind.VICTORIA:
        return {}
    points = {settings.bucket_of(site): kept.points}
    if settings.kind not in ANSWERS_INFLUXQL:
        return points  # roll-ups are the embedded store's
    return points | {
        settings.bucket_of(site, Level.MINUTE): kept.minutes,
        settings.bucket_of(site, Level.HOUR): kept.hours,
    }


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

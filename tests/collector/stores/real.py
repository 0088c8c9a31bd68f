"""Stores on the real servers that a test started."""

import secrets

from collector.stores.kinds import InfluxSettings, Kind
from tests.services.servers import Influxd, Influxd1


def settings_of(server: Influxd | Influxd1, per_site: bool = False) -> InfluxSettings:
    """A bucket of one's own on this server."""
    bucket = f"t{secrets.token_hex(6)}" if per_site else server.new_bucket()
    if isinstance(server, Influxd):
        return InfluxSettings(
            url=server.url,
            org=server.org,
            bucket=bucket,
            token=server.token,
            bucket_per_site=per_site,
        )
    return InfluxSettings(
        kind=Kind.INFLUX1,
        url=server.url,
        bucket=bucket,
        user=server.user,
        password=server.password,
        bucket_per_site=per_site,
    )

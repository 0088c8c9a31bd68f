"""The table [mqtt]: where the broker is, who we are to it, and what the line can carry.

The defaults are for a 2G modem, since a line that is better loses little by them: 20 kbit/s up, a
second or two there and back, a carrier that forgets a silent connection after some minutes, and a
price for each megabyte (own knowledge; docs/device-link.md has what was measured).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge import secret
from edge.contract.secret import Secret
from edge.link.version import Wish
from edge.table import Table

PORTS = {"mqtt": 1883, "mqtts": 8883}

# Carriers forget a silent connection after four to five minutes (own knowledge). At 120 s a device
# that sends each minute never pings, the broker says our last will after 180 s, and a line on which
# nothing is answered any more is given up after 120 s.
KEEP_ALIVE_S = 120
# Name, TCP and TLS, then CONNACK and SUBACK: four turns of some seconds. Longer, and nobody is there.
CONNECT_S = 30
# Five packs of backlog of 12 kB are 60 kB, 24 s at 20 kbit/s: less than the 30 s after which what was
# not received is sent again. With more, a slow line would carry each pack twice.
WINDOW = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttConfig:
    """``window`` is how many packs may be sent and not yet received. ``cas`` are the only ones that
    are trusted, when there are any: the current and the next; else the system's.
    """

    host: str
    port: int
    is_tls: bool = False
    protocol: Wish = Wish.AUTO
    user: str | None = None
    password: Secret | None = None
    cas: tuple[Path, ...] = ()
    cert: Path | None = None
    key: Path | None = None
    keep_alive_s: int = KEEP_ALIVE_S
    connect_s: float = CONNECT_S
    window: int = WINDOW


def read(table: Table, folder: Path, environment: Mapping[str, str]) -> MqttConfig:
    """The table; paths in it are relative to ``folder``."""
    scheme, host, port = _url(table)
    user = table.text("user") if "user" in table else None
    password = secret.read(table, "password", folder, environment)
    if password is not None and user is None:
        table.complain("user", "is missing beside password")
    before = len(table.problems)
    cas = tuple(
        path
        for key in ("ca", "ca_next")
        if (path := _file(table, key, folder, scheme, "the certificate of the CA in PEM"))
    )
    if "ca_next" in table and "ca" not in table:
        table.complain("ca", "is missing beside ca_next; ca is the CA of today")
    cert = _file(table, "cert", folder, scheme, "the device's own certificate in PEM")
    key = _file(table, "key", folder, scheme, "the key of that certificate in PEM")
    _check_pair(table, cert, key)
    if len(table.problems) == before:
        _check_readable(table, cas, cert, key)
    config = MqttConfig(
        host=host,
        port=port or PORTS.get(scheme, 0),
        is_tls=scheme == "mqtts",
        protocol=Wish(table.one_of("protocol", [wish.value for wish in Wish], Wish.AUTO.value)),
        user=user,
        password=password,
        cas=cas,
        cert=cert,
        key=key,
        keep_alive_s=table.whole("keep_alive_s", KEEP_ALIVE_S, least=5, most=3600),
        connect_s=table.number("connect_s", CONNECT_S, least=1, most=300),
        window=table.whole("window", WINDOW, least=1, most=1000),
    )
    table.done()
    return config


def _url(table: Table) -> tuple[str, str, int]:
    url = table.text("url")
    host, port, scheme = "", 0, ""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port or 0
        if parts.username or parts.password:
            table.complain("url", "holds a user name; write user and password as keys of [mqtt]")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            table.complain("url", "has something after the port; take it out")
    except ValueError:
        pass
    if url and (scheme not in PORTS or not host):
        table.complain("url", f"write mqtt://host:port or mqtts://host:port, got {url!r}")
    return scheme, host, port


def _file(table: Table, key: str, folder: Path, scheme: str, what: str) -> Path | None:
    if key not in table:
        return None
    path = folder / table.text(key)
    if not path.is_file():
        table.complain(key, f"no file {path}; name {what}")
    if scheme == "mqtt":
        table.complain(key, "is not used without TLS; write mqtts:// in url")
    return path


def _check_pair(table: Table, cert: Path | None, key: Path | None) -> None:
    if cert is None and key is not None:
        table.complain("cert", "is missing beside key")
    if key is None and cert is not None:
        table.complain("key", "is missing beside cert")
    if key is not None and key.is_file():
        mode = key.stat().st_mode & 0o777
        if mode & 0o077:
            table.complain("key", f"others may read it (mode {mode:o}); chmod 600 {key}")


def _check_readable(
    table: Table, cas: tuple[Path, ...], cert: Path | None, key: Path | None
) -> None:
    if not cas and cert is None:
        return
    from edge.link.tls import (
        Unreadable,
        client_context,
    )  # ssl takes a while; most boxes at home need none

    try:
        client_context(cas, cert, key)
    except Unreadable as error:
        name = next(
            (n for n, ca in zip(("ca", "ca_next"), cas, strict=False) if ca == error.path), "cert"
        )
        table.complain(name, str(error))

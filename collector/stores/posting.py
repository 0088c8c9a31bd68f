"""One request with lines: by influxdb-client to InfluxDB 2, by a plain HTTP connection to the others.

influxdb-client is a plain sender here, without its batching, which gives up after 180 s and drops; it
knows the path and the sign-in of InfluxDB 2 alone. Both may be used by several threads at once.
"""

import http.client
import ssl
import threading
import zlib
from typing import Protocol
from urllib.parse import urlsplit

from collector.stores.kinds import InfluxSettings, Kind

TIMEOUT_S = 10.0
BODY_MOST = 4 * 2**20  # of a refusal; it may repeat each line
GZIP_LEVEL = 1  # 6 costs twice the processor and saves a fifth more


class Unreachable(Exception):
    """No answer; the text says what happened."""


class Post(Protocol):
    """Where lines are posted to."""

    def send(self, bucket: str, body: bytes) -> tuple[int, str]:
        """The answer's status and, of a refusal, its text; Unreachable when there is none."""
        ...

    def close(self) -> None: ...


def open_post(settings: InfluxSettings) -> Post:
    """What posts to this kind of server; nothing is connected before the first request."""
    return ClientPost(settings) if settings.kind is Kind.INFLUX else PlainPost(settings)


class ClientPost:
    """influxdb-client."""

    def __init__(self, settings: InfluxSettings) -> None:
        # Half a second to import: for those alone who have an InfluxDB 2.
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS

        self._client = InfluxDBClient(
            url=settings.url,
            token=settings.token,
            org=settings.org,
            timeout=int(TIMEOUT_S * 1000),
            enable_gzip=settings.compresses,
        )
        self._org = settings.org
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def send(self, bucket: str, body: bytes) -> tuple[int, str]:
        import urllib3
        from influxdb_client.domain.write_precision import WritePrecision
        from influxdb_client.rest import ApiException

        try:
            self._api.write(bucket, self._org, body, WritePrecision.MS)  # type: ignore[arg-type]
        except ApiException as error:
            text = error.body
            if isinstance(text, bytes):
                text = text[:BODY_MOST].decode(errors="replace")
            return int(error.status or 0), str(text or error.reason or "")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(type(error).__name__) from error
        return 204, ""

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]


class PlainPost:
    """One connection a thread, kept open."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._own = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def send(self, bucket: str, body: bytes) -> tuple[int, str]:
        headers = dict(self._settings.headers)
        if self._settings.compresses:
            packer = zlib.compressobj(GZIP_LEVEL, wbits=31)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
        path = urlsplit(self._settings.url).path.rstrip("/") + self._settings.write_path(bucket)
        try:
            return self._request(path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection().close()
            raise Unreachable(type(error).__name__) from error

    def close(self) -> None:
        for connection in self._all:
            connection.close()

    def _request(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        connection = self._connection()
        fresh = connection.sock is None
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read(BODY_MOST).decode(errors="replace")
        except ConnectionError:
            # A proxy closes a connection that was idle; what it may have taken is taken again.
            connection.close()
            if fresh:
                raise
            return self._request(path, body, headers)
        if not answer.isclosed():
            connection.close()  # opened again by the next request
        return answer.status, text

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = _connection(self._settings.url)
            self._all.append(found)
        return found


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(
            host, parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)

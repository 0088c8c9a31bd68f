"""A small InfluxDB 3 on loopback, for what is written to it.

It answers as its documentation says: 204; 400 with the bad lines by number while the good ones are
kept; 401 without the token; 404 for another path. It holds fields to the type they had first.
"""

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

LINE = re.compile(r"(?P<head>(?:\\.|[^ \\])+) (?P<fields>.+) (?P<time>-?\d+)")
FIELD = re.compile(r"((?:\\.|[^,=\\])+)=([^,]*)")
ERRORS_MOST = 100


class Influx3:
    """``points`` are the fields by (database, head, milliseconds), as their texts were."""

    def __init__(self, token: str) -> None:
        self.url = ""
        self.token = token
        self.points: dict[tuple[str, str, int], dict[str, str]] = {}
        self.databases: dict[str, str | None] = {}
        self.requests = 0
        self._types: dict[tuple[str, str], str] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "the request was not authenticated"}, status=401)
        if request.path == "/api/v3/write_lp":
            return self._write(request, await request.read())
        if request.path == "/api/v3/configure/database":
            return self._make(await request.json())
        return web.Response(status=404)

    def _make(self, asked: dict[str, str]) -> web.StreamResponse:
        if asked["db"] in self.databases:
            words = "attempted to create a resource that already exists"
            return web.json_response({"error": words}, status=409)
        self.databases[asked["db"]] = asked.get("retention_period")
        return web.Response(status=200)

    def _write(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        if request.query["precision"] != "millisecond":
            return web.json_response({"error": "serde error: unknown variant"}, status=400)
        bad = []
        for number, line in enumerate(body.decode().splitlines(), 1):
            why = self._take(request.query["db"], line)
            if why:
                bad.append({"original_line": line, "line_number": number, "error_message": why})
        if not bad:
            return web.Response(status=204)
        error = {"error": "partial write of line protocol occurred", "data": bad[:ERRORS_MOST]}
        return web.json_response(error, status=400)

    def _take(self, database: str, line: str) -> str:
        """Keep a line, or say why not."""
        parts = LINE.fullmatch(line)
        if parts is None:
            return "could not parse line protocol"
        fields = {found[1]: found[2] for found in FIELD.finditer(parts["fields"])}
        for name, text in fields.items():
            kind = "string" if text.startswith('"') else "i64" if text.endswith("i") else "f64"
            was = self._types.setdefault((database, name), kind)
            if was != kind:
                return f"invalid column type for column '{name}', expected {was}, got {kind}"
        self.points.setdefault((database, parts["head"], int(parts["time"])), {}).update(fields)
        return ""


@asynccontextmanager
async def influx3(token: str = "a-token") -> AsyncIterator[Influx3]:
    """One that runs."""
    server = Influx3(token)
    # The body as it came: aiohttp would unpack it, and a server may not.
    runner = web.AppRunner(web.Application(client_max_size=2**24), auto_decompress=False)
    runner.app.router.add_route("*", "/{path:.*}", server.answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()

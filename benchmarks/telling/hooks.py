"""A webhook's other end in a process of its own, which notes what came when.

``python -m benchmarks.telling.hooks PORT`` says ``ready``, answers 200 to all, and at the end of its
input prints each notice as JSON: incident, reason, and milliseconds since 1970.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

import orjson
from aiohttp import web

from tests.services.servers import HOST, free_port

WAIT_S = 30.0


class Came(NamedTuple):
    """A notice that came here."""

    incident: int
    reason: str
    at_ms: float


class Hooks:
    """The process; ``with`` starts it and waits until it listens."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self._log = log

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/guard"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.telling.hooks", str(self.port)]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"no receiver: {self._log.read_text(errors='replace')[-2000:]}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def end(self) -> list[Came]:
        """All that came, in order."""
        told, _ = self._process.communicate(timeout=WAIT_S)
        return [Came(*each) for each in orjson.loads(told)]


async def receive(port: int) -> list[Came]:
    """Answer until the end of the input."""
    came: list[Came] = []

    async def hear(request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        came.append(Came(body["incident"], body["reason"], time.time() * 1000))
        return web.Response()

    app = web.Application()
    app.router.add_post("/guard", hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    return came


if __name__ == "__main__":
    found = asyncio.run(receive(int(sys.argv[1])))
    sys.stdout.write(orjson.dumps([list(each) for each in found]).decode())

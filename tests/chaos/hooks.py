"""The webhook of a guard post, as a small real server that counts what comes."""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.services.servers import HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """One request; ``key`` is the same for each attempt of one notice."""

    key: str
    person: str
    body: Mapping[str, Any]


class Hooks:
    """``http://HOST:PORT/PERSON`` for each person; ``answer`` decides, 200 when there is none.

    ``answer`` is called before anything is answered, in a thread: it may kill who asks.
    """

    def __init__(self, answer: Callable[[Came], int] | None = None) -> None:
        self.came: list[Came] = []
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with suppress(ConnectionError):  # who kept it open was killed
                    super().handle()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers["Idempotency-Key"]
                one = Came(key=key, person=self.path.strip("/"), body=body)
                hooks.came.append(one)
                try:
                    self.send_response(answer(one) if answer else 200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True  # who asked is dead

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="hooks", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """``host:port``, to be allowed in the configuration."""
        return f"{HOST}:{self._server.server_port}"

    def url(self, person: str) -> str:
        return f"http://{self.address}/{person}"

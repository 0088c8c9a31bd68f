"""A proxy before PostgreSQL that cuts the line at a COMMIT: before it arrives, or before its answer does."""

import socket
import threading
from contextlib import suppress
from typing import Literal, Self

from tests.services.servers import HOST

Cut = Literal["before", "behind"]
TIMEOUT_S = 30.0


class CommitProxy:
    """``with CommitProxy(port) as proxy``: ``proxy.cut = "behind"`` cuts at the next COMMIT, once."""

    def __init__(self, server_port: int) -> None:
        self.cut: Cut | None = None
        self.cuts = 0
        self._server_port = server_port
        self._listener = socket.create_server((HOST, 0))
        self._lines: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="commit-proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for line in (self._listener, *self._lines):
            line.close()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((HOST, self._server_port), timeout=TIMEOUT_S)
            self._lines += [near, far]
            is_cut = threading.Event()
            for work in (self._up, self._down):
                threading.Thread(target=work, args=(near, far, is_cut), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket, is_cut: threading.Event) -> None:
        with suppress(OSError):
            while data := near.recv(2**16):
                cut = self.cut if b"COMMIT" in data else None
                if cut is not None:
                    self.cut = None
                    self.cuts += 1
                    is_cut.set()
                if cut == "before":
                    break
                far.sendall(data)
        _end(far)
        if not is_cut.is_set() or cut == "before":
            _end(near)

    def _down(self, near: socket.socket, far: socket.socket, is_cut: threading.Event) -> None:
        with suppress(OSError):
            while data := far.recv(2**16):
                if is_cut.is_set():
                    break  # it has committed, and nobody hears of it
                near.sendall(data)
        _end(near)


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)

"""In front of the operator's server: every byte goes both ways unchanged, and we only listen.

Our own trouble must never be the operator's: bytes are passed on before they are read, and a house
that is busy loses its own copy. Nothing is answered, for the answers are the operator's; and when
his server is away the connection ends, since a board that we answered would forget a settlement.
"""

import asyncio
import logging
import time

from collector.listeners.peer import READ_BYTES, Peer
from collector.listeners.port import Talk

log = logging.getLogger("collector.listeners")

CONNECT_S = 10.0  # real seconds for the operator's server to take the connection
PASS_S = 30.0  # real seconds for bytes to leave; then that side is gone
HOLD_MOST = 64  # reads of our copy that wait: at most a megabyte a connection


async def relayed(
    peer: Peer,
    talk: Talk,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    forward: tuple[str, int],
) -> None:
    """Until either side ends, or both are silent for the peer's ``idle_s``."""
    async with asyncio.timeout(CONNECT_S):
        server_reader, server_writer = await asyncio.open_connection(*forward)
    copy: asyncio.Queue[bytes] = asyncio.Queue(HOLD_MOST)
    moved = _Moved(time.monotonic())
    parts = [
        asyncio.create_task(_pass(reader, server_writer, moved, peer, copy), name="relay-up"),
        asyncio.create_task(_pass(server_reader, writer, moved), name="relay-down"),
        asyncio.create_task(_watch(moved, peer.idle_s), name="relay-idle"),
    ]
    listening = asyncio.create_task(_listen(peer, talk, copy), name="relay-listen")
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()
    finally:
        for part in parts:
            part.cancel()
        server_writer.close()
        await asyncio.gather(*parts, return_exceptions=True)
        await _finish(listening, copy)
        peer.finish(talk)


class _Moved:
    """When a byte last went either way (monotonic seconds)."""

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s


async def _pass(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    moved: _Moved,
    peer: Peer | None = None,
    copy: "asyncio.Queue[bytes] | None" = None,
) -> None:
    while data := await reader.read(READ_BYTES):
        writer.write(data)
        async with asyncio.timeout(PASS_S):
            await writer.drain()
        moved.at_s = time.monotonic()
        if copy is not None and peer is not None:
            try:
                copy.put_nowait(data)
            except asyncio.QueueFull:
                peer.counts.lost += len(data)


async def _watch(moved: _Moved, idle_s: float) -> None:
    # An event a byte would cost more than a look now and then.
    while (left_s := moved.at_s + idle_s - time.monotonic()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(left_s)


async def _listen(peer: Peer, talk: Talk, copy: "asyncio.Queue[bytes]") -> None:
    while True:
        data = await copy.get()
        try:
            # What is strange or garbled here may be the operator's own affair: he is never cut off.
            await peer.overhear(talk, data)
        except Exception:
            peer.counts.falls += 1
            log.exception("%s from %s: what passed by could not be read", peer.name, peer.address)
        finally:
            copy.task_done()


async def _finish(listening: "asyncio.Task[None]", copy: "asyncio.Queue[bytes]") -> None:
    """Read what is still waiting, for a moment."""
    try:
        async with asyncio.timeout(2.0):
            await copy.join()
    except TimeoutError:
        pass  # the house is busy: its copy is lost, the operator's is not
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)

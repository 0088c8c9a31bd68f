"""The ports that devices speak TCP to: opened, opened again while taken, bounded in connections."""

import asyncio
import logging
from collections.abc import Sequence

from collector.listeners.ap3000 import Ap3000Talk
from collector.listeners.config import ListenerConfig, host_port
from collector.listeners.hj212 import Hj212Talk
from collector.listeners.peer import Counts, Door, Peer
from collector.listeners.port import MakeTalk
from collector.listeners.relay import relayed
from edge.clock import Clock

log = logging.getLogger("collector.listeners")

AGAIN_S = 2.0  # real seconds until a port that was taken is tried again
TALKS: dict[str, MakeTalk] = {"hj212": Hj212Talk, "ap3000": Ap3000Talk}


class Listeners:
    """``run`` serves every configured port until cancelled; ``why`` says which is not open."""

    def __init__(self, configs: Sequence[ListenerConfig], door: Door, clock: Clock) -> None:
        self.counts = Counts()
        self._ports = [_Port(config, door, clock, self.counts) for config in configs]

    @property
    def why(self) -> str:
        return "; ".join(port.why for port in self._ports if port.why)

    @property
    def connected(self) -> int:
        return sum(len(port.peers) for port in self._ports)

    async def run(self) -> None:
        if not self._ports:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for port in self._ports:
                group.create_task(port.run(), name=f"listener-{port.name}")


class _Port:
    def __init__(self, config: ListenerConfig, door: Door, clock: Clock, counts: Counts) -> None:
        self.name = f"{config.format}:{config.port}"
        self.why = f"{self.name} is not open yet"
        self.peers: set[asyncio.Task[None]] = set()
        self._config = config
        self._door = door
        self._clock = clock
        self._counts = counts

    async def run(self) -> None:
        config = self._config
        while True:
            try:
                server = await asyncio.start_server(self._greet, config.host, config.port)
                break
            except OSError as error:
                why = f"{self.name} on {config.host} cannot be opened: {error.strerror or error}"
                if why != self.why:
                    log.error("%s", why)
                self.why = why
                await asyncio.sleep(AGAIN_S)
        self.why = ""
        log.info("%s is open on %s", self.name, config.host)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for peer in self.peers:
                peer.cancel()
            await asyncio.gather(*self.peers, return_exceptions=True)

    def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at = writer.get_extra_info("peername")
        address = str(at[0]) if at else ""
        if len(self.peers) >= self._config.connections:
            self._counts.refused += 1
            writer.transport.abort()
            return
        self._counts.connections += 1
        peer = Peer(self.name, address, self._config, self._door, self._clock, self._counts)
        name = f"{self.name}-{address}:{at[1] if at else ''}"
        task = asyncio.create_task(self._attend(peer, reader, writer), name=name)
        self.peers.add(task)
        task.add_done_callback(self.peers.discard)

    async def _attend(
        self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Whatever goes wrong ends this connection and no other."""
        talk = TALKS[self._config.format]()
        try:
            if self._config.forward:
                await relayed(peer, talk, reader, writer, host_port(self._config.forward))
            else:
                await peer.attend(talk, reader, writer)
        except (OSError, TimeoutError, EOFError) as error:
            log.debug("%s from %s: %s", self.name, peer.address, error)
        except Exception:
            self._counts.falls += 1
            log.exception("%s from %s: the connection fell", self.name, peer.address)
        finally:
            writer.close()

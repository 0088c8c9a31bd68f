"""Commanding: signed commands to devices over the link, and the devices' answers to them.

A device gives a nonce in its status and in each answer; each is good for one command, so there is
one command at a time per device. Nonces stay in memory and in no log.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from alerts.notify.port import Unfit, Unheard
from alerts.registry.index import devices_of
from alerts.registry.model import Device, Registry
from alerts.secrets import SecretError, resolve
from edge.contract.command import LEAST_KEY_BYTES, MAX_BYTES, STALE, Command, Result, Verb, sign
from edge.contract.status import State, Status
from edge.contract.topics import Kind, Topic

log = logging.getLogger("collector.watch")

RESULT_S = 6.0  # real seconds for an answer; two attempts stay within the dispatcher's deadline
ATTEMPTS = 2  # the second with the nonce that the refusal of a stale one brought


class Publishes(Protocol):
    """What of the link is needed here."""

    @property
    def connected(self) -> bool: ...

    @property
    def why(self) -> str: ...

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool: ...


@dataclass(slots=True)
class _Peer:
    """What is known of one device; ``told`` is the nonce of its last status."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_online: bool = False
    nonce: str = field(default="", repr=False)
    told: str = field(default="", repr=False)
    used: str = field(default="", repr=False)
    answer: "asyncio.Future[Result] | None" = None


class Commanding:
    """A ``Speaker``. ``link`` gives the present link, or None while there is none."""

    def __init__(self, link: Callable[[], Publishes | None], *, result_s: float = RESULT_S) -> None:
        self.sent = 0
        self._link = link
        self._result_s = result_s
        self._devices: Mapping[tuple[str, str], Device] | None = None
        self._peers: dict[tuple[str, str], _Peer] = {}

    def use(self, registry: Registry) -> None:
        """From now on this registry says which devices take commands, and where their keys are."""
        known = self._devices = devices_of(registry)
        self._peers = {key: peer for key, peer in self._peers.items() if key in known}

    def saw(self, site: str, device: str, status: Status) -> None:
        """A device's birth, last will or farewell."""
        peer = self._peer(site, device)
        peer.is_online = status.state is State.ONLINE
        # A reconnect of ours brings the retained status again: its nonce may be used up by now.
        if status.nonce != peer.told:
            peer.told = peer.nonce = status.nonce

    def heard(self, site: str, device: str, result: Result) -> None:
        """What became of a command; or a button, which may bring a nonce as well."""
        peer = self._peer(site, device)
        if result.next_nonce:
            peer.nonce = result.next_nonce
        # What could not be read has no nonce; nothing else is asked of this device meanwhile.
        is_ours = not result.is_taken and result.nonce in (peer.used, "")
        if peer.answer is not None and is_ours and not peer.answer.done():
            peer.answer.set_result(result)

    def is_online(self, site: str, device: str) -> bool:
        """Whether the device says that it is there."""
        peer = self._peers.get((site, device))
        return peer is not None and peer.is_online

    async def command(
        self,
        site: str,
        device: str,
        verb: Verb,
        target: str,
        *,
        texts: Sequence[tuple[str, str]] = (),
        is_urgent: bool = False,
    ) -> Result | Unheard | Unfit:
        """What the device answered."""
        key = self._key(site, device)
        if not isinstance(key, bytes):
            return key
        peer = self._peer(site, device)
        async with peer.turn:
            for attempt in range(1, ATTEMPTS + 1):
                made = Command(
                    verb=verb,
                    target=target,
                    nonce=peer.nonce,
                    texts=tuple(texts),
                    is_urgent=is_urgent,
                )
                answer = await self._ask(peer, Topic(site, device, Kind.COMMAND), made, key)
                is_stale = isinstance(answer, Result) and answer.reason == STALE
                if not is_stale or attempt == ATTEMPTS or not peer.nonce:
                    break
        if isinstance(answer, Result):
            words = "done" if answer.is_done else f"refused: {answer.reason}"
            log.info("%s/%s: %s %s: %s", site, device, verb.value, target, words)
        return answer

    async def _ask(
        self, peer: _Peer, topic: Topic, made: Command, key: bytes
    ) -> Result | Unheard | Unfit:
        link = self._link()
        if link is None or not link.connected:
            return Unheard((link.why if link is not None else "") or "there is no link")
        if not peer.is_online:
            return Unheard("the device is not online")
        if not made.nonce:
            return Unheard("the device has given no nonce; its agent takes no commands yet")
        payload = sign(made, topic=str(topic), key=key)
        if len(payload) > MAX_BYTES:
            return Unfit(f"the command has {len(payload)} bytes; at most {MAX_BYTES}")
        peer.used, peer.answer = made.nonce, asyncio.get_running_loop().create_future()
        try:
            if not await link.publish(str(topic), payload):
                return Unheard("the broker did not take it", is_sent=True)
            self.sent += 1
            async with asyncio.timeout(self._result_s):
                return await peer.answer
        except TimeoutError:
            return Unheard(f"no answer within {self._result_s:g} s", is_sent=True)
        finally:
            # An unanswered nonce stays the newest: a device that used it up refuses, and says so.
            peer.used, peer.answer = "", None

    def _key(self, site: str, device: str) -> bytes | Unheard | Unfit:
        if self._devices is None:
            return Unheard("waiting for the registry")
        known = self._devices.get((site, device))
        if known is None:
            return Unfit(f"device {device} of site {site} is not registered")
        if not known.command_key:
            return Unfit(f"device {site}/{device} takes no commands; give it a command_key")
        try:
            key = bytes.fromhex(resolve(known.command_key).reveal().strip())
        except SecretError as error:  # which is a ValueError, too
            return Unheard(str(error))
        except ValueError:
            return Unfit(f"{known.command_key}: not hexadecimal; make it with openssl rand -hex 32")
        if len(key) < LEAST_KEY_BYTES:
            return Unfit(f"{known.command_key}: a key has at least {LEAST_KEY_BYTES} bytes")
        return key

    def _peer(self, site: str, device: str) -> _Peer:
        return self._peers.setdefault((site, device), _Peer())

"""The link's port: messages in, acknowledgements and publications out, over a broker that may go.

An adapter reconnects by itself; ``batches()`` goes on. A message's token names the connection it
came by, so an acknowledgement that comes too late confirms nothing.
"""

import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from edge.contract.secret import Secret
from edge.contract.topics import UPWARD, every_device

FILTERS = tuple(every_device(kind) for kind in UPWARD)
KEEP_ALIVE_S = 20  # real seconds; a broker that is silent for one and a half of it is gone
SESSION_EXPIRY_S = 14 * 86_400  # persistent_client_expiration of the shipped broker configuration
RECEIVE_MAXIMUM = 10_000  # max_inflight_messages of the shipped broker configuration
CONNECT_S = 10.0  # real seconds for one attempt, subscriptions included
PUBLISH_S = 10.0  # real seconds until a publication without PUBACK counts as not sent
# A message larger than this is not ours (a pack has at most 1 MB): the broker is asked to keep it.
LARGEST_PACKET = 4 * 2**20


_NOTHING = Secret("")


class Message(NamedTuple):
    """One publication as it came; ``token`` is the link's own (a tuple is cheap on the hot path)."""

    topic: str
    payload: bytes
    retained: bool
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is and who we are there."""

    host: str
    port: int
    client_id: str
    tls: bool = False
    ca: Path | None = None
    user: Secret = _NOTHING
    password: Secret = _NOTHING
    keep_alive_s: int = KEEP_ALIVE_S
    receive_maximum: int = RECEIVE_MAXIMUM

    @classmethod
    def at(
        cls,
        url: str,
        client_id: str,
        *,
        user: Secret | None = None,
        password: Secret | None = None,
        ca: Path | None = None,
    ) -> "Broker":
        """The broker at ``mqtt://host[:port]`` or, with TLS, ``mqtts://host[:port]``.

        A user's client id is its name: a broker that puts the name there (Mosquitto's
        ``use_username_as_clientid``) leaves nobody else a way into its session.
        """
        parts = urlsplit(url)
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or (8883 if tls else 1883),
            client_id=(user and user.reveal()) or client_id,
            tls=tls,
            ca=ca,
            user=user or _NOTHING,
            password=password or _NOTHING,
        )

    def context(self) -> ssl.SSLContext | None:
        """What TLS trusts: the named CA, else the system's own."""
        if not self.tls:
            return None
        return ssl.create_default_context(cafile=str(self.ca) if self.ca else None)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Link(Protocol):
    """``async with link: async for messages in link.batches(): ...; await link.ack(messages)``."""

    @property
    def connected(self) -> bool:
        """Whether the session is accepted and subscribed."""
        ...

    @property
    def epoch(self) -> int:
        """Counts connections, from 1."""
        ...

    @property
    def since_s(self) -> float:
        """When it was connected or lost (``time.monotonic``)."""
        ...

    @property
    def seen_s(self) -> float:
        """When the last message came (``time.monotonic``); 0 for never."""
        ...

    @property
    def why(self) -> str:
        """Why it is not connected, with the remedy where there is one; "" when it is."""
        ...

    async def changed(self) -> None:
        """Until the link is connected or lost the next time."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    def batches(self) -> AsyncIterator[list[Message]]:
        """Messages as they come, many at a time where they come fast; reconnects are not seen."""
        ...

    async def ack(self, messages: Sequence[Message]) -> None:
        """These are safe here. Whatever came by a connection that is gone comes again."""
        ...

    def follow(self, filters: Sequence[str]) -> None:
        """Hear these topics too, from now on and on each connection; those before no more.

        One that the broker refuses is logged, and the others are heard.
        """
        ...

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> bool:
        """Whether the broker took it; at QoS 0, whether it was written. Never raises for a link."""
        ...

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """Publish these at QoS 1; how many the broker took. Cheaper than one by one."""
        ...

"""What the tests of the links share: which adapters there are, somebody else on the broker, and waiting."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from collector.link.base import LinkBase
from collector.link.mqtt5 import Mqtt5Link
from collector.link.mqtt311 import Mqtt311Link
from collector.link.port import Broker, Message

ADAPTERS = (Mqtt5Link, Mqtt311Link)
NAMES = ("mqtt5", "mqtt311")
READINGS = "shouwang/v1/riverside/box/readings"
SOON_S = 10.0


def somebody(broker: Broker, filters=()):
    """Somebody else on the same broker; not persistent."""
    return transient(Mqtt5Link(replace(broker, client_id=f"x-{id(broker)}"), filters=filters))


@asynccontextmanager
async def transient(link: LinkBase) -> AsyncIterator[LinkBase]:
    async with link:
        await connected(link)
        yield link


async def connected(link: LinkBase) -> None:
    await until(lambda: link.connected)


async def lost(link: LinkBase) -> None:
    await until(lambda: not link.connected)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - a test polls what has no event
            await asyncio.sleep(0.01)


async def receive(link: LinkBase, count: int) -> list[Message]:
    found: list[Message] = []
    async with asyncio.timeout(SOON_S):
        async for messages in link.batches():
            found += messages
            if len(found) >= count:
                return found
    raise AssertionError


def write_password(file: Path, user: str, password: str) -> None:
    """Into a ``password_file`` of Mosquitto's, hashed; it holds from its next start or ``reload``."""
    command = ["mosquitto_passwd", "-b", str(file), user, password]
    subprocess.run(command, check=True, capture_output=True)


def hash_passwords(file: Path, passwords: Mapping[str, str]) -> None:
    """The whole ``password_file``, by user."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text("".join(f"{user}:{password}\n" for user, password in passwords.items()))
    subprocess.run(["mosquitto_passwd", "-U", str(fresh)], check=True, capture_output=True)
    fresh.replace(file)

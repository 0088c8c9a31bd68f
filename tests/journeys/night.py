"""The night of the story: a community of its own, its feeder's meter, and services that answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Circuit,
    Device,
    Names,
    Person,
    Place,
    PlaceKind,
    PostRole,
    Registry,
    Site,
    Subscription,
    Tier,
    Tiers,
)
from alerts.words import IncidentClass, Severity
from collector.link.mqtt5 import Mqtt5Link
from collector.link.port import Broker
from edge.clock import Clock
from edge.contract.reading import Reading
from edge.contract.senml import encode
from tests.alerts.notify.services import AliyunServer, Dingtalk, NtfyServer, WecomServer

SITE, SHED, METER, GUARD_ROOM = "linjiang", "shed-2", "feeder", "guard-room"
RATING_A = 40.0
GUARD_PHONE, MEI_PHONE = "13800005501", "13800005502"
WAIT = {Severity.CRITICAL: 300.0}  # domain: five minutes, then the next
NIGHT = datetime(2026, 11, 22, 18, 10, tzinfo=UTC)  # 02:10 in Shanghai
MORNING = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # 07:30 there


def someone(name: str, zh: str, role: PostRole, *to: Address, **more: object) -> Person:
    return Person(id=name, site=SITE, name=zh, role=role, addresses=to, **more)  # type: ignore[arg-type]


def at(channel: ChannelKind, to: str, **more: object) -> Address:
    return Address(channel=channel, to=to, **more)  # type: ignore[arg-type]


def shed(name: str, zh: str, en: str) -> Place:
    feeder = Circuit(id="main", names=Names(zh="总进线", en="The feeder"), rating_a=RATING_A)
    names = Names(zh=zh, en=en)
    return Place(id=name, site=SITE, kind=PlaceKind.SHED, names=names, circuits=(feeder,))


PEOPLE = (
    someone(GUARD_ROOM, "岗亭", PostRole.GUARD, at(ChannelKind.ANNOUNCER, f"{SITE}/{GUARD_ROOM}"),
            places=(SHED,), is_post=True),
    someone("guard", "值班岗", PostRole.GUARD, at(ChannelKind.VOICE, GUARD_PHONE),
            places=(SHED,), is_post=True),
    someone("gate", "一号棚门岗", PostRole.GUARD, at(ChannelKind.LOG, "gate"),
            places=("shed-1",), is_post=True),
    someone("mei", "梅姐", PostRole.PROPERTY, at(ChannelKind.WECOM_APP, "chen"),
            at(ChannelKind.NTFY, "env:TOPIC_URL", secret="env:SERVICE_SECRET"), phone=MEI_PHONE),
    someone("wen", "文书记", PostRole.COMMUNITY,
            at(ChannelKind.DINGTALK, "env:ROBOT_URL", group=True, secret="env:SERVICE_SECRET"),
            phone="000-5550-0102"),
    someone("street", "街道值班室", PostRole.SUBDISTRICT, at(ChannelKind.LOG, "street")),
    someone("lao-li", "老李", PostRole.RIVER_CHIEF, at(ChannelKind.LOG, "li")),
)  # fmt: skip
CLIMB = (PostRole.GUARD, PostRole.PROPERTY, PostRole.COMMUNITY, PostRole.SUBDISTRICT)

REGISTRY = Registry(
    cell="linjiang",
    sites=(Site(id=SITE, names=Names(zh="临江社区", en="Linjiang")),),
    places=(shed("shed-1", "1 号充电棚", "Shed 1"), shed(SHED, "2 号充电棚", "Shed 2")),
    devices=(
        Device(
            id=METER,
            site=SITE,
            names=Names(zh="2 号棚总表"),
            bindings=(Binding(place=SHED, metrics=("current",), interval_s=1800),),
        ),
        Device(
            id=GUARD_ROOM,
            site=SITE,
            names=Names(zh="岗亭"),
            bindings=(),
            command_key="env:BOX_KEY",
        ),
    ),
    people=PEOPLE,
    tiers=(
        Tiers(
            kind=PlaceKind.SHED, steps=tuple(Tier(role=role, wait_s=dict(WAIT)) for role in CLIMB)
        ),
    ),
    # The community's group hears of every danger at once, beside the climb.
    subscriptions=(Subscription(role=PostRole.COMMUNITY, classes=(IncidentClass.SAFETY,)),),
)

SETTINGS = """[aliyun]
access_key_id = "{key_id}"
access_key_secret = "env:SERVICE_SECRET"
[voice]
template = "TTS_1"
key_template = "TTS_2"
variables = {{ place = "place", what = "what", do = "do" }}
url = "{phones}"
[wecom]
corp_id = "ww01"
agent_id = 1000002
secret = "env:SERVICE_SECRET"
url = "{wecom}"
[notices]
allow = {allow}
"""


class Hung(Dingtalk):
    """Takes the connection and says nothing, until ``wakes``."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = asyncio.Event()

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        await self.wakes.wait()
        return await super().answer(request, body)


class Services:
    """Calls and push messages work; WeCom says HTTP 200 and refuses in the body; DingTalk hangs."""

    def __init__(self) -> None:
        self.phones, self.wecom, self.dingtalk = AliyunServer(), WecomServer(), Hung()
        self.push = NtfyServer()
        self.wecom.mode = "refusing"

    @asynccontextmanager
    async def there(self) -> AsyncIterator["Services"]:
        async with (
            self.phones.there(),
            self.wecom.there(),
            self.dingtalk.there(),
            self.push.there(),
        ):
            yield self

    @property
    def settings(self) -> str:
        hosts = [each.host for each in (self.phones, self.wecom, self.dingtalk, self.push)]
        return SETTINGS.format(
            key_id=AliyunServer.key_id,
            phones=self.phones.url,
            wecom=self.wecom.url,
            allow=str(hosts).replace("'", '"'),
        )

    def rang(self, number: str) -> list[dict[str, str]]:
        """What was read out to this number."""
        calls = [taken for taken in self.phones.taken if taken[0] == "IvrCall"]
        return [values for _, query, values in calls if query["CalledNumber"] == number]


class Meter:
    """The feeder's meter: says ``amperes`` a few times a second, by whichever ``clock`` it is told."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.amperes, self.clock = 0.5 * RATING_A, clock
        self._url = url

    def set(self, share: float) -> datetime:
        """From now on this share of the rating; since when."""
        self.amperes = share * RATING_A
        return self.clock.now()

    @asynccontextmanager
    async def there(self) -> AsyncIterator[None]:
        saying = asyncio.create_task(self._say())
        yield
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)

    async def _say(self) -> None:
        seq = 0
        async with Mqtt5Link(Broker.at(self._url, "feeder"), filters=["none"]) as link:
            while True:
                one = Reading(
                    place=SHED, port="", metric="current", value=self.amperes,
                    at_ms=self.clock.now_ms(), run="r1", seq=seq,
                )  # fmt: skip
                if await link.publish(f"shouwang/v1/{SITE}/{METER}/readings", encode([one])):
                    seq += 1
                await asyncio.sleep(0.2)

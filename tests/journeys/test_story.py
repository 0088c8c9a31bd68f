"""One danger from the first sign to the second look, on real processes, with two channels failing.

The night is played at the pace of the wall until people are told, then on a faster clock: the house
is started anew for each, as after a cut of its power, and must lose and repeat nothing.
"""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from alerts.incidents.lifecycle import Event, step
from alerts.incidents.model import DutyKind, Incident, State
from alerts.incidents.who import Reason
from alerts.messages import notice_words
from alerts.notify.notice import Notice, NoticeReason, NoticeState
from alerts.packs import shipped
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change, Transition
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Language, Severity
from collector.cli import main
from collector.demo.house import free_port
from edge.clock import Clock
from edge.contract.subject import Subject, SubjectKind
from tests.alerts.notify.services import SECRET
from tests.collector.box import KEY, Box
from tests.collector.village import Process, settle, status_of, until
from tests.journeys.night import (
    GUARD_PHONE,
    GUARD_ROOM,
    METER,
    MORNING,
    NIGHT,
    PEOPLE,
    REGISTRY,
    SHED,
    SITE,
    Meter,
    Services,
)

SERVE = (sys.executable, "-m", "collector.serve")
LINK = "https://watch.example.org/incidents/1"
WITHIN_S = 15.0
SLOW, FAST = 30.0, 1800.0  # house seconds in a second, for the climb and for the rest of the night
SETTLED = {
    NoticeState.ACCEPTED,
    NoticeState.ACKNOWLEDGED,
    NoticeState.REJECTED,
    NoticeState.OVERTAKEN,
}

# When it opened; when the next tier was told; recovered; the second look; closed.
WHY = {
    "guard-room": (Reason.TIER, Reason.ALREADY_TOLD, Reason.TOLD_BEFORE, Reason.NOT_THIS_TIER,
                   Reason.TOLD_BEFORE),
    "guard": (Reason.TIER, Reason.ALREADY_TOLD, Reason.NOT_BY_CALL, Reason.NOT_THIS_TIER,
              Reason.NOT_BY_CALL),
    "gate": (Reason.OTHER_PLACE, Reason.OTHER_PLACE, Reason.NOT_TOLD_BEFORE, Reason.NOT_THIS_TIER,
             Reason.NOT_TOLD_BEFORE),
    # WeCom refuses each time, and the next address is used.
    "mei": (Reason.NOT_THIS_TIER, Reason.TIER, Reason.NEXT_ADDRESS, Reason.TOOK_OVER,
            Reason.TOOK_OVER, Reason.NEXT_ADDRESS, Reason.NEXT_ADDRESS, Reason.TOOK_OVER,
            Reason.NEXT_ADDRESS),
    "wen": (Reason.SUBSCRIBED, Reason.ALREADY_TOLD, Reason.TOLD_BEFORE, Reason.NOT_THIS_TIER,
            Reason.TOLD_BEFORE),
    "street": (Reason.NOT_THIS_TIER, Reason.NOT_THIS_TIER, Reason.NOT_TOLD_BEFORE,
               Reason.NOT_THIS_TIER, Reason.NOT_TOLD_BEFORE),
    "lao-li": (Reason.NO_TIER, Reason.NO_TIER, Reason.NOT_TOLD_BEFORE, Reason.NOT_THIS_TIER,
               Reason.NOT_TOLD_BEFORE),
}  # fmt: skip
BALANCE = {
    ("guard-room", "announcer"): ["opened accepted", "hushed accepted"],
    ("guard", "voice"): ["opened accepted"],
    ("mei", "wecom-app"): ["climbed rejected", "recovered rejected", "second-look rejected",
                           "closed rejected"],
    ("mei", "ntfy"): ["climbed acknowledged", "recovered accepted", "second-look accepted",
                     "closed accepted"],
    # DingTalk was away until it had recovered: she is not called to what is over.
    ("wen", "dingtalk"): ["opened overtaken", "recovered accepted", "closed accepted"],
}  # fmt: skip


def clock_from(house: datetime, speed: float) -> Clock:
    return Clock(time.time(), house.timestamp(), speed)


class House:
    """``shouwang serve`` over the same files, started anew for each clock."""

    def __init__(self, config: Path, port: int, environment: dict[str, str]) -> None:
        self._config, self._environment = config, environment
        self.url = f"http://127.0.0.1:{port}"
        self.process: Process | None = None

    async def start(self, clock: Clock) -> None:
        began_ms = clock.now_ms()
        self.process = Process(self._config, clock, environment=self._environment, program=SERVE)
        self.process.start()
        await status_of(
            self._config.parent,
            lambda status: (
                status.started_ms >= began_ms
                and all(
                    part.ok for part in status.parts if part.name in ("link", "rules", "notices")
                )
            ),
        )

    def stop(self) -> None:
        assert self.process is not None
        assert self.process.terminate(10) == 0

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def phone(self) -> aiohttp.ClientSession:
        """A browser on somebody's phone."""
        jar = aiohttp.CookieJar(unsafe=True)  # the host is an address here
        return aiohttp.ClientSession(self.url, headers={"Origin": self.url}, cookie_jar=jar)


TEXTS = {
    ("guard", Language.ZH): """【危险】2 号充电棚：线路过载
2 号充电棚总进线负荷太大。
现在 50 安，额定 40 安，用到 125%。
02:10 开始。
不能远程断电。
怎么办：请几位车主先拔掉，晚一点再充；线发烫、有味就拉总闸。
找人问：梅姐（物业）13800005502
点开处理：{link}""",
    ("mei", Language.ZH): """【危险】2 号充电棚：线路过载
岗亭、值班岗 5 分钟没接，请您来处理。
2 号充电棚总进线负荷太大。
现在 50 安，额定 40 安，用到 125%。
02:10 开始。
不能远程断电。
怎么办：请几位车主先拔掉，晚一点再充；线发烫、有味就拉总闸。
找人问：文书记（社区）000-5550-0102
点开处理：{link}""",
    ("guard", Language.EN): """[Danger] Shed 2: Circuit overloaded
The feeder of Shed 2 carries too much.
50 A now, rated 40 A: 125 %.
Since 02:10.
The power cannot be switched off from afar.
Now: ask some owners to unplug and charge later; if a cable is hot or smells, switch off at the main.
Ask: 梅姐 (property management) 13800005502
Open: {link}""",
    ("mei", Language.EN): """[Danger] Shed 2: Circuit overloaded
岗亭, 值班岗 did not answer for 5 minutes. Please take this over.
The feeder of Shed 2 carries too much.
50 A now, rated 40 A: 125 %.
Since 02:10.
The power cannot be switched off from afar.
Now: ask some owners to unplug and charge later; if a cable is hot or smells, switch off at the main.
Ask: 文书记 (community) 000-5550-0102
Open: {link}""",
}


@pytest.mark.parametrize(("person", "language"), TEXTS)
def test_a_stranger_reads_one_message_and_knows_what_to_do(person, language):
    """What, where, how bad, since when, whether the power is off, what to do, whom to phone."""
    at_ms = round(NIGHT.timestamp() * 1000)
    raised = Transition(
        rule="eb-feeder",
        subject=Subject(SubjectKind.CIRCUIT, SITE, SHED, "main"),
        journal="j",
        position=1,
        nth=0,
        change=Change.RAISED,
        cls=IncidentClass.SAFETY,
        severity=Severity.CRITICAL,
        at_ms=at_ms + 10_000,
        since_ms=at_ms,
        seen_ms=at_ms + 10_000,
        place=SHED,
        device=METER,
        metric="current",
        value=50.0,
        limit=48.0,
        facts={
            "percent": 125.0, "amperes": 50.0, "rating": 40.0,
            "circuit_zh": "总进线", "circuit_en": "The feeder",
        },
    )  # fmt: skip
    change = step(None, Event.HELD, NIGHT, transition=raised)
    assert change is not None
    reason = NoticeReason.CLIMBED if person == "mei" else NoticeReason.OPENED
    title, text = notice_words(
        read_packs(shipped()).rules["eb-feeder"],
        change.incident,
        REGISTRY,
        language,
        reason,
        LINK,
        NIGHT,
        to=next(one for one in PEOPLE if one.id == person),
        step=int(person == "mei"),
    )
    assert f"{title}\n{text}" == TEXTS[person, language].format(link=LINK)


@pytest.mark.mosquitto
@pytest.mark.timeout(240)
async def test_a_feeder_passes_120_percent_at_night_and_somebody_has_looked_by_morning(
    tmp_path, mosquitto_server, monkeypatch, capsys
):
    broker, port = mosquitto_server(), free_port()
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(Services().there())
        environment = {
            "SERVICE_SECRET": SECRET,
            "ROBOT_URL": services.dingtalk.url,
            "TOPIC_URL": services.push.url,
            "BOX_KEY": KEY,
        }
        config = settle(tmp_path, broker.url, registry=REGISTRY, more=services.settings)
        config.write_text(config.read_text().replace("port = 0", f"port = {port}"))
        operations = stack.enter_context(
            Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}")
        )
        box = await asyncio.to_thread(Box(broker.host, broker.port, SITE, GUARD_ROOM).start)
        stack.callback(box.close)
        house = House(config, port, environment)
        stack.callback(house.kill)

        # 02:10: nobody is there; the feeder takes more than it may.
        clock = clock_from(NIGHT - timedelta(seconds=10), 1)
        meter = Meter(broker.url, clock)
        await stack.enter_async_context(meter.there())
        await house.start(clock)
        await until(lambda: clock.now() >= NIGHT)
        began = meter.set(1.25)
        await until(lambda: bool(box.announcing and services.rang(GUARD_PHONE)))
        assert (clock.now() - began).total_seconds() <= WITHIN_S
        incident = feeder(operations)
        said = dict(box.announcing[str(incident.id)].texts)
        assert said["zh"].startswith("危险。2 号充电棚总进线负荷太大。")
        (call,) = services.rang(GUARD_PHONE)
        assert (call["place"], call["what"]) == ("2 号充电棚", "线路过载")

        # Nobody answers; the house's power fails for a moment; five minutes later the manager is told.
        house.stop()
        clock = meter.clock = clock_from(clock.now(), SLOW)
        await house.start(clock)
        up_at = clock.now()
        await until(lambda: bool(services.push.taken))
        told = {one.person: one for one in operations.notices() if one.reason in CALLS}
        heard_at = min(accepted_at(told["guard"]), accepted_at(told[GUARD_ROOM]))
        due_at = heard_at + timedelta(minutes=5)
        assert due_at <= told["mei"].created_at <= max(due_at, up_at) + timedelta(minutes=3)
        for name in ("guard", "mei"):
            wanted = TEXTS[name, Language.ZH].format(link=told[name].link)
            assert f"{told[name].title}\n{told[name].text}" == wanted
        (message,) = services.push.taken
        assert f"{message['title']}\n{message['message']}" == wanted

        # Opening her link is not yet a word. She takes over: the loudspeaker falls silent.
        phone = await stack.enter_async_context(house.phone())
        async with phone.get(message["click"]) as page:
            assert (page.status, page.url.path) == (200, f"/m/incidents/{incident.id}")
        assert feeder(operations).state is State.OPEN
        await tap(phone, f"/m/incidents/{incident.id}/acknowledge", {})
        await until(lambda: box.hushed == [str(incident.id)])

        # She goes, people unplug, it recovers.
        meter.set(0.4)
        await until(lambda: feeder(operations).state is State.RECOVERED)
        await until(lambda: len(services.push.taken) == 3)

        # The rest of the night nobody hears anything more.
        rung = len(services.phones.taken), len(box.heard), len(services.push.taken)
        house.stop()
        clock = meter.clock = clock_from(clock.now(), FAST)
        await house.start(clock)
        await until(lambda: clock.now() >= MORNING)
        assert (len(services.phones.taken), len(box.heard), len(services.push.taken)) == rung

        assert services.dingtalk.asked
        assert services.dingtalk.taken == services.wecom.taken == []

        # 07:30: DingTalk works again. She has been back, and says that it is fine.
        services.dingtalk.wakes.set()
        await until(lambda: "recovered accepted" in balance(operations)["wen", "dingtalk"])
        (duty,) = operations.duties(open=True)
        assert (duty.kind, duty.person) == (DutyKind.SECOND_LOOK, "mei")
        await tap(phone, f"/m/incidents/{incident.id}/look-again", {"outcome": "fine"})
        await until(lambda: all(one.state in SETTLED for one in operations.notices()))
        assert feeder(operations).state is State.CLOSED
        house.stop()

        # `shouwang why` explains each of them, and the balance has no loose end.
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        for person, reasons in WHY.items():
            assert main(["why", "--config", str(config), "--lang", "en", "1", person]) == 0
            _, _, *rows = capsys.readouterr().out.splitlines()
            count = sum(one.person == person for one in operations.considered(1))
            read = [row.split("  ")[-1].strip() for row in rows[:count]]  # then: what was sent
            assert read == [reason.text(Language.EN) for reason in reasons], person
        assert {one.person for one in operations.considered(1)} == set(WHY)
        assert balance(operations) == BALANCE
        assert all(one.settled_at for one in operations.notices())
        assert SECRET not in (tmp_path / "watch.log").read_text()


async def tap(phone: aiohttp.ClientSession, path: str, body: dict[str, str]) -> None:
    async with phone.post(path, json=body) as answer:
        assert answer.status == 200, await answer.text()


CALLS = (NoticeReason.OPENED, NoticeReason.CLIMBED)


def accepted_at(notice: Notice) -> datetime:
    assert notice.settled_at is not None
    return notice.settled_at


def balance(operations: Operations) -> dict[tuple[str, str], list[str]]:
    """By person and channel what became of each notice, in order."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in reversed(operations.notices()):
        kept = found.setdefault((one.person, one.address.channel.value), [])
        kept.append(f"{one.reason.value} {one.state.value}")
    return found


def feeder(operations: Operations) -> Incident:
    (incident,) = [one for one in operations.incidents() if one.rule == "eb-feeder"]
    return incident

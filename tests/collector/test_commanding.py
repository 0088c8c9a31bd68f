"""Which nonce a command answers, and what no answer means; the link is a list."""

import asyncio
import json

import pytest

from alerts.notify.port import Unfit, Unheard
from alerts.registry.model import Device, Names, Registry
from collector.commanding import Commanding
from edge.contract.command import STALE, Result, Verb
from edge.contract.status import State, Status

SITE, DEVICE = "riverside", "box"


class Line:
    """A link that takes everything, and a device that answers what it is told to."""

    connected, why = True, ""

    def __init__(self) -> None:
        self.nonces: list[str] = []
        self.answers: list[Result] = []
        self.commanding: Commanding

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        assert (topic, qos) == (f"shouwang/v1/{SITE}/{DEVICE}/command", 1)
        self.nonces.append(json.loads(json.loads(payload)["body"])["nonce"])
        if self.answers:
            self.commanding.heard(SITE, DEVICE, self.answers.pop(0))
        return True


@pytest.fixture
def line(monkeypatch) -> Line:
    monkeypatch.setenv("BOX_KEY", "5eed" * 16)
    line = Line()
    line.commanding = Commanding(lambda: line, result_s=0.05)
    box = Device(id=DEVICE, site=SITE, names=Names(zh="箱"), bindings=(), command_key="env:BOX_KEY")
    line.commanding.use(Registry(devices=(box,)))
    return line


def said(line: Line, nonce: str, state: State = State.ONLINE) -> None:
    line.commanding.saw(SITE, DEVICE, Status(state=state, run="r", nonce=nonce))


def result(nonce: str, following: str, *, reason: str = "", is_taken: bool = False) -> Result:
    return Result(
        verb=Verb.OFF, target="relay-1", is_done=not reason, reason=reason, nonce=nonce,
        next_nonce=following, is_taken=is_taken,
    )  # fmt: skip


async def off(line: Line):
    return await line.commanding.command(SITE, DEVICE, Verb.OFF, "relay-1")


async def test_each_command_answers_the_nonce_that_came_last(line):
    said(line, "n-1")
    line.answers = [result("n-1", "n-2"), result("n-2", "n-3")]
    for _ in range(2):
        assert (await off(line)).is_done
    assert line.nonces == ["n-1", "n-2"]


async def test_a_status_that_comes_again_brings_no_used_nonce_back(line):
    said(line, "n-1")
    line.answers = [result("n-1", "n-2"), result("n-2", "n-3")]
    await off(line)
    said(line, "n-1")  # retained: our own reconnect brought it
    await off(line)
    said(line, "n-9")  # the device reconnected
    await off(line)
    assert line.nonces == ["n-1", "n-2", "n-9"]


async def test_a_stale_nonce_costs_a_second_attempt_and_no_third(line):
    said(line, "n-1")
    line.answers = [result("n-1", "n-2", reason=STALE), result("n-2", "n-3", reason=STALE)]
    answer = await off(line)
    assert isinstance(answer, Result)
    assert answer.reason == STALE
    assert line.nonces == ["n-1", "n-2"]


async def test_a_button_or_another_command_s_answer_is_not_taken_for_ours(line):
    said(line, "n-1")
    line.answers = [result("", "", is_taken=True)]
    assert await off(line) == Unheard("no answer within 0.05 s", is_sent=True)
    line.answers = [result("n-0", "n-2")]
    assert await off(line) == Unheard("no answer within 0.05 s", is_sent=True)


async def test_a_refusal_of_what_could_not_be_believed_is_ours(line):
    said(line, "n-1")
    line.answers = [Result(verb=None, target="", is_done=False, reason="is no command")]
    assert (await off(line)).reason == "is no command"


@pytest.mark.parametrize("state", [State.OFFLINE, State.STOPPING])
async def test_who_is_away_is_sent_nothing(line, state):
    said(line, "n-1")
    said(line, "", state)
    assert await off(line) == Unheard("the device is not online")
    assert line.nonces == []


async def test_a_device_without_a_nonce_or_without_a_link_is_not_commanded(line):
    said(line, "")
    assert isinstance(await off(line), Unheard)
    line.connected, line.why = False, "the broker is away"
    assert await off(line) == Unheard("the broker is away")
    line.commanding.use(Registry())
    assert isinstance(await off(line), Unfit)


async def test_two_commands_to_one_device_wait_for_each_other(line):
    said(line, "n-1")
    line.answers = [result("n-1", "n-2"), result("n-2", "n-3")]
    answers = await asyncio.gather(off(line), off(line))
    assert [answer.is_done for answer in answers] == [True, True]
    assert line.nonces == ["n-1", "n-2"]


async def test_no_nonce_shows_in_a_repr(line):
    said(line, "n-secret")
    assert "n-secret" not in repr(line.commanding._peers)

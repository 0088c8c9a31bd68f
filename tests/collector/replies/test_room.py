"""Words from a chat become the act of the person whose account it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents.model import State, StoryKind
from alerts.registry.model import Address, ChannelKind
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Language
from collector.replies.port import Said
from collector.replies.room import REMEMBERED, Replies, person_of
from tests.alerts.incidents.community import NOW, REGISTRY, polluted, says
from tests.alerts.store.conftest import PACKS

LATER = NOW + timedelta(minutes=2)


def with_accounts():
    """Everybody has the chat account ``ding-<id>`` before all else."""
    people = tuple(
        replace(
            person,
            quiet_from="",
            quiet_to="",
            addresses=(
                Address(channel=ChannelKind.DINGTALK_APP, to=f"ding-{person.id}"),
                *person.addresses,
            ),
        )
        for person in REGISTRY.people
    )
    return replace(REGISTRY, people=people)


@pytest.fixture
def operations(tmp_path):
    with Operations(f"sqlite:///{tmp_path / 'o.db'}", packs=PACKS) as opened:
        opened.set_up()
        opened.save_registry(with_accounts(), "me", "first", NOW)
        yield opened


@pytest.fixture
def acted() -> list[int]:
    return []


@pytest.fixture
def replies(operations, acted) -> Replies:
    async def ask(work):
        return work()

    return Replies(operations, ask, lambda rule: None, lambda: LATER, lambda: acted.append(1))


def said(account: str, text: str, id: str = "m1", incident: int | None = None) -> Said:
    return Said(
        channel=ChannelKind.DINGTALK_APP,
        account=f"ding-{account}",
        text=text,
        id=id,
        incident=incident,
    )


def called(operations: Operations, person: str) -> list[int]:
    return [incident.id for incident in operations.calls(person)]


async def test_one_word_takes_over_what_is_waiting(operations, replies, acted):
    operations.take([says(1)], PACKS, NOW)
    assert called(operations, "guard") == [1]
    words = await replies.hear(said("guard", "收到"))
    incident = operations.incident(1)
    assert (incident.state, incident.acknowledged_by) == (State.ACKNOWLEDGED, "guard")
    line = next(line for line in operations.story(1) if line.kind is StoryKind.ACKNOWLEDGED)
    assert (line.who, line.origin) == ("guard", "dingtalk-app:ding-guard")
    assert words.startswith("好的，由您处理：")
    assert acted == [1]


async def test_the_same_message_again_is_answered_and_not_acted_on(operations, replies, acted):
    operations.take([says(1)], PACKS, NOW)
    first = await replies.hear(said("guard", "收到"))
    before = operations.mark()
    assert await replies.hear(said("guard", "收到")) == first
    assert operations.mark() == before
    for n in range(REMEMBERED):
        await replies.hear(said("stranger", "在吗", id=f"other-{n}"))
    assert len(replies._answered) == REMEMBERED


async def test_with_two_waiting_it_asks_which(operations, replies):
    other = says(2, rule="other-rule", cls=IncidentClass.SAFETY)  # not told as one with the fire
    operations.take([says(1), other], PACKS, NOW)
    words = await replies.hear(said("guard", "收到"))
    assert words.startswith("有 2 件事在等您")
    assert "收到 1：" in words
    assert "收到 2：" in words
    await replies.hear(said("guard", "收到 2", id="m2"))
    states = {incident.id: incident.state for incident in operations.incidents()}
    assert states == {1: State.OPEN, 2: State.ACKNOWLEDGED}


async def test_a_button_names_its_incident(operations, replies):
    operations.take([says(1), says(2, rule="other-rule")], PACKS, NOW)
    await replies.hear(said("guard", "", incident=1))
    assert operations.incident(1).acknowledged_by == "guard"


async def test_nobody_takes_what_he_was_not_called_to(operations, replies):
    operations.take([polluted(1)], PACKS, NOW)
    assert "guard" not in {notice.person for notice in operations.notices()}
    words = await replies.hear(said("guard", "收到 1"))
    assert words == "编号 1 不是通知您处理的事。"
    assert operations.incident(1).state is State.OPEN


async def test_who_comes_second_hears_who_has_it(operations, replies):
    operations.take([says(1)], PACKS, NOW)
    operations.acknowledge(1, "mei", "desk", NOW)
    assert (await replies.hear(said("guard", "收到"))).startswith("梅姐已经在处理：")


async def test_what_has_recovered_needs_nobody(operations, replies):
    operations.take([says(1)], PACKS, NOW)
    operations.take([says(2, Change.CLEARED)], PACKS, NOW)
    assert (await replies.hear(said("guard", "收到"))).startswith("这件事已经恢复，不用去了：")


async def test_with_nothing_open_nothing_is_waiting(replies):
    assert await replies.hear(said("guard", "收到")) == "现在没有等您处理的事。"


async def test_a_stranger_is_told_his_account_in_both_languages_and_nobody_acts(
    operations, replies
):
    operations.take([says(1)], PACKS, NOW)
    words = await replies.hear(said("stranger", "收到"))
    assert words.count("ding-stranger") == 2
    assert "119" in words
    assert operations.incident(1).state is State.OPEN


async def test_what_is_not_understood_says_so_and_whom_to_phone(replies):
    words = await replies.hear(said("guard", "着火了快来人"))
    assert "没看懂" in words
    assert "119" in words


async def test_the_answer_is_in_the_persons_language(operations, replies):
    mei = next(person for person in REGISTRY.people if person.id == "mei")
    assert mei.language is Language.EN
    assert await replies.hear(said("mei", "ok")) == "Nothing is waiting for you now."


def test_an_account_may_be_a_reference_and_a_group_is_nobody(monkeypatch):
    monkeypatch.setenv("GUARD_ACCOUNT", "ding-guard")
    guard = REGISTRY.people[0]
    for to, group, found in (
        ("env:GUARD_ACCOUNT", False, guard.id),
        ("env:NOT_SET", False, None),
        ("ding-guard", True, None),
    ):
        address = Address(channel=ChannelKind.DINGTALK_APP, to=to, group=group)
        registry = replace(REGISTRY, people=(replace(guard, addresses=(address,)),))
        person = person_of(said("guard", ""), registry)
        assert (person.id if person else None) == found

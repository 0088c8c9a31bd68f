"""One contract for every channel, against servers that answer as the real ones do."""

import logging
from collections.abc import AsyncIterator
from email import message_from_bytes

import pytest

from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import ChannelKind
from edge.clock import Clock
from tests.alerts.notify.services import GARBAGE, SECRET, TOKEN
from tests.alerts.notify.worlds import LINK, SERVICES, ServiceWorld, World, notice


async def test_what_the_server_takes_is_accepted_with_its_word(world: World) -> None:
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Accepted)
    assert outcome.proof
    assert len(world.received) == 1


@pytest.mark.parametrize("mode", ["busy", "broken", "hanging"])
async def test_trouble_that_passes_is_retried(world: World, mode: str) -> None:
    world.mode = mode
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Retry), outcome
    assert outcome.why


async def test_a_server_that_is_down_is_retried_and_reached_when_it_is_back(world: World) -> None:
    await world.down()
    assert isinstance(await world.channel.send(notice(world.address)), Retry)


async def test_a_refusal_is_final_and_says_why(world: World) -> None:
    world.mode = "refusing"
    outcome = await world.channel.send(notice(world.address))
    assert isinstance(outcome, Rejected)
    assert world.refusal in outcome.why


async def test_a_reference_that_leads_nowhere_is_retried_and_named(world: World) -> None:
    address = world.lose("SHOUWANG_NOBODY")
    outcome = await world.channel.send(notice(address))
    assert isinstance(outcome, Retry)
    assert "env:SHOUWANG_NOBODY" in outcome.why
    assert not world.received


async def test_an_address_may_be_a_reference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    address = world.refer("SHOUWANG_THERE", monkeypatch)
    assert isinstance(await world.channel.send(notice(address)), Accepted)


async def test_a_reference_may_also_stand_where_the_service_puts_its_secret(
    service: ServiceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    if service.address.channel is ChannelKind.WECOM:
        return  # its one secret is in the URL
    monkeypatch.delenv("ROBOT_SECRET")
    outcome = await service.channel.send(notice(service.address))
    assert isinstance(outcome, Retry)
    assert "env:ROBOT_SECRET" in outcome.why
    assert not service.received


async def test_each_attempt_is_known_as_the_same_notice(world: World) -> None:
    for _ in range(2):
        await world.channel.send(notice(world.address))
    if world.address.channel in (ChannelKind.WEBHOOK, ChannelKind.ALERTMANAGER):
        ids = [headers["Idempotency-Key"] for headers, _ in world.received]
        assert ids == ["42", "42"]
    elif world.address.channel is ChannelKind.ANNOUNCER:
        assert [command.target for command in world.received] == ["7", "7"]
    elif world.address.channel is ChannelKind.EMAIL:
        ids = [message_from_bytes(raw)["Message-ID"] for raw in world.received]
        assert ids[0] == ids[1] == "<notice-42-1795343640000@linjiang.example.org>"


@pytest.fixture(params=SERVICES)
async def service(request: pytest.FixtureRequest) -> AsyncIterator[ServiceWorld]:
    async with ServiceWorld(request.param).there(Clock()) as there:
        yield there


async def test_a_notice_without_words_is_never_sent(service: ServiceWorld) -> None:
    outcome = await service.channel.send(notice(service.address, title=" ", text="\n"))
    assert isinstance(outcome, Rejected)
    assert not service.received


@pytest.mark.parametrize("words", ["水位过高", '"\\', "<b>\t\n"])
async def test_a_notice_that_is_too_long_is_cut_to_what_the_service_takes(
    service: ServiceWorld, words: str
) -> None:
    text = f"{words * 20_000}\n点开处理：{LINK}"
    outcome = await service.channel.send(notice(service.address, title="棚" * 300, text=text))
    assert isinstance(outcome, Accepted), outcome
    assert len(service.received) == 1


async def test_half_a_sign_in_a_name_stops_nobody(service: ServiceWorld) -> None:
    outcome = await service.channel.send(notice(service.address, title="棚\ud83d：烟雾报警"))
    assert isinstance(outcome, Accepted), outcome


@pytest.mark.parametrize("mode", GARBAGE)
async def test_an_answer_that_is_not_the_services_own_proves_nothing(
    service: ServiceWorld, mode: str
) -> None:
    service.mode = mode
    outcome = await service.channel.send(notice(service.address))
    assert isinstance(outcome, Retry), outcome
    assert "no answer of the service" in outcome.why
    assert len(outcome.why) < 400


@pytest.mark.parametrize("mode", ["fine", "busy", "broken", "refusing", "html", "hanging"])
async def test_no_secret_is_ever_shown(
    service: ServiceWorld, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    service.mode = mode
    with caplog.at_level(logging.DEBUG):
        outcome = await service.channel.send(notice(service.address))
    for secret in (TOKEN, SECRET):
        assert secret not in repr(outcome)
        assert secret not in repr(service.channel)
        assert secret not in "".join(record.getMessage() for record in caplog.records)


async def test_a_service_inside_is_out_of_reach_unless_it_is_allowed(
    service: ServiceWorld,
) -> None:
    host = service.service.host
    service.outbound._allow = frozenset()
    outcome = await service.channel.send(notice(service.address))
    assert isinstance(outcome, Rejected)
    assert f"list '{host}' under 'allow'" in outcome.why

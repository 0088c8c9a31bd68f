"""apprise against a local server: what it lets through, and how little it proves."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from alerts.notify.apprise import SCHEMES, Apprise
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.model import Address, ChannelKind
from tests.alerts.notify.services import Service
from tests.alerts.notify.worlds import LINK, notice

# It looks at a module that Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

HERE = Address(channel=ChannelKind.APPRISE, to="env:APPRISE_URL")


class Receiver(Service):
    """Whatever apprise's ``json://`` speaks to."""

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if self.mode == "refusing":
            return web.json_response({"errcode": 45009, "errmsg": "api freq out of limit"})
        if self.mode == "busy":
            return web.Response(status=429)
        if self.mode == "dripping":
            drip = web.StreamResponse()
            await drip.prepare(request)
            for _ in range(20):
                await drip.write(b".")
                await asyncio.sleep(0.1)
            return drip
        self.taken.append(await request.json())
        return web.Response(text="ok")


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    async with Receiver().there() as there:
        monkeypatch.setenv("APPRISE_URL", f"json://{there.host}/?+X-Key=geheim")
        yield there


async def test_title_and_words_arrive(receiver: Receiver) -> None:
    outcome = await Apprise(["json"]).send(notice(HERE))
    assert outcome == Accepted("apprise saw HTTP success")
    (message,) = receiver.taken
    assert message["title"] == "【要处理】2 号充电棚 7 号插座：功率过高"
    assert message["message"].endswith(f"点开处理：{LINK}")


@pytest.mark.parametrize("mode", ["busy", "broken"])
async def test_what_it_cannot_send_is_for_later(receiver: Receiver, mode: str) -> None:
    receiver.mode = mode
    assert await Apprise(["json"]).send(notice(HERE)) == Retry("apprise could not send it")


async def test_a_refusal_within_http_200_counts_as_accepted_as_the_documents_say(
    receiver: Receiver,
) -> None:
    receiver.mode = "refusing"
    assert isinstance(await Apprise(["json"]).send(notice(HERE)), Accepted)


@pytest.mark.parametrize(
    "url", ["json://10.0.0.1/", "mailto://a:b@c", "file:///etc/passwd", "x", ""]
)
async def test_a_scheme_that_is_not_allowed_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("APPRISE_URL", url or " ")
    outcome = await Apprise().send(notice(HERE))
    assert isinstance(outcome, Rejected)
    assert "apprise.schemes" in outcome.why


@pytest.mark.parametrize("between", [", ", ",", " ", ";", "\n"])
async def test_a_second_url_behind_the_first_goes_nowhere(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    url = f"schan://SCTabcdefghijklmnop{between}json://{receiver.host}/"
    monkeypatch.setenv("APPRISE_URL", url)
    outcome = await Apprise().send(notice(HERE))
    assert isinstance(outcome, Rejected)
    assert "more than one" in outcome.why
    assert receiver.taken == []


async def test_a_server_that_drips_is_left_in_time_and_holds_up_no_other_thread(
    receiver: Receiver,
) -> None:
    receiver.mode = "dripping"
    apprise = Apprise(["json"], total_s=0.5)
    outcomes = await asyncio.gather(*(apprise.send(notice(HERE)) for _ in range(8)))
    assert outcomes == [Retry("apprise: no answer within 0.5 s")] * 8
    async with asyncio.timeout(1):  # asyncio's own threads are free
        assert await asyncio.to_thread(lambda: True)


def test_no_default_scheme_names_a_host() -> None:
    from apprise import Apprise as Notifier

    for scheme in SCHEMES:
        (known,) = [
            each
            for each in Notifier().details()["schemas"]
            if scheme in (*(each["protocols"] or ()), *(each["secure_protocols"] or ()))
        ]
        assert "host" not in known["details"]["tokens"], scheme


async def test_a_url_that_apprise_cannot_read_and_a_lost_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APPRISE_URL", "schan://")
    outcome = await Apprise().send(notice(HERE))
    assert isinstance(outcome, Rejected)
    assert "cannot read this URL" in outcome.why
    monkeypatch.delenv("APPRISE_URL")
    assert isinstance(await Apprise().send(notice(HERE)), Retry)

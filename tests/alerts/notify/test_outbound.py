import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from alerts.notify.outbound import ANSWER_MOST, Outbound, Refused, Unreachable, is_public
from tests.alerts.notify.services import Wecom


class Names(AbstractResolver):
    """A resolver in memory; each question takes the next answer of the name."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        answers = self.names[host.partition(".")[0]]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in answers.pop(0).split()
        ]

    async def close(self) -> None: ...


class NoNames(Names):
    async def resolve(self, *_: Any, **__: Any) -> list[ResolveResult]:
        raise OSError(None, "DNS lookup failed")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/away":
                raise web.HTTPTemporaryRedirect("http://localhost:1/inside")
            case "/other-port":
                raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{(request.url.port or 0) - 1}/")
            case "/moved":
                raise web.HTTPTemporaryRedirect("/there")
            case "/found":
                raise web.HTTPFound("/there")
            case "/loop":
                raise web.HTTPTemporaryRedirect("/loop")
            case "/big":
                return web.Response(body=b"x" * (4 * ANSWER_MOST))
            case "/drip":
                drip = web.StreamResponse()
                await drip.prepare(request)
                for _ in range(30):
                    await drip.write(b".")
                    await asyncio.sleep(0.1)
            case "/slow":
                await asyncio.sleep(3)
        return web.Response(text=f"{request.method} {await request.text()}")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2400:3200::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_is_what_anybody_may_have(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/",
        "//example.org/",
        "nothing",
        "",
        "http://",
        "http://[::1]:80/",
        "http://[::ffff:127.0.0.1]/",
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://localhost/",
        "http://a\nb/",
    ],
)
async def test_an_address_inside_is_refused(url: str) -> None:
    async with Outbound() as outbound:
        with pytest.raises(Refused):
            await outbound.post(url, b"{}", {})


async def test_a_name_that_is_public_first_and_inside_afterwards_is_asked_once(port: int) -> None:
    names = Names(rebind=["127.0.0.1", "8.8.8.8"])
    async with Outbound(resolver=names) as outbound:
        with pytest.raises(Refused, match=rf"rebind.test: not a public .* 'rebind.test:{port}'"):
            await outbound.get(f"http://rebind.test:{port}/")
    assert names.asked == 1


async def test_one_address_inside_among_public_ones_refuses_the_name() -> None:
    async with Outbound(resolver=Names(mixed=["8.8.8.8 10.0.0.1"])) as outbound:
        with pytest.raises(Refused):
            await outbound.get("http://mixed.test/")


async def test_what_the_configuration_allows_by_name_is_reached(port: int) -> None:
    names = Names(inbox=["127.0.0.1", "127.0.0.1"])
    async with Outbound(allow={f"Inbox.test:{port}"}, resolver=names) as outbound:
        answer = await outbound.post(f"http://inbox.test:{port}/", b"hello", {})
        assert (answer.status, answer.body) == (200, b"POST hello")
        with pytest.raises(Refused):
            await outbound.get("http://inbox.test:1/")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("away", "another host"),
        ("other-port", "another host"),
        ("found", "drops the message"),
        ("loop", "redirects 3 times"),
    ],
)
async def test_a_redirect_elsewhere_is_refused(port: int, path: str, words: str) -> None:
    async with Outbound(allow={f"127.0.0.1:{port}", "localhost:1"}) as outbound:
        with pytest.raises(Refused, match=words):
            await outbound.post(f"http://127.0.0.1:{port}/{path}", b"x", {})


async def test_a_redirect_on_the_same_host_keeps_the_message(port: int) -> None:
    async with Outbound(allow={f"127.0.0.1:{port}"}) as outbound:
        answer = await outbound.post(f"http://127.0.0.1:{port}/moved", b"x", {})
    assert answer.body == b"POST x"


async def test_a_huge_answer_is_cut_and_a_slow_one_given_up(port: int) -> None:
    async with Outbound(allow={f"127.0.0.1:{port}"}, total_s=1) as outbound:
        assert len((await outbound.get(f"http://127.0.0.1:{port}/big")).body) == ANSWER_MOST
        with pytest.raises(Unreachable, match="no answer in time"):
            await outbound.get(f"http://127.0.0.1:{port}/slow")
        with pytest.raises(Unreachable, match="no answer in time"):
            await outbound.get(f"http://127.0.0.1:{port}/drip")


async def test_why_there_is_no_connection_is_said_so_that_somebody_can_mend_it(
    port: int, certificate: ssl.SSLContext
) -> None:
    async with Wecom().there(tls=certificate) as service:
        places = {service.host, f"127.0.0.1:{port}", "127.0.0.1:1"}
        async with Outbound(allow=places, resolver=NoNames()) as outbound:
            for url, words in (
                (
                    service.url,
                    "its certificate is not trusted (self-signed certificate); look at it",
                ),
                (f"https://127.0.0.1:{port}/", "it speaks no TLS there; look at scheme and port"),
                ("https://nobody.test/", "no such name, or no name server answers"),
                ("http://127.0.0.1:1/", "no connection (Connection refused)"),
            ):
                with pytest.raises(Unreachable) as error:
                    await outbound.get(url)
                assert words in str(error.value)


@pytest.mark.parametrize(
    ("user", "header", "words"),
    [
        ("zhang:geheim@", "Bearer x", "a password in the URL beside a token; keep one"),
        ("", "Bearer x\n", "the header Authorization would hold a line end"),
    ],
)
async def test_what_no_request_can_hold_is_refused_by_its_own_name(
    port: int, user: str, header: str, words: str
) -> None:
    async with Outbound(allow={f"127.0.0.1:{port}"}) as outbound:
        with pytest.raises(Refused, match=words) as error:
            await outbound.post(f"http://{user}127.0.0.1:{port}/", b"", {"Authorization": header})
    assert "geheim" not in str(error.value)


async def test_names_that_hang_hold_up_neither_other_names_nor_asyncios_threads(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    over = threading.Event()
    really = socket.getaddrinfo

    def getaddrinfo(host: str, *more: Any, **options: Any) -> Any:
        asked.append(host)
        if host.endswith(".hangs.test"):
            over.wait(10)
            raise socket.gaierror("no answer")
        return really(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    names = [f"http://{n % 8}.hangs.test/" for n in range(24)]
    try:
        async with Outbound(allow={f"localhost:{port}"}, total_s=1) as outbound:
            hanging = [asyncio.create_task(outbound.post(each, b"", {})) for each in names]
            await asyncio.sleep(0.2)
            async with asyncio.timeout(0.5):
                await outbound.post(f"http://localhost:{port}/", b"", {})
                await asyncio.to_thread(lambda: None)
            ended = await asyncio.gather(*hanging, return_exceptions=True)
        assert all(isinstance(each, Unreachable) for each in ended)
        assert len([each for each in asked if each.endswith(".hangs.test")]) == 8
    finally:
        over.set()

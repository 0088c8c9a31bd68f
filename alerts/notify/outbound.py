"""The one outbound HTTP client: addresses that strangers may have typed, reached without harm.

Schemes are allow-listed; a name is resolved once and that address is connected to, so it cannot
change between check and use; addresses that are not public are refused unless ``host:port`` is
allowed by name in the configuration; redirects stay on their host; time and size are bounded.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from alerts.notify.threads import Threads

SCHEMES = frozenset({"https", "http"})
TOTAL_S, CONNECT_S = 10.0, 5.0  # real seconds
ANSWER_MOST = 64 * 1024  # bytes kept of an answer, and of a frame
REDIRECTS_MOST = 3
NAMES_AT_ONCE = 32  # different names being looked up; a lookup that hangs ends after 30 s or so

# Names by which clouds reach IPv4 through IPv6 (RFC 6052): what is inside decides.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class OutboundError(Exception):
    """No answer. The text names the host only: the rest of a URL may hold a key."""


class Refused(OutboundError):
    """Never: this address may not be reached. Mend the address or allow it in the configuration."""


class Unreachable(OutboundError):
    """Not now: no name, no connection, no answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; ``body`` is cut at the client's ``answer_most`` bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    """``async with Outbound(allow={"127.0.0.1:8080"}) as outbound: await outbound.post(...)``."""

    def __init__(
        self,
        *,
        allow: Collection[str] = (),
        total_s: float = TOTAL_S,
        connect_s: float = CONNECT_S,
        answer_most: int = ANSWER_MOST,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow = frozenset(entry.lower() for entry in allow)
        self._timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s)
        self._answer_most = answer_most
        self._resolver = resolver
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST ``body``; Refused or Unreachable when there is no answer."""
        return await self._request("POST", url, body, headers)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._request("GET", url, None, headers or {})

    async def delete(self, url: str, headers: Mapping[str, str]) -> Answer:
        return await self._request("DELETE", url, None, headers)

    def socket(self, url: str, *, heartbeat_s: float) -> Any:
        """``async with outbound.socket("wss://…") as socket``: a WebSocket, by the same rules.

        Refused at once, or what aiohttp raises on entering. Frames are bounded; there is no end to
        how long it stays open, but a ping that is not answered closes it.
        """
        scheme, colon, rest = url.partition(":")
        checked({"wss": "https", "ws": "http"}.get(scheme, "") + colon + rest, self._allow)
        return self._open().ws_connect(
            url, heartbeat=heartbeat_s, max_msg_size=ANSWER_MOST, autoping=True
        )

    async def _request(
        self, method: str, text: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        url = checked(text, self._allow)
        _check_headers(url, headers)
        for _ in range(REDIRECTS_MOST + 1):
            try:
                async with self._open().request(
                    method,
                    url,
                    data=body,
                    # A packed answer could unfold to any size.
                    headers={"Accept-Encoding": "identity", **headers},
                    allow_redirects=False,
                ) as response:
                    target = response.headers.get("Location", "")
                    if response.status not in (301, 302, 303, 307, 308) or not target:
                        kept = await _read(response.content, self._answer_most)
                        return Answer(
                            status=response.status, headers=dict(response.headers), body=kept
                        )
                    url = self._next(method, response.status, url, target)
            except aiohttp.ClientConnectorError as error:
                if isinstance(error.os_error, _NotPublic):
                    raise Refused(str(error.os_error)) from error
                raise Unreachable(f"{url.host}: {_why_not(error)}") from error
            except TimeoutError as error:
                raise Unreachable(f"{url.host}: no answer in time") from error
            except (ValueError, aiohttp.InvalidURL) as error:
                raise Refused(f"{url.host}: not a host name") from error
            except (aiohttp.ClientError, OSError) as error:
                raise Unreachable(f"{url.host}: {type(error).__name__}") from error
        raise Refused(f"{url.host}: redirects {REDIRECTS_MOST} times and more")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_Pinned(self._resolver or _Names(), self._allow),
                    use_dns_cache=False,
                    ssl=self._tls or True,
                    limit=0,  # whoever calls counts; here those to one host would hold up the rest
                ),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _next(self, method: str, status: int, url: URL, target: str) -> URL:
        try:
            there = url.join(URL(target))
        except ValueError as error:
            raise Refused(f"{url.host}: redirects to what is no URL") from error
        if there.origin() != url.origin():
            raise Refused(f"{url.host}: redirects to another host ({there.host})")
        if method != "GET" and status not in (307, 308):
            raise Refused(f"{url.host}: redirects with {status}, which drops the message")
        return there


def _check_headers(url: URL, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not value.isprintable():
            raise Refused(
                f"{url.host}: the header {name} would hold a line end or a control sign; "
                "look at the secret in it"
            )
        if name.lower() == "authorization" and url.user is not None:
            raise Refused(f"{url.host}: a password in the URL beside a token; keep one of the two")


def _why_not(error: aiohttp.ClientConnectorError) -> str:
    """In words that whoever runs the house can act upon."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        what = getattr(error.certificate_error, "verify_message", "") or "it does not fit the name"
        return f"its certificate is not trusted ({what}); look at it, and at this machine's clock"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "no connection: it speaks no TLS there; look at scheme and port"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no connection: no such name, or no name server answers"
    number = error.os_error.errno
    return f"no connection ({os.strerror(number)})" if number else "no connection"


def checked(text: str, allow: Collection[str] = (), schemes: Collection[str] = SCHEMES) -> URL:
    """The URL, as far as it can be judged before its name is looked up; else Refused."""
    if not text.isprintable() or " " in text:
        raise Refused("a URL holds no blanks and no control signs")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError as error:
        raise Refused("not a URL; write https://host/path") from error
    if url.scheme not in schemes or not host:
        raise Refused(f"{url.scheme or 'no'} scheme; write https://host/path")
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return url  # a name: the resolver judges what it stands for
    # aiohttp asks no resolver about a literal address.
    if not is_public(str(address)) and _spell(host, port or 0) not in allow:
        raise Refused(_not_public(host, port or 0))
    return url


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet may have."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _NotPublic(OSError):
    """Raised while resolving; aiohttp passes an OSError on as it is."""


class _Names(AbstractResolver):
    """Asks the system, in threads of its own; a name that hangs holds one, however many ask for it."""

    def __init__(self) -> None:
        self._threads = Threads("names", NAMES_AT_ONCE)
        self._asked: dict[tuple[str, int, int], asyncio.Future[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        key = (host, port, family)
        if key not in self._asked:
            asked = asyncio.ensure_future(self._threads.run(partial(_look_up, *key)))
            self._asked[key] = asked
            asked.add_done_callback(partial(self._answered, key))
        return list(await asyncio.shield(self._asked[key]))

    def _answered(
        self, key: tuple[str, int, int], asked: asyncio.Future[list[ResolveResult]]
    ) -> None:
        del self._asked[key]
        if not asked.cancelled():
            asked.exception()  # heard, also where nobody waits for it any more

    async def close(self) -> None:
        """Nothing is held; what hangs ends by itself."""


def _look_up(host: str, port: int, family: int) -> list[ResolveResult]:
    found = socket.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=of,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for of, _, proto, _, address in found
    ]


class _Pinned(AbstractResolver):
    """Resolves once, drops nothing in silence: one address that is not public refuses the name."""

    def __init__(self, inner: AbstractResolver, allow: frozenset[str]) -> None:
        self._inner = inner
        self._allow = allow

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if _spell(host, port) not in self._allow:
            for each in found:
                if not is_public(each["host"]):
                    raise _NotPublic(_not_public(host, port))
        return found

    async def close(self) -> None:
        await self._inner.close()


def _spell(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host.rstrip('.').lower()}:{port}"


def _not_public(host: str, port: int) -> str:
    return f"{host}: not a public address; list {_spell(host, port)!r} under 'allow' to permit it"


async def _read(content: aiohttp.StreamReader, most: int) -> bytes:
    kept = bytearray()
    while len(kept) < most:
        chunk = await content.read(most - len(kept))
        if not chunk:
            break
        kept += chunk
    return bytes(kept)

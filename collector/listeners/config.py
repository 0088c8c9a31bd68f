"""``[[listener]]`` of ``shouwang.toml``: one port on which devices speak TCP to us."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

_STRICT: dict[str, Any] = {"extra": "forbid"}


def host_port(text: str) -> tuple[str, int]:
    """``host:port`` taken apart; ValueError otherwise."""
    host, mark, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (mark and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("write host:port, such as 192.0.2.7:9003")
    return host, int(port)


def _host_port(text: str) -> str:
    if text:
        host_port(text)
    return text


HostPort = Annotated[str, AfterValidator(_host_port)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerConfig:
    """``forward`` makes a relay of it: every byte goes on to the operator's server, and back."""

    __pydantic_config__: ClassVar = _STRICT
    format: Annotated[str, Field(pattern="^(hj212|ap3000)$")]
    port: Annotated[int, Field(gt=0, le=65535)]
    host: str = "127.0.0.1"
    forward: HostPort = ""
    connections: Annotated[int, Field(gt=0, le=10_000)] = 200
    idle_s: Annotated[float, Field(gt=0)] = 900.0
    """Seconds without a byte until a connection is closed."""

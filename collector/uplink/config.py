"""``[[uplink]]`` of ``shouwang.toml``: a bureau's HJ 212 receiver, and what is reported to it."""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from collector.decoders.hj212 import FACTORS
from collector.listeners.config import host_port
from collector.references import SecretReference
from edge.contract.ids import is_id
from edge.contract.metrics import METRICS

_STRICT: dict[str, Any] = {"extra": "forbid"}
INTERVALS_S = {"2011": 60.0, "2051": 600.0, "2061": 3600.0}


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError("an id is 1 to 64 of a-z, 0-9 and -")
    return text


def _to(text: str) -> str:
    host_port(text)
    return text


def _mn(text: str) -> str:
    if not (0 < len(text) <= 64 and text.isascii() and text.isprintable() and ";" not in text):
        raise ValueError("write the MN that the bureau gave you")
    return text


def _series(series: dict[str, str]) -> dict[str, str]:
    for name, factor in series.items():
        parts = name.split("/")
        if len(parts) not in (2, 3) or parts[-1] not in METRICS:
            raise ValueError(f"{name!r} is no place/metric or place/port/metric of the catalogue")
        if not (factor.isascii() and factor.isalnum()):
            raise ValueError(f"{factor!r} is no factor code, such as w01009")
        if FACTORS.get(factor, (parts[-1],))[0] != parts[-1]:
            raise ValueError(f"{factor} is {FACTORS[factor][0]}, not {parts[-1]}")
    if len(set(series.values())) < len(series):
        raise ValueError("a factor code stands twice; give it to one series")
    return series


def parted(series: str) -> tuple[str, str, str]:
    """Place, port and metric."""
    place, *port, metric = series.split("/")
    return place, port[0] if port else "", metric


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkConfig:
    """``interval_s`` 0 means 60, 600 or 3600, as ``cn`` says."""

    __pydantic_config__: ClassVar = _STRICT
    name: Annotated[str, AfterValidator(_id)]
    to: Annotated[str, AfterValidator(_to)]
    mn: Annotated[str, AfterValidator(_mn)]
    site: Annotated[str, AfterValidator(_id)]
    series: Annotated[dict[str, str], AfterValidator(_series)]
    password: SecretReference = field(default="", repr=False)
    st: Annotated[str, Field(pattern=r"^\d{2}$")] = "21"
    cn: Annotated[str, Field(pattern="^(2011|2051|2061)$")] = "2051"
    interval_s: Annotated[float, Field(ge=0)] = 0.0
    keep_hours: Annotated[float, Field(gt=0)] = 72.0

    @property
    def interval_ms(self) -> int:
        return round((self.interval_s or INTERVALS_S[self.cn]) * 1000)

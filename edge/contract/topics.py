"""Topics as values: ``shouwang/v1/<site>/<device>/<kind>``."""

from dataclasses import dataclass
from enum import StrEnum

from edge.contract.ids import is_id

ROOT = "shouwang/v1"


class Kind(StrEnum):
    READINGS = "readings"
    STATUS = "status"
    HEALTH = "health"
    CONFIG_DESIRED = "config/desired"
    CONFIG_REPORTED = "config/reported"
    RECEIVED = "received"
    TIME_REQUEST = "time/request"
    TIME_RESPONSE = "time/response"
    COMMAND = "command"
    COMMAND_RESULT = "command/result"


SERVER = "server"  # the device name under which the server itself speaks its status
UPWARD = (
    Kind.READINGS,
    Kind.HEALTH,
    Kind.STATUS,
    Kind.TIME_REQUEST,
    Kind.CONFIG_REPORTED,
    Kind.COMMAND_RESULT,
)
RETAINED = frozenset({Kind.STATUS, Kind.CONFIG_DESIRED})


@dataclass(frozen=True, slots=True)
class Topic:
    """Who speaks (site, device) and about what (kind)."""

    site: str
    device: str
    kind: Kind

    def __str__(self) -> str:
        return f"{ROOT}/{self.site}/{self.device}/{self.kind.value}"

    @classmethod
    def parse(cls, text: str) -> "Topic | None":
        """The topic spelled ``text``, or None when it is not one of ours."""
        parts = text.split("/", 4)
        if len(parts) != 5 or parts[0] != "shouwang" or parts[1] != "v1":
            return None
        if not (is_id(parts[2]) and is_id(parts[3])):
            return None
        try:
            return cls(parts[2], parts[3], Kind(parts[4]))
        except ValueError:
            return None


def every_device(kind: Kind) -> str:
    """The subscription filter for this kind of every device of every site."""
    return f"{ROOT}/+/+/{kind.value}"

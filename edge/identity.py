"""Who a run of the agent is to the others: its id, its topics, and what its status says."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from edge import VERSION
from edge.contract.status import State, Status
from edge.contract.topics import SERVER, Kind, Topic
from edge.install.versions import Versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One run of one device; ``cuts_ms`` are the cuts before it of which the server may not know."""

    site: str
    device: str
    run: str
    cuts_ms: tuple[int, ...] = ()

    def topic(self, kind: Kind) -> str:
        return str(Topic(self.site, self.device, kind))

    @property
    def server_topic(self) -> str:
        """Where the server says whether it listens."""
        return str(Topic(self.site, SERVER, Kind.STATUS))

    @property
    def will(self) -> bytes:
        """What the broker says of us when we are cut off."""
        return Status(state=State.OFFLINE, run=self.run).encode()

    def status(self, state: State, at_ms: int | None, nonce: str = "") -> bytes:
        """``at_ms`` is None while the time is not known."""
        return Status(
            state=state,
            run=self.run,
            firmware=_firmware(),
            at_ms=at_ms,
            nonce=nonce,
            cuts_ms=self.cuts_ms,
        ).encode()


def new_run(now_ms: int) -> str:
    """A run's id: readable by its time, unique by chance."""
    at = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def _firmware() -> str:
    here = Versions.of_this_process()
    failed = None if here is None else here.rolled_back()
    said = f"shouwang-edge {VERSION}"
    return said if failed is None else f"{said} ({failed.new} rolled back)"[:64]

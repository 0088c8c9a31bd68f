"""Status: the retained birth and last will of a device, and of the server."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge.contract.ids import is_id


class State(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"  # said by the broker: the last will
    STOPPING = "stopping"  # said by the device itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """``{"state": ..., "run": ..., "firmware": ..., "at_ms": ..., "nonce": ...}``.

    A last will has no time. ``nonce`` is what the next command to this device must answer.
    ``cut_ms``: the run before ended without a goodbye, and what it measured after this may be lost.
    """

    state: State
    run: str = ""
    firmware: str = ""
    at_ms: int | None = None
    nonce: str = ""
    cut_ms: int | None = None

    def encode(self) -> bytes:
        body: dict[str, object] = {"state": self.state.value}
        if self.run:
            body["run"] = self.run
        if self.firmware:
            body["firmware"] = self.firmware
        if self.at_ms is not None:
            body["at_ms"] = self.at_ms
        if self.nonce:
            body["nonce"] = self.nonce
        if self.cut_ms is not None:
            body["cut_ms"] = self.cut_ms
        return json.dumps(body, separators=(",", ":")).encode()

    @classmethod
    def decode(
        cls, payload: bytes, loads: Callable[[bytes], object] = json.loads
    ) -> "Status | None":
        """The status in ``payload``, or None when it is not one."""
        try:
            body = loads(payload)
        except (ValueError, RecursionError):
            return None
        if not isinstance(body, dict) or body.get("state") not in tuple(State):
            return None
        run, firmware, at_ms = body.get("run", ""), body.get("firmware", ""), body.get("at_ms")
        nonce = body.get("nonce", "")
        if any(text != "" and not is_id(text) for text in (run, nonce)):
            return None
        if not isinstance(firmware, str) or len(firmware) > 64 or not firmware.isprintable():
            return None
        cut_ms = body.get("cut_ms")
        for moment in (at_ms, cut_ms):
            if moment is not None and not (type(moment) is int and 0 <= moment < 2**53):
                return None
        return cls(
            state=State(body["state"]),
            run=run,
            firmware=firmware,
            at_ms=at_ms,
            nonce=nonce,
            cut_ms=cut_ms,
        )

"""Status: the retained birth and last will of a device, and of the server."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge.contract.ids import is_id

MOST_CUTS = 20  # told at once; of a box that was cut off more often only the newest are


class State(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"  # said by the broker: the last will
    STOPPING = "stopping"  # said by the device itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """``{"state": ..., "run": ..., "firmware": ..., "at_ms": ..., "nonce": ..., "cuts_ms": [...]}``.

    A last will has no time. ``nonce`` is what the next command to this device must answer.
    ``cuts_ms``: runs before this one ended without a goodbye, and what they measured after these
    times may be lost; all of them that the server may not have heard of, the newest last.
    """

    state: State
    run: str = ""
    firmware: str = ""
    at_ms: int | None = None
    nonce: str = ""
    cuts_ms: tuple[int, ...] = ()

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
        if self.cuts_ms:
            body["cuts_ms"] = self.cuts_ms
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
        cuts_ms = body.get("cuts_ms", [])
        if not isinstance(cuts_ms, list) or len(cuts_ms) > MOST_CUTS:
            return None
        for moment in (*cuts_ms, 0 if at_ms is None else at_ms):
            if not (type(moment) is int and 0 <= moment < 2**53):
                return None
        return cls(
            state=State(body["state"]),
            run=run,
            firmware=firmware,
            at_ms=at_ms,
            nonce=nonce,
            cuts_ms=tuple(cuts_ms),
        )

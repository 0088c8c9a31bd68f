"""Commands that come by wire: opened, checked against the open nonce, answered; the rest is said.

One nonce is open at a time. It is new on each connection and after each command that was obeyed or
refused for its own sake; what is not signed with this device's key changes nothing.
"""

import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from edge.contract.command import (
    LEAST_KEY_BYTES,
    Command,
    Refused,
    Result,
    encode_result,
    open_signed,
)
from edge.table import Table

LOG_EVERY_S = 60.0  # real: between lines about what is refused
ANSWERS = 10  # to what is not believed, in a burst; then one in ANSWER_EVERY_S
ANSWER_EVERY_S = 5.0

_log = logging.getLogger(__name__)


class Commands:
    """``obey`` does what a command says: (done, reason)."""

    def __init__(self, key: bytes, topic: str, obey: Callable[[Command], tuple[bool, str]]) -> None:
        self._key = key
        self._topic = topic
        self._obey = obey
        self._refused = 0
        self._log_s = float("-inf")
        self._answers = float(ANSWERS)
        self._answered_s = 0.0
        self.nonce = ""

    def connected(self) -> str:
        """A nonce for this connection; the one before is void."""
        self.nonce = secrets.token_hex(16)
        return self.nonce

    def take(self, payload: bytes, now_s: float, at_ms: int) -> bytes | None:
        """Obey or refuse; the answer, or None when there have been too many to what is forged."""
        got = open_signed(payload, topic=self._topic, key=self._key, nonce=self.nonce)
        if isinstance(got, Refused):
            self._say_refused(got.reason, now_s)
            if not self._may_answer(now_s):
                return None
            return self._answer(got.command, False, got.reason, at_ms)
        self.connected()  # used once, whatever becomes of it
        is_done, reason = self._obey(got)
        said = "done" if is_done else "refused"
        _log.warning("command: %s %s: %s %s", got.verb.value, got.target, said, reason)
        return self._answer(got, is_done, reason, at_ms)

    def _answer(self, command: Command | None, is_done: bool, reason: str, at_ms: int) -> bytes:
        return encode_result(
            Result(
                verb=command.verb if command else None,
                target=command.target if command else "",
                is_done=is_done,
                reason=reason,
                nonce=command.nonce if command else "",
                next_nonce=self.nonce,
                at_ms=at_ms,
            )
        )

    def _may_answer(self, now_s: float) -> bool:
        gained = (now_s - self._answered_s) / ANSWER_EVERY_S
        self._answers = min(float(ANSWERS), self._answers + gained)
        self._answered_s = now_s
        if self._answers < 1:
            return False
        self._answers -= 1
        return True

    def _say_refused(self, reason: str, now_s: float) -> None:
        self._refused += 1
        if now_s - self._log_s >= LOG_EVERY_S:
            _log.warning("command: refused %d, the last because it %s", self._refused, reason)
            self._log_s, self._refused = now_s, 0


def read_key(top: Table, folder: Path) -> bytes | None:
    """The key that ``[command]`` refers to, from a file with hexadecimal digits; None without one."""
    if "command" not in top:
        return None
    table = top.table("command")
    kind, _, name = table.text("key").partition(":")
    table.done()
    if kind != "file" or not name:
        table.complain("key", "write a reference, file:PATH, never the key itself")
        return None
    try:
        key = bytes.fromhex((folder / name).read_text(encoding="ascii").strip())
    except OSError as error:
        table.complain(
            "key", f"{folder / name}: {error.strerror}; make it with openssl rand -hex 32"
        )
        return None
    except ValueError:
        table.complain(
            "key", f"{folder / name}: not hexadecimal; make it with openssl rand -hex 32"
        )
        return None
    if len(key) < LEAST_KEY_BYTES:
        table.complain("key", f"{folder / name}: {len(key)} bytes; at least {LEAST_KEY_BYTES}")
        return None
    return key

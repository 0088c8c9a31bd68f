"""Commands to a device: one verb, signed with the device's own key over a nonce the device gave.

The payload is ``{"body": "<JSON>", "mac": "<hex>"}``. The proof is HMAC-SHA256 over the topic, a
line end and the body's exact bytes, so nothing needs a canonical form, and a command of one device
says nothing to another. The device tells its nonce in its status and in each result; each is good
for one command on one connection. What is refused uses no nonce up, unless its signature was right
and the device itself refused. There is no verb for power on: power comes back by a person at the box.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge.contract.ids import is_id

MAX_BYTES = 8_000
LEAST_KEY_BYTES = 16
MOST_TEXTS = 10
STALE = "the nonce is not the open one; ask with the device's newest"
"""The refusal after which the same command may be tried with a newer nonce: nothing was done."""

_TEXT_LENGTH = 500


class Verb(StrEnum):
    OFF = "off"  # switch an output off
    RESET = "reset"  # unlatch a guard whose input is well; it switches nothing on
    ANNOUNCE = "announce"  # say an incident aloud until somebody takes it over
    HUSH = "hush"  # stop announcing an incident: somebody has it, or it is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``target`` is an output (off), a guard (reset), or an incident's id (announce, hush).

    ``texts`` are the words to say, by language (zh, en), at most 500 characters each; ``is_urgent`` repeats them until they are taken.
    """

    verb: Verb
    target: str
    nonce: str
    texts: tuple[tuple[str, str], ...] = ()
    is_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a command (``nonce`` is the one it used), or that a button took an incident.

    ``verb`` is None when what came could not be believed or read. ``next_nonce`` is what the next
    command must answer. ``reason`` is for people: why it was refused, or what is still unproved.
    """

    verb: Verb | None
    target: str
    is_done: bool
    reason: str = ""
    nonce: str = ""
    next_nonce: str = ""
    is_taken: bool = False
    at_ms: int | None = None


def sign(command: Command, *, topic: str, key: bytes) -> bytes:
    """The payload for ``topic``; ValueError when the key is too short."""
    body = json.dumps(
        {
            "verb": command.verb.value,
            "target": command.target,
            "nonce": command.nonce,
            "texts": dict(command.texts),
            "urgent": command.is_urgent,
        },
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return json.dumps({"body": body, "mac": _mac(topic, body, key)}, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a command is not obeyed; ``command`` only when its signature is this device's."""

    reason: str
    command: Command | None = None


def open_signed(payload: bytes, *, topic: str, key: bytes, nonce: str) -> Command | Refused:
    """The command in ``payload``, or why it is refused. ``nonce`` is the one that is open.

    ValueError when the key is too short.
    """
    if len(payload) > MAX_BYTES:
        return Refused(f"has {len(payload)} bytes; at most {MAX_BYTES}")
    body, mac = _outer(payload)
    if not (body and hmac.compare_digest(_mac(topic, body, key).encode(), mac)):
        return Refused("the signature is not this device's" if body else "is no command")
    try:
        command = _command(json.loads(body))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return Refused("is no command that this device knows")
    if not nonce or command.nonce != nonce:
        return Refused(STALE, command)
    return command


def encode_result(result: Result) -> bytes:
    return json.dumps(
        {
            "verb": result.verb.value if result.verb else None,
            "target": result.target,
            "done": result.is_done,
            "reason": result.reason,
            "nonce": result.nonce,
            "next": result.next_nonce,
            "taken": result.is_taken,
            "at_ms": result.at_ms,
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()


def decode_result(payload: bytes, loads: Callable[[bytes], object] = json.loads) -> Result | None:
    """What ``encode_result`` wrote, or None when the payload is not that."""
    try:
        body = loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("verb", "") not in (None, *Verb):
        return None
    ids = {name: body.get(name, "") for name in ("target", "nonce", "next")}
    if not all(text == "" or is_id(text) for text in ids.values()):
        return None
    reason = body.get("reason", "")
    if not isinstance(reason, str) or len(reason) > _TEXT_LENGTH:
        return None
    is_done, is_taken, at_ms = body.get("done"), body.get("taken", False), body.get("at_ms")
    if not (isinstance(is_done, bool) and isinstance(is_taken, bool)):
        return None
    if at_ms is not None and not (type(at_ms) is int and 0 <= at_ms < 2**53):
        return None
    return Result(
        verb=None if body["verb"] is None else Verb(body["verb"]),
        target=ids["target"],
        is_done=is_done,
        reason=_printable(reason),
        nonce=ids["nonce"],
        next_nonce=ids["next"],
        is_taken=is_taken,
        at_ms=at_ms,
    )


def _outer(payload: bytes) -> tuple[str, bytes]:
    """Body and proof as they stand, both empty when the payload does not have them."""
    try:
        outer = json.loads(payload)
        body, mac = outer["body"], outer["mac"]
        body.encode()  # a lone surrogate has no bytes that could have been signed
        return (body, mac.encode()) if isinstance(body, str) else ("", b"")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return "", b""


def _command(inner: dict[str, object]) -> Command:
    target, nonce, texts = inner["target"], inner["nonce"], inner.get("texts", {})
    if not (is_id(target) and is_id(nonce) and isinstance(texts, dict)):
        raise TypeError
    if len(texts) > MOST_TEXTS or not all(
        is_id(language) and isinstance(text, str) and len(text) <= _TEXT_LENGTH
        for language, text in texts.items()
    ):
        raise TypeError
    return Command(
        verb=Verb(str(inner["verb"])),
        target=str(target),
        nonce=str(nonce),
        texts=tuple((language, _printable(text)) for language, text in texts.items()),
        is_urgent=inner.get("urgent") is True,
    )


def _printable(text: str) -> str:
    """Spaces for line ends and tabs, a question mark for what else no page or voice can give."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def _mac(topic: str, body: str, key: bytes) -> str:
    if len(key) < LEAST_KEY_BYTES:
        raise ValueError(f"a device's key has at least {LEAST_KEY_BYTES} bytes")
    return hmac.new(key, f"{topic}\n{body}".encode(), hashlib.sha256).hexdigest()

"""Commands on the device: one nonce is open at a time, and forgeries cost little."""

import pytest

from edge.contract.command import Command, Result, Verb, decode_result, sign
from edge.onsite.commands import ANSWERS, Commands

KEY = bytes(range(16))
TOPIC = "shouwang/v1/riverside/box/command"


class Box:
    """Obeys everything but what is named ``no``."""

    def __init__(self) -> None:
        self.obeyed: list[Command] = []
        self.commands = Commands(KEY, TOPIC, self._obey)
        self.s = 0.0

    def _obey(self, command: Command) -> tuple[bool, str]:
        self.obeyed.append(command)
        return command.target != "no", "" if command.target != "no" else "it will not"

    def take(self, payload: bytes) -> Result | None:
        answer = self.commands.take(payload, self.s, 7)
        return None if answer is None else decode_result(answer)


def off(nonce: str, target: str = "main") -> bytes:
    return sign(Command(verb=Verb.OFF, target=target, nonce=nonce), topic=TOPIC, key=KEY)


def test_a_command_uses_its_nonce_up_and_brings_the_next() -> None:
    box = Box()
    first = box.commands.connected()
    assert box.take(off(first)) == Result(
        verb=Verb.OFF, target="main", is_done=True, nonce=first, next_nonce=box.commands.nonce,
        at_ms=7,
    )  # fmt: skip
    assert box.commands.nonce != first
    again = box.take(off(first))
    assert again is not None
    assert not again.is_done
    assert len(box.obeyed) == 1
    assert again.next_nonce == box.commands.nonce


def test_a_command_that_is_refused_for_its_own_sake_uses_its_nonce_up() -> None:
    box = Box()
    nonce = box.commands.connected()
    refused = box.take(off(nonce, "no"))
    assert refused is not None
    assert (refused.is_done, refused.reason) == (False, "it will not")
    assert refused.next_nonce not in ("", nonce)


def test_a_new_connection_voids_the_nonce_before() -> None:
    box = Box()
    old = box.commands.connected()
    new = box.commands.connected()
    refused = box.take(off(old))
    assert refused is not None
    assert not refused.is_done
    done = box.take(off(new))
    assert done is not None
    assert done.is_done


def test_before_the_first_connection_nothing_is_obeyed() -> None:
    box = Box()
    assert box.take(b'{"body": "", "mac": ""}') is not None
    assert box.obeyed == []


def test_a_flood_of_forgeries_is_answered_and_logged_sparsely(caplog) -> None:
    box = Box()
    nonce = box.commands.connected()
    answers = [box.take(b"forged") for _ in range(1000)]
    assert sum(answer is not None for answer in answers) == ANSWERS
    assert len(caplog.records) == 1
    done = box.take(off(nonce))
    assert done is not None, "a true one is answered all the same"
    assert done.is_done
    box.s = 61
    assert box.take(b"forged") is not None
    assert "refused 1000" in caplog.text


@pytest.mark.parametrize("of", [repr, str])
def test_the_key_is_in_no_repr(of) -> None:
    from edge.onsite.plan import OnsitePlan

    assert KEY.hex() not in of(OnsitePlan(key=KEY))
    assert repr(KEY) not in of(OnsitePlan(key=KEY))

"""The button's word is kept until the server has surely heard it."""

from edge.announcer.taken import KEPT_S, Taken
from edge.contract.command import decode_result


class Line:
    """A connection that takes what is published, or does not."""

    def __init__(self) -> None:
        self.is_up = True
        self.targets: list[str] = []

    def publish(self, payload: bytes) -> bool:
        result = decode_result(payload)
        assert result is not None
        assert result.is_taken
        if self.is_up:
            self.targets.append(result.target)
        return self.is_up


def test_it_waits_for_somebody_who_listens_and_goes_once() -> None:
    taken, line = Taken(), Line()
    taken.add("i-1", 7)
    assert taken.send(line.publish, 0) is None
    assert line.targets == []
    taken.listens()
    assert taken.send(line.publish, 10) == KEPT_S
    taken.send(line.publish, 11)
    assert line.targets == ["i-1"]


def test_a_connection_that_does_not_take_it_is_tried_again() -> None:
    taken, line = Taken(), Line()
    taken.listens()
    taken.add("i-1", 7)
    line.is_up = False
    taken.send(line.publish, 0)
    line.is_up = True
    taken.send(line.publish, 1)
    assert line.targets == ["i-1"]


def test_what_was_sent_just_before_the_line_fell_goes_again_and_no_later() -> None:
    taken, line = Taken(), Line()
    taken.listens()
    taken.add("i-1", 7)
    taken.send(line.publish, 0)
    taken.unheard()
    taken.listens()
    taken.send(line.publish, KEPT_S - 1)
    assert line.targets == ["i-1", "i-1"]
    taken.send(line.publish, 3 * KEPT_S)
    assert taken.texts == []
    taken.unheard()
    taken.listens()
    taken.send(line.publish, 4 * KEPT_S)
    assert line.targets == ["i-1", "i-1"]


def test_it_outlives_a_restart() -> None:
    before, line = Taken(), Line()
    before.add("i-1", 7)
    assert before.is_changed
    after = Taken(before.texts)
    after.listens()
    after.send(line.publish, 0)
    assert line.targets == ["i-1"]

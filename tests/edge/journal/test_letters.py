from pathlib import Path

import pytest

from edge.journal.journal import DeadLetter, Journal
from edge.journal.tail import Tail


@pytest.fixture
def journal(tmp_path: Path):
    with Journal(tmp_path / "journal.db") as opened:
        yield opened


def letter(at_ms: int, raw: bytes = b"x", reason: str = "no", **more) -> DeadLetter:
    return DeadLetter(topic="t", reason=reason, raw=raw, at_ms=at_ms, **more)


def test_each_letter_is_kept_whole_with_its_arrival(journal) -> None:
    journal.bury([letter(5, b"a" * 9_000), letter(7, b"b", count=3, is_part=True)])
    journal.commit()
    first, second = journal.kept(0, 10)
    assert (first.at_ms, first.raw, first.is_part) == (5, b"a" * 9_000, False)
    assert (second.at_ms, second.count, second.is_part) == (7, 3, True)
    assert [(one.count, one.kept, one.first_ms, one.last_ms) for one in journal.letters()] == [
        (4, 4, 5, 7)
    ]
    with Tail(journal.path) as tail:
        assert tail.kept(0, 10) == [first, second]
        assert tail.letters() == journal.letters()


def test_a_numbered_letter_that_comes_again_is_kept_once_and_counted(journal) -> None:
    journal.bury(letter(at_ms, is_numbered=True) for at_ms in range(50))
    journal.bury(letter(at_ms) for at_ms in range(3))  # what has no number may be another one
    assert [one.count for one in journal.kept(0, 99)] == [50, 1, 1, 1]
    assert journal.dead == 53


def test_a_device_that_buries_nothing_has_no_table_for_it(journal) -> None:
    assert (journal.kept(0, 9), journal.letter_bytes, journal.last_letter) == ([], 0, 0)
    assert (journal.unbury([1]), journal.bound_letters(0)) == (0, 0)
    journal.commit()
    with Tail(journal.path) as tail:
        assert tail.kept(0, 9) == []


def test_what_leaves_is_off_the_counts_and_an_empty_row_goes(journal) -> None:
    journal.bury([letter(1, count=2), letter(2, reason="other"), letter(3, count=5)])
    assert journal.unbury([1, 2]) == 3
    assert [(one.reason, one.count) for one in journal.letters()] == [("no", 5)]
    assert journal.unbury([1, 2]) == 0


def test_forgetting_takes_the_rows_with_what_is_kept_of_them(journal) -> None:
    journal.bury([letter(1), letter(2, reason="other")])
    assert journal.forget_letters([("t", "no"), ("t", "unheard of")]) == 1
    assert [one.reason for one in journal.kept(0, 9)] == ["other"]
    assert journal.dead == 1


def test_a_flood_of_one_mistake_pushes_out_only_itself(journal) -> None:
    journal.bury(letter(at_ms, b"f" * 1_000, "flood") for at_ms in range(300))
    journal.bury([letter(0, b"r" * 1_000, "rare")])
    lost = journal.bound_letters(100_000)
    kept = journal.kept(0, 999)
    assert journal.letter_bytes <= 100_000
    assert kept[-1].reason == "rare"
    assert [one.at_ms for one in kept[:-1]] == list(range(lost, 300))
    assert journal.dead == 301, "what the cap took is still counted"


def test_letters_beyond_their_age_go(journal) -> None:
    journal.bury([letter(1_000, count=2), letter(5_000)])
    assert journal.bound_letters(10**9, 3_000) == 2
    assert [one.at_ms for one in journal.kept(0, 9)] == [5_000]


def test_a_rollback_forgets_letters_and_their_room(journal) -> None:
    journal.bury([letter(1)])
    journal.rollback()
    assert (journal.kept(0, 9), journal.letter_bytes, journal.dead) == ([], 0, 0)
    journal.bury([letter(2)])
    journal.commit()
    assert len(journal.kept(0, 9)) == 1


def test_letters_and_their_room_are_there_after_opening_again(tmp_path) -> None:
    with Journal(tmp_path / "j.db") as first:
        first.bury([letter(1, b"abc")])
        first.commit()
        room = first.letter_bytes
    with Journal(tmp_path / "j.db") as again:
        assert again.letter_bytes == room > 0
        assert [one.raw for one in again.kept(0, 9)] == [b"abc"]

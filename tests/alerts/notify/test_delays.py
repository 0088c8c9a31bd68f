import pytest

from alerts.notify import delays


@pytest.mark.parametrize(
    ("detail", "read"),
    [
        (delays.waits(19.6, "6 in 60 s"), [("waits", 20)]),
        (delays.behind("HTTP 200", 0, 0.4), []),
        (delays.behind("HTTP 200; fine", 31, 17), [("merged", 31), ("waited", 17)]),
        (delays.behind("", 1, 0), [("merged", 1)]),
        (delays.behind("", 0, 2), [("waited", 2)]),
        (delays.BY_NEWER, [("newer", 0)]),
        (delays.GONE, [("gone", 0)]),
        ("the service says: one message with 3 more than allowed", []),
        ("", []),
    ],
)
def test_what_is_written_is_read_again_and_a_channels_own_words_are_not(
    detail: str, read: list[tuple[str, int]]
) -> None:
    assert list(delays.read(detail)) == read

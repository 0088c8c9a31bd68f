"""What a hand at the button means."""

import pytest

from edge.outputs.button import LONGEST_S, is_long_press


@pytest.mark.parametrize(
    ("held_s", "is_long"),
    [
        (0.06, False), (2.9, False), (3.0, True), (LONGEST_S, True),
        (LONGEST_S + 0.1, None),  # a broom that leans on it must not give the power back
        (86_400.0, None),
    ],
)  # fmt: skip
def test_a_press_is_short_or_long_or_none(held_s: float, is_long: bool | None) -> None:
    assert is_long_press(held_s, 3.0) is is_long

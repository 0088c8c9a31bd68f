"""When a post goes from one to another, by its rota."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.registry.model import Rota, Turn
from alerts.registry.turns import changes

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 5, 4, tzinfo=ZONE)
DAY = Turn(person="chen", since="08:00", until="20:00")
NIGHT = Turn(person="zhou", since="20:00", until="08:00")
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")


def told(*turns: Turn, hours: int = 48) -> list[tuple[str, str, str]]:
    rota = Rota(post="guard", turns=turns)
    return [
        (f"{at.astimezone(ZONE):%a %H:%M}", f"{to.astimezone(ZONE):%a %H:%M}" if to else "", who)
        for at, to, who in changes(rota, ZONE, MONDAY, MONDAY + timedelta(hours=hours))
    ]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (
            (DAY, NIGHT),
            [
                ("Mon 08:00", "Mon 20:00", "chen"),
                ("Mon 20:00", "Tue 08:00", "zhou"),
                ("Tue 08:00", "Tue 20:00", "chen"),
                ("Tue 20:00", "Wed 08:00", "zhou"),
            ],
        ),
        (
            (DAY,),
            [
                ("Mon 08:00", "Mon 20:00", "chen"),
                ("Mon 20:00", "Tue 08:00", ""),
                ("Tue 08:00", "Tue 20:00", "chen"),
                ("Tue 20:00", "Wed 08:00", ""),
            ],
        ),
        # The first turn that holds counts, and one after the other of one person is one.
        (
            (Turn(person="chen", since="00:00", until="12:00"), DAY, NIGHT),
            [
                ("Mon 00:00", "Mon 20:00", "chen"),
                ("Mon 20:00", "Tue 00:00", "zhou"),
                ("Tue 00:00", "Tue 20:00", "chen"),
                ("Tue 20:00", "Wed 00:00", "zhou"),
                ("Wed 00:00", "Wed 20:00", "chen"),
            ][1:],
        ),
        ((Turn(person="chen", since="08:00", until="08:00"),), []),
        ((), []),
    ],
)  # fmt: skip
def test_each_change_says_until_when_and_whose_it_is(turns, expected):
    assert told(*turns) == expected


def test_days_of_the_week_leave_the_weekend_to_nobody():
    turn = Turn(person="chen", since="08:00", until="20:00", days=WORKDAYS)
    friday = MONDAY + timedelta(days=4, hours=12)
    rota = Rota(post="guard", turns=(turn,))
    ((at, to, who),) = changes(rota, ZONE, friday, friday + timedelta(hours=36))
    assert (at.astimezone(UTC), who) == (datetime(2026, 5, 8, 12, tzinfo=UTC), "")
    assert to == datetime(2026, 5, 11, tzinfo=UTC)

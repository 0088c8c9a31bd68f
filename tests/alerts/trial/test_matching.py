"""Episodes of a replay and incidents of reality, matched by rule, subject and time."""

from dataclasses import replace

import pytest

from alerts.registry.model import PlaceKind
from alerts.replay import Episode, episodes, replay
from alerts.trial.matching import Did, match
from alerts.words import Severity
from tests.alerts.rules.worlds import PACKS, T0, batch, journal, registry

MINUTE = 60_000


def an_episode(since: int, until: int | None) -> Episode:
    """Of ``do-low``, minutes after T0."""
    values = [(T0, batch((T0, 1.0), metric="do")), (T0 + MINUTE, batch((T0 + MINUTE, 1.0), metric="do")),
              (T0 + 2 * MINUTE, batch((T0 + 2 * MINUTE, 1.0), metric="do"))]  # fmt: skip
    (made,) = episodes(replay(journal(registry(PlaceKind.REACH, "do"), PACKS, values)))
    return replace(
        made,
        since_ms=T0 + since * MINUTE,
        raised_ms=T0 + since * MINUTE,
        cleared_ms=None if until is None else T0 + until * MINUTE,
    )


def a_did(
    since: int,
    until: int | None,
    incident: int = 1,
    rule: str = "do-low",
    subject: str = "place:linjiang/here",
) -> Did:
    return Did(
        incident=incident,
        place="here",
        since_ms=T0 + since * MINUTE,
        raised_ms=T0 + since * MINUTE,
        cleared_ms=None if until is None else T0 + until * MINUTE,
        severity=Severity.MAJOR,
        rule=rule,
        subject=subject,
    )


@pytest.mark.parametrize(
    ("why", "one", "other", "meets"),
    [
        ("overlap", (0, 60), a_did(30, 90), True),
        ("within", (0, 600), a_did(30, 31), True),
        ("a little apart, as times of arrival are", (0, 60), a_did(70, 90), True),
        ("and before", (100, 160), a_did(70, 90), True),
        ("far apart", (0, 60), a_did(100, 160), False),
        ("both without an end", (500, None), a_did(0, None), True),
        ("begun after the other was over", (500, None), a_did(0, 60), False),
        ("another rule", (0, 60), a_did(0, 60, rule="silent"), False),
        ("another subject", (0, 60), a_did(0, 60, subject="place:linjiang/there"), False),
    ],
)
def test_they_meet_by_rule_subject_and_time(why, one, other, meets) -> None:
    found = match([an_episode(*one)], [other])
    assert (found.both, found.new, found.met, len(found.gone)) == (
        (1, 0, 1, 0) if meets else (0, 1, 0, 1)
    ), why


def test_one_incident_may_meet_several_episodes_and_the_rest_is_new_or_gone() -> None:
    found = match(
        [an_episode(0, 10), an_episode(50, 60), an_episode(1000, 1010)],
        [a_did(0, 60), a_did(500, 510, incident=2)],
    )
    assert (found.both, found.met, found.new) == (2, 1, 1)
    assert [one.incident for one in found.gone] == [2]

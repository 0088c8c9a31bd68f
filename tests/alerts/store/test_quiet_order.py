"""Quiet that holds a notice back holds up no news that it does not hold."""

from datetime import timedelta
from typing import Any

from alerts.notify.notice import NoticeState
from alerts.rules.transition import Change
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import NOW, says
from tests.alerts.store.conftest import PACKS

MINUTE = timedelta(minutes=1)
POLLUTION: dict[str, Any] = {"cls": IncidentClass.POLLUTION, "severity": Severity.MINOR}


def test_a_rise_goes_out_past_what_a_snooze_holds_and_takes_its_place(operations):
    operations.snooze("guard", None, NOW + timedelta(hours=2), NOW)
    operations.take([says(1, **POLLUTION)], PACKS, NOW)
    assert operations.due(NOW, 9) == [] or "guard" not in {n.person for n in operations.due(NOW, 9)}
    rise = says(2, Change.SEVERITY, cls=IncidentClass.POLLUTION, severity=Severity.CRITICAL)
    operations.take([rise], PACKS, NOW + MINUTE)
    due = [(n.reason.value, n.person) for n in operations.due(NOW + MINUTE, 9)]
    assert ("severity", "guard") in due
    states = {
        n.reason.value: n.state for n in operations.notices(incident=1) if n.person == "guard"
    }
    assert states["opened"] is NoticeState.OVERTAKEN

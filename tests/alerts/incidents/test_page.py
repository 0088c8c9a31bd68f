"""docs/incidents.md is what the tables say."""

from pathlib import Path

from alerts.incidents import page
from alerts.incidents.lifecycle import TRANSITIONS, Event
from alerts.incidents.who import Reason

DOCS = Path(__file__).parents[3] / "docs" / "incidents.md"


def test_the_page_is_drawn_from_the_tables():
    assert DOCS.read_text(encoding="utf-8") == page.page(), (
        "run: python -m alerts.incidents.page > docs/incidents.md"
    )


def test_every_event_reason_and_arrow_is_on_the_page():
    text = page.page()
    assert all(f"| {event} | {page.MEANINGS[event]} |" in text for event in Event)
    assert all(f"| {reason} |" in text for reason in Reason)
    for state, events in TRANSITIONS.items():
        for target in events.values():
            assert f"    {state} --> {target}: " in text

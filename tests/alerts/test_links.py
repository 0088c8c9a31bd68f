"""Signed links: what they say survives, what was changed does not, and each kind may what the table says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incidents import lifecycle
from alerts.links import MAY, MEANINGS, Deed, Link, LinkKind, Links, is_good, masked
from tests.alerts.incidents.community import NOW, says

LINKS = Links(b"0123456789abcdef0123456789abcdef")
LINK = Link(kind=LinkKind.PERSONAL, incident=7, person="mei", made_at=NOW)
IDS = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)
HOUR = timedelta(hours=1)


@given(
    kind=st.sampled_from(LinkKind),
    incident=st.integers(1, 2**62),
    person=IDS,
    made_s=st.integers(0, 4_000_000_000),
)
def test_what_is_signed_is_read(kind, incident, person, made_s):
    made_at = datetime.fromtimestamp(made_s, UTC)
    link = Link(kind=kind, incident=incident, person=person, made_at=made_at)
    assert LINKS.read(LINKS.sign(link)) == link


@given(st.text(max_size=120))
def test_what_nobody_signed_is_nothing(text):
    assert LINKS.read(text) is None
    assert LINKS.notice_of(text) is None


@given(st.integers(1, 10**15))
def test_a_code_names_its_notice_in_35_characters(notice):
    code = LINKS.code(notice)
    assert len(code) <= 35
    assert LINKS.notice_of(code) == notice
    assert LINKS.read(code) is None
    assert masked(f"GET /l/{code} 303") == "GET /l/… 303"
    other, signature = code.split(".")
    assert LINKS.notice_of(f"{other}1.{signature}") is None
    assert Links(b"another key, as long").notice_of(code) is None


@pytest.mark.parametrize(
    "change",
    [
        {"incident": 8},
        {"person": "wen"},
        {"kind": LinkKind.GROUP},
        {"made_at": NOW + HOUR},
    ],
)
def test_another_incident_person_kind_or_time_needs_another_signature(change):
    _, _, signature = LINKS.sign(LINK).rpartition(".")
    body, _, _ = LINKS.sign(replace(LINK, **change)).rpartition(".")
    assert LINKS.read(f"{body}.{signature}") is None


def test_another_key_reads_nothing_and_shows_itself_to_nobody():
    assert Links(b"another key of sixteen and more").read(LINKS.sign(LINK)) is None
    assert "0123" not in repr(LINKS)
    with pytest.raises(ValueError, match="16 bytes"):
        Links(b"short")


@pytest.mark.parametrize(
    ("closed_at", "now", "good"),
    [
        (None, NOW + timedelta(days=29), True),
        (None, NOW + timedelta(days=30), False),
        (NOW + HOUR, NOW + 24 * HOUR, True),
        (NOW + HOUR, NOW + 25 * HOUR, False),
    ],
)
def test_a_link_is_good_until_a_day_after_its_incident_has_closed(closed_at, now, good):
    change = lifecycle.step(None, lifecycle.Event.HELD, NOW, transition=says(1))
    assert change is not None
    incident = replace(change.incident, id=7, closed_at=closed_at)
    assert is_good(LINK, incident, now) is good
    assert not is_good(LINK, replace(incident, id=8), now)
    assert not is_good(LINK, None, now)


def test_a_group_looks_and_asks_and_acts_for_nobody():
    assert MAY[LinkKind.GROUP] == {Deed.LOOK, Deed.ASK_FOR_OWN}
    assert Deed.TAKE_OVER in MAY[LinkKind.PERSONAL]
    assert set(MEANINGS) == set(Deed)


def test_tokens_are_masked_wherever_they_stand():
    token = LINKS.sign(LINK)
    assert masked(f"点开处理：https://h/l/{token}\n好") == "点开处理：https://h/l/…\n好"
    assert masked(f"/l/{token}") == "/l/…"
    assert masked("/m/incidents/7") == "/m/incidents/7"

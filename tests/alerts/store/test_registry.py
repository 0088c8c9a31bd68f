"""The registry in the database: what goes in comes out, with its history."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.registry.model import (
    Address,
    Binding,
    ChannelKind,
    Circuit,
    Device,
    Format,
    Names,
    Override,
    Person,
    Place,
    Port,
    Registry,
    Site,
    Tier,
    Tiers,
)
from alerts.store.errors import RegistryMisfit
from tests.alerts.incidents.community import NOW, REGISTRY

IDS = st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
WORDS = st.dictionaries(TEXTS, TEXTS, max_size=2)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
OVERRIDES = st.builds(
    Override,
    rule=IDS,
    place=IDS,
    set=st.dictionaries(IDS, NUMBERS),
    who=TEXTS,
    at=TEXTS,
    why=TEXTS,
)
NAMES = st.builds(Names, zh=TEXTS, en=TEXTS)


def many(strategy, key=lambda thing: thing.id):
    return st.lists(strategy, max_size=3, unique_by=key).map(tuple)


@st.composite
def registries(draw):
    sites = draw(
        st.lists(st.builds(Site, id=IDS, names=NAMES), max_size=2, unique_by=lambda s: s.id)
    )
    if not sites:
        return Registry(cell=draw(IDS))
    homes = st.sampled_from([site.id for site in sites])
    ports = many(st.builds(Port, id=IDS, names=NAMES, circuit=IDS))
    circuits = many(st.builds(Circuit, id=IDS, names=NAMES, rating_a=NUMBERS))
    bindings = st.lists(
        st.builds(
            Binding,
            place=IDS,
            port=IDS,
            metrics=many(IDS, str),
            interval_s=NUMBERS,
            component=TEXTS,
            mapping=WORDS,
            units=WORDS,
        ),
        max_size=3,
    ).map(tuple)
    addresses = st.lists(
        st.builds(Address, channel=st.sampled_from(ChannelKind), to=TEXTS, group=st.booleans()),
        max_size=3,
    ).map(tuple)
    here = lambda thing: (thing.site, thing.id)  # noqa: E731
    return Registry(
        cell=draw(IDS),
        sites=tuple(sites),
        places=draw(
            many(
                st.builds(Place, site=homes, id=IDS, names=NAMES, ports=ports, circuits=circuits),
                here,
            )
        ),
        devices=draw(
            many(
                st.builds(
                    Device,
                    site=homes,
                    id=IDS,
                    names=NAMES,
                    bindings=bindings,
                    format=st.sampled_from(Format),
                    address=TEXTS,
                    zone=IDS,
                    ignore=many(TEXTS, str),
                    options=WORDS,
                ),
                here,
            )
        ),
        people=draw(many(st.builds(Person, site=homes, id=IDS, name=TEXTS, addresses=addresses))),
        tiers=draw(
            st.lists(st.builds(Tiers, steps=st.lists(st.builds(Tier), max_size=3).map(tuple))).map(
                tuple
            )
        ),
        overrides=draw(st.lists(OVERRIDES, max_size=2).map(tuple)),
    )


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(registry=registries())
def test_a_registry_comes_back_as_it_went_in(operations, opener, registry):
    revision = operations.save_registry(registry, "me", "a property", NOW)
    # Another process reads it, which knows nothing yet.
    assert operations.registry() == replace(registry, revision=revision)
    operations._known = None
    assert operations.registry() == replace(registry, revision=revision)


def test_an_example_with_everything_in_it_comes_back(operations, opener):
    assert operations.registry() == replace(REGISTRY, revision=1)
    assert opener().registry() == replace(REGISTRY, revision=1)


def test_a_fresh_database_has_an_empty_registry(opener):
    assert opener().registry() == Registry()
    assert opener().revision() == 0


def test_the_same_registry_again_is_no_revision(operations):
    assert operations.save_registry(replace(REGISTRY, revision=99), "me", "again", NOW) == 1
    assert len(operations.revisions()) == 1


def test_each_revision_tells_who_when_why_and_what_but_no_names(operations):
    people = (replace(REGISTRY.people[0], phone="13900000000"), *REGISTRY.people[2:])
    later = NOW + timedelta(days=1)
    operations.save_registry(replace(REGISTRY, people=people), "wen", "梅姐 moved", later)
    newest = operations.revisions()[0]
    assert (newest["revision"], newest["who"], newest["at"]) == (2, "wen", later)
    assert newest["changes"] == {"person": {"changed": ["guard"], "removed": ["mei"]}}


def test_another_process_sees_the_new_revision_at_once(operations, opener):
    other = opener()
    assert other.revision() == 1
    assert other.registry().people == REGISTRY.people
    operations.save_registry(replace(REGISTRY, people=()), "me", "all left", NOW)
    assert other.registry().people == ()


def test_a_registry_that_does_not_hold_together_is_refused_and_the_old_one_stays(operations):
    lost = replace(REGISTRY.people[0], id="lost", site="nowhere")
    with pytest.raises(RegistryMisfit, match="shouwang check"):
        operations.save_registry(replace(REGISTRY, people=(lost,)), "me", "oops", NOW)
    assert operations.registry() == replace(REGISTRY, revision=1)


def test_a_registry_is_replaced_while_notices_name_its_people(operations):
    """They stay readable; whoever has left is sent nothing more."""
    from tests.alerts.incidents.community import says
    from tests.alerts.store.conftest import PACKS

    operations.take([says(1)], PACKS, NOW)
    operations.save_registry(replace(REGISTRY, people=()), "me", "all left", NOW)
    assert [notice.person for notice in operations.notices()] == ["guard"]
    assert operations.due(NOW, 10) == []

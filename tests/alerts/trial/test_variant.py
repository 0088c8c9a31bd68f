"""Variants: some rules only, some numbers changed, checked as an override is."""

from alerts.packs import shipped
from alerts.registry.model import PlaceKind
from alerts.rules.packs import read_packs
from alerts.rules.rule import numbers
from alerts.trial.variant import Setting, Variant, heard_by, misfits, only, tried
from tests.alerts.rules.worlds import PACK, PACKS, PLACE, SITE, registry

WORLD = registry(PlaceKind.REACH, "do")


def test_only_the_wanted_rules_are_left() -> None:
    assert set(read_packs(only(PACKS, {"do-low", "silent"})).rules) == {"do-low", "silent"}
    assert set(read_packs(only(shipped(), {"eb-smoke"})).rules) == {"eb-smoke"}


def test_a_rule_keeps_those_that_it_hears() -> None:
    packs = read_packs(shipped())
    hearing = [rule for rule in packs.rules.values() if rule.rules_heard]
    assert hearing
    for rule in hearing:
        heard = heard_by(packs, {rule.id})
        assert heard > {rule.id}
        assert set(read_packs(only(shipped(), heard)).rules) == heard


def test_a_sentence_that_looks_like_the_head_of_a_rule_loses_no_rule() -> None:
    tricky = PACK.replace('why = "{limit}"', "why = '''{limit}\n[[rule]]\n'''", 1)
    assert set(read_packs({"p": tricky}).rules) == {"do-low", "level-rise", "silent"}
    assert {"silent"} <= set(read_packs(only({"p": tricky}, {"silent"})).rules)
    assert {"do-low"} <= set(read_packs(only({"p": tricky}, {"do-low"})).rules)


def test_a_setting_holds_at_every_place_over_its_own_override() -> None:
    world = registry(PlaceKind.REACH, "do", override={"do-low": {"below": 1.5}})
    found = tried(world, [Setting("do-low", "below", 3.0)]).overrides
    assert numbers(found, "do-low", SITE, PLACE) == {"below": 3.0}
    assert numbers(found, "do-low", SITE, "") == {"below": 3.0}


def test_numbers_that_do_not_fit_are_named_with_the_place_where_they_do_not() -> None:
    packs = read_packs(PACKS)
    (unknown,) = misfits(packs, WORLD, [Setting("do-low", "abov", 3.0)])
    assert unknown.startswith(
        "--set do-low: 'abov' is no number of it; use one of inrush, major.above"
    )
    # Milder than the critical step, which stands at 0.2.
    (milder,) = misfits(packs, WORLD, [Setting("do-low", "major.below", 0.1)])
    assert "a severer step has a milder 'below'" in milder
    world = registry(PlaceKind.REACH, "do", override={"do-low": {"critical.below": 1.0}})
    (there,) = misfits(packs, world, [Setting("do-low", "major.below", 0.9)])
    assert f"at {SITE}/{PLACE}, with the numbers of its override" in there
    assert misfits(packs, WORLD, [Setting("do-low", "below", 3.0)]) == []


def test_a_variant_without_wishes_changes_nothing() -> None:
    assert Variant().packs(PACKS) == PACKS
    assert Variant().registry(WORLD) is WORLD
    assert Variant(texts={"x": "y"}).packs(PACKS) == {"x": "y"}

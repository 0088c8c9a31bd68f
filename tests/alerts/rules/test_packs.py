"""Packs: what is refused, with which words, and what a place may change."""

from pathlib import Path

import pytest

from alerts.packs import shipped
from alerts.registry.model import PlaceKind
from alerts.rules.packs import PackError, problems, read_packs
from alerts.rules.page import page
from alerts.rules.rule import HOLE
from alerts.words import Language, Severity
from tests.alerts.rules.worlds import PACK, PACKS, registry

ROOT = Path(__file__).parents[3]


def refused(text: str, **more: str) -> list[str]:
    with pytest.raises(PackError) as caught:
        read_packs({"p.toml": text, **more})
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "below = 2.0",
            "belwo = 2.0",
            "'do-low': step.1.belwo: unknown key; did you mean 'below'?",
        ),
        (
            'metric = "do"',
            'metrics = "do"',
            "'do-low': metrics: unknown key; did you mean 'metric'?",
        ),
        ('window = "30m"', "window = 30", "'level-rise': window: a duration is a text"),
        ('window = "30m"', "", "'level-rise': window: is missing; add it"),
        ('kind = "rise"', 'kind = "risen"', "kind: there is no kind 'risen'; use one of threshold"),
        ('metric = "do"', 'metric = "d0"', "metric: there is no metric 'd0'; see edge/contract"),
        (
            'metric = "water-level"',
            'metric = "waterlevel"',
            "metric: there is no metric 'waterlevel'; did you mean 'water-level'?",
        ),
        (
            'severity = "major", below',
            'severity = "mayor", below',
            "step.1.severity: a severity is",
        ),
        ("below = 2.0", "below = true", "step.1.below: Input should be a valid number"),
        ("clear = 2.5", "clear = 1.5", "step 1: clear_below 1.5 lies under below 2.0"),
        (
            "below = 2.0, clear = 2.5",
            "below = 0.1, clear = 2.5",
            "severer step has a milder 'below'",
        ),
        ("below = 2.0", "below = -3.0", "step 1.below: -3 lies outside 0 to 25, so it never rings"),
        ("below = 2.0, clear = 2.5,", "", "step 1: needs 'above' or 'below'"),
        ('severity = "critical"', 'severity = "minor"', "step 2.severity: minor does not rise"),
        ("{place} {value}", "{plaice} {value}", "say.zh.what: {plaice} is never filled here"),
        ("{place} {value}", "{port} {value}", "say.en.what: {port} is never filled here"),
        ("{device} {minutes}", "{value}", "'silent': say.zh.what: {value} is never filled here"),
        ('clear = "{peak}"', 'clear = "{peak"', "has a brace without its partner"),
        ('en = "nothing"', 'en = ""', "blind_to: is said in one language only; give zh and en"),
        ('id = "do-low"', 'id = "Do Low"', "'Do Low' is no id"),
        ('id = "level-rise"', 'id = "do-low"', "the id is taken by p.toml; give it another id"),
        ('places = ["reach"]', 'places = ["lake"]', "places.1: Input should be 'reach'"),
        ('places = ["reach"]', "places = []", "places: is empty; name some of reach"),
        ("rise = 0.3,", "", "step 1: needs 'rise' or 'percent'"),
        ("rise = 0.3,", "rise = true,", "step.1.rise: Input should be a valid number"),
        ("[[rule]]", "[[rules]]", "rules: unknown key; did you mean 'rule'?"),
        ("[[rule]]", "[[rule]", "is no TOML:"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(old: str, new: str, expected: str) -> None:
    assert old in PACK
    found = refused(PACK.replace(old, new))
    assert any(expected in problem for problem in found), found
    assert all(problem.startswith("p.toml: ") for problem in found)


def test_every_mistake_in_every_pack_is_named_at_once() -> None:
    broken = PACK.replace("below = 2.0", "belwo = 2.0").replace("{place} {value}", "{plaice}")
    found = refused(broken, **{"q.toml": PACK.replace('window = "30m"', "window = 1")})
    assert len([p for p in found if "belwo" in p]) == 1
    assert len([p for p in found if "{plaice}" in p]) == 2
    assert len([p for p in found if p.startswith("q.toml") and "window" in p]) == 1


@pytest.mark.parametrize(
    ("changes", "step", "above", "clear"),
    [
        ({}, 0, 800, 720),
        ({"above": 700}, 0, 700, 620),  # the clear limit keeps its distance
        ({"above": 700, "clear": 650}, 0, 700, 650),
        ({"major.above": 900}, 0, 900, 820),
        ({"critical.above": 1500}, 1, 1500, 1300),
    ],
)
def test_a_place_changes_numbers_by_key(changes, step, above, clear) -> None:
    rule = read_packs(shipped()).rules["eb-port-overp"].at(changes)
    assert (rule.steps[step].above, rule.steps[step].clear) == (above, clear)


def test_durations_of_an_override_are_seconds() -> None:
    rules = read_packs(shipped()).rules
    assert rules["eb-port-overp"].at({"for": 30}).steps[0].for_ms == 30_000
    assert rules["riv-cond-rise"].at({"window": 7200}).window_ms == 7_200_000  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"eb-port-ovrp": {"above": 1}}, "there is no such rule; did you mean 'eb-port-overp'?"),
        (
            {"eb-port-overp": {"abov": 1}},
            "'abov' is no number of it; use one of inrush, major.above",
        ),
        ({"eb-port-overp": {"clear": 900}}, "clear_above 900"),
        ({"eb-port-overp": {"above": 3000}}, "a severer step has a milder 'above'"),
        ({"eb-port-overp": {"samples": 2}}, "'samples' is no number of it"),
    ],
)
def test_an_override_that_does_not_fit_is_named(override, expected: str) -> None:
    world = registry(PlaceKind.SHED, "power", port="7", override=override)
    found = [str(p) for p in problems(read_packs(shipped()), world) if not p.warning]
    assert any(expected in problem for problem in found), found


def test_a_metric_that_no_place_has_is_a_warning() -> None:
    packs = read_packs(PACKS)
    found = problems(packs, registry(PlaceKind.REACH, "do"))
    assert [(p.warning, "water-level" in p.what) for p in found] == [(True, True)]
    assert problems(packs, registry(PlaceKind.REACH, "do", "water-level")) == []


def test_a_rule_with_some_of_its_metrics_is_one_warning_and_is_not_said_to_be_dumb() -> None:
    found = problems(read_packs(shipped()), registry(PlaceKind.SHED, "smoke"))
    (silent,) = [str(p) for p in found if "'eb-smoke-silent'" in str(p)]
    assert "so it sees nothing of that" in silent
    (alone,) = [str(p) for p in found if "rule 'eb-co'" in str(p)]
    assert "has 'co', so it never rings" in alone


def test_limits_are_chart_lines_with_the_overrides_of_the_place() -> None:
    world = registry(PlaceKind.SHED, "power", port="7", override={"eb-port-overp": {"above": 700}})
    rules = read_packs(shipped()).rules
    assert rules["eb-port-overp"].limits(world, world.places[0]) == [
        (Severity.MAJOR, 700.0, "above"),
        (Severity.CRITICAL, 2000.0, "above"),
    ]
    assert (Severity.MINOR, 6.0, "below") in rules["riv-ph"].limits(world, world.places[0])
    assert rules["riv-cond-rise"].limits(world, world.places[0]) == []


def test_shipped_words_keep_to_the_words_of_the_people() -> None:
    for rule in read_packs(shipped()).rules.values():
        for key in ("what", "why", "do", "clear"):
            zh = HOLE.sub("", getattr(rule.say[Language.ZH], key))
            en = HOLE.sub("", getattr(rule.say[Language.EN], key))
            assert not set(",;:!?") & set(zh), (rule.id, zh)
            assert zh.endswith("。"), (rule.id, zh)
            assert en.endswith("."), (rule.id, en)
            for text in (zh, en):  # whether the power is off is said by the message itself
                assert "已断电" not in text, rule.id
                assert "power is off" not in text, rule.id
        assert {"剩余电流", "沉默", "浮充", "点位"}.isdisjoint(rule.say[Language.ZH].what)


def test_the_page_of_rules_is_what_the_packs_make_it() -> None:
    made = page(read_packs(shipped()))
    assert (ROOT / "docs" / "rules.md").read_text("utf-8") == made, (
        "run python -m alerts.rules.page > docs/rules.md"
    )
    for rule in read_packs(shipped()).rules:
        assert f"| `{rule}` " in made

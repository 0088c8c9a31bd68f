"""A variant: the packs with some rules only, and some of their numbers changed for a trial."""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.registry.model import Override, Registry
from alerts.rules.packs import PackError, Packs, read_packs
from alerts.rules.rule import numbers

_HEAD = re.compile(r"^(?=\[\[rule\]\])", re.M)


@dataclass(frozen=True, slots=True)
class Setting:
    """One number of a rule for the trial, as an override names it; durations are seconds."""

    rule: str
    key: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to judge: ``texts`` instead of the packs that are met (None: those), of them the
    ``wanted`` rules (empty: all), with the ``settings`` at every place."""

    texts: Mapping[str, str] | None = None
    wanted: frozenset[str] = frozenset()
    settings: tuple[Setting, ...] = ()

    def packs(self, met: Mapping[str, str]) -> dict[str, str]:
        texts = met if self.texts is None else self.texts
        return only(texts, self.wanted) if self.wanted else dict(texts)

    def registry(self, met: Registry) -> Registry:
        return tried(met, self.settings) if self.settings else met


def heard_by(packs: Packs, wanted: Collection[str]) -> frozenset[str]:
    """These rules and all whose word they hear, directly or not."""
    found: set[str] = set()
    ahead = [name for name in wanted if name in packs.rules]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += packs.rules[name].rules_heard
    return frozenset(found)


def only(texts: Mapping[str, str], wanted: Collection[str]) -> dict[str, str]:
    """The packs without the rules that are not ``wanted``; whole where a text cannot be cut.

    That is for speed: a rule more rings for itself alone.
    """
    cut = {}
    for name, text in texts.items():
        kept = [part for part in _HEAD.split(text) if not _ids(part) or _ids(part) <= set(wanted)]
        cut[name] = "".join(kept)
    try:
        read_packs(cut)
    except PackError:  # a sentence of several lines held what looks like a head
        return dict(texts)
    return cut


def tried(registry: Registry, settings: Sequence[Setting]) -> Registry:
    """The registry in which every place, and what belongs to none, has these numbers."""
    places = [f"{place.site}/{place.id}" for place in registry.places]
    extra = [
        Override(rule=rule, place=place, set=changes, who="replay", at="", why="a trial")
        for rule, changes in _by_rule(settings).items()
        for place in [*places, ""]
    ]
    return replace(registry, overrides=(*registry.overrides, *extra))


def misfits(packs: Packs, registry: Registry, settings: Sequence[Setting]) -> list[str]:
    """Numbers that do not fit their rule, checked as an override is, each place by its own numbers."""
    found: list[str] = []
    for name, changes in _by_rule(settings).items():
        rule = packs.rules.get(name)
        if rule is None:
            continue  # whoever asked has named it
        spots = [("", "")] + [(place.site, place.id) for place in registry.places]
        for site, place in spots:
            given = numbers(registry.overrides, name, site, place) if place else {}
            try:
                rule.at(given | changes)
            except ValueError as error:
                where = f" at {site}/{place}, with the numbers of its override" if given else ""
                found.append(f"--set {name}{where}: {error}")
                if not given:
                    break  # it fits nowhere
    return found


def _by_rule(settings: Sequence[Setting]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for one in settings:
        found.setdefault(one.rule, {})[one.key] = one.value
    return found


def _ids(part: str) -> set[str]:
    try:
        return {str(rule.get("id")) for rule in tomllib.loads(part).get("rule", [])}
    except (tomllib.TOMLDecodeError, AttributeError):
        return set()

"""Rule packs: TOML in, rules out, with every mistake named at once."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from alerts.registry.model import Registry
from alerts.rules.kinds import KINDS
from alerts.rules.rehearsal import rehearse
from alerts.rules.rule import COMMON_HOLES, HOLE, Mistake, Rule, Stale, Where, numbers
from alerts.words import NIGHT_CLASSES, Language
from edge.contract.ids import is_id
from edge.contract.metrics import METRICS

_BY_THEMSELVES = frozenset({Where.DEVICE, Where.CELL})  # said without being bound

_RULE: TypeAdapter[Rule] = TypeAdapter(
    Annotated[reduce(or_, KINDS.values()), Field(discriminator="kind")]  # type: ignore[arg-type]
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and how to mend it. A ``warning`` stops nothing."""

    path: str
    where: str
    what: str
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.where}: {self.what}; {self.remedy}"


class PackError(ValueError):
    """Packs that cannot be used, with all their problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Packs:
    """The rules of all packs by id, in the order of the files; ``homes`` says which file."""

    texts: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)


def read_packs(texts: Mapping[str, str]) -> Packs:
    """The packs, or PackError with every mistake in all of them."""
    problems: list[Problem] = []
    rules: dict[str, Rule] = {}
    homes: dict[str, str] = {}
    for name, text in texts.items():
        for rule in _read(name, text, problems):
            if rule.id in rules:
                what = f"the id is taken by {homes[rule.id]}"
                problems.append(Problem(name, _named(rule.id), what, "give it another id"))
            rules.setdefault(rule.id, rule)
            homes.setdefault(rule.id, name)
    for rule in rules.values():
        for other in rule.rules_heard:
            if other not in rules:
                remedy = _nearest(other, rules) or "see docs/rules.md for the ids"
                what = f"there is no rule {other!r} to hear"
                problems.append(Problem(homes[rule.id], f"{_named(rule.id)}: step", what, remedy))
    if problems:
        raise PackError(problems)
    return Packs(texts=dict(texts), rules=rules, homes=homes)


def problems(packs: Packs, registry: Registry) -> list[Problem]:
    """What does not fit between the packs and what is registered: overrides, missing metrics."""
    found: list[Problem] = []
    places = {place.id: place for place in registry.places}
    places |= {f"{place.site}/{place.id}": place for place in registry.places}
    for n, override in enumerate(registry.overrides, 1):
        if override.metric:
            continue
        at = f"override {n} (rule {override.rule!r}, place {override.place!r})"
        rule, place = packs.rules.get(override.rule), places.get(override.place)
        if rule is None:
            remedy = _nearest(override.rule, packs.rules) or "see docs/rules.md for the ids"
            found.append(Problem("registry", at, "there is no such rule", remedy))
        if place is None:
            remedy = _nearest(override.place, places) or "register the place, or drop the override"
            found.append(Problem("registry", at, "there is no such place", remedy))
        if rule is None or place is None:
            continue
        try:
            rule.at(numbers(registry.overrides, rule.id, place.site, place.id))
        except ValueError as error:
            found.append(Problem("registry", at, str(error), "correct the override's numbers"))
    kinds = {(place.site, place.id): Where(place.kind.value) for place in registry.places}
    bound = {
        (metric, kinds[device.site, binding.place])
        for device in registry.devices
        for binding in device.bindings
        if (device.site, binding.place) in kinds
        for metric in binding.metrics
    }
    for rule in packs.rules.values():
        if rule.cls in NIGHT_CLASSES and rule.stale is None and not rule.JUDGES_DEVICES:
            # Packs of an older version, in a journal or a snapshot, must still be read.
            where = f"{_named(rule.id)}: stale"
            what = f"is missing: a rule of {rule.cls} says what silence means"
            remedy = f"use one of {', '.join(Stale)}; without it silence means nothing"
            found.append(Problem(packs.homes[rule.id], where, what, remedy, warning=True))
        away = [
            metric
            for metric in rule.metrics
            if _BY_THEMSELVES.isdisjoint(rule.places)
            and not any((metric, where) in bound for where in rule.places)
        ]
        if away:
            so = "it never rings" if len(away) == len(rule.metrics) else "it sees nothing of that"
            what = f"no place of its kinds has {', '.join(map(repr, away))}, so {so}"
            remedy = "bind a device that measures it, or leave it"
            found.append(Problem(packs.homes[rule.id], _named(rule.id), what, remedy, warning=True))
    return found


def _read(name: str, text: str, problems: list[Problem]) -> Iterator[Rule]:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(name, "the file", f"is no TOML: {error}", "mend that line"))
        return
    for key in raw:
        if key != "rule":
            remedy = _nearest(key, ["rule"]) or "a pack holds [[rule]] tables only"
            problems.append(Problem(name, key, "unknown key", remedy))
    tables = raw.get("rule", [])
    if not isinstance(tables, list):
        problems.append(Problem(name, "rule", "is one table", "write [[rule]]"))
        return
    for n, table in enumerate(tables, 1):
        id_ = table.get("id") if isinstance(table, dict) else None
        where = _named(id_) if isinstance(id_, str) else f"rule {n}"
        try:
            rule = _RULE.validate_python(table)
        except ValidationError as error:
            problems.extend(_problem(name, where, each, table) for each in error.errors())
            found = _unread_mistakes(table)
        else:
            found = [*_mistakes(rule), *rule.mistakes()]
            found += [] if found else rehearse(rule)  # a known mistake would be said twice
            yield rule
        problems.extend(Problem(name, f"{where}: {m.key}", m.what, m.remedy) for m in found)


def _mistakes(rule: Rule) -> Iterator[Mistake]:
    """What holds for every kind: its id, its metrics, its words."""
    if not is_id(rule.id):
        yield Mistake("id", f"{rule.id!r} is no id", "use a-z, 0-9 and '-', at most 64")
    for metric in rule.metrics:
        if metric not in METRICS:
            remedy = _nearest(metric, METRICS) or "see edge/contract/metrics.py"
            yield Mistake("metric", f"there is no metric {metric!r}", remedy)
    for names, key in ((rule.names, "names"), (rule.blind_to, "blind_to")):
        if not names.zh.strip() or not names.en.strip():
            yield Mistake(key, "is said in one language only", "give zh and en")
    if not rule.places:
        yield Mistake("places", "is empty", f"name some of {', '.join(Where)}")
    words = {language.value: asdict(say) for language, say in rule.say.items()}
    yield from _word_mistakes(words, rule.holes())


def _unread_mistakes(table: object) -> list[Mistake]:
    """What can be said of the sentences of a rule whose other keys are wrong."""
    kind = KINDS.get(str(table.get("kind"))) if isinstance(table, dict) else None
    if kind is None or not isinstance(table, dict) or not isinstance(table.get("say"), dict):
        return []
    return list(_word_mistakes(table["say"], COMMON_HOLES | kind.GIVES | {"port"}))


def _word_mistakes(say: object, known: frozenset[str]) -> Iterator[Mistake]:
    """Sentences that are missing, or name what is never filled."""
    for language in Language:
        words = say.get(language.value) if isinstance(say, dict) else None
        if not isinstance(words, dict):
            yield Mistake(f"say.{language}", "is missing", f"add [rule.say.{language}]")
            continue
        for key, template in words.items():
            if not isinstance(template, str):
                continue
            at = f"say.{language}.{key}"
            if not template.strip():
                yield Mistake(at, "is empty", "write the sentence")
            for hole in HOLE.findall(template):
                if hole not in known:
                    what = f"{{{hole}}} is never filled here"
                    yield Mistake(at, what, f"use one of {', '.join(sorted(known))}")
            rest = HOLE.sub("", template)
            if "{" in rest or "}" in rest:
                yield Mistake(at, "has a brace without its partner", "write {name}")


def _problem(name: str, where: str, error: Any, table: object) -> Problem:
    """One of pydantic's errors in our words."""
    path = list(error["loc"])
    if path and path[0] in KINDS:  # the first is the kind; further in, "rise" is a key
        del path[0]
    key = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in path)
    kind, last = error["type"], str(path[-1]) if path else ""
    at = f"{where}: {key}" if key else where
    if kind == "extra_forbidden" or kind == "unexpected_keyword_argument":
        known = _keys(table, path)
        remedy = _nearest(last, known) or f"use one of {', '.join(sorted(known))}"
        return Problem(name, at, "unknown key", remedy)
    if kind in ("missing", "missing_argument"):
        return Problem(name, at, "is missing", "add it")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        got = table.get("kind") if isinstance(table, dict) else None
        what = f"there is no kind {got!r}" if got else "is missing"
        return Problem(name, f"{where}: kind", what, f"use one of {', '.join(KINDS)}")
    what = str(error["msg"]).removeprefix("Value error, ")
    got = error.get("input")
    shown = "" if isinstance(got, dict | list) else f", got {got!r}"
    return Problem(name, at, what + shown, "correct the value")


def _keys(table: object, path: Sequence[Any]) -> list[str]:
    """The keys that may stand where the unknown one of ``path`` stands, as TOML spells them."""
    kind = KINDS.get(table.get("kind", "")) if isinstance(table, dict) else None
    if kind is None:
        return []
    schema = TypeAdapter(kind).json_schema()
    node: dict[str, Any] = schema
    for part in path[:-1]:
        node = _resolve(node, schema)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref", "")
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else node
    return found


def _nearest(word: str, known: Any) -> str:
    near = get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else ""


def _named(rule: str) -> str:
    return f"rule {rule!r}"

"""The call of a trial: read and checked at once, every mistake named before anything is run."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.figures import zone as zone_of
from alerts.packs import shipped
from alerts.registry.model import Registry
from alerts.registry.problem import RegistryError
from alerts.registry.toml import read as read_community
from alerts.rules.house import HouseTime
from alerts.rules.packs import Packs
from alerts.rules.plan import Plan
from alerts.rules.planning import plan
from alerts.trial.span import Span, warm_up_ms
from alerts.trial.variant import Variant, heard_by, misfits
from collector.commands import common
from collector.config import Config, StoreKind
from collector.errors import ConfigError
from collector.trial import asked
from collector.trial.sources import JournalEntries


@dataclass(slots=True, kw_only=True)
class Call:
    """The call, read and checked; ``since_ms`` and ``until_ms`` as far as they were given."""

    config: Config
    arguments: argparse.Namespace
    would: Variant
    against: Variant | None
    wanted: frozenset[str]
    packs: Packs
    registry: Registry
    since_ms: int | None
    until_ms: int | None
    warm_ms: int

    @property
    def variants(self) -> list[Variant]:
        return [self.would, *([self.against] if self.against else [])]

    @property
    def texts(self) -> dict[str, str]:
        return dict(self.packs.texts)

    @property
    def is_whole(self) -> bool:
        """Whether no span was asked for."""
        return self.since_ms is None and self.until_ms is None

    def metrics(self) -> frozenset[str] | None:
        """Those whose series are kept for charts; None, all, where a rule judges devices."""
        rules = [rule for name, rule in self.packs.rules.items() if name in self.wanted]
        if not rules or any(rule.JUDGES_DEVICES for rule in rules):
            return None
        return frozenset(metric for rule in rules for metric in rule.metrics)

    def plans(self) -> list[Plan]:
        """What each variant listens to."""
        found = []
        for variant in self.variants:
            packs = asked.read(variant.packs(self.texts), [])
            found.append(plan(packs, variant.registry(self.registry), HouseTime()))
        return found

    def span(self, since_ms: int, until_ms: int, warm_ms: int) -> Span:
        zone = _zone(self.registry, self.arguments.site)
        if since_ms >= until_ms:
            ends = ", ".join(
                f"{Span(since_ms=0, until_ms=1, warm_ms=0, zone=zone).local(ms):%Y-%m-%d %H:%M}"
                for ms in (since_ms, until_ms)
            )
            raise ConfigError([f"--from, --to: there is nothing between {ends}; name other times"])
        return Span(since_ms=since_ms, until_ms=until_ms, warm_ms=warm_ms, zone=zone)


def read_call(arguments: argparse.Namespace, journal: JournalEntries | None) -> Call:
    """ConfigError names every mistake of the call that can be seen before anything is read."""
    problems: list[str] = []
    config = common.settings(arguments.config, uses_store=True)
    texts = asked.pack_texts("--rules", arguments.rules or (), problems)
    other = asked.pack_texts("--against", arguments.against or (), problems)
    packs = asked.read(texts or shipped(), problems)
    if other:
        asked.read(other, problems)
    wanted = asked.rules_named(arguments.only, packs, problems)
    changes = asked.settings(arguments.set, packs, problems)
    warm_ms = asked.duration_ms("--warm-up", arguments.warm_up, problems)
    for option in ("json", "html"):
        asked.file_to_write(f"--{option}", getattr(arguments, option), problems)
    if arguments.csv:
        if arguments.journal is not None or arguments.source != "auto":
            problems.append("--csv: stands without --journal and --source; leave one of them out")
        problems += [
            f"--{name}: is needed with --csv"
            for name in ("community", "site", "device", "column")
            if not getattr(arguments, name)
        ]
        asked.columns(arguments.column, problems)
    registry = _registry(arguments, config, journal, problems)
    zone = _zone(registry, arguments.site)
    since_ms = asked.moment("--from", arguments.since, zone, problems)
    until_ms = asked.moment("--to", arguments.until, zone, problems)
    problems += misfits(packs, registry, changes)
    if problems:
        raise ConfigError(problems)
    heard = heard_by(packs, wanted)
    rules = [rule for rule in packs.rules.values() if not wanted or rule.id in heard]
    return Call(
        config=config,
        arguments=arguments,
        would=Variant(texts=texts or None, wanted=heard, settings=changes),
        against=Variant(texts=other, wanted=heard) if other else None,
        wanted=wanted,
        packs=packs,
        registry=registry,
        since_ms=since_ms,
        until_ms=until_ms,
        warm_ms=warm_up_ms(rules) if warm_ms is None else warm_ms,
    )


def journal_of(arguments: argparse.Namespace) -> JournalEntries | None:
    """The journal that is asked for, or that is there."""
    if arguments.csv or arguments.source == "store":
        return None
    config = common.settings(arguments.config, uses_store=True)
    path: Path = arguments.journal or config.journal_path
    if arguments.journal is not None and not path.is_file():
        raise ConfigError([f"{path}: there is no journal; name another with --journal"])
    if arguments.source == "journal" and arguments.journal is None:
        common.there(path, "journal")
    return JournalEntries(path) if path.is_file() else None


def _registry(
    arguments: argparse.Namespace,
    config: Config,
    journal: JournalEntries | None,
    problems: list[str],
) -> Registry:
    """Of the folder that is named, else of the operations database, else of the journal itself."""
    try:
        if arguments.community is not None:
            return read_community(arguments.community)
        if arguments.csv:
            return Registry()
        if arguments.journal is not None and not has_operations(config):
            return (journal.registry() if journal else None) or Registry()
        with common.known_operations(config) as operations:
            return operations.registry()
    except RegistryError as error:
        problems += [str(problem) for problem in error.problems]
    except ConfigError as error:
        if journal is None and not arguments.journal and not has_store(config):
            problems.append(
                f"there is no journal in {config.state}, and no store; "
                "name the settings with --config, or tables with --csv"
            )
        problems += error.problems
    return Registry()


def _zone(registry: Registry, site: str | None) -> ZoneInfo:
    """The zone of this site, else of the first one."""
    named = [one for one in registry.sites if one.id == site] or list(registry.sites)
    found = zone_of(named[0].time_zone if named else "UTC")
    return found if isinstance(found, ZoneInfo) else ZoneInfo("UTC")


def has_store(config: Config) -> bool:
    return config.store.kind is not StoreKind.EMBEDDED or config.readings_path.is_file()


def has_operations(config: Config) -> bool:
    file = common.database_file(config)
    return file is None or file.is_file()

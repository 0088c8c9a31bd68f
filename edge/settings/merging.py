"""The file with a layer over it, read by the file's own reader; no I/O but what that reader does."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge import config
from edge.config import EdgeConfig
from edge.contract.settings import Value
from edge.errors import ConfigError
from edge.settings import blunting
from edge.settings.kept import Layer
from edge.settings.remote import Laid, lay_over


class Source:
    """``edge.toml`` as it stands at one moment; ConfigError for its own mistakes."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None) -> None:
        self._path = path
        self._environment = environment
        self._raw: dict[str, Any] = config.load(path)
        self.config: EdgeConfig = config.build(self._raw, path, environment)

    def under(self, values: Mapping[str, Value]) -> tuple[Laid, EdgeConfig | None]:
        """The values over the file: its reader's problems become those of keys. None: it has some."""
        laid = lay_over(self._raw, values)
        try:
            merged = config.build(laid.raw, self._path, self._environment)
        except ConfigError as error:
            for problem in error.problems:
                place, _, text = problem.removeprefix(f"{self._path}: ").partition(": ")
                laid.problems.append(f"{laid.places.get(place, place)}: {text}")
            return laid, None
        if not laid.problems:
            laid.problems.extend(blunting.slowed(self.config, merged))
        return laid, None if laid.problems else merged

    def changed_by_hand(self, layer: Layer) -> list[str]:
        """The keys of which the file says something else than when the layer came."""
        over = lay_over(self._raw, layer.values).over
        return [key for key, was in layer.over.items() if over.get(key, was) != was]


def without(layer: Layer, keys: list[str]) -> Layer:
    """The layer less some keys."""
    return replace(
        layer,
        values={key: value for key, value in layer.values.items() if key not in keys},
        over={key: value for key, value in layer.over.items() if key not in keys},
    )


def changed(one: Layer, other: Layer) -> set[str]:
    """The keys whose values differ between two layers."""
    keys = one.values.keys() | other.values.keys()
    return {key for key in keys if one.values.get(key) != other.values.get(key)}


def while_running(before: EdgeConfig, wished: EdgeConfig) -> EdgeConfig:
    """What can be taken up without a restart: the line, the journal's pace, the agent's own."""
    return replace(
        before,
        mqtt=wished.mqtt,
        journal=replace(before.journal, durability_s=wished.journal.durability_s),
        health_interval_s=wished.health_interval_s,
        resend_s=wished.resend_s,
        backlog_per_s=wished.backlog_per_s,
    )

"""The engine's state as one JSON document, versioned: no pickle, nothing that can run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from pydantic import TypeAdapter

from alerts.registry.model import Registry
from alerts.rules.house import HouseTime
from alerts.rules.packs import Problem
from alerts.rules.plan import Key

VERSION = 1
TOGETHER = 1_000  # states in a piece: some 4 ms

_REGISTRY = TypeAdapter(Registry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the engine knows; the plan is made anew from packs and registry."""

    journal: str
    position: int
    registry: Registry
    packs: Mapping[str, str]
    problems: tuple[Problem, ...]
    house: HouseTime
    aside: Mapping[Key, list[Any]]
    """What ``Fault.dump`` gave."""
    told: Sequence[list[Any]]
    """(rule, subject, position) of the last transitions."""
    books: Sequence[list[Any]]
    states: Iterable[tuple[Key, list[Any]]]

    def encode(self) -> Iterator[bytes]:
        """In pieces, some milliseconds each: a hundred thousand states are never held as lists."""
        head = orjson.dumps(
            {
                "version": VERSION,
                "journal": self.journal,
                "position": self.position,
                "packs": self.packs,
                "problems": [[p.path, p.where, p.what, p.remedy, p.warning] for p in self.problems],
                "house": self.house.dump(),
                "aside": [[*key, *fault] for key, fault in self.aside.items()],
                "told": self.told,
                "books": self.books,
            }
        )
        yield head[:-1] + b',"registry":'
        yield _REGISTRY.dump_json(self.registry)
        between = b',"states":['
        states = iter(self.states)
        while some := [[*key, state] for key, state in islice(states, TOGETHER)]:
            yield between + orjson.dumps(some)[1:-1]
            between = b","
        yield b"]}" if between == b"," else between + b"]}"

    @classmethod
    def decode(cls, data: bytes) -> "Snapshot":
        """ValueError when the document is damaged or of another version."""
        try:
            raw = orjson.loads(data)
            if raw["version"] != VERSION:
                what = (
                    f"the rule snapshot has version {raw['version']}, this program reads {VERSION}"
                )
                raise ValueError(f"{what}; delete it to judge the journal from its start")
            return cls(
                journal=raw["journal"],
                position=raw["position"],
                registry=_REGISTRY.validate_json(orjson.dumps(raw["registry"])),
                packs=raw["packs"],
                problems=tuple(Problem(*problem) for problem in raw["problems"]),
                house=HouseTime(*raw["house"]),
                aside={(rule, subject, device): f for rule, subject, device, *f in raw["aside"]},
                told=raw.get("told", ()),  # not in snapshots of an older version
                books=raw["books"],
                states=[((rule, subject, device), s) for rule, subject, device, s in raw["states"]],
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"the rule snapshot is damaged: {error!r}") from error

"""`shouwang why INCIDENT [PERSON]`: everyone who was considered, and the reason."""

import sys
from collections.abc import Sequence

from alerts.incidents.who import Reason, zone_of
from alerts.words import Language
from collector.commands import common
from collector.config import Config
from collector.errors import EXIT_CONFIG


def main(argv: Sequence[str]) -> int:
    parser = common.parser("why", "Who was told of an incident, who was not, and why.")
    parser.add_argument("incident", type=int)
    parser.add_argument("person", nargs="?", help="one person's id")
    parser.add_argument("--lang", choices=[language.value for language in Language], default="zh")
    arguments = parser.parse_args(argv[1:])
    return common.guarded(
        lambda: _why(
            common.settings(arguments.config),
            arguments.incident,
            arguments.person,
            Language(arguments.lang),
        )
    )


def _why(config: Config, incident_id: int, person: str | None, language: Language) -> int:
    with common.known_operations(config) as operations:
        incident = operations.incident(incident_id)
        if incident is None:
            print(f"there is no incident {incident_id}", file=sys.stderr)
            return EXIT_CONFIG
        registry = operations.registry()
        names = {who.id: who.name for who in registry.people}
        there = zone_of(incident.subject.site, registry)
        considered = operations.considered(incident_id)
    rows = [
        [
            row.at.astimezone(there).strftime("%m-%d %H:%M:%S"),
            str(row.step),
            names.get(row.person, row.person),
            "✓" if row.told else "–",
            _reason(row.reason, language),
        ]
        for row in considered
        if person is None or row.person == person
    ]
    print(f"#{incident.id} {incident.rule} {incident.subject} ({incident.state.value})")
    head = (
        ["时间", "级", "谁", "通知", "原因"]
        if language is Language.ZH
        else ["when", "step", "who", "told", "reason"]
    )
    print(common.printable(common.table(head, rows)))
    return 0


def _reason(word: str, language: Language) -> str:
    """The reason in the reader's words; one that a newer version wrote stands as it is."""
    try:
        return Reason(word).text(language)
    except ValueError:
        return word

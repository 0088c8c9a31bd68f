"""`shouwang why INCIDENT [PERSON]`: everyone who was considered, the reason, and what became of it."""

import sys
from collections.abc import Mapping, Sequence
from datetime import tzinfo

from alerts.incidents.who import Reason, zone_of
from alerts.notify.notice import Notice
from alerts.words import Language
from collector.commands import common
from collector.config import Config
from collector.errors import EXIT_CONFIG
from dashboards.console.cards import channel_words
from dashboards.console.i18n import Words, words

NOTICES_MOST = 1000  # of one incident; the newest


def main(argv: Sequence[str]) -> int:
    parser = common.parser("why", "Who was told of an incident, who was not, and why.")
    parser.add_argument("incident", type=int, help="its number, as the pages show it")
    parser.add_argument("person", nargs="?", help="one person's id")
    common.add_language(parser)
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
            what = f"there is no incident {incident_id}; the page of the incidents has the numbers"
            print(what, file=sys.stderr)
            return EXIT_CONFIG
        registry = operations.registry()
        names = {who.id: who.name for who in registry.people}
        there = zone_of(incident.subject.site, registry)
        considered = operations.considered(incident_id)
        notices = operations.notices(incident=incident_id, limit=NOTICES_MOST)
    rows = [
        [
            row.at.astimezone(there).strftime("%m-%d %H:%M:%S"),
            str(row.step + 1),  # people count from one, as on the page
            names.get(row.person, row.person),
            "✓" if row.told else "–",
            _reason(row.reason, language),
        ]
        for row in considered
        if person is None or row.person == person
    ]
    told = [one for one in reversed(notices) if person is None or one.person == person]
    if person is not None and not rows and not told:
        known = ", ".join(sorted({row.person for row in considered})) or "nobody"
        what = f"{person!r} was not considered for incident {incident_id}; considered were: {known}"
        common.complain([what])
        return EXIT_CONFIG
    t = words(language)
    state = t(f"state.{incident.state.value}")
    print(common.printable(f"#{incident.id} {incident.rule} {incident.subject} · {state}"))
    head = (
        ["时间", "级", "谁", "通知", "原因"]
        if language is Language.ZH
        else ["when", "step", "who", "told", "reason"]
    )
    print(common.printable(common.table(head, rows)))
    if told:
        print(common.printable(common.table(*_sent(told, names, there, t))))
    return 0


def _sent(
    notices: Sequence[Notice], names: Mapping[str, str], there: tzinfo, t: Words
) -> tuple[list[str], list[list[str]]]:
    """What was sent where, and what the channel says of it, in the words of the pages."""
    rows = [
        [
            one.created_at.astimezone(there).strftime("%m-%d %H:%M:%S"),
            names.get(one.person, one.person),
            channel_words(one.address, t),
            t(f"notice.{one.state.value}"),
            one.title,
            one.detail,
        ]
        for one in notices
    ]
    head = ("when", "who", "by", "state", "message", "detail")
    return [t(f"why.{name}") for name in head], rows


def _reason(word: str, language: Language) -> str:
    """The reason in the reader's words; one that a newer version wrote stands as it is."""
    try:
        return Reason(word).text(language)
    except ValueError:
        return word

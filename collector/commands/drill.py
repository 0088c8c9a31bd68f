"""`shouwang drill SITE/PLACE RULE`: an incident marked 【演练】 that goes the whole way to real people.

It is told, climbs and is taken over as a real one, and ends by itself; what became of each notice
is shown. Exit codes: 0 somebody was reached, 2 the call is wrong, 3 no notice was taken in time.
"""

import argparse
import getpass
import sys
import time
from collections.abc import Collection, Sequence
from datetime import timedelta, tzinfo
from difflib import get_close_matches

from alerts.incidents.acts import Refused
from alerts.incidents.model import Incident
from alerts.incidents.who import zone_of
from alerts.notify.notice import Notice, NoticeState
from alerts.packs import shipped
from alerts.registry.model import Place, Registry
from alerts.rules.packs import read_packs
from alerts.store.drills import LONGEST
from alerts.store.operations import Operations
from alerts.words import Language, Severity
from collector.commands import common
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE
from dashboards.console.cards import channel_words
from dashboards.console.i18n import Words, words

LOOK_S = 0.2  # real seconds between two looks at the outbox
WAIT_S = 20.0  # real seconds: an attempt's own limit
_PENDING = (NoticeState.WAITING, NoticeState.RETRYING)
_REACHED = (NoticeState.ACCEPTED, NoticeState.OPENED, NoticeState.ACKNOWLEDGED)


def main(argv: Sequence[str]) -> int:
    parser = common.parser("drill", "An incident marked as a drill, to real people, with receipts.")
    parser.add_argument("place", metavar="SITE/PLACE", help="such as linjiang/shed-2")
    parser.add_argument("rule", help="as if this rule had raised there")
    parser.add_argument("--severity", choices=["minor", "major", "critical"], default="major",
                        help="default: %(default)s")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=15.0,
                        help="until it ends by itself (default: %(default)g)")  # fmt: skip
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="SECONDS",
                        help="for the receipts (default: %(default)g)")  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="do not ask before people are told")
    parser.add_argument("--who", default=getpass.getuser(), help="who answers for it")
    parser.add_argument("--why", default="drill", help="the reason, kept with the incident")
    common.add_language(parser)
    arguments = parser.parse_args(argv[1:])
    return common.guarded(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    packs = read_packs(shipped())
    rule = packs.rules.get(arguments.rule)
    if rule is None:
        return _wrong(f"there is no rule {arguments.rule!r}; {_near(arguments.rule, packs.rules)}")
    if not 0 < arguments.wait <= 3600:
        return _wrong(f"--wait {arguments.wait:g}: from above 0 to 3600 seconds")
    if not 0 < arguments.minutes <= LONGEST.total_seconds() / 60:
        most = f"{LONGEST.total_seconds() / 60:g}"
        return _wrong(f"--minutes {arguments.minutes:g}: from above 0 to {most} minutes")
    config, language = common.settings(arguments.config), Language(arguments.lang)
    with common.known_operations(config, tells=True) as operations:
        registry = operations.registry()
        place = _place(registry, arguments.place)
        if isinstance(place, str):
            return _wrong(place)
        if not (arguments.yes or _is_sure(place)):
            print("nobody was told", file=sys.stderr)
            return EXIT_CONFIG
        begun = operations.open_drill(
            place,
            arguments.rule,
            rule.cls,
            Severity[arguments.severity.upper()],
            timedelta(minutes=arguments.minutes),
            arguments.who,
            arguments.why,
            common.clock(config).now(),
        )
        if isinstance(begun, Refused):
            return _wrong(begun.reason.text(language))
        notices = _await(operations, begun, arguments.wait)
        print(f"#{begun.id} {begun.rule} {begun.subject}")
        registry = operations.registry()
        there = zone_of(begun.subject.site, registry)
        print(common.printable(_receipts(notices, registry, there, words(language))))
    if any(notice.state in _REACHED for notice in notices):
        return 0
    print(
        "no notice was taken yet; is `shouwang serve` running? "
        f"shouwang why {begun.id} says who was considered",
        file=sys.stderr,
    )
    return EXIT_OUTSIDE


def _await(operations: Operations, drill: Incident, wait_s: float) -> list[Notice]:
    """Until every notice of it is settled, or the time is over; oldest first."""
    until_s = time.monotonic() + wait_s
    while True:
        notices = operations.notices(incident=drill.id, limit=200)[::-1]
        done = notices and not any(notice.state in _PENDING for notice in notices)
        if done or time.monotonic() >= until_s:
            return notices
        time.sleep(LOOK_S)


def _receipts(notices: Sequence[Notice], registry: Registry, there: tzinfo, t: Words) -> str:
    names = {person.id: person.name for person in registry.people}
    rows = [
        [
            names.get(notice.person, notice.person),
            channel_words(notice.address, t),
            t(f"notice.{notice.state.value}"),
            notice.settled_at.astimezone(there).strftime("%H:%M:%S") if notice.settled_at else "",
            notice.detail,
        ]
        for notice in notices
    ]
    return common.table(
        [t(f"why.{name}") for name in ("who", "by", "state", "when", "detail")], rows
    )


def _place(registry: Registry, name: str) -> Place | str:
    known = {f"{place.site}/{place.id}": place for place in registry.places}
    if name in known:
        return known[name]
    return f"there is no place {name!r}; {_near(name, known)}"


def _near(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, 1)
    some = ", ".join(sorted(known)) or "none is there"
    return f"did you mean {near[0]!r}?" if near else f"use one of: {some}"


def _is_sure(place: Place) -> bool:
    try:
        asked = input(f"really tell the people of {place.site}/{place.id}? [y/N] ")
    except EOFError:
        return False
    return asked.strip().lower() in ("y", "yes")


def _wrong(what: str) -> int:
    print(common.printable(what), file=sys.stderr)
    return EXIT_CONFIG

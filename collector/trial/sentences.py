"""A report in plain sentences: the summary, what rings too often, what the readings cannot tell."""

from collections.abc import Iterator

from alerts.figures import clean, number
from alerts.trial.tally import Often
from collector.trial.report import Report, RuleReport, SourceKind, woken
from collector.trial.words import Words

_BLIND = {
    SourceKind.JOURNAL: (),
    SourceKind.STORE: ("arrival", "status", "withheld", "warnings"),
    SourceKind.CSV: ("arrival", "status", "quality", "others", "warnings"),
}
NAMES_MOST = 6


def summary(made: Report, words: Words) -> list[str]:
    """What would have happened, and what did."""
    span, tallies = made.span, [one.would for one in made.rules]
    rang = sum(tally.rang for tally in tallies)
    ends = {
        "since": words.day(span.local(span.since_ms)),
        "until": words.day(span.local(span.until_ms)),
    }
    found = []
    if rang:
        night = sum(tally.night for tally in tallies)
        lead = "lead.rang" if night else "lead.day"
        found.append(
            words(lead, what=_what(made, words), times=words.times(rang), night=night, **ends)
        )
        longest = max(tally.longest_ms for tally in tallies)
        usual = max(tallies, key=lambda tally: tally.rang).median_ms
        if len([tally for tally in tallies if tally.rang]) == 1:
            found.append(
                words("lead.long", longest=words.lasted(longest), median=words.lasted(usual))
            )
        found.append(_woken(made, words))
    else:
        found.append(words("lead.calm", what=_what(made, words), **ends))
    if carried := sum(tally.carried for tally in tallies):
        found.append(words("lead.carried", n=carried))
    if made.against:
        others = sum(one.against.rang for one in made.rules if one.against)
        found.append(
            words("lead.against", name=_name(made.against, words), times=words.times(others))
        )
    if made.knows_reality:
        matched = [one.matched for one in made.rules]
        did = sum(one.did.rang + one.did.carried for one in made.rules if one.did)
        met, new = sum(m.met for m in matched), sum(m.new for m in matched)
        gone = sum(len(m.gone) for m in matched)
        found.append(words("lead.did", times=words.times(did), met=met, new=new, gone=gone))
        if false := sum(one.false_alarms for one in made.rules):
            found.append(words("lead.false", n=false))
        if made.untold:
            found.append(words("lead.untold", n=made.untold, times=words.times(made.untold)))
    return found


def too_often(made: Report, words: Words) -> list[str]:
    """What would be muted in a week, with the reason."""
    found = []
    for one in made.rules:
        per_day = number(one.would.per_day, 1)
        values = {"name": name_of(one, words), "per_day": per_day}
        values["share"] = words.share(one.would.share)
        found += [words(f"often.{often}", **values) for often in Often if often in one.would.often]
    return found


def about(made: Report, words: Words) -> list[str]:
    """Where the readings come from, what was read before, and what cannot be seen."""
    origin, span = made.origin, made.span
    found = [words(f"source.{origin.kind}", name=origin.name)]
    found.append(words("source.count", readings=f"{origin.readings:,}"))
    if span.warm_ms < span.since_ms:
        at, since = (words.day(span.local(ms)) for ms in (span.warm_ms, span.since_ms))
        found.append(words("warm.some", at=at, since=since))
    else:
        found.append(words("warm.none"))
    found += [words(f"blind.{key}") for key in _BLIND[origin.kind]]
    for note in origin.notes:
        at = "" if note.at_ms is None else words.day(span.local(note.at_ms))
        found.append(words(note.key, at=at, n=note.n, text=note.text))
    if made.settings:
        text = ", ".join(f"{one.rule}.{one.key} = {one.value:g}" for one in made.settings)
        found.append(words("settings", text=text))
    return found


def name_of(one: RuleReport, words: Words) -> str:
    """The rule's name; its id where its pack is gone."""
    return clean(one.rule.names.by(words.language)) if one.rule else one.id


def _name(against: str, words: Words) -> str:
    return words("shipped") if against == "shipped" else against


def _what(made: Report, words: Words) -> str:
    if len(made.rules) == 1 and not made.quiet:
        return words("lead.one", name=name_of(made.rules[0], words))
    if made.quiet:
        return words("lead.all", n=len(made.rules) + made.quiet)
    return words("lead.many", n=len(made.rules))


def _woken(made: Report, words: Words) -> str:
    times = sum(one.would.woken for one in made.rules)
    if not times:
        return words("lead.sleep")
    names = woken(made)
    if not names:
        return words("lead.woken-nobody", times=words.times(times))
    return words(
        "lead.woken", times=words.times(times), names=words("comma").join(_named(names, words))
    )


def _named(names: dict[str, int], words: Words) -> Iterator[str]:
    for name in list(names)[:NAMES_MOST]:
        yield f"{clean(name)} {words.times(names[name])}"
    if len(names) > NAMES_MOST:
        yield "…"

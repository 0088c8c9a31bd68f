"""``docs/incidents.md``, drawn from the tables that the code runs on.

``python -m alerts.incidents.page > docs/incidents.md`` writes it anew; a test compares the two.
"""

import sys
from collections.abc import Iterator

from alerts.incidents.daytime import DAY, EVENING, LEAVES
from alerts.incidents.endings import BEFORE as ENDS_BEFORE
from alerts.incidents.endings import LONG
from alerts.incidents.flapping import FLAP
from alerts.incidents.grouping import CAUSES, RETURN, WINDOW
from alerts.incidents.lifecycle import TIMERS, TRANSITIONS, Event
from alerts.incidents.model import State
from alerts.incidents.reminders import SHARES, STALE, TOGETHER
from alerts.incidents.shifts import BEFORE, EMPTY_BEFORE, KEPT
from alerts.incidents.silences import LONGEST, SNOOZE_LONGEST
from alerts.incidents.who import USUAL_NIGHT, USUAL_TIERS, VOLUNTEERS, Reason
from alerts.links import AFTER_CLOSE, MAY, Deed, LinkKind
from alerts.links import LONGEST as LINK_LONGEST
from alerts.links import MEANINGS as MEANINGS_OF_DEEDS
from alerts.words import NIGHT_CLASSES, SECOND_LOOK_CLASSES, IncidentClass, Language, Severity

MEANINGS: dict[Event, str] = {
    Event.HELD: "The rule has held it for true: the incident is written down and the first tier told.",
    Event.UPDATED: "New figures, no worse than people have been told.",
    Event.ROSE: "Worse than people have been told: everyone told is told again, and an "
    "acknowledgement is void.",
    Event.CLEARED: "The rule has cleared. Somebody must look again (复查).",
    Event.ENDED: "The rule has cleared, and nobody needs to look again: upkeep, the watch itself, "
    "what was for the record only, or a false alarm.",
    Event.UNPROVEN: "The rule has cleared by the word of an untrusted source alone: a person has to "
    "look before it is over, the climb goes on, and no timer closes it.",
    Event.RELAPSED: "Back before it was closed: the same incident, from the first tier on.",
    Event.FLAPPED: "Back once more, of what keeps coming and going: nobody is told again, and the "
    "climb goes on where it stood.",
    Event.FLAPPED_IN_HAND: "The same, and whoever took it over still has it.",
    Event.CALM: "It has stayed away: its recovery is told, and the second look asked for.",
    Event.ACKNOWLEDGED: "A person takes over: the climb stops. It comes too late once the rule has "
    "cleared.",
    Event.ASSIGNED: "A person gives it to another, who is told: the climb stands still for as long "
    "as they have to answer.",
    Event.EXPIRED: "The acknowledgement, or the time to answer, has run out: the climb goes on from the same tier.",
    Event.FALSE_ALARM: "A person says so: mute, also for a rise, until the rule has cleared once.",
    Event.STILL_THERE: "A person looked again, and it is still there: open until a person says it "
    "is over, whatever the sensor says.",
    Event.NOT_CONTENT: "Whoever reported it was called on (回访) and says that it is still there: open "
    "again, also after it has closed, until a person says it is over.",
    Event.CONFIRMED: "A person looked again, and it is over. Not while the rule still sees it.",
    Event.TIMED_OUT: "Nobody looked again in time: closed, and recorded as unconfirmed.",
    Event.DRILL_OVER: "Only of a [drill](drills.md): its time is over.",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def diagram() -> Iterator[str]:
    """The lifecycle as a mermaid state diagram."""
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.PENDING}"
    for state, events in TRANSITIONS.items():
        targets: dict[State, list[str]] = {}
        for event, target in events.items():
            targets.setdefault(target, []).append(event.value)
        for target, names in targets.items():
            yield f"    {state} --> {target}: {', '.join(names)}"
    yield f"    {State.CLOSED} --> [*]"


def _lines() -> Iterator[str]:
    yield from (
        "# Incidents, and who is told",
        "",
        "Written by `python -m alerts.incidents.page > docs/incidents.md` from the tables that the",
        "code runs on. One incident per (rule, subject) until it is closed.",
        "",
        "## The lifecycle",
        "",
        "```mermaid",
        *diagram(),
        "```",
        "",
        "| event | what has happened |",
        "|---|---|",
        *(f"| {event} | {MEANINGS[event]} |" for event in Event),
        "",
        f"A source is untrusted when its protocol lets anybody speak for it (a plug, a bureau's "
        f"station). It raises what it likes, and never clears {_all(NIGHT_CLASSES)}, nor makes it "
        f"milder. A trusted device that saw the same danger does.",
        "",
        f"Second look after {_all(SECOND_LOOK_CLASSES)}. Nobody is given a deadline for it; after "
        f"{_hours(TIMERS.second_look.total_seconds())} it closes as unconfirmed. An acknowledgement "
        f"lasts {_hours(TIMERS.acknowledgement.total_seconds())}. Both run on the house clock. "
        f"Whoever is given an incident answers within {_answers()}.",
        "",
        f"What comes back {FLAP.times} times within {_hours(FLAP.window.total_seconds())}, or opens "
        f"and ends as often, keeps coming and going: that is told once, and then no more of it, but "
        f"a rise in severity, until it has stayed away for {_hours(FLAP.calm.total_seconds())}.",
        "",
        "A false alarm needs a reason. Of what has closed, the page of the rules shows beside each "
        "rule how often it was real, how often a false alarm and how often nobody looked. When "
        "somebody reported an incident (代填), calling on them (回访) is a duty once it has "
        "recovered or closed.",
        "",
        "## The climb",
        "",
        "The tiers are the registry's, by kind of place and class. A tier has its wait for the "
        "incident's severity, counted from when a channel took the first notice, or from when the "
        "notices were written while none was taken; then the next tier is told. A tier in which "
        "nobody can be told, or in which every notice was refused, gives way at once. When nothing "
        "is registered for a kind of place:",
        "",
        "| place | tiers |",
        "|---|---|",
        *(
            f"| {kind} | {' → '.join(step.role.value for step in steps)} |"
            for kind, steps in USUAL_TIERS.items()
        ),
        "",
        "What the service has about itself goes to the engineers. Upkeep waits for the day: whoever "
        f"named no quiet hours hears nothing of it from {USUAL_NIGHT[0]} to {USUAL_NIGHT[1]}, and it "
        "climbs from the morning on. No phone is rung to say that something is over, and no further "
        "address is tried for a call that was refused once somebody has taken over.",
        "",
        "What is over, back again or judged a false alarm before its notices went out (quiet hours, a channel that is "
        "away) makes them stale: whoever heard nothing hears the last word at most, and of upkeep, "
        "a false alarm and a drill not even that. Where nobody takes a second look, the first "
        "tier's others are asked, then the next tiers. What waits when an address leaves the "
        "registry goes to the person's new one; whoever has left is sent nothing.",
        "",
        "## What is told as one",
        "",
        f"An incident that opens at the same place within {WINDOW.total_seconds() / 60:g} minutes "
        "of another, and is no worse, becomes a part of it (fire of fire only; otherwise the same "
        f"class, or both of {_all(NIGHT_CLASSES)}): nobody is called a second time, and whoever "
        "takes the first over has both. A cause leads whatever follows from it, also what opened "
        "before:",
        "",
        "| cause | what follows | tie |",
        "|---|---|---|",
        *(
            f"| {', '.join(sorted(c.rules))} | {', '.join(sorted(c.follow))} | {c.tie} |"
            for c in CAUSES
        ),
        "",
        "`gateway`: devices.toml says through which device another speaks. `place`: with its sockets "
        "and devices. `site`: what began at about the same time, where the cause's first tier has "
        "everybody that the other's has. Follows only what is no worse than the cause and began with it or later (a "
        "silence with the last word before it), and of a voltage only too little by the one meter "
        "there. What is worse, smoke and all else of fire above all, is told as ever.",
        "",
        "The cause's messages say how many devices are silent by it. A part that gets worse than "
        "people know of by its leader, or is still there when the leader has recovered, was closed "
        "or was a false alarm, is told by itself; what followed from a cause that is over has "
        f"{RETURN.total_seconds() / 60:g} minutes to come back first.",
        "",
        "## Quiet that people ask for",
        "",
        "| | covers | who | while it holds | when it ends |",
        "|---|---|---|---|---|",
        f"| silence 静默, maintenance 检修 | a site, place, device or rule, up to "
        f"{LONGEST.days} days, from now on or from a later moment; fire only once a second person has agreed | anybody of the site, "
        "with the reason | nobody is called, the climb stands still; how it ended is told to "
        "whoever had been told before | told if it is still so: whoever was not told is, and "
        "whoever was has the whole wait again |",
        f"| snooze 免打扰 | one's own notices, up to {_hours(SNOOZE_LONGEST.total_seconds())}: of one "
        f"incident, or of all but {_all(NIGHT_CLASSES)}; never a rise in severity | oneself | the "
        "next tier is asked at once | the notice comes then |",
        "",
        "## Reminders",
        "",
        f"A second look that nobody has done, and a call on whoever reported that is open, are "
        f"reminded of (提醒) when {_shares()} of {_hours(TIMERS.second_look.total_seconds())} have "
        "passed since the duty was opened: twice at most, and no more once it is done, closed, a "
        f"false alarm, going on again, or {STALE.days} days old. The shares follow 催办 of work "
        "orders; all the other figures are proposals.",
        "",
        "| | |",
        "|---|---|",
        "| to whom | whoever has the duty; else the first tier. Where nobody there can be reminded, "
        "the next tier is asked to send somebody, once |",
        f"| to whom never | a volunteer ({', '.join(sorted(VOLUNTEERS))}), and whoever said 去不了: the "
        "tier behind is asked in their place, in words that blame nobody, and at once if he says so to a "
        "reminder |",
        f"| when | from {DAY[0]:%H:%M} to {DAY[1]:%H:%M} of the site; what would fall into the night "
        f"comes at {DAY[0]:%H:%M}, or, where that leaves less than {_hours(LEAVES.total_seconds())} "
        f"until it closes by itself, at {EVENING:%H:%M} before. Quiet hours, a snooze and a silence "
        "hold it back, for every class |",
        "| by what | the first address of one's own that rings no phone and says nothing aloud, then a "
        "group's, never one that a volunteer reads; a text message only where there is no other |",
        "| how many | one message for all that waits for one person, with a link for each; what "
        f"comes due within {_hours(TOGETHER.total_seconds())} goes along. What is done before it is "
        "sent is taken out of it, or the message is overtaken |",
        "",
        "A call is written down on the page of the incident, where the number stands, so a reminder "
        "of it leads there and not to the phone page. A reminder goes out as class upkeep: it takes no "
        "token that is kept for fire.",
        "",
        f"Whoever takes over a post by its rota is told {BEFORE.total_seconds() / 60:g} minutes before: "
        "from when to when, and for which places; for a turn that begins at night or in the morning, the "
        "evening before. Only at an address of their own. Of a turn that nobody has (a hole of the rota, "
        "or somebody away without a stand-in) the tier behind the post is told "
        f"{_hours(EMPTY_BEFORE.total_seconds())} before; of a hole not again within {KEPT.days} days "
        "(`shouwang check` names all of them). What is missing now is the incident `house-untold-posts`, for whoever mends "
        "the service; this looks ahead, and asks whoever can still put somebody in.",
        "",
        f"Whoever asked for a silence of {_hours(LONG.total_seconds())} or more is told "
        f"{_hours(ENDS_BEFORE.total_seconds())} before it ends, the evening before where that would be "
        "at night.",
        "",
        "## Links in notices",
        "",
        "A notice's link is signed for the person it goes to and for its one incident. It is good "
        f"for every step of that incident until {_hours(AFTER_CLOSE.total_seconds())} after it has "
        f"closed, {LINK_LONGEST.days} days at most, and for nothing else; whoever leaves the "
        "registry takes no access along. Opening it changes nothing and counts for nothing: chat "
        "apps fetch links before people do. The token moves from the address into a cookie at "
        "once, and is masked in logs, pages and answers. Who opens a group's link is asked who is "
        "there, and gets a link of their own at their own address. The key is the file `links.key` "
        "in the state directory: deleting it ends every link that is out.",
        "",
        "| deed | personal | group | |",
        "|---|---|---|---|",
        *(
            f"| {deed} | {'yes' if deed in MAY[LinkKind.PERSONAL] else 'no'} | "
            f"{'yes' if deed in MAY[LinkKind.GROUP] else 'no'} | {MEANINGS_OF_DEEDS[deed]} |"
            for deed in Deed
        ),
        "",
        "## Who is told",
        "",
        f"Quiet hours hold everything back but {_all(NIGHT_CLASSES)}, also what was held up or tried "
        "in vain until they began; upkeep below major waits for the daily digest; what is for the "
        "record only tells nobody. Everybody of the site who was "
        "considered is recorded with one of these reasons (`shouwang why`):",
        "",
        "| reason | told | 中文 | English |",
        "|---|---|---|---|",
        *(
            f"| {reason} | {'yes' if reason.told else 'no'} | {reason.text(Language.ZH)} | "
            f"{reason.text(Language.EN)} |"
            for reason in Reason
        ),
    )


def _all(classes: frozenset[IncidentClass]) -> str:
    return ", ".join(cls.value for cls in IncidentClass if cls in classes)


def _answers() -> str:
    return ", ".join(
        f"{span.total_seconds() / 60:g} minutes ({severity.name.lower()})"
        for severity, span in TIMERS.answer.items()
        if severity > Severity.INFO
    )


def _shares() -> str:
    return " and ".join(f"{share:.0%}" for share in SHARES)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} hour{'' if seconds == 3600 else 's'}"


if __name__ == "__main__":
    sys.stdout.write(page())

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from alerts.registry.check import check, is_mailbox
from alerts.registry.model import (
    Address,
    Away,
    Binding,
    ChannelKind,
    Circuit,
    Device,
    Format,
    Names,
    Override,
    PlaceKind,
    PostRole,
    Registry,
    Rota,
    Site,
    Subscription,
    Tier,
    Tiers,
    Turn,
)
from alerts.registry.toml import read
from alerts.words import IncidentClass, Severity

DEMO = read(Path(__file__).parents[3] / "collector" / "demo" / "community")
SHED = 1  # its index among the places


def first(table: str, **changes: Any) -> Callable[[Registry], Registry]:
    return nth(table, 0, **changes)


def nth(table: str, n: int, **changes: Any) -> Callable[[Registry], Registry]:
    def change(registry: Registry) -> Registry:
        items = list(getattr(registry, table))
        items[n] = replace(items[n], **changes)
        return replace(registry, **cast(Any, {table: tuple(items)}))

    return change


def more(table: str, *items: Any) -> Callable[[Registry], Registry]:
    return lambda registry: replace(
        registry, **cast(Any, {table: (*getattr(registry, table), *items)})
    )


def hook(to: str, secret: str = "") -> tuple[Address, ...]:
    return (Address(channel=ChannelKind.WEBHOOK, to=to, secret=secret),)


def announcer(to: str) -> tuple[Address, ...]:
    return (Address(channel=ChannelKind.ANNOUNCER, to=to),)


def on(channel: ChannelKind, to: str, group: bool = True) -> tuple[Address, ...]:
    return (Address(channel=channel, to=to, group=group),)


def announced_elsewhere(registry: Registry) -> Registry:
    box = Device(id="box", site="far", names=Names(zh="甲"), bindings=(), command_key="env:X")
    far = replace(registry, sites=(*registry.sites, Site(id="far", names=Names(zh="远"))))
    far = replace(far, devices=(*far.devices, box))
    return first("people", addresses=announcer("far/box"))(far)


def override(**changes: Any) -> Override:
    usual = {"rule": "do-low", "place": "laobakou", "set": {"below": 2.5}, "who": "zhang",
             "at": "2026-11-22", "why": "x"}  # fmt: skip
    return Override(**(usual | changes))


TWIN = Device(
    id="laobakou-02",
    site="linjiang",
    names=Names(zh="甲"),
    bindings=(Binding(place="laobakou", metrics=("do", "ph")),),
)
PLUG = Device(
    id="plug",
    site="linjiang",
    names=Names(zh="插座"),
    format=Format.TASMOTA,
    address="plug-1",
    bindings=(Binding(place="shed-2", port="7", metrics=("frequency",)),),
)


def plug(**changes: Any) -> Callable[[Registry], Registry]:
    return more("devices", replace(PLUG, **changes))


def maps(**mapping: str) -> tuple[Binding, ...]:
    return (Binding(place="shed-2", port="7", metrics=("frequency",), mapping=mapping),)


def stands_in(*chain: str) -> Callable[[Registry], Registry]:
    """Each is stood in for by the next."""

    def change(registry: Registry) -> Registry:
        after = dict(pairwise(chain))
        people = tuple(
            replace(
                p, stand_in=after.get(p.id, ""), addresses=() if p.id == "zhou" else p.addresses
            )
            for p in registry.people
        )
        return replace(registry, people=people)

    return change


def rota(*turns: Turn, post: str = "guard") -> Callable[[Registry], Registry]:
    return more("rotas", Rota(post=post, turns=turns))


ALL_DAY = Turn(person="chen", since="00:00", until="00:00")

ROWS: list[tuple[str, Callable[[Registry], Registry], str]] = [
    ("a loop of stand-ins", stands_in("zhang", "li", "zhang"), "people[zhang].stand_in: a loop: zhang -> li -> zhang; let one"),
    ("a stand-in without an address", stands_in("zhang", "zhou"), "people[zhang].stand_in: zhou has no address"),
    ("an unknown stand-in", first("people", stand_in="lii"), "there is no person 'lii'; did you mean 'li'?"),
    ("days that are none", first("people", away=(Away(since="tomorrow", until="2026-01-01"),)), "people[zhang].away[1]: tomorrow to 2026-01-01 are no days"),
    ("days backwards", first("people", away=(Away(since="2026-01-02", until="2026-01-01"),)), "2026-01-01 is before 2026-01-02"),
    ("a gateway that is no device", first("devices", gateway="laobakou-01"), "devices[laobakou-01].gateway: there is no other device 'laobakou-01'"),
    ("an empty rota", rota(), "rotas.toml: rotas[guard].turns: no turn"),
    ("a rota of no post", rota(ALL_DAY, post="chen"), "rotas[chen].post: there is no post 'chen'"),
    ("a turn of nobody", rota(replace(ALL_DAY, person="chan")), "rotas[guard].turns[1].person: there is no person 'chan'; did you mean"),
    ("a turn at no time", rota(replace(ALL_DAY, since="8")), "rotas[guard].turns[1].since: '8' is no time of day"),
    ("a turn on no day", rota(replace(ALL_DAY, days=("monday",))), "there is no day 'monday'; did you mean 'mon'?"),
    ("a rota twice", lambda r: rota(ALL_DAY)(rota(ALL_DAY)(r)), "rotas[guard].id: stands twice"),
    ("a subscription of nobody", more("subscriptions", Subscription()), "subscriptions[1]: names a person and a role, or neither"),
    ("a subscription of somebody unknown", more("subscriptions", Subscription(person="lii")), "there is no person 'lii'"),
    ("a subscription elsewhere", more("subscriptions", Subscription(person="li", places=("shed",))), "subscriptions[1].places: there is no place 'shed'"),
    ("a cell's id", lambda r: replace(r, cell="River Side"), "sites.toml: cell: 'River Side' is no id"),
    ("an id in capitals", first("people", id="Zhang"), "people.toml: people[Zhang].id: 'Zhang' is no id"),
    ("the house's name", first("devices", id="server"), "'server' is the house's own name"),
    ("an unknown zone", first("sites", time_zone="Asia/Linjiang"), "sites[linjiang].time_zone: no time zone"),
    ("an unknown site", first("places", site="linjang"), "did you mean 'linjiang'?"),
    ("half a position", first("places", latitude=None), "places[laobakou].latitude: half a position"),
    ("a swapped position", first("places", latitude=120.6), "places[laobakou].latitude: 120.6 is off the globe"),
    ("an unknown neighbour", first("places", neighbours=("shed-3",)), "places[laobakou].neighbours: there is no other place 'shed-3'; did you mean 'shed-5'?"),
    ("a neighbour of itself", first("places", neighbours=("laobakou",)), "there is no other place 'laobakou'"),
    ("a number of quality misspelt", more("overrides", override(rule="", metric="do", set={"spike_supect": 3.0})),
     "overrides[1].set.spike_supect: is no number of quality; did you mean 'spike_suspect'?"),
    ("a span upside down", more("overrides", override(rule="", metric="do", set={"suspect_high": 30.0})),
     "overrides[1].set.suspect_high: suspect_high 30 is above fail_high 25; let them rise"),
    ("a negative spike", more("overrides", override(rule="", metric="do", set={"spike_suspect": -1.0})),
     "overrides[1].set.spike_suspect: -1 is below 0; write 0 to switch the test off"),
    ("a flat line of a month", more("overrides", override(rule="", metric="do", set={"flat_fail_h": 720.0})),
     "overrides[1].set.flat_fail_h: 720 hours; write 336"),
    ("an infinite number of quality", more("overrides", override(rule="", metric="do", set={"noise": float("inf")})),
     "overrides[1].set.noise: inf; write a finite number"),
    ("quality of no metric", more("overrides", override(rule="", metric="dox")),
     "overrides[1].metric: there is no metric 'dox'; did you mean"),
    ("a rule and a metric", more("overrides", override(metric="do")), "overrides[1]: names a rule and a metric"),
    ("no name", first("places", names=Names(zh=" ")), "places[laobakou].names.zh: is empty"),
    ("a rating of 0", nth("places", SHED, circuits=(Circuit(id="main", names=Names(zh="甲"), rating_a=0.0),)),
     "places[shed-2].circuits[main].rating_a: 0.0 A"),
    ("an unknown circuit", nth("places", SHED, circuits=()), "places[shed-2].ports[7].circuit: there is no circuit"),
    ("two ports alike", nth("places", SHED, ports=DEMO.places[SHED].ports[:1] * 2), "places[shed-2].ports[1].id: stands twice"),
    ("two people alike", more("people", DEMO.people[0]), "people[zhang].id: stands twice"),
    ("an unknown metric", first("devices", bindings=(Binding(place="laobakou", metrics=("watertemp",)),)),
     "devices[laobakou-01].bindings[1].metrics: there is no metric 'watertemp'; did you mean 'water-temp'?"),
    ("an unknown port", nth("devices", 1, bindings=(Binding(place="shed-2", port="9", metrics=("power",)),)),
     "devices[shed-2-01].bindings[1].port: there is no port '9'"),
    ("no metric", first("devices", bindings=(Binding(place="laobakou", metrics=()),)), "bindings[1].metrics: no metric"),
    ("an interval of 0", first("devices", bindings=(Binding(place="laobakou", metrics=("do",), interval_s=0),)),
     "bindings[1].interval_s: 0 s"),
    ("overdue before it is due", first("devices", overdue=0.5), "devices[laobakou-01].overdue: 0.5 intervals"),
    ("a metric twice", first("devices", bindings=(Binding(place="laobakou", metrics=("do", "do")),)),
     "laobakou do stands twice"),
    ("two primaries", more("devices", TWIN), "laobakou-01 measures do at laobakou too; laobakou-01 is primary"),
    ("an unknown place", first("people", places=("labakou",)), "people[zhang].places: there is no place 'labakou'"),
    ("quiet hours of no form", first("people", quiet_from="9pm", quiet_to="07:00"),
     "people[zhang].quiet_from: '9pm' is no time of day"),
    ("an hour 24", first("people", quiet_from="24:00", quiet_to="07:00"), "'24:00' is no time of day"),
    ("half of the quiet hours", first("people", quiet_from="22:00"), "half of the quiet hours"),
    ("no address", first("people", addresses=()), "people[zhang].addresses: no address"),
    ("a secret in the open", first("people", addresses=hook("https://a.example/", "geheim")),
     "people[zhang].addresses[1].secret: the secret itself stands here"),
    ("a webhook without scheme", first("people", addresses=hook("a.example/hook")), "addresses[1].to: no web address"),
    ("a file as a webhook", first("people", addresses=hook("ftp://a.example/")), "addresses[1].to: no web address"),
    ("no mail address", first("people", addresses=(Address(channel=ChannelKind.EMAIL, to="a@b@c"),)),
     "addresses[1].to: 'a@b@c' is no mail address"),
    ("a key in the open", first("devices", command_key="0123456789abcdef"),
     "devices[laobakou-01].command_key: the key itself stands here"),
    ("a foreign device without an address", plug(address=""), "devices[plug].address: is empty"),
    ("an address with spaces", plug(address=" plug-1"), "devices[plug].address: ' plug-1' is no address"),
    ("a half wildcard", plug(address="shed/plug+"), "devices[plug].address: 'shed/plug+' is no topic pattern"),
    ("an address of everything", plug(address="#"), "devices[plug].address: '#' is not its own topic"),
    ("an address of ours", plug(address="shouwang/v1/linjiang/x/readings"), "is not its own topic"),
    ("an address of another's", lambda r: more("devices", replace(PLUG, id="plug-2"))(plug()(r)),
     "devices[plug-2].address: is that of plug too"),
    ("a zone nobody knows", plug(zone="Asia/Linjiang"), "devices[plug].zone: no time zone"),
    ("a command key of a foreign device", plug(command_key="env:X"), "devices[plug].command_key: foreign devices take"),
    ("a mapping to what is not bound", plug(bindings=maps(X="frequenzy")), "did you mean 'frequency'?"),
    ("a mapping of our own device", first("devices", bindings=maps(X="frequency")), "bindings[1].mapping: the device speaks our"),
    ("an address of our own device", first("devices", address="x"), "devices[laobakou-01].address: the device speaks our"),
    ("a password in a webhook's URL", first("people", addresses=hook("https://zhang:geheim@a.example/x")),
     "addresses[1].to: a password stands in the URL; put the whole URL behind env:NAME"),
    ("a password in a topic's URL", first("people", addresses=on(ChannelKind.NTFY, "https://u:geheim@a.example/t", group=False)),
     "addresses[1].to: a password stands in the URL"),
    ("a robot's key in the open", first("people", addresses=on(ChannelKind.WECOM, "https://qyapi.weixin.qq.com/x?key=1")),
     "addresses[1].to: the robot's key itself stands here"),
    ("a robot of no reference", first("people", addresses=on(ChannelKind.FEISHU, "hook")), "addresses[1].to: no reference"),
    ("a robot without its group", first("people", addresses=on(ChannelKind.WECOM, "env:X", group=False)),
     "addresses[1].group: a robot writes to a group"),
    ("a mention of everybody", first("people", addresses=on(ChannelKind.DINGTALK, "env:X @all")), "addresses[1].to: mentions @all"),
    ("a mention of nobody", first("people", addresses=on(ChannelKind.DINGTALK, "env:X @李 四")), "'李 四' is nobody to mention"),
    ("a mobile number at Feishu", first("people", addresses=on(ChannelKind.FEISHU, "env:X @13800001111")),
     "'13800001111' is no open_id"),
    ("everybody at WeCom", first("people", addresses=on(ChannelKind.WECOM_APP, "@all", group=False)), "'@all' is no user id"),
    ("a name at WeChat", first("people", addresses=on(ChannelKind.WECHAT, "chen", group=False)), "'chen' is no open id"),
    ("a server without a topic", first("people", addresses=on(ChannelKind.NTFY, "https://ntfy.example.org/", group=False)),
     "'https://ntfy.example.org/' is no topic"),
    ("an apprise URL in the open", first("people", addresses=on(ChannelKind.APPRISE, "schan://key", group=False)),
     "addresses[1].to: the key itself may stand here"),
    ("a word as a subscription", first("people", addresses=on(ChannelKind.WEBPUSH, "chrome", group=False)), "no push subscription"),
    ("119 by phone", first("people", addresses=on(ChannelKind.VOICE, "119", group=False)),
     "addresses[1].to: '119' is no mobile number"),
    ("an announcer that is no device", first("people", addresses=announcer("linjiang/laobakou-1")),
     "addresses[1].to: there is no device 'linjiang/laobakou-1'; did you mean 'linjiang/laobakou-01'?"),
    ("an announcer behind a reference", first("people", addresses=announcer("env:BOX")),
     "addresses[1].to: there is no device 'env:BOX'"),
    ("an announcer that takes no commands", first("people", addresses=announcer("linjiang/laobakou-01")),
     "addresses[1].to: linjiang/laobakou-01 takes no commands"),
    ("an announcer of another site", announced_elsewhere, "people[zhang].addresses[1].to: there is no device"),
    ("a climb without steps", first("tiers", steps=()), "tiers[1].steps: no step"),
    ("a role twice", first("tiers", steps=(Tier(role=PostRole.RIVER_CHIEF),) * 2), "river-chief stands twice"),
    ("a role nobody has", more("tiers", Tiers(kind=PlaceKind.SHED, classes=(IncidentClass.FIRE,),
                               steps=(Tier(role=PostRole.GUARD), Tier(role=PostRole.SUBDISTRICT)))),
     "tiers[4].steps[2].role: nobody is subdistrict"),
    ("a wait of 0", first("tiers", steps=(Tier(role=PostRole.RIVER_CHIEF, wait_s={Severity.MAJOR: 0}),)),
     "tiers[1].steps[1].wait_s.major: 0 s"),
    ("a second climb", more("tiers", DEMO.tiers[0]), "a second climb for reach: every class"),
    ("a climb that tells nobody", more("tiers", Tiers(kind=PlaceKind.RISK_POINT, classes=(IncidentClass.FLOOD,),
                                       steps=(Tier(role=PostRole.GUARD),))),
     "tiers[4].steps: nobody would be told of culvert"),
    ("an override elsewhere", more("overrides", override(place="nowhere")), "overrides[1].place: there is no place"),
    ("an override of nothing", more("overrides", override(set={})), "overrides[1].set: changes nothing"),
    ("an override without end", more("overrides", override(set={"below": float("inf")})), "overrides[1].set.below: inf"),
    ("an override without a reason", more("overrides", override(why="")), "overrides[1].why: is empty"),
    ("an override without a date", more("overrides", override(at="soon")), "overrides[1].at: 'soon' is no date"),
]  # fmt: skip
WARNINGS = {"two primaries", "no address", "a role nobody has"}


@pytest.mark.parametrize(
    ("name", "change", "words"), [pytest.param(*row, id=row[0]) for row in ROWS]
)
def test_each_mistake_is_found(
    name: str, change: Callable[[Registry], Registry], words: str
) -> None:
    problems = check(change(DEMO))
    found = [problem for problem in problems if words in str(problem)]
    assert found, [str(problem) for problem in problems]
    assert found[0].level == ("warning" if name in WARNINGS else "error")
    assert found[0].remedy


def test_a_sound_registry_has_no_problem() -> None:
    assert check(DEMO) == []


def test_a_sound_foreign_device_has_no_problem() -> None:
    for address in ("plug-1", "tele/+/plug-1/#", "shellies/shelly1pm-84cca8"):
        assert (
            check(plug(address=address, zone="Asia/Shanghai", bindings=maps(X="frequency"))(DEMO))
            == []
        )


def test_a_second_device_is_named_once_a_place_and_not_once_a_metric() -> None:
    problems = check(replace(DEMO, devices=(*DEMO.devices, TWIN)))
    assert len(problems) == 1


def test_an_override_may_name_its_site() -> None:
    assert check(replace(DEMO, overrides=(override(place="linjiang/laobakou"),))) == []


def test_an_open_secret_is_not_repeated() -> None:
    registry = first("people", addresses=hook("https://a.example/", "geheim"))(DEMO)
    assert "geheim" not in "".join(str(problem) for problem in check(registry))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("chen@example.org", True),
        ("c.h+en@mail.example.org", True),
        ("chen", False),
        ("chen@example.org\n", False),
        ("陈@example.org", False),
        ("<chen@example.org>", False),
    ],
)
def test_a_mail_address_is_one_plain_address(text: str, is_one: bool) -> None:
    assert is_mailbox(text) is is_one

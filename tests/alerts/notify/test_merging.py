from dataclasses import replace

from alerts.notify.merging import merged
from alerts.notify.notice import Notice
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass, Language, Severity
from tests.alerts.notify.worlds import notice

ADDRESS = Address(channel=ChannelKind.EMAIL, to="chen@example.org")
LINK = "https://x.example/incidents/7"


def one(id: int, **more: object) -> Notice:
    text = f"第 {id} 件。\n怎么办：看看\n点开处理：{LINK}"
    return notice(ADDRESS, id=id, title=f"【留意】{id} 号棚：事", text=text, link=LINK, **more)


def test_one_alone_stays_as_it_is() -> None:
    assert merged([one(1)]) == one(1)


def test_the_gravest_stands_in_full_and_the_others_by_their_titles() -> None:
    fire = one(3, cls=IncidentClass.FIRE, severity=Severity.MINOR)
    together = merged([one(1), one(2, severity=Severity.CRITICAL), fire])
    assert together.id == 3
    assert together.title == "【留意】3 号棚：事（另有 2 件）"
    assert together.text.splitlines() == [
        "第 3 件。",
        "怎么办：看看",
        "另外还有：",
        "【留意】2 号棚：事",
        "【留意】1 号棚：事",
        "点开处理：https://x.example/incidents",
    ]
    assert together.link == "https://x.example/incidents"


def test_500_end_in_a_figure() -> None:
    lines = merged([one(id) for id in range(500)]).text.splitlines()
    assert len(lines) == 2 + 1 + 8 + 1 + 1
    assert lines[-2] == "……还有 491 件，点开看。"


def test_a_link_of_another_form_and_none_at_all_do_no_harm() -> None:
    other = replace(one(1), link="https://x.example/n/abc", text="事\nhttps://x.example/n/abc")
    assert merged([other, one(2)]).text.endswith("\nhttps://x.example/n/abc")
    bare = replace(one(1, language=Language.EN), link="", text="")
    assert merged([bare, one(2)]).text == "And also:\n【留意】2 号棚：事"


def test_one_message_of_a_robot_mentions_everybody_that_its_notices_do() -> None:
    def robots(id: int, to: str) -> Notice:
        address = Address(channel=ChannelKind.WECOM, to=to, group=True)
        return replace(one(id), address=address)

    notices = [robots(1, "env:A @li"), robots(2, "env:A @wu @li"), robots(3, "env:A")]
    assert merged(notices).address.to == "env:A @li @wu"
    assert merged(notices[2:] + notices[:1]).address.to == "env:A @li"

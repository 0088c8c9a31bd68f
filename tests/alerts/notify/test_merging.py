import re
from dataclasses import replace

import pytest

from alerts.links import Links
from alerts.notify.email import MailServer, letter
from alerts.notify.limits import ABOUT
from alerts.notify.merging import merged
from alerts.notify.notice import Notice
from alerts.notify.robot import text_of
from alerts.registry.model import Address, ChannelKind
from alerts.words import IncidentClass, Language, Severity
from edge.clock import Clock
from tests.alerts.notify.worlds import notice

ADDRESS = Address(channel=ChannelKind.EMAIL, to="chen@example.org")
LINK = "https://x.example/incidents/7"


def one(id: int, **more: object) -> Notice:
    text = f"第 {id} 件。\n怎么办：看看\n点开处理：{LINK}"
    return notice(ADDRESS, id=id, title=f"【留意】{id} 号棚：事", text=text, link=LINK, **more)


def test_one_alone_stays_as_it_is() -> None:
    assert merged([one(1)]) == one(1)


def test_a_message_is_known_again_only_by_what_is_in_it() -> None:
    """A mailbox or a chat that took the first attempt drops whatever comes by the same key."""
    assert one(1).key == "1"
    both, again, more = merged([one(1), one(2)]), merged([one(2), one(1)]), [one(1), one(2), one(3)]
    assert both.key == again.key
    assert len({one(1).key, both.key, merged(more).key}) == 3
    ids = [
        letter(each, "a@b.cn", MailServer(host="x"), Clock())["Message-ID"]
        for each in (one(1), both)
    ]
    assert ids[0] != ids[1]


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


SIGNED = "https://x.example/l/personal.7.chen.1795371720.Zr0bqk1vN4dXh8mE2sYcTfLp"


def signed(id: int, channel: ChannelKind = ChannelKind.WECOM_APP) -> Notice:
    address = Address(channel=channel, to="chen")
    text = f"第 {id} 件。\n点开处理：{SIGNED}"
    return replace(one(id), address=address, text=text, link=SIGNED)


def test_with_signed_links_each_title_has_its_own_and_the_messages_own_stays() -> None:
    together = merged([signed(n) for n in range(1, 4)], lambda id: f"n{id}.code")
    assert together.link == SIGNED
    assert together.text.splitlines() == [
        "第 1 件。",
        "另外还有：",
        "【留意】2 号棚：事 https://x.example/l/n2.code",
        "【留意】3 号棚：事 https://x.example/l/n3.code",
        f"最上面这件，点开处理：{SIGNED}",
    ]


@pytest.mark.parametrize("kind", [kind for kind in ChannelKind if kind is not ChannelKind.LOG])
def test_as_many_links_as_fit_are_whole_and_nothing_is_promised_of_the_rest(
    kind: ChannelKind,
) -> None:
    links = Links(b"k" * 32)
    most = ABOUT[kind].bytes_most or 100_000
    together = merged([signed(n, kind) for n in range(1, 101)], links.code)
    words = text_of(together, most)
    assert len(words.encode()) <= most
    shown = [links.notice_of(line.rpartition("/l/")[2]) for line in words.splitlines()[3:-2]]
    assert shown == list(range(2, 2 + len(shown)))
    assert 8 <= len(shown) <= 20
    rest = 99 - len(shown)
    assert words.splitlines()[-2:] == [
        f"……还有 {rest} 件，登录后都能看到：https://x.example/incidents",
        f"最上面这件，点开处理：{SIGNED}",
    ]


def test_a_letter_makes_links_of_its_own_codes_and_of_nothing_in_a_name() -> None:
    links = Links(b"k" * 32)
    evil = replace(signed(2, ChannelKind.EMAIL), title="http://evil.example/l/n2.aaaaaaaaaaaaaaaa")
    third = replace(signed(3, ChannelKind.EMAIL), title='3"><b>')
    together = merged([signed(1, ChannelKind.EMAIL), evil, third], links.code)
    server = MailServer(host="mail.example.org")
    parts = letter(together, "chen@example.org", server, Clock()).iter_parts()
    (html,) = [part.get_content() for part in parts if part.get_content_subtype() == "html"]
    found = re.findall(r'href="([^"]*)"', html)
    base = "https://x.example/l/"
    assert found == [base + links.code(2), base + links.code(3), SIGNED]

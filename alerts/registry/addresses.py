"""How ``to`` reads on channels that need more than one word there. Pure; check and channels use it.

A group's robot is a reference to its URL, with those it mentions behind it:
``env:SHED_ROBOT @13800001111 @zhang``.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from alerts.registry.model import Address, ChannelKind
from alerts.secrets import is_reference

ROBOTS = frozenset({ChannelKind.WECOM, ChannelKind.DINGTALK, ChannelKind.FEISHU})
_MENTION = re.compile(r"[A-Za-z0-9._-]{1,64}")
MOBILE = re.compile(r"(?:\+?86)?1\d{10}", re.ASCII)
_EVERYBODY = frozenset({"all", "everyone", "here"})
# Public servers of these services that are not in China.
_ABROAD = (
    "ntfy.sh",
    "googleapis.com",  # push to Chrome
    "google.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
_TOPIC = re.compile(r"https?://[^\s/?#]+(/[^\s/?#]+)*/[A-Za-z0-9_-]{1,64}")
_PATTERNS = {
    ChannelKind.NTFY: (_TOPIC, "topic", "https://ntfy.example.org/TOPIC"),
    ChannelKind.WECOM_APP: (re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"), "user id", "zhangsan"),
    ChannelKind.WECHAT: (re.compile(r"[A-Za-z0-9_-]{20,40}"), "open id", "oABC… (28 signs)"),
    ChannelKind.SMS: (MOBILE, "mobile number", "13800001111"),
    ChannelKind.VOICE: (MOBILE, "mobile number", "13800001111"),
}
WEB = (ChannelKind.WEBHOOK, ChannelKind.ALERTMANAGER, ChannelKind.NTFY)
_BROWSER = "browser:"
_ROBOT_REMEDY = "put the robot's URL in the environment or a file and write env:NAME or file:PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """``hook`` is the reference to the robot's URL; ``mentions`` as written, good or bad."""

    hook: str
    mentions: tuple[str, ...] = ()

    @property
    def mobiles(self) -> tuple[str, ...]:
        return tuple(each for each in self.mentions if MOBILE.fullmatch(each))

    @property
    def users(self) -> tuple[str, ...]:
        """User ids; what is none mentions nobody."""
        return tuple(
            each
            for each in self.mentions
            if _MENTION.fullmatch(each)
            and not MOBILE.fullmatch(each)
            and each.lower() not in _EVERYBODY
        )


def robot(to: str) -> Robot:
    """``to`` of a robot taken apart."""
    hook, *mentions = to.split(" @")
    return Robot(hook=hook.strip(), mentions=tuple(each.strip() for each in mentions))


def together(addresses: Iterable[Address]) -> Address:
    """One for all of these, which are the same place: a robot then mentions everybody that each does."""
    first, *others = addresses
    if first.channel not in ROBOTS:
        return first
    named = [each for one in (first, *others) for each in robot(one.to).mentions]
    return replace(first, to=" @".join([robot(first.to).hook, *dict.fromkeys(named)]))


def is_abroad(url: str) -> bool:
    """Whether it is a public service outside the country, as far as is known here."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    host = host.lower().rstrip(".")
    return any(host == name or host.endswith(f".{name}") for name in _ABROAD)


def browser_address(browser: str, label: str) -> Address:
    """A browser that registered itself: its row, never what reaches it; the label is for people."""
    return Address(channel=ChannelKind.WEBPUSH, to=f"{_BROWSER}{browser} {label}".rstrip())


def browser_of(address: Address) -> tuple[str, str] | None:
    """(id, label) of a browser that registered itself; None for every other address."""
    if address.channel is not ChannelKind.WEBPUSH or not address.to.startswith(_BROWSER):
        return None
    browser, _, label = address.to.removeprefix(_BROWSER).partition(" ")
    return browser, label


def where(address: Address) -> tuple[ChannelKind, str]:
    """What a service counts messages by: a robot is one, whoever it mentions."""
    to = robot(address.to).hook if address.channel in ROBOTS else address.to
    return address.channel, to


def problems(address: Address) -> Iterator[tuple[str, str, str]]:
    """(key, what is wrong, the remedy) of an address on a channel that is spoken of here."""
    if address.channel in WEB and not is_reference(address.to) and _has_password(address.to):
        remedy = "put the whole URL behind env:NAME or file:PATH; take this password out of use"
        yield "to", "a password stands in the URL", remedy
    elif address.channel in ROBOTS:
        yield from _robot_problems(address)
    elif address.channel is ChannelKind.APPRISE and not is_reference(address.to):
        yield "to", "the key itself may stand here", "put the URL behind env:NAME or file:PATH"
    elif address.channel is ChannelKind.WEBPUSH and not is_reference(address.to):
        if not address.to.lstrip().startswith("{"):
            yield "to", "no push subscription", "write its JSON, or file:PATH of it"
    elif address.channel in _PATTERNS and not is_reference(address.to):
        pattern, name, example = _PATTERNS[address.channel]
        if not pattern.fullmatch(address.to.replace(" ", "")):
            yield "to", f"{address.to[:64]!r} is no {name}", f"write e.g. {example}, or env:NAME"


def _has_password(url: str) -> bool:
    return ":" in url.partition("://")[2].partition("/")[0].rpartition("@")[0]


def _robot_problems(address: Address) -> Iterator[tuple[str, str, str]]:
    read = robot(address.to)
    if not is_reference(read.hook):
        what = "the robot's key itself stands here" if "://" in read.hook else "no reference"
        remedy = (
            f"{_ROBOT_REMEDY}; take this one out of use" if "://" in read.hook else _ROBOT_REMEDY
        )
        yield "to", what, remedy
    for each in read.mentions:
        if each.lower() in _EVERYBODY:
            yield "to", f"mentions @{each}", "name those who are meant, or leave it out"
        elif not _MENTION.fullmatch(each):
            yield "to", f"{each!r} is nobody to mention", "write @USER-ID or @MOBILE-NUMBER"
        elif address.channel is ChannelKind.FEISHU and not each.startswith("ou_"):
            remedy = "Feishu's robots know people by their open_id alone: write @ou_…"
            yield "to", f"{each!r} is no open_id", remedy
    if not address.group:
        yield "group", "a robot writes to a group", "add group = true"

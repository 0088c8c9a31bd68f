"""What each channel can prove, how much it takes, and how often: one table, with its sources.

``allowances`` of a service count real seconds, as the service does; ``PACE`` is for people and runs
on the house clock. Channels without any are for machines: each notice goes by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from alerts.notify.notice import NoticeState
from alerts.registry.model import ChannelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """At most ``count`` messages in any ``over_s`` seconds: ``burst`` at once, the rest evenly.

    The last ``reserved`` of the burst are for fire class alone.
    """

    count: int
    over_s: float
    burst: int
    reserved: int
    source: str = ""

    @property
    def per_s(self) -> float:
        """How quickly a token comes back; one at a time may use the whole count."""
        return (self.count - self.burst if self.burst > 1 else self.count) / self.over_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Sends under way at once: of a channel, and to one address of it; of both the last for fire."""

    at_once: int
    for_fire: int
    there: int = 3
    there_for_fire: int = 1


ONE_SERVICE = Seats(at_once=8, for_fire=2)  # all addresses are behind the same server
MANY_RECEIVERS = Seats(at_once=64, for_fire=8)  # each may hang for itself: it takes 28 to fill them


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A channel as data. ``bytes_most`` and ``chars_most`` bound one message; 0 is no bound."""

    proves: tuple[NoticeState, ...] = (NoticeState.ACCEPTED,)
    accepted: str
    """What "accepted" means there, in a few words."""
    allowances: tuple[Allowance, ...] = ()
    bytes_most: int = 0
    chars_most: int = 0
    is_paced: bool = True
    """Whether people read it, so that the house's own pace holds too."""
    seats: Seats = ONE_SERVICE


# A person can take in so much: two messages at once, then one in 20 s that says all there is.
PACE = Allowance(count=6, over_s=60, burst=3, reserved=1, source="proposal")

_DAY, _HOUR = 86_400.0, 3_600.0

ABOUT: Mapping[ChannelKind, About] = {
    ChannelKind.WEBHOOK: About(
        accepted="the receiver answered 2xx", is_paced=False, seats=MANY_RECEIVERS
    ),
    ChannelKind.ALERTMANAGER: About(
        accepted="the receiver answered 2xx", is_paced=False, seats=MANY_RECEIVERS
    ),
    ChannelKind.EMAIL: About(accepted="the mail server queued it"),
    ChannelKind.LOG: About(accepted="it stands in the log", is_paced=False),
    ChannelKind.ANNOUNCER: About(
        accepted="the box says that it announces",
        proves=(NoticeState.ACCEPTED, NoticeState.ACKNOWLEDGED),
        is_paced=False,  # its own agenda says one thing at a time
        seats=MANY_RECEIVERS,
    ),
    ChannelKind.WECOM: About(
        accepted="WeCom took it for the group (errcode 0)",
        allowances=(
            Allowance(count=20, over_s=60, burst=5, reserved=2, source="20/min per robot"),
        ),
        bytes_most=2048,
    ),
    ChannelKind.DINGTALK: About(
        accepted="DingTalk took it for the group (errcode 0)",
        # One more is answered by ten minutes of silence.
        allowances=(
            Allowance(count=20, over_s=60, burst=5, reserved=2, source="20/min per robot"),
        ),
        bytes_most=19_000,
    ),
    ChannelKind.DINGTALK_APP: About(
        accepted="DingTalk gave a processQueryKey for the person",
        proves=(NoticeState.ACCEPTED, NoticeState.ACKNOWLEDGED),
        bytes_most=5_000,
    ),
    ChannelKind.FEISHU_APP: About(
        accepted="Feishu gave a message_id (code 0)",
        proves=(NoticeState.ACCEPTED, NoticeState.ACKNOWLEDGED),
        allowances=(Allowance(count=5, over_s=1, burst=4, reserved=1, source="5/s to one person"),),
        bytes_most=19_000,
    ),
    ChannelKind.FEISHU: About(
        accepted="Feishu took it for the group (code 0)",
        allowances=(
            Allowance(count=5, over_s=1, burst=4, reserved=1, source="5/s per robot"),
            Allowance(count=100, over_s=60, burst=20, reserved=5, source="100/min per robot"),
        ),
        bytes_most=19_000,
    ),
    ChannelKind.WECOM_APP: About(
        accepted="WeCom took it for the member (errcode 0, no invaliduser)",
        allowances=(Allowance(count=30, over_s=60, burst=6, reserved=2, source="30/min a member"),),
        bytes_most=2048,
    ),
    ChannelKind.WECHAT: About(accepted="WeChat took it for the follower (errcode 0)"),
    ChannelKind.SMS: About(
        accepted="the provider took it (Code OK)",
        allowances=(
            Allowance(count=50, over_s=_DAY, burst=20, reserved=5, source="50/day a number"),
        ),
    ),
    ChannelKind.VOICE: About(
        accepted="the provider places the call (Code OK)",
        proves=(NoticeState.ACCEPTED, NoticeState.ACKNOWLEDGED),
        allowances=(
            Allowance(count=1, over_s=60, burst=1, reserved=0, source="1/min a number"),
            Allowance(count=5, over_s=_HOUR, burst=3, reserved=2, source="5/h a number"),
            Allowance(count=20, over_s=_DAY, burst=8, reserved=3, source="20/24 h a number"),
        ),
    ),
    ChannelKind.NTFY: About(
        accepted="the server keeps it for the topic",
        allowances=(Allowance(count=60, over_s=60, burst=30, reserved=5, source="ntfy's default"),),
        bytes_most=4000,  # over 4,096 it becomes an attached file
        seats=MANY_RECEIVERS,
    ),
    ChannelKind.WEBPUSH: About(
        accepted="the browser's push service took it (2xx)", bytes_most=2800
    ),
    ChannelKind.APPRISE: About(
        accepted="apprise saw an HTTP success, which its services also give to refusals",
        bytes_most=2000,
    ),
}


def allowances(kind: ChannelKind, speed: float) -> tuple[Allowance, ...]:
    """What limits an address of this kind, in real seconds, on a house clock of this speed."""
    about = ABOUT[kind]
    paced = (replace(PACE, over_s=PACE.over_s / speed),) if about.is_paced else ()
    return about.allowances + paced

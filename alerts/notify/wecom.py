"""WeCom 企业微信, the robot of a group: ``POST …/cgi-bin/webhook/send?key=KEY``, plain text.

Plain text, since whether markdown mentions anybody differs by the reader's version.
"""

from collections.abc import Mapping
from typing import Any

from alerts.notify.answers import MINUTE, Codes
from alerts.notify.cutting import utf8
from alerts.notify.limits import ABOUT
from alerts.notify.robot import GroupRobot
from alerts.registry.addresses import Robot
from alerts.registry.model import ChannelKind
from edge.clock import Clock
from edge.contract.secret import Secret


class WecomRobot(GroupRobot):
    """The channel ``wecom``."""

    BYTES_MOST = ABOUT[ChannelKind.WECOM].bytes_most
    CODES = Codes(
        later={
            -1: None,  # the system is busy
            45009: MINUTE,  # over 20 a minute
            45033: None,  # too many at once
        },
        remedies={
            93000: "the key in its URL is wrong, or the robot is gone from the group; look at both, "
            "and change the reference",
            40058: "the message has a wrong shape: a mistake of this service",
            45002: "the message is too long: a mistake of this service",
        },
    )

    @staticmethod
    def size(words: str) -> int:
        """It counts the words alone."""
        return utf8(words)

    @staticmethod
    def letter(
        url: str, words: str, to: Robot, secret: Secret, clock: Clock
    ) -> tuple[str, Mapping[str, Any]]:
        text: dict[str, Any] = {"content": words}
        if to.users:
            text["mentioned_list"] = list(to.users)
        if to.mobiles:
            text["mentioned_mobile_list"] = list(to.mobiles)
        return url, {"msgtype": "text", "text": text}

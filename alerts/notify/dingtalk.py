"""DingTalk 钉钉, the robot of a group: ``POST …/robot/send?access_token=TOKEN``, plain text, signed.

The signature is base64(HMAC-SHA256(secret, "<milliseconds>\\n<secret>")) in the URL.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

from alerts.notify.answers import Codes
from alerts.notify.cutting import utf8
from alerts.notify.limits import ABOUT
from alerts.notify.robot import GroupRobot
from alerts.registry.addresses import Robot
from alerts.registry.model import ChannelKind
from edge.clock import Clock
from edge.contract.secret import Secret

SHUT_OUT = timedelta(minutes=10)  # what a robot waits that sent more than 20 in a minute


class DingtalkRobot(GroupRobot):
    """The channel ``dingtalk``. A mention must stand in the words as well, else it is not shown."""

    BYTES_MOST = ABOUT[ChannelKind.DINGTALK].bytes_most
    CODES = Codes(
        later={
            -1: None,  # the system is busy
            130101: SHUT_OUT,  # send too fast
            410100: SHUT_OUT,  # the same, by its newer code
        },
        remedies={
            310000: "the robot wants a keyword, a signature or another IP address; look at its "
            "security settings, at the address's secret, and at the clock of this machine",
            300001: "there is no such robot; make another and change the reference",
            400101: "the robot's token is wrong; change the reference",
            400102: "the robot is switched off; switch it on in the group",
        },
    )

    def room_for(self, to: Robot) -> int:
        return utf8(_called(to))

    @staticmethod
    def letter(
        url: str, words: str, to: Robot, secret: Secret, clock: Clock
    ) -> tuple[str, Mapping[str, Any]]:
        document: dict[str, Any] = {"msgtype": "text", "text": {"content": words + _called(to)}}
        if to.mobiles or to.users:
            mobiles, users = list(to.mobiles), list(to.users)
            document["at"] = {"atMobiles": mobiles, "atUserIds": users, "isAtAll": False}
        if secret:
            stamp = str(clock.now_ms())
            joint = "&" if "?" in url else "?"
            url += f"{joint}timestamp={stamp}&sign={quote_plus(signature(secret, stamp))}"
        return url, document


def signature(secret: Secret, stamp: str) -> str:
    """Base64, not yet fit for a URL."""
    key = secret.reveal()
    digest = hmac.new(key.encode(), f"{stamp}\n{key}".encode(), hashlib.sha256).digest()
    return b64encode(digest).decode()


def _called(to: Robot) -> str:
    return "".join(f" @{each}" for each in (*to.mobiles, *to.users))

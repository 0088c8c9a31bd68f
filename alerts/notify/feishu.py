"""Feishu 飞书, the robot of a group: ``POST …/open-apis/bot/v2/hook/TOKEN``, plain text, signed.

The signature is base64(HMAC-SHA256("<seconds>\\n<secret>", "")): what others sign is the key here.
"""

import hashlib
import hmac
from base64 import b64encode
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


class FeishuRobot(GroupRobot):
    """The channel ``feishu``. It mentions people by their open_id."""

    BYTES_MOST = ABOUT[ChannelKind.FEISHU].bytes_most
    CODES = Codes(
        code=("code", "StatusCode"),
        text=("msg", "StatusMessage"),
        later={
            11232: MINUTE,  # the system's own limit, at full and half hours
            9499: MINUTE,  # too many requests; also a body that is too large or not well formed
        },
        later_when={9499: ("too many", "frequen")},
        remedies={
            19021: "the signature is refused; look at the secret, and at the clock of this machine",
            19022: "this machine's address is not among those that the robot hears",
            19024: "the robot wants a keyword; take a signature instead in its settings",
            19001: "there is no such robot; make another and change the reference",
        },
    )

    def room_for(self, to: Robot) -> int:
        return utf8(_called(to))

    @staticmethod
    def letter(
        url: str, words: str, to: Robot, secret: Secret, clock: Clock
    ) -> tuple[str, Mapping[str, Any]]:
        document: dict[str, Any] = {"msg_type": "text", "content": {"text": words + _called(to)}}
        if secret:
            stamp = str(clock.now_ms() // 1000)
            document = {"timestamp": stamp, "sign": signature(secret, stamp), **document}
        return url, document


def signature(secret: Secret, stamp: str) -> str:
    key = f"{stamp}\n{secret.reveal()}".encode()
    return b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


def _called(to: Robot) -> str:
    return "".join(f' <at user_id="{each}"></at>' for each in to.users)

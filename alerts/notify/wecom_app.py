"""WeCom 企业微信, an application's message to one member: read in WeCom, or in WeChat once bound to it."""

from typing import Any
from urllib.parse import urlencode

from alerts.notify.answers import MINUTE, Codes, Hide, send
from alerts.notify.limits import ABOUT
from alerts.notify.notice import Notice
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.robot import text_of
from alerts.notify.tokens import TokenService
from alerts.registry.model import ChannelKind
from alerts.secrets import SecretError, resolve
from edge.clock import Clock

URL = "https://qyapi.weixin.qq.com"


class WecomApp(TokenService):
    """The channel ``wecom-app``; ``to`` is a member's user id."""

    SECRET = "wecom.secret"

    CODES = Codes(
        later={
            -1: None,  # the system is busy
            45009: MINUTE,  # too often
            45033: None,  # too many at once
            40001: None,  # of tokens: fetched anew first
            40014: None,
            42001: None,
        },
        remedies={
            60020: "this machine's address is not among the application's trusted ones; add it in "
            "WeCom's administration",
            40013: "wecom.corp_id is unknown to WeCom",
            40056: "wecom.agent_id is unknown to WeCom",
            81013: "not within what the application may see; add the member to it",
            301002: "wecom.agent_id and wecom.secret are not of the same application",
        },
    )

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        *,
        corp_id: str,
        agent_id: int,
        secret: str,
        url: str = URL,
    ) -> None:
        super().__init__(outbound, clock, url=url or URL, account=corp_id, secret=secret)
        self._agent_id = agent_id

    async def send(self, notice: Notice) -> Outcome:
        try:
            to = resolve(notice.address.to).reveal()
        except SecretError as error:
            return Retry(str(error))
        if to.lower() == "@all" or "|" in to:
            return Rejected(f"{to[:64]!r} is not one member; write a user id")
        words = text_of(notice, ABOUT[ChannelKind.WECOM_APP].bytes_most)
        if not words:
            return Rejected("a notice without words")
        document = {
            "touser": to,
            "msgtype": "text",
            "agentid": self._agent_id,
            "text": {"content": words},
        }
        outcome, fields = await self.post("/cgi-bin/message/send", document)
        if isinstance(outcome, Accepted):
            return _reached(outcome, fields, to)
        return outcome

    async def ask(self, account: str, secret: str, hide: Hide) -> Answer | Retry | Rejected:
        query = urlencode({"corpid": account, "corpsecret": secret})
        url = f"{self._url}/cgi-bin/gettoken?{query}"
        return await send(self._outbound, "GET", url, b"", {}, hide)


def _reached(outcome: Accepted, fields: dict[str, Any], to: str) -> Outcome:
    """errcode 0 stands beside members who were left out."""
    for key, why in (
        ("invaliduser", "is no member, or not within what the application may see"),
        ("unlicenseduser", "has no licence for this interface"),
    ):
        if to.lower() in str(fields.get(key, "")).lower().split("|"):
            return Rejected(f"{key}: {to[:64]} {why}")
    message = fields.get("msgid")
    return Accepted(f"msgid {message}"[:200]) if isinstance(message, str) else outcome

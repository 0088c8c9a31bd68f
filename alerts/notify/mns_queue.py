"""One queue of receipts: asked by long polling, with a token that Alibaba Cloud gives for a time.

The token comes from ``QueryTokenForMnsQueue`` of dybaseapi (2017-05-25), asked for as by its own
client (alibabacloud_dybaseapi20170525); the queue is the service's, at a fixed address, by its demo
(help.aliyun.com/document_detail/101887).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from yarl import URL as Url

from alerts.notify import mns
from alerts.notify.aliyun import Aliyun
from alerts.notify.answers import Hide, hiding, printable
from alerts.notify.mns import Garbled, Message
from alerts.notify.outbound import Answer, Outbound, OutboundError
from alerts.notify.outcome import Rejected, Retry
from alerts.notify.token_box import NoToken, Token, TokenBox

URL = "https://1943695596114318.mns.cn-hangzhou.aliyuncs.com"
TOKEN_URL, TOKEN_VERSION = "https://dybaseapi.aliyuncs.com", "2017-05-25"
WAIT_S = 20  # real seconds of one long poll; the service takes up to 30
TOTAL_S = WAIT_S + 15.0  # of that request
LASTS_S = 600.0  # of a token whose times cannot be read; the documents give no figure
ANSWER_MOST = 2 * 2**20  # bytes: sixteen messages of 64 KB, in base64, and what is around them
_PARTS = ("SecurityToken", "AccessKeyId", "AccessKeySecret")
_GONE = frozenset({mns.EMPTY, "ReceiptHandleError"})


class QueueTrouble(Exception):
    """Not now. The text holds no secret and nothing of a receipt."""


@dataclass(frozen=True, slots=True)
class QueueToken(Token):
    key_id: str = field(repr=False)
    key_secret: str = field(repr=False)


class Queue:
    """``receive`` and ``delete``. Closes the outbound client it was given, and Aliyun's."""

    def __init__(
        self, name: str, kind: str, outbound: Outbound, aliyun: Aliyun, *, url: str = URL
    ) -> None:
        self.name = name
        self._kind = kind
        self._outbound = outbound
        self._aliyun = aliyun
        self._url = url.rstrip("/")
        self._tokens: TokenBox[QueueToken] = TokenBox(self._fetch)

    async def receive(self, wait_s: int) -> list[Message]:
        """Some of what waits there; after ``wait_s`` (real seconds) without any, none."""
        query = f"numOfMessages={mns.BATCH}&waitseconds={wait_s}"
        answer, hide = await self._ask("GET", query)
        if answer.status == 200:
            try:
                return mns.messages(answer.body)
            except Garbled as error:
                raise QueueTrouble(f"the queue answers {error}") from error
        if self._code(answer) == mns.EMPTY:
            return []
        raise QueueTrouble(self._why(answer, hide))

    async def delete(self, message: Message) -> None:
        """It never comes again. What another was given meanwhile is left to that one."""
        answer, hide = await self._ask(
            "DELETE", f"ReceiptHandle={quote(message.handle, safe='+/=')}"
        )
        if not 200 <= answer.status < 300 and self._code(answer) not in _GONE:
            raise QueueTrouble(self._why(answer, hide))

    async def close(self) -> None:
        await self._outbound.close()
        await self._aliyun.close()

    async def _ask(self, verb: str, query: str) -> tuple[Answer, Hide]:
        used: list[str] = []  # what an answer may repeat, of a first token and a second
        url = f"{self._url}/queues/{quote(self.name)}/messages?{query}"

        async def use(token: QueueToken) -> Answer:
            used.extend((token.text, token.key_secret, token.key_id))
            headers = mns.signed(
                verb,
                Url(url).raw_path_qs,
                datetime.now(UTC),
                key_id=token.key_id,
                key_secret=token.key_secret,
                token=token.text,
            )
            if verb == "GET":
                return await self._outbound.get(url, headers)
            return await self._outbound.delete(url, headers)

        try:
            # 403 is what a token gets that has run out or was taken back, by whatever code.
            answer = await self._tokens.spend(use, lambda answer: answer.status == 403)
        except NoToken as error:
            raise QueueTrouble(f"no token for the queue: {error.outcome.why}") from error
        except OutboundError as error:
            raise QueueTrouble(hiding(*used)(str(error))) from error
        return answer, hiding(*used)

    async def _fetch(self) -> QueueToken:
        wish = {"MessageType": self._kind, "QueueName": self.name}
        said = await self._aliyun.call("QueryTokenForMnsQueue", wish)
        if isinstance(said, Retry | Rejected):
            # What is no answer of the service is quoted, and might hold a key all the same.
            is_safe = not any(name in said.why for name in _PARTS)
            raise NoToken(said if is_safe else Retry("an answer of another form"))
        given = said.fields.get("MessageTokenDTO")
        fields = given if isinstance(given, dict) else {}
        parts = [fields.get(name) for name in _PARTS]
        text, key_id, key_secret = (part if isinstance(part, str) else "" for part in parts)
        if not (_is_header(text) and _is_header(key_id) and key_secret):
            raise NoToken(Retry("an answer without token, key id or key"))
        return QueueToken(text, _lasts_s(fields), key_id, key_secret)

    def _code(self, answer: Answer) -> str:
        try:
            return mns.trouble(answer.body).code
        except Garbled:
            return ""

    def _why(self, answer: Answer, hide: Hide) -> str:
        try:
            said = mns.trouble(answer.body)
        except Garbled as error:
            return f"HTTP {answer.status}, and the queue answers {error}"
        return printable(hide(f"HTTP {answer.status} {said.code} {said.text}"))


def _is_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


def _lasts_s(fields: dict[str, Any]) -> float:
    """From the token's own two times: then neither clock nor time zone matters."""
    try:
        made, ends = (
            datetime.strptime(str(fields.get(name)), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - a difference
            for name in ("CreateTime", "ExpireTime")
        )
    except ValueError:
        return LASTS_S
    return min(max((ends - made).total_seconds(), 1.0), 86_400.0)

"""Voice call 语音电话 by Alibaba Cloud: an approved text is read out; with "press 1" to take over.

With a text for the key (``key_template``) the call is interactive: 1 takes the incident over. The key
stands in the call's receipt (``receipts.py``). Where no queue of receipts is set up, ``pressed`` is
given and the record of the call is asked for until it has ended.
Accepted means that the call was placed, not that anybody heard it.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping

from alerts.notify.aliyun import Aliyun, fields_of
from alerts.notify.answers import Said
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.parts import Part
from alerts.notify.receipts import KEY, is_pressed, proof
from alerts.notify.sms import fill, number_of
from alerts.registry.model import ChannelKind
from edge.clock import Clock

log = logging.getLogger("alerts.notify")

URL, VERSION = "https://dyvmsapi.aliyuncs.com", "2017-05-25"
PLAY_TIMES = "3"  # the most that the service reads a text
_IVR = "11000000300005"  # the product's number in records of calls
ASK_EVERY_S, ASK_FOR_S = 10.0, 180.0  # real seconds; a call with three readings is over by then
ASKING_MOST = 50  # calls whose records are waited for at once

Pressed = Callable[[Notice], Awaitable[None]]
"""Somebody who was called pressed 1."""


class Voice:
    """The channel ``voice``; ``to`` is a mobile number."""

    def __init__(
        self,
        aliyun: Aliyun,
        *,
        show_number: str,
        template: str,
        variables: Mapping[str, str],
        key_template: str = "",
        pressed: Pressed | None = None,
        ask_every_s: float = ASK_EVERY_S,
        ask_for_s: float = ASK_FOR_S,
        real: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        self._aliyun = aliyun
        self._show_number = show_number
        self._template = template
        self._variables = {name: Part(part) for name, part in variables.items()}
        self._key_template = key_template
        self._pressed = pressed
        self._ask_every_s = ask_every_s
        self._ask_for_s = ask_for_s
        self._real = real
        self._asking: set[asyncio.Task[None]] = set()

    async def send(self, notice: Notice) -> Outcome:
        number = number_of(notice)
        if not isinstance(number, str):
            return number
        filled = fill(notice, self._variables)
        if filled is None:
            return Rejected("a notice without words")
        said = await self._call(notice, number, filled)
        if isinstance(said, Retry | Rejected):
            return said
        call = str(fields_of(said, "CallId").get("CallId", ""))
        if call and self._key_template and self._pressed and len(self._asking) < ASKING_MOST:
            task = asyncio.create_task(self._wait_for_key(notice, call), name=f"call-{notice.id}")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return Accepted(proof(ChannelKind.VOICE, call))

    async def close(self) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._aliyun.close()

    async def _call(self, notice: Notice, number: str, filled: str) -> Said | Retry | Rejected:
        common = {
            "CalledNumber": number,
            "PlayTimes": PLAY_TIMES,
            "OutId": str(notice.id),
        }
        if self._show_number:
            common["CalledShowNumber"] = self._show_number
        if not self._key_template:
            named = {"TtsCode": self._template, "TtsParam": filled}
            return await self._aliyun.call("SingleCallByTts", common | named)
        named = {
            "StartCode": self._template,
            "StartTtsParams": filled,
            "MenuKeyMap.1.Key": KEY,
            "MenuKeyMap.1.Code": self._key_template,
        }
        return await self._aliyun.call("IvrCall", common | named)

    async def _wait_for_key(self, notice: Notice, call: str) -> None:
        asked_at = self._real.now_ms()
        while self._real.now_ms() - asked_at < self._ask_for_s * 1000:
            await asyncio.sleep(self._ask_every_s)
            record = await self._record(call, asked_at)
            if is_pressed(record.get("dtmf")):
                log.info("notice %d: 1 was pressed in the call", notice.id)
                if self._pressed:
                    await self._pressed(notice)
                return
            if record.get("endDate"):
                return

    async def _record(self, call: str, at_ms: int) -> dict[str, object]:
        """What the service knows of a call; empty while there is nothing."""
        said = await self._aliyun.call(
            "QueryCallDetailByCallId",
            {"CallId": call, "ProdId": _IVR, "QueryDate": str(at_ms)},
        )
        if isinstance(said, Retry | Rejected):
            return {}
        try:
            record = json.loads(str(fields_of(said, "Data").get("Data", "")))
        except (ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

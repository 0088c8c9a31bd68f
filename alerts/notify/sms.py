"""SMS 短信 by Alibaba Cloud: an approved template, whose variables are filled from the notice.

Only a template may be sent, and no link within a variable: the template holds its beginning, and
the part ``code`` its end.
"""

import json
import re
from collections.abc import Mapping

from alerts.links import Links
from alerts.notify.aliyun import Aliyun, fields_of
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.parts import Part, parts_of
from alerts.notify.receipts import mobile, proof
from alerts.registry.model import ChannelKind
from alerts.secrets import SecretError, resolve

URL, VERSION = "https://dysmsapi.aliyuncs.com", "2017-05-25"
VARIABLE_MOST = 35  # characters of a variable
_LINK = re.compile(r"\S*(?:://|www\.)\S*")


class Sms:
    """The channel ``sms``; ``to`` is a mobile number."""

    def __init__(
        self,
        aliyun: Aliyun,
        *,
        sign_name: str,
        template: str,
        variables: Mapping[str, str],
        links: Links | None = None,
    ) -> None:
        self._aliyun = aliyun
        self._links = links
        self._sign_name = sign_name
        self._template = template
        self._variables = {name: Part(part) for name, part in variables.items()}

    async def send(self, notice: Notice) -> Outcome:
        number = number_of(notice)
        if not isinstance(number, str):
            return number
        code = self._links.code(notice.id) if self._links else ""
        filled = fill(notice, self._variables, code)
        if filled is None:
            return Rejected("a notice without words")
        said = await self._aliyun.call(
            "SendSms",
            {
                "PhoneNumbers": number,
                "SignName": self._sign_name,
                "TemplateCode": self._template,
                "TemplateParam": filled,
                "OutId": str(notice.id),
            },
        )
        if isinstance(said, Retry | Rejected):
            return said
        return Accepted(proof(ChannelKind.SMS, fields_of(said, "BizId").get("BizId", "")))

    async def close(self) -> None:
        await self._aliyun.close()


def number_of(notice: Notice) -> str | Retry | Rejected:
    """The mobile number of a notice, without blanks; else the outcome."""
    try:
        number = mobile(resolve(notice.address.to).reveal())
    except SecretError as error:
        return Retry(str(error))
    return number or Rejected("no mobile number; write 13800001111")


def fill(notice: Notice, variables: Mapping[str, Part], code: str = "") -> str | None:
    """A template's variables as JSON; None for a notice without words."""
    parts = parts_of(notice, code)
    if parts is None:
        return None
    values = {
        name: _LINK.sub("", parts.by(part, VARIABLE_MOST)).strip() or "—"
        for name, part in variables.items()
    }
    return json.dumps(values, ensure_ascii=False)

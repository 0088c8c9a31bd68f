"""Alibaba Cloud 阿里云: requests signed by its V3 algorithm, ACS3-HMAC-SHA256, and its answers.

help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature; a test holds it against
the example there. Codes: help.aliyun.com/document_detail/101346 (SMS) and 178344 (calls).
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from alerts.notify.answers import MINUTE, Codes, Said, garbage, hiding, read, refused, send
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Rejected, Retry
from alerts.secrets import SecretError, resolve
from edge.clock import Clock

LIMITED = "isv.BUSINESS_LIMIT_CONTROL"
HOUR = timedelta(hours=1)

CODES = Codes(
    code=("Code",),
    text=("Message",),
    fine=frozenset({"OK"}),
    later={
        LIMITED: HOUR,
        "isp.SYSTEM_ERROR": None,
        "isp.UNKNOWN": None,
        "isp.GATEWAY_ERROR": None,
        "isv.VOICE_CALL_FAIL": None,
        "InternalError": None,
        "ServiceUnavailable": None,
        "Throttling": MINUTE,
        "Throttling.User": MINUTE,
        "Throttling.Api": MINUTE,
        "SignatureNonceUsed": None,
    },
    remedies={
        "isv.AMOUNT_NOT_ENOUGH": "the account has no money left; top it up",
        "isv.OUT_OF_SERVICE": "the account is stopped; look at its balance",
        "isv.MOBILE_NUMBER_ILLEGAL": "no mobile number; correct the address",
        "isv.SMS_SIGNATURE_ILLEGAL": "sms.sign_name is not approved",
        "isv.SMS_SIGN_ILLEGAL": "sms.sign_name may not be used; apply for another one",
        "isv.SIGN_STATE_ILLEGAL": "sms.sign_name is not usable now; look at it in the console",
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL": "sms.sign_name is for codes alone, sms.template is not",
        "isv.SMS_TEMPLATE_ILLEGAL": "sms.template is not approved",
        "isv.TEMPLATE_MISSING_PARAMETERS": "the template wants other variables; look at "
        "sms.variables, or voice.variables for a call",
        "isv.TEMPLATE_PARAMS_ILLEGAL": "a variable holds what the template forbids there",
        "isv.BLACK_KEY_CONTROL_LIMIT": "a variable holds a forbidden word; look at the place's name",
        "isv.SMS_CONTENT_ILLEGAL": "the text holds a forbidden word; look at the place's name",
        "isv.PARAM_LENGTH_LIMIT": "a variable is longer than this template takes",
        "isv.TTS_TEMPLATE_ILLEGAL": "voice.template is not approved",
        "isv.TEMPLATE_ILLEGAL": "voice.template or voice.key_template is not approved",
        "isv.DISPLAY_NUMBER_ILLEGAL": "voice.show_number is not a number of this account",
        "isv.COMPLAINT_REJECT": "our number is blocked after complaints; show another one",
        "isv.DAY_LIMIT_CONTROL": "the account's own limit a day is reached; raise it in the console",
        "isv.MONTH_LIMIT_CONTROL": "the account's own limit a month is reached; raise it in the "
        "console",
        "isv.PRODUCT_UN_SUBSCRIPT": "the account has not opened the service; open it in the console",
        "isv.PRODUCT_UNSUBSCRIBE": "the account has not opened the service; open it in the console",
        "isv.ACCOUNT_NOT_EXISTS": "aliyun.access_key_id is of no account",
        "isv.ACCOUNT_ABNORMAL": "the account is in debt or blocked; look at it in the console",
        "isv.DENY_IP_RANGE": "this machine's address is not of the mainland",
        "InvalidAccessKeyId.NotFound": "aliyun.access_key_id is unknown",
        "SignatureDoesNotMatch": "aliyun.access_key_secret is not that of the key id",
        "InvalidTimeStamp.Expired": "the clock of this machine is wrong",
        "isp.RAM_PERMISSION_DENY": "the key may not do this; give its user the right",
    },
)


class Aliyun:
    """``call`` an action of one of its services. Key id and secret may be references."""

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        *,
        url: str,
        version: str,
        key_id: str,
        key_secret: str,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
        real: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        self._outbound = outbound
        self._clock = clock
        self._url = url.rstrip("/")
        self._version = version
        self._key_id = key_id
        self._key_secret = key_secret
        self._nonce = nonce
        self._real = real

    async def call(self, action: str, query: Mapping[str, str]) -> Said | Retry | Rejected:
        """What the service said with code OK; else the outcome."""
        try:
            key_id = resolve(self._key_id).reveal()
            key_secret = resolve(self._key_secret).reveal()
        except SecretError as error:
            return Retry(str(error))
        now = self._real.now()
        headers = signed(
            "POST",
            urlsplit(self._url).netloc,
            query,
            action=action,
            version=self._version,
            at=now,
            nonce=self._nonce(),
            key_id=key_id,
            key_secret=key_secret,
        )
        hide = hiding(key_id, key_secret)
        answer = await send(
            self._outbound, "POST", f"{self._url}/?{canonical(query)}", b"", headers, hide
        )
        if not isinstance(answer, Answer):
            return answer
        said = read(answer, CODES)
        if said is None:
            return garbage(answer, self._clock, hide)
        if said.code == "OK" and answer.status == 200:
            return said
        outcome = refused(said, answer, CODES, self._clock, hide)
        if said.code == LIMITED and isinstance(outcome, Retry):
            wait = limited_for(said.text)
            if wait is None:
                return Rejected(f"{outcome.why}; nothing more goes to this number today")
            return Retry(outcome.why, wait * self._clock.speed)
        return outcome

    async def close(self) -> None:
        await self._outbound.close()


def signed(
    method: str,
    host: str,
    query: Mapping[str, str],
    *,
    action: str,
    version: str,
    at: datetime,
    nonce: str,
    key_id: str,
    key_secret: str,
    body: bytes = b"",
) -> dict[str, str]:
    """The headers of a request, ``Authorization`` among them."""
    content = hashlib.sha256(body).hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": content,
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = "\n".join([method, "/", canonical(query), lines, names, content])
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key_secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"
    )
    return headers


def canonical(query: Mapping[str, str]) -> str:
    """Sorted by name, encoded by RFC 3986."""
    return "&".join(f"{_encoded(name)}={_encoded(query[name])}" for name in sorted(query))


def limited_for(text: str) -> timedelta | None:
    """How long a flow limit lasts: it says minute, hour or day (触发分钟级流控Permits:1).

    None for a day: until tomorrow a danger is not to wait, so the next address is told.
    """
    if "分钟" in text or "minute" in text.lower():
        return MINUTE
    if "天级" in text or "day" in text.lower():
        return None
    return HOUR


def fields_of(said: Said, *names: str) -> dict[str, Any]:
    """These of an answer's fields, where they are words."""
    return {name: said.fields[name] for name in names if isinstance(said.fields.get(name), str)}


def _encoded(text: str) -> str:
    return quote(text.encode(errors="replace"), safe="~")

"""Web Push to a browser: encrypted for it alone (RFC 8291), signed by VAPID (RFC 8292); extra ``push``.

``to`` is a PushSubscription as JSON, a reference to one, or a browser that registered itself. The
push services of browsers are outside the country, so nothing goes there unless ``notices.abroad``
allows it.
"""

import asyncio
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alerts.notify.answers import hiding, refusal, send
from alerts.notify.browsers import Subscription
from alerts.notify.cutting import fitted, in_json
from alerts.notify.limits import ABOUT
from alerts.notify.notice import Notice
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.registry.addresses import browser_of, is_abroad
from alerts.registry.model import Address, ChannelKind
from alerts.secrets import SecretError, resolve
from alerts.words import Severity
from edge.clock import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

TTL = timedelta(hours=24)  # a phone that was off until tomorrow need not ring for yesterday
TOKEN_LASTS = timedelta(hours=12)  # RFC 8292: at most a day
RECORD = 4096  # bytes of the one record; a push service takes no more
WORDS_MOST = ABOUT[ChannelKind.WEBPUSH].bytes_most  # title and text; the whole fits the record
_GONE = frozenset({404, 410})
_FOREIGN = frozenset({401, 403})  # RFC 8292 4.2: signed by another key than it subscribed with
_KEY_REMEDY = (
    "webpush.key is not the one that this browser subscribed with, or webpush.subject is no "
    "address; switch the notices of that browser off and on again"
)

Browsers = Callable[[str], Subscription | None]
"""What reaches a browser that registered itself, by its id; None when it is gone. Called in a thread."""


class Misfit(ValueError):
    """No subscription, or no key; says what it wants. Never the thing itself."""


class WebPush:
    """The channel ``webpush``. ``key`` refers to a PEM file with an EC P-256 private key."""

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        *,
        key: str,
        subject: str,
        abroad: bool = False,
        browsers: Browsers | None = None,
        real: Clock = Clock(),  # noqa: B008 - frozen
    ) -> None:
        self._outbound = outbound
        self._clock = clock
        self._key = key
        self._subject = subject
        self._abroad = abroad
        self._browsers = browsers
        self._real = real

    async def send(self, notice: Notice) -> Outcome:
        try:
            there = await self._there(notice.address)
            if there is None:
                return Rejected("this browser wants no more notices", gone=True)
            if is_abroad(there.endpoint) and not self._abroad:
                host = urlsplit(there.endpoint).hostname
                return Rejected(f"{host} is outside the country; set notices.abroad to allow it")
            key = private_key(resolve(self._key).reveal())
            body = encrypted(payload(notice), there)
        except SecretError as error:
            return Retry(str(error))
        except ImportError:
            return Rejected("cryptography is not installed; install the extra: shouwang[push]")
        except Misfit as error:
            return Rejected(str(error))
        headers = {
            "Authorization": vapid(key, there.endpoint, self._subject, self._real.now()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(TTL.total_seconds())),
            "Urgency": "high" if notice.severity >= Severity.MAJOR else "normal",
        }
        if tag := tag_of(notice):
            headers["Topic"] = tag  # a newer word takes the older one's place
        hide = hiding(there.endpoint)
        answer = await send(self._outbound, "POST", there.endpoint, body, headers, hide)
        if not isinstance(answer, Answer):
            return answer
        if answer.status in _GONE:
            why = f"HTTP {answer.status}: the browser has withdrawn its subscription"
            return Rejected(why, gone=True)
        if (outcome := refusal(answer, self._clock, hide)) is None:
            return Accepted(f"HTTP {answer.status}")
        return Rejected(f"{outcome.why}; {_KEY_REMEDY}") if answer.status in _FOREIGN else outcome

    async def close(self) -> None:
        await self._outbound.close()

    async def _there(self, address: Address) -> Subscription | None:
        if (browser := browser_of(address)) is None:
            return subscription(resolve(address.to).reveal())
        if self._browsers is None:
            return None
        return await asyncio.to_thread(self._browsers, browser[0])


def tag_of(notice: Notice) -> str:
    """What a newer notice takes the place of; "" where it tells of something else besides."""
    return f"incident-{notice.incident}" if notice.incident and not notice.others else ""


def payload(notice: Notice) -> bytes:
    """What the service worker shows."""
    title = fitted(notice.title, WORDS_MOST // 4, in_json)
    body = fitted(notice.text, WORDS_MOST * 3 // 4, in_json)
    message = {
        "id": notice.id,
        "incident": notice.incident,
        "tag": tag_of(notice) or f"notice-{notice.key}",
        "title": title,
        "body": body,
        "urgent": notice.severity >= Severity.MAJOR,
    }
    if notice.link.startswith(("https://", "http://")) and len(notice.link) < 500:
        message["link"] = notice.link
    return json.dumps(message, ensure_ascii=False).encode(errors="replace")


def subscription(text: str) -> Subscription:
    """A PushSubscription's JSON; Misfit for anything else."""
    try:
        read = json.loads(text)
        parts = [read["endpoint"], read["keys"]["p256dh"], read["keys"]["auth"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        parts = []
    if not parts or not all(isinstance(part, str) for part in parts):
        raise Misfit("no push subscription; write its JSON: endpoint, keys.p256dh, keys.auth")
    return subscription_of(*parts)


def subscription_of(endpoint: str, p256dh: str, auth: str) -> Subscription:
    """Out of its parts, the keys in base64url; Misfit for keys of another length."""
    try:
        keys = (_bytes(p256dh), _bytes(auth))
    except ValueError:
        keys = (b"", b"")
    if [len(key) for key in keys] != [65, 16]:
        raise Misfit("no push subscription; its keys have 65 and 16 bytes")
    return Subscription(endpoint=endpoint, p256dh=keys[0], auth=keys[1])


def private_key(pem: str) -> "EllipticCurvePrivateKey":
    """The key that signs; Misfit for what is none."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise Misfit("webpush.key is no EC P-256 key in PEM; make one: openssl ecparam "
                     "-name prime256v1 -genkey -noout")  # fmt: skip
    return key


def page_key(pem: str) -> str:
    """What a page gives to ``pushManager.subscribe``: the public key in base64url; else Misfit."""
    return _text(public(private_key(pem)))


def encrypted(
    message: bytes,
    there: Subscription,
    *,
    own: "EllipticCurvePrivateKey | None" = None,
    salt: bytes | None = None,
) -> bytes:
    """``aes128gcm`` in one record for that browser alone. ``own`` and ``salt`` are random."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    own = own or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    try:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), there.p256dh)
    except ValueError:
        raise Misfit("no push subscription; keys.p256dh is no point of the curve") from None
    ours = public(own)

    def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)

    shared = own.exchange(ec.ECDH(), theirs)
    secret = derive(shared, there.auth, b"WebPush: info\0" + there.p256dh + ours, 32)
    key = derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(key).encrypt(nonce, message + b"\x02", None)  # 2: the last record
    return salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours + sealed


def vapid(key: "EllipticCurvePrivateKey", endpoint: str, subject: str, now: datetime) -> str:
    """The header ``Authorization`` for the endpoint's origin."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + TOKEN_LASTS).timestamp()),
        "sub": subject,
    }
    signed = ".".join(_text(json.dumps(part).encode()) for part in (_HEADER, claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = _text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={_text(public(key))}"


def public(key: "EllipticCurvePrivateKey") -> bytes:
    """The uncompressed point."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


_HEADER = {"typ": "JWT", "alg": "ES256"}


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

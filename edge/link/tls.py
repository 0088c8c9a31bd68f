"""TLS to the broker: whom we trust, who we are, and what went wrong, with its remedy.

A box without a battery-backed clock may start in 1970, and every certificate is from its future
then. While the system's clock is known to be wrong, OpenSSL does not look at the times; the link
looks itself that the broker's certificate had not ended before what the box knows of the time.
"""

import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL 1.1.0 and later (x509_vfy.h); Python has no name for it.
NO_CHECK_TIME = 0x200000
# A clock so little behind what is known is right: a certificate's last hour is no matter.
SLACK_MS = 3_600_000
# X509_V_ERR_CERT_NOT_YET_VALID
NOT_YET_VALID = 9


class Unreadable(Exception):
    """A file of certificates or keys that TLS cannot use, with the remedy."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        super().__init__(f"{path}: {text}")


class Expired(ssl.SSLError):
    """The broker's certificate had ended before the time that the box knows of."""


class CutShort(ssl.SSLError):
    """the other side closed the connection when we began TLS; see the port in url"""


def client_context(
    cas: Sequence[Path], cert: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """A context that checks chain and host name, and trusts ``cas`` only, or the system's when there
    are none; Unreadable with the file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _Socket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for ca in cas:
        try:
            context.load_verify_locations(cafile=ca)
        except (ssl.SSLError, OSError) as error:
            raise Unreadable(ca, f"no certificate in PEM ({_of(error)})") from error
    if not cas:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    # What is named is trusted, even when it is an intermediate one; Python 3.13 does so by default.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if cert is not None:
        try:
            # A password asked for on a terminal would hold up a box that nobody sits at.
            context.load_cert_chain(cert, key, password=lambda: "")
        except (ssl.SSLError, OSError) as error:
            text = f"not a certificate whose key, without a passphrase, is {key} ({_of(error)})"
            raise Unreadable(cert, text) from error
    return context


def is_clock_wrong(system_ms: int, known_ms: int) -> bool:
    """Whether the system's clock is behind a time that is known to have passed."""
    return system_ms < known_ms - SLACK_MS


def ignore_times(context: ssl.SSLContext) -> None:
    """Accept certificates whatever their times; ``refuse_ended`` must look then."""
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | NO_CHECK_TIME)


def refuse_ended(certificate: Mapping[str, Any] | None, known_ms: int) -> None:
    """Expired when the broker's certificate ended before ``known_ms``."""
    until = str((certificate or {}).get("notAfter", ""))
    if until and ssl.cert_time_to_seconds(until) * 1000 < known_ms:
        raise Expired(f"the broker's certificate ended at {until}; renew it on the broker")


def is_bare_end(error: BaseException) -> bool:
    """Whether the other side just closed, and said nothing that TLS could tell."""
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError)


def explain(error: BaseException, host: str, has_cert: bool, system_ms: int) -> str:
    """What went wrong in the words of the one who must mend it."""
    if isinstance(error, Expired | CutShort):
        return str(error.args[-1])
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, host, system_ms)
    if not isinstance(error, ssl.SSLError):
        return _explain_line(error)
    reason = error.reason or ""
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason:
        return "the port does not speak TLS; write the port of the listener with TLS in url"
    if "PROTOCOL_VERSION" in reason:
        return "the broker speaks only an older TLS than 1.2; renew it"
    if "CERTIFICATE_REQUIRED" in reason or ("HANDSHAKE_FAILURE" in reason and not has_cert):
        return "the broker asks for a client certificate; write cert and key in [mqtt]"
    if has_cert and "ALERT" in reason:
        why = next((text for word, text in _ALERTS.items() if word in reason), "refuses it")
        return (
            f"the broker does not take our certificate: it {why}; "
            "let the broker's owner issue a new one for cert and key"
        )
    return f"TLS failed: {_of(error)}"


class _Socket(ssl.SSLSocket):
    """Closes itself when the handshake fails, and hears the alert when it cannot speak any more."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException as error:
            self.close()
            if is_bare_end(error):
                raise CutShort(CutShort.__doc__) from error
            raise

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except (ssl.SSLEOFError, ConnectionError):
            # With TLS 1.3 a broker refuses our certificate after we have begun to speak; its alert
            # says why, and waits to be read.
            try:
                self.recv(1)
            except ssl.SSLWantReadError:
                pass
            raise


_ALERTS = {
    "EXPIRED": "has ended, or the broker's clock is wrong",
    "REVOKED": "was revoked",
    "UNKNOWN_CA": "is not from a CA that the broker trusts",
    "UNSUPPORTED": "is of a kind that the broker does not take",
    "BAD_CERTIFICATE": "is not good to the broker",
}


def _explain_line(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is not known; see url in [mqtt], and whether the line has a DNS"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there; see url in [mqtt], and whether the broker runs"
    if isinstance(error, TimeoutError):
        return "no answer; see the line, and a firewall before the broker"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "no way to it; see modem, SIM or Wi-Fi"
    return str(error)


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str, system_ms: int) -> str:
    at = f"{datetime.fromtimestamp(system_ms / 1000, UTC):%Y-%m-%d %H:%MZ}"
    match error.verify_code:
        case 9:
            return f"the broker's certificate begins after {at}, which is now by our clock; set the clock"
        case 10:
            return (
                f"the broker's certificate, or its CA's, has ended: by our clock it is {at}; "
                "renew it on the broker, or set the clock"
            )
        case 2 | 18 | 19 | 20 | 21:
            return (
                "the broker's certificate is not from a CA that we trust; write the broker's CA as "
                "ca or ca_next in [mqtt], unless somebody stands between"
            )
        case 62 | 64:
            return (
                f"the broker's certificate is not for {host}; write a name that it names in url, or "
                "issue it for this one"
            )
        case 23:
            return "the broker's certificate was revoked; issue a new one on the broker"
        case _:
            return f"the broker's certificate is no good: {error.verify_message}"


def _of(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)

"""apprise: services that have no channel of their own here, by apprise's URLs; the extra ``apprise``.

It is the one channel whose answers prove little: apprise looks at the HTTP status alone, so a
service that refuses within HTTP 200 counts as accepted, and a failure comes without its reason. It
makes its connections itself, past the outbound client's checks: only schemes on the list may go.
"""

import asyncio
import logging
from collections.abc import Collection

from alerts.notify.limits import ABOUT
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.robot import text_of
from alerts.registry.model import ChannelKind
from alerts.secrets import SecretError, resolve

# Services within the country whose server is fixed: nobody can point them at a machine inside.
SCHEMES = ("schan", "pushplus", "wxpusher", "spugpush", "wpush", "pushme")
WORDS_MOST = ABOUT[ChannelKind.APPRISE].bytes_most  # what any takes without splitting by characters


class Apprise:
    """The channel ``apprise``; ``to`` is an apprise URL, which holds the key: a reference."""

    def __init__(self, schemes: Collection[str] = SCHEMES) -> None:
        self._schemes = frozenset(scheme.lower() for scheme in schemes)
        # Its own log could show what stands in a URL.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)

    async def send(self, notice: Notice) -> Outcome:
        try:
            url = resolve(notice.address.to).reveal().strip()
        except SecretError as error:
            return Retry(str(error))
        scheme, mark, _ = url.partition("://")
        if not mark or scheme.lower() not in self._schemes:
            shown = scheme[:20] if mark and scheme.isalnum() else "no"
            return Rejected(f"{shown} scheme; list it under apprise.schemes to allow it")
        words = text_of(notice, WORDS_MOST)
        if not words:
            return Rejected("a notice without words")
        title, _, body = words.partition("\n")
        return await asyncio.to_thread(_notify, url, title, body or title)

    async def close(self) -> None:
        """Nothing is held: each message has its own connection."""


def _notify(url: str, title: str, body: str) -> Outcome:
    try:
        from apprise import Apprise as Notifier
    except ImportError:
        return Rejected("apprise is not installed; install the extra: shouwang[apprise]")
    # A new one for each message: apprise makes one that is used again sleep between two sends.
    notifier = Notifier()
    if not notifier.add(url):
        return Rejected("apprise cannot read this URL; look at its documents")
    try:
        took = notifier.notify(body=body, title=title)
    except Exception as error:  # whatever a plug-in of it raises; its text might hold the URL
        return Retry(f"apprise: {type(error).__name__}")
    return Accepted("apprise saw HTTP success") if took else Retry("apprise could not send it")

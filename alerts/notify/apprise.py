"""apprise: services that have no channel of their own here, by apprise's URLs; the extra ``apprise``.

It is the one channel whose answers prove little: apprise looks at the HTTP status alone, so a
service that refuses within HTTP 200 counts as accepted, and a failure comes without its reason. It
makes its connections itself, past the outbound client's checks: only schemes on the list may go.
"""

import asyncio
import logging
from collections.abc import Collection
from functools import partial

from alerts.notify.limits import ABOUT
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.robot import text_of
from alerts.notify.threads import Threads
from alerts.registry.model import ChannelKind
from alerts.secrets import SecretError, resolve

# Services within the country whose server is fixed: nobody can point them at a machine inside.
SCHEMES = ("schan", "pushplus", "wxpusher", "spugpush", "wpush", "pushme")
TOTAL_S = (
    15.0  # real seconds, under the dispatcher's deadline; its own 4 s begin anew with each byte
)
AT_ONCE = 8  # threads of calls that may hang
WORDS_MOST = ABOUT[ChannelKind.APPRISE].bytes_most  # what any takes without splitting by characters


class Apprise:
    """The channel ``apprise``; ``to`` is an apprise URL, which holds the key: a reference."""

    def __init__(self, schemes: Collection[str] = SCHEMES, *, total_s: float = TOTAL_S) -> None:
        self._schemes = frozenset(scheme.lower() for scheme in schemes)
        self._total_s = total_s
        self._threads = Threads("apprise", AT_ONCE)
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
        try:
            async with asyncio.timeout(self._total_s):
                return await self._threads.run(partial(_notify, url, title, body or title))
        except TimeoutError:
            return Retry(f"apprise: no answer within {self._total_s:g} s")

    async def close(self) -> None:
        """Nothing is held: each message has its own connection."""


def _notify(url: str, title: str, body: str) -> Outcome:
    try:
        from apprise import Apprise as Notifier
        from apprise.utils.parse import parse_urls
    except ImportError:
        return Rejected("apprise is not installed; install the extra: shouwang[apprise]")
    # Behind a comma or a blank it would find one more, whose scheme nobody has looked at.
    is_one = parse_urls(url) == [url]  # type: ignore[no-untyped-call]
    if not is_one or not (service := Notifier.instantiate(url)):
        return Rejected(
            "apprise cannot read this URL, or it is more than one; look at its documents"
        )
    # A new one for each message: apprise makes one that is used again sleep between two sends.
    notifier = Notifier()
    notifier.add(service)
    try:
        took = notifier.notify(body=body, title=title)
    except Exception as error:  # whatever a plug-in of it raises; its text might hold the URL
        return Retry(f"apprise: {type(error).__name__}")
    return Accepted("apprise saw HTTP success") if took else Retry("apprise could not send it")

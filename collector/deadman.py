"""The outside dead-man: pinged while the synthetic reading comes the whole way, and only then.

Whoever is pinged tells people when pings stay away, so it watches what this server cannot: itself.
"""

import asyncio
import logging
from urllib.parse import urlsplit

from alerts.notify.outbound import Outbound, OutboundError
from collector.synthetic import Synthetic
from edge.contract.secret import Secret

log = logging.getLogger("collector.deadman")


class DeadMan:
    """``run`` pings until cancelled; ``why`` says why the last ping was not taken, or "".

    ``every_s`` (real seconds) is the shortest time between two pings.
    """

    def __init__(
        self, url: Secret, every_s: float, outbound: Outbound, synthetic: Synthetic
    ) -> None:
        self.why = ""
        self.pinged = 0
        self._url = url
        self._every_s = every_s
        self._outbound = outbound
        self._synthetic = synthetic

    async def run(self) -> None:
        """One ping for each reading that came through, no sooner than ``every_s`` after the last."""
        seen = 0
        while True:
            await self._synthetic.more_than(seen)
            seen = self._synthetic.passed
            if not self._synthetic.why:  # one came through since, and the next did not
                await self._ping()
                await asyncio.sleep(self._every_s)

    async def _ping(self) -> None:
        why = ""
        try:
            answer = await self._outbound.get(self._url.reveal())
            if answer.status >= 300:
                # The rest of the URL is a key.
                why = f"{urlsplit(self._url.reveal()).hostname} answers {answer.status}"
        except OutboundError as error:
            why = str(error)
        if why and not self.why:
            log.warning("the dead-man was not pinged: %s", why)
        elif self.why and not why:
            log.info("the dead-man is pinged again")
        self.why = why
        self.pinged += not why

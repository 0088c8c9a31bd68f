"""InfluxQL over HTTP: statements out, series back; the same for InfluxDB 1 and 2."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import aiohttp

from collector.stores.blame import WORDS_MOST, Refusal
from collector.stores.kinds import InfluxSettings
from collector.stores.port import StoreUnavailable
from collector.stores.sender import told

Answer = list[tuple[dict[str, str], list[list[Any]]]]
"""The series of a statement: the tags and the rows, time first, in milliseconds."""

TIMEOUT_S = 30.0
CHARACTERS_MOST = 6_000  # a GET; proxies refuse an address of 8 kB


class Refused(StoreUnavailable):
    """The server answered, and refuses: the status, and its own words."""

    def __init__(self, text: str, status: int, words: str) -> None:
        super().__init__(text)
        self.status = status
        self.words = words


class Questions:
    """Asks one server over a session of its own; ``close`` ends it."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, bucket: str, statements: Sequence[str]) -> list[Answer]:
        """The answers to these statements, in order; StoreUnavailable when one fails."""
        answers: list[Answer] = []
        for part in _packed(statements):
            parameters = {"db": bucket, "epoch": "ms", "q": "; ".join(part)}
            body = await self.call("GET", "/query", parameters, bucket=bucket)
            try:
                answers += [self._series(result, bucket) for result in body["results"]]
            except Refused as error:
                # A site's bucket is made when its first reading comes.
                if self._settings.bucket_per_site and bucket not in await self.databases():
                    answers += [[] for _ in part]
                elif error.words == "not executed" and len(part) > 1:
                    # What is wrong is told of a statement that is asked alone.
                    answers += [one for text in part for one in await self.ask(bucket, [text])]
                else:
                    raise
        return answers

    async def databases(self) -> list[str]:
        """The names of the databases, or buckets, that we are shown."""
        answer = await self.command("SHOW DATABASES")
        return [row[0] for _, rows in answer for row in rows]

    async def command(self, statement: str) -> Answer:
        """One statement that makes something, or tells of the server itself."""
        body = await self.call("POST", "/query", {"q": statement})
        (result,) = body["results"]
        return self._series(result)

    async def call(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        body: object = None,
        bucket: str = "",
    ) -> Any:
        """The JSON of an answer (None when it is empty); Refused from status 300 on."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._settings.headers,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            )
        try:
            async with self._session.request(
                method,
                self._settings.url.rstrip("/") + path,
                params=parameters,
                json=body,
                allow_redirects=False,
            ) as answer:
                payload = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            name = type(error).__name__
            raise StoreUnavailable(told(self._settings, bucket, name)) from error
        if answer.status >= 300:
            words = Refusal(answer.status, payload.decode(errors="replace")).words[:WORDS_MOST]
            reason = f"{answer.status} {words}"
            text = told(self._settings, bucket, reason, answer.status)
            raise Refused(text, answer.status, words)
        try:
            return json.loads(payload) if payload else None
        except ValueError as error:
            text = told(self._settings, bucket, "an answer that is no JSON")
            raise StoreUnavailable(text) from error

    def _series(self, result: dict[str, Any], bucket: str = "") -> Answer:
        if "error" in result:
            words = str(result["error"])
            raise Refused(told(self._settings, bucket, words), 200, words)
        return [(s.get("tags", {}), s.get("values", [])) for s in result.get("series", [])]


def _packed(statements: Sequence[str]) -> Iterator[list[str]]:
    """The statements in groups, none longer together than an address may be."""
    group: list[str] = []
    for statement in statements:
        if group and sum(map(len, group)) + len(statement) > CHARACTERS_MOST:
            yield group
            group = []
        group.append(statement)
    if group:
        yield group

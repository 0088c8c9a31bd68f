"""Making what a store needs on its server: buckets with their retention, and who may sign in there.

What is there already stays as its owner made it and is told as such, so all of it may be repeated.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.stores.kinds import InfluxSettings, Kind
from collector.stores.lines import quote_name, quote_text
from collector.stores.port import StoreUnavailable
from collector.stores.questions import Questions, Refused
from collector.stores.retention import DAY_MS

POLICY = "shouwang"  # the retention policy of a database that is made here
FORBIDDEN = frozenset({401, 403})

_DENIED = (
    "{} is missing, and who signs in may not make it ({}); run `shouwang setup-store` with an"
    " administrator's sign-in, or have it made"
)
_HOUR_S, _DAY_S = 3600, DAY_MS // 1000
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class MayNot(StoreUnavailable):
    """Who is signed in may not make what is missing; the text says what, and what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket that is there now. ``days`` is how long it keeps: None for ever, 0 unknown."""

    name: str
    is_new: bool
    days: int | None
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A token, or a user with a password; ``secret`` is "" for one that was there."""

    name: str
    may: str
    secret: str = ""


async def make_buckets(
    questions: Questions, settings: InfluxSettings, wanted: Mapping[str, int | None]
) -> list[Bucket]:
    """Each wanted bucket (with its days), made where it was missing; MayNot names one that stays so."""
    if settings.kind is Kind.INFLUX:
        return [await _bucket(questions, settings, name, days) for name, days in wanted.items()]
    if settings.kind is Kind.INFLUX1:
        there = await questions.databases()
        return [await _database(questions, name, days, there) for name, days in wanted.items()]
    return [await _database3(questions, name, days) for name, days in wanted.items()]


async def make_sign_ins(
    questions: Questions, settings: InfluxSettings, buckets: Sequence[Bucket]
) -> list[SignIn]:
    """One that reads and writes these buckets (the collector), one that only reads (Grafana).

    InfluxDB 3 has tokens of one kind in its Core, so none are made there.
    """
    if settings.kind is Kind.INFLUX:
        return await _tokens(questions, settings, buckets)
    if settings.kind is Kind.INFLUX1:
        return await _users(questions, settings, buckets)
    return []


async def _bucket(
    questions: Questions, settings: InfluxSettings, name: str, days: int | None
) -> Bucket:
    found = await _look(questions, name)
    if found is not None:
        return found
    rules = [] if days is None else [{"type": "expire", "everySeconds": days * _DAY_S}]
    body = {
        "orgID": await _org(questions, settings, f"bucket {name!r}"),
        "name": name,
        "retentionRules": rules,
    }
    try:
        made = await questions.call("POST", "/api/v2/buckets", body=body)
    except Refused as error:
        # 422: somebody else has just made it.
        found = await _look(questions, name) if error.status == 422 else None
        if found is not None:
            return found
        raise _may_not(error, f"bucket {name!r}") from error
    return Bucket(name=name, is_new=True, days=days, id=made["id"])


async def _look(questions: Questions, name: str) -> Bucket | None:
    answer = await questions.call("GET", "/api/v2/buckets", {"name": name})
    for bucket in answer.get("buckets", []):
        seconds = sum(rule.get("everySeconds", 0) for rule in bucket.get("retentionRules", []))
        kept = seconds // _DAY_S or None
        return Bucket(name=name, is_new=False, days=kept, id=bucket["id"])
    return None


async def _org(questions: Questions, settings: InfluxSettings, what: str) -> str:
    answer = await questions.call("GET", "/api/v2/orgs", {"org": settings.org})
    for one in answer.get("orgs", []):
        found: str = one["id"]
        return found
    raise MayNot(_DENIED.format(what, f"it sees no organisation {settings.org!r}"))


async def _database(
    questions: Questions, name: str, days: int | None, there: Sequence[str]
) -> Bucket:
    if name in there:
        policies = await questions.command(f"SHOW RETENTION POLICIES ON {quote_name(name)}")
        default = [row for _, rows in policies for row in rows if row[-1] is True]
        return Bucket(name=name, is_new=False, days=_days(default[0][1]) if default else 0)
    kept = "INF" if days is None else f"{days}d"
    try:
        await questions.command(
            f"CREATE DATABASE {quote_name(name)} WITH DURATION {kept} NAME {quote_name(POLICY)}"
        )
    except Refused as error:
        raise _may_not(error, f"database {name!r}") from error
    return Bucket(name=name, is_new=True, days=days)


async def _database3(questions: Questions, name: str, days: int | None) -> Bucket:
    body = {"db": name} | ({} if days is None else {"retention_period": f"{days}d"})
    try:
        await questions.call("POST", "/api/v3/configure/database", body=body)
    except Refused as error:
        if error.status == 409:
            return Bucket(name=name, is_new=False, days=0)
        raise _may_not(error, f"database {name!r}") from error
    return Bucket(name=name, is_new=True, days=days)


async def _tokens(
    questions: Questions, settings: InfluxSettings, buckets: Sequence[Bucket]
) -> list[SignIn]:
    org = await _org(questions, settings, "a token")
    answer = await questions.call("GET", "/api/v2/authorizations", {"orgID": org})
    there = [(one.get("description"), _allowed(one)) for one in answer.get("authorizations", [])]
    made = []
    for role, actions in (("write", ("read", "write")), ("read", ("read",))):
        name, may = f"{settings.bucket}-{role}", " and ".join(actions)
        wanted = {(action, bucket.id) for action in actions for bucket in buckets}
        if any(described == name and allowed >= wanted for described, allowed in there):
            made.append(SignIn(name=name, may=may))
            continue
        permissions = [
            {"action": action, "resource": {"type": "buckets", "id": bucket, "orgID": org}}
            for action, bucket in sorted(wanted)
        ]
        body = {"orgID": org, "description": name, "permissions": permissions}
        try:
            token = await questions.call("POST", "/api/v2/authorizations", body=body)
        except Refused as error:
            raise _may_not(error, f"token {name!r}") from error
        made.append(SignIn(name=name, may=may, secret=token["token"]))
    return made


async def _users(
    questions: Questions, settings: InfluxSettings, buckets: Sequence[Bucket]
) -> list[SignIn]:
    made = []
    try:
        there = {row[0] for _, rows in await questions.command("SHOW USERS") for row in rows}
        for role, right in (("write", "ALL"), ("read", "READ")):
            name, secret = f"{settings.bucket}-{role}", ""
            if name not in there:
                secret = secrets.token_urlsafe(24)
                await questions.command(
                    f"CREATE USER {quote_name(name)} WITH PASSWORD {quote_text(secret)}"
                )
            for bucket in buckets:
                await questions.command(
                    f"GRANT {right} ON {quote_name(bucket.name)} TO {quote_name(name)}"
                )
            may = "read" if right == "READ" else "read and write"
            made.append(SignIn(name=name, may=may, secret=secret))
    except Refused as error:
        raise _may_not(error, "users") from error
    return made


def _allowed(authorization: Mapping[str, Any]) -> set[tuple[str, str]]:
    if authorization.get("status") != "active":
        return set()
    return {
        (one["action"], one["resource"].get("id", ""))
        for one in authorization.get("permissions", [])
        if one["resource"]["type"] == "buckets"
    }


def _may_not(error: Refused, what: str) -> StoreUnavailable:
    is_right = error.status in FORBIDDEN or "not authorized" in error.words
    if not is_right:
        return error
    return MayNot(_DENIED.format(what, error.words))


def _days(duration: str) -> int | None:
    """Go's ``240h0m0s`` in whole days; None for 0, which is for ever."""
    found = _DURATION.fullmatch(duration)
    seconds = (
        sum(int(n or 0) * unit for n, unit in zip(found.groups(), (_HOUR_S, 60, 1), strict=True))
        if found
        else 0
    )
    return seconds // _DAY_S or None

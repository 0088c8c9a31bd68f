"""`shouwang setup-store`: buckets, how long they keep, and who may sign in, made on the store's server.

The administrator's sign-in is given for this call only, as a reference, and kept nowhere.
"""

import argparse
import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alerts.secrets import SecretError, is_reference, resolve
from collector.commands import common
from collector.config import Config, StoreKind, read_config
from collector.errors import ConfigError, OutsideError
from collector.opening import retention_of, server_of
from collector.stores.kinds import NAMES, InfluxSettings, Kind, buckets_of
from collector.stores.port import StoreUnavailable

WORDS = {Kind.INFLUX: "bucket", Kind.INFLUX1: "database", Kind.INFLUX3: "database"}


def main(argv: Sequence[str]) -> int:
    parser = common.parser("setup-store", "Make the store's buckets, retention and sign-ins.")
    admin = parser.add_argument_group("the administrator, for this call only")
    admin.add_argument("--admin-token", default="", metavar="REFERENCE", help="env:NAME, file:PATH")
    admin.add_argument("--admin-user", default="", metavar="NAME", help="on InfluxDB 1")
    admin.add_argument("--admin-password", default="", metavar="REFERENCE", help="on InfluxDB 1")
    parser.add_argument(
        "--sign-ins",
        type=Path,
        metavar="FOLDER",
        help="make one that writes and one that only reads, and put their secrets here",
    )
    parser.add_argument(
        "--site",
        action="append",
        default=[],
        help="with bucket_per_site: whose buckets (default: every site of the community)",
    )
    arguments = parser.parse_args(argv[1:])
    return common.guarded(lambda: asyncio.run(_run(arguments)))


async def _run(arguments: argparse.Namespace) -> int:
    # What the settings sign in with may be what is made here.
    own = not (arguments.admin_token or arguments.admin_user)
    config = read_config(arguments.config, store_sign_in=own)
    settings = _as_admin(config, arguments)
    if settings is None or settings.kind is Kind.VICTORIA:
        print(f"{config.store.kind.value}: has nothing to set up")
        return 0
    sites = _sites(config, arguments) if settings.bucket_per_site else [""]
    wanted: dict[str, int | None] = {}
    for site in sites:
        wanted |= buckets_of(settings, retention_of(config.retention), site)
    return await _make(settings, wanted, arguments.sign_ins)


async def _make(
    settings: InfluxSettings, wanted: dict[str, int | None], folder: Path | None
) -> int:
    # Its sessions are half a second of a processor to import.
    from collector.stores.questions import Questions, Refused
    from collector.stores.setup import FORBIDDEN, MayNot, make_buckets, make_sign_ins

    questions, problems, buckets = Questions(settings), [], []
    word = WORDS[settings.kind]
    try:
        for name, days in wanted.items():
            try:
                (bucket,) = await make_buckets(questions, settings, {name: days})
            except MayNot as error:
                problems.append(str(error))
                continue
            buckets.append(bucket)
            kept = f", keeps {_long(bucket.days)}" if bucket.days != 0 else ""
            if not bucket.is_new and bucket.days not in (0, days):
                kept += f" (the settings say {_long(days)}; it stays as it is)"
            print(f"{'made ' if bucket.is_new else 'there'}  {word} {name}{kept}")
        if folder is not None and not problems:
            signs = await make_sign_ins(questions, settings, buckets)
            if not signs:
                print(f"{NAMES[settings.kind]} makes its tokens by its own command line only")
            for sign in signs:
                where = _keep_secret(folder, settings.kind, sign.name, sign.secret)
                made = "made " if sign.secret else "there"
                print(f"{made}  {sign.name}, may {sign.may}{where}")
    except MayNot as error:
        problems.append(str(error))
    except Refused as error:
        if error.status in FORBIDDEN:
            raise ConfigError([str(error)]) from error
        raise OutsideError(str(error)) from error
    except StoreUnavailable as error:
        raise OutsideError(str(error)) from error
    finally:
        await questions.close()
    if problems:
        raise ConfigError(problems)
    return 0


def _as_admin(config: Config, arguments: argparse.Namespace) -> InfluxSettings | None:
    """The server's settings, signing in as the administrator where one is given."""
    problems = []
    by_user = config.store.kind is StoreKind.INFLUX1
    token, user, password = (
        arguments.admin_token,
        arguments.admin_user,
        arguments.admin_password,
    )
    if token and by_user:
        problems.append("--admin-token: InfluxDB 1 signs in by --admin-user and --admin-password")
    if (user or password) and not by_user:
        problems.append("--admin-user, --admin-password: are for InfluxDB 1; give --admin-token")
    if bool(user) != bool(password) and by_user:
        problems.append("--admin-user, --admin-password: each needs the other beside it")
    for option, text in (("--admin-token", token), ("--admin-password", password)):
        if text and not is_reference(text):
            problems.append(f"{option}: write a reference, env:NAME or file:PATH")
    if problems:
        raise ConfigError(problems)
    settings = server_of(config)
    if settings is None or not (token or user):
        return settings
    try:
        token, password = resolve(token).reveal(), resolve(password).reveal()
    except SecretError as error:
        raise ConfigError([str(error)]) from error
    return replace(settings, user=user, token=token, password=password)


def _sites(config: Config, arguments: argparse.Namespace) -> list[str]:
    if arguments.site:
        return list(arguments.site)
    with common.known_operations(config) as operations:
        sites = [site.id for site in operations.registry().sites]
    if not sites:
        raise ConfigError(["bucket_per_site: there is no site yet; `shouwang import`, or --site"])
    return sites


def _keep_secret(folder: Path, kind: Kind, name: str, secret: str) -> str:
    """Put a secret where only its owner reads it; words for where, or for why not."""
    role = name.rpartition("-")[2]
    path = folder / f"store-{role}.{'password' if kind is Kind.INFLUX1 else 'token'}"
    if not secret:
        return "" if path.exists() else f"; its secret is not in {path}: delete it there, run again"
    part = path.with_suffix(".part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret + "\n")
        part.replace(path)
    except OSError as error:
        raise OutsideError(f"{path}: cannot be written ({error.strerror})") from error
    return f"; its secret is in {path}"


def _long(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"

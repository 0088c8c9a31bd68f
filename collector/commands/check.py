"""`shouwang check`: every mistake in the settings, the community and the rule packs, at once."""

from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from alerts.notify.outbound import Refused, checked
from alerts.registry.addresses import ROBOTS, WEB, where
from alerts.registry.model import Address, ChannelKind, Registry
from alerts.registry.problem import Level
from alerts.registry.toml import examine
from alerts.rules.packs import PackError, problems, read_packs
from alerts.secrets import SecretError, resolve
from collector.commands import common
from collector.config import Config
from collector.errors import EXIT_CONFIG, ConfigError
from collector.own_packs import OwnPacks

MOST_NAMED = 10
SET_UP_BY = {
    ChannelKind.EMAIL: "mail.host",
    ChannelKind.WECOM_APP: "wecom.corp_id",
    ChannelKind.WECHAT: "wechat.app_id",
    ChannelKind.SMS: "sms.template",
    ChannelKind.VOICE: "voice.template",
    ChannelKind.WEBPUSH: "webpush.key",
    ChannelKind.DINGTALK_APP: "dingtalk_app.client_id",
    ChannelKind.FEISHU_APP: "feishu_app.app_id",
}
"""The key without which a channel is not set up; those that are not here need none."""


def main(argv: Sequence[str]) -> int:
    parser = common.parser("check", "Find every mistake in settings, community and rule packs.")
    parser.add_argument("paths", type=Path, nargs="*", help="a community's folder, or its files")
    parser.add_argument("--packs", type=Path, nargs="*", default=[], help="packs of your own")
    arguments = parser.parse_args(argv[1:])
    errors: list[object] = []
    warnings: list[object] = []
    looked = []
    settings: Config | None = None
    if arguments.config.exists() or arguments.config != common.DEFAULT_CONFIG:
        looked.append(str(arguments.config))
        try:
            settings = common.settings(arguments.config, whole=True)
        except ConfigError as error:
            errors += error.problems
    registry = None
    if arguments.paths:
        looked += [str(path) for path in arguments.paths]
        registry, found = examine(arguments.paths)
        errors += [problem for problem in found if problem.level is Level.ERROR]
        warnings += [problem for problem in found if problem.level is Level.WARNING]
    if registry is not None and settings is not None:
        warnings += unreachable(registry, settings)
        warnings += astray(registry, settings.notices.allow)
    own = OwnPacks(settings.rules.packs if settings else "")
    texts = own.texts()
    errors += [own.why] if own.why else []
    for path in arguments.packs:
        try:
            texts[str(path)] = path.read_text("utf-8")
        except OSError as error:
            errors.append(f"{path}: cannot be read ({error.strerror}); name another")
    looked.append(_count(len(texts), "rule pack"))
    try:
        packs = read_packs(texts)
    except PackError as error:
        errors += error.problems
    else:
        if registry is not None:
            for problem in problems(packs, registry):
                (warnings if problem.warning else errors).append(problem)
    common.complain(f"error: {problem}" for problem in errors)
    common.complain(f"warning: {problem}" for problem in warnings)
    found_all = f"{_count(len(errors), 'error')}, {_count(len(warnings), 'warning')}"
    print(f"{', '.join(looked)}: {found_all}")
    return EXIT_CONFIG if errors else 0


def astray(registry: Registry, allow: Collection[str]) -> Iterator[str]:
    """One line for each address that leads nowhere from here: a reference, or where it leads."""
    for person in registry.people:
        for n, address in enumerate(person.addresses, 1):
            if why := _astray(address, frozenset(each.lower() for each in allow)):
                yield f"people[{person.id}].addresses[{n}]: {why}"


def _astray(address: Address, allow: frozenset[str]) -> str:
    """Nothing of what a reference leads to."""
    is_web = address.channel in (*ROBOTS, *WEB)
    try:
        to, secret = resolve(where(address)[1]), resolve(address.secret)
        if is_web and checked(to.reveal(), allow).user is not None and secret:
            if address.channel is ChannelKind.NTFY:
                return "a password in the URL beside a token; keep one of the two"
    except (SecretError, Refused) as error:
        return str(error)
    return ""


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def unreachable(registry: Registry, settings: Config) -> Iterator[str]:
    """One line for each channel that people have an address on and the settings do not set up."""
    for kind, key in SET_UP_BY.items():
        people = [
            person.id
            for person in registry.people
            if any(address.channel is kind for address in person.addresses)
        ]
        if people and not attrgetter(key)(settings):
            some = ", ".join(people[:MOST_NAMED]) + (", ..." if people[MOST_NAMED:] else "")
            yield (
                f"people: {kind.value} is not set up, so it does not reach {some}; "
                f"write {key} in the settings, or give them another address"
            )

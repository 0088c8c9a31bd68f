"""Opening what the configuration names: the store, and the channels of the notices."""

from typing import TYPE_CHECKING

from alerts.notify.announcer import Announcer
from alerts.notify.email import Email, MailSecurity, MailServer
from alerts.notify.log import LogLine
from alerts.notify.outbound import Outbound
from alerts.notify.port import Channel, Speaker
from alerts.notify.webhook import Webhook
from alerts.registry.model import ChannelKind
from alerts.secrets import resolve
from collector.config import Config, RetentionConfig, StoreKind
from collector.stores.embedded import EmbeddedStore
from collector.stores.port import Store
from collector.stores.retention import Retention
from edge.clock import Clock

if TYPE_CHECKING:
    from collector.stores.influx import Refused


def open_store(
    config: Config,
    *,
    clock: Clock = Clock(),  # noqa: B008 - frozen
    read_only: bool = False,
    refused: "Refused | None" = None,
) -> Store:
    """The store; ``refused`` hears of points that InfluxDB will never take.

    With ``read_only`` it makes and changes nothing, and opens while the store is not there.
    """
    store = config.store
    if store.kind is StoreKind.EMBEDDED:
        return EmbeddedStore(
            config.readings_path, retention=_retention(config.retention), read_only=read_only
        )
    # Its client is a second of a processor to import, and the embedded store needs none of it.
    from collector.stores.influx import InfluxSettings, InfluxStore

    return InfluxStore(
        InfluxSettings(
            url=store.url,
            org=store.org,
            bucket=store.bucket,
            token=resolve(store.token).reveal(),
        ),
        retention=_retention(config.retention),
        clock=clock,
        refused=refused,
        read_only=read_only,
    )


def open_channels(config: Config, clock: Clock, speaker: Speaker) -> dict[ChannelKind, Channel]:
    """The channels that are set up; e-mail only where a mail server is named."""
    channels: dict[ChannelKind, Channel] = {
        ChannelKind.WEBHOOK: Webhook(Outbound(allow=config.notices.allow), clock),
        ChannelKind.LOG: LogLine(),
        ChannelKind.ANNOUNCER: Announcer(speaker),
    }
    mail = config.mail
    if mail.host:
        server = MailServer(
            host=mail.host,
            port=mail.port,
            security=MailSecurity(mail.security),
            sender=mail.sender,
            name=mail.name,
            username=mail.username,
            password=mail.password,
        )
        channels[ChannelKind.EMAIL] = Email(server, clock)
    return channels


def _retention(days: RetentionConfig) -> Retention:
    """Days as the store wants them: None, not 0, keeps for ever."""
    return Retention(
        points=days.points_days or None,
        minutes=days.minutes_days or None,
        hours=days.hours_days or None,
    )

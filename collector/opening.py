"""Opening what the configuration names: the store, and the channels of the notices."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alerts.links import Links
from alerts.notify.alertmanager import Alertmanager
from alerts.notify.announcer import Announcer
from alerts.notify.dingtalk import DingtalkRobot
from alerts.notify.dingtalk_app import DingTalkApp
from alerts.notify.email import Email, MailSecurity, MailServer
from alerts.notify.feishu import FeishuRobot
from alerts.notify.feishu_app import FeishuApp
from alerts.notify.log import LogLine
from alerts.notify.outbound import Outbound
from alerts.notify.port import Channel, Speaker
from alerts.notify.voice import Pressed
from alerts.notify.webhook import Webhook
from alerts.notify.webpush import Browsers
from alerts.notify.wecom import WecomRobot
from alerts.registry.model import ChannelKind
from alerts.secrets import resolve
from collector.config import Config, RetentionConfig, StoreKind
from collector.receipt_queue import ReceiptQueue, Take
from collector.replies.dingtalk import DingTalkLine
from collector.replies.feishu import FeishuLine
from collector.replies.line import Line
from collector.replies.port import Hear
from collector.services import open_queues, open_services
from collector.stores.embedded import EmbeddedStore
from collector.stores.kinds import ANSWERS_INFLUXQL, InfluxSettings, Kind
from collector.stores.port import Store
from collector.stores.retention import Retention
from edge.clock import Clock

if TYPE_CHECKING:
    from collector.stores.sender import Refused


def open_store(
    config: Config,
    *,
    clock: Clock = Clock(),  # noqa: B008 - frozen
    read_only: bool = False,
    refused: "Refused | None" = None,
) -> Store:
    """The store; ``refused`` hears of points that a server will never take.

    With ``read_only`` it makes and changes nothing, and opens while the store is not there.
    """
    kept, settings = retention_of(config.retention), server_of(config)
    if settings is None:
        return EmbeddedStore(config.readings_path, retention=kept, read_only=read_only)
    if settings.kind in ANSWERS_INFLUXQL:
        # Its sessions are half a second of a processor to import, and the embedded store needs none.
        from collector.stores.influx import InfluxStore

        return InfluxStore(
            settings, retention=kept, clock=clock, refused=refused, read_only=read_only
        )
    if read_only:  # what these servers are sent is kept beside them, for the pages
        return EmbeddedStore(config.readings_path, retention=kept, read_only=True)
    from collector.stores.forwarding import ForwardingStore

    return ForwardingStore(config.readings_path, settings, retention=kept, refused=refused)


def server_of(config: Config) -> InfluxSettings | None:
    """The server that the store is on, or sends to; None for the embedded store alone."""
    store = config.store
    if store.kind is StoreKind.EMBEDDED:
        return None
    return InfluxSettings(
        kind=Kind(store.kind.value),
        url=store.url,
        org=store.org,
        bucket=store.bucket,
        token=resolve(store.token).reveal(),
        user=resolve(store.user).reveal(),
        password=resolve(store.password).reveal(),
        gzip=None if store.gzip == "auto" else bool(store.gzip),
        bucket_per_site=store.bucket_per_site,
    )


def open_channels(
    config: Config,
    clock: Clock,
    speaker: Speaker,
    pressed: Pressed,
    links: Links | None = None,
    browsers: Browsers | None = None,
) -> dict[ChannelKind, Channel]:
    """The channels that are set up; ``pressed`` hears who took over by a key of the phone.

    ``links`` makes the codes that an SMS has room for; ``browsers`` knows what reaches a browser
    that registered itself.
    """
    outbound = Outbound(allow=config.notices.allow)
    channels: dict[ChannelKind, Channel] = {
        ChannelKind.WEBHOOK: Webhook(outbound, clock),
        ChannelKind.ALERTMANAGER: Alertmanager(outbound, clock),
        ChannelKind.WECOM: WecomRobot(outbound, clock),
        ChannelKind.DINGTALK: DingtalkRobot(outbound, clock),
        ChannelKind.FEISHU: FeishuRobot(outbound, clock),
        ChannelKind.LOG: LogLine(),
        ChannelKind.ANNOUNCER: Announcer(speaker),
        **open_services(config.services, outbound, clock, pressed, links, browsers),
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


def open_lines(config: Config, channels: Mapping[ChannelKind, Channel], hear: Hear) -> list[Line]:
    """The lines on which people answer, of the apps that are set up."""
    lines: list[Line] = []
    for app in channels.values():
        if isinstance(app, DingTalkApp) and config.dingtalk_app.replies:
            outbound = Outbound(allow=config.notices.allow)
            lines.append(DingTalkLine(app.settings, outbound, app, hear))
        elif isinstance(app, FeishuApp) and config.feishu_app.replies:
            outbound = Outbound(allow=config.notices.allow)
            lines.append(FeishuLine(app.settings, outbound, app, hear))
    return lines


def open_receipts(config: Config, clock: Clock, take: Take) -> list[ReceiptQueue]:
    """The queues of receipts that are set up."""
    queues = open_queues(config.services, clock, config.notices.allow)
    return [ReceiptQueue(channel, queue, take, clock) for channel, queue in queues.items()]


def retention_of(days: RetentionConfig) -> Retention:
    """Days as the store wants them: None, not 0, keeps for ever."""
    return Retention(
        points=days.points_days or None,
        minutes=days.minutes_days or None,
        hours=days.hours_days or None,
    )

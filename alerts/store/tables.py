"""The schema of the operations database, for SQLite and PostgreSQL alike.

``migrations/`` builds the same by hand; a test compares the two.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, kept as whole milliseconds since 1970.

    SQLite forgets zones, and whole numbers compare the same on every server.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else round(value.timestamp() * 1000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


# SQLite numbers rows by itself only for INTEGER.
SERIAL = BigInteger().with_variant(Integer(), "sqlite")
WORD = String(64)  # ids and the words of enums
NAME = Text()


def _names() -> list[Column[str]]:
    return [Column("name_zh", NAME, nullable=False), Column("name_en", NAME, nullable=False)]


def _nth() -> Column[int]:
    """The order in which it was registered."""
    return Column("nth", Integer, nullable=False)


cell = Table(
    "cell",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),  # one row: 1
    Column("name", WORD, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("mark", BigInteger, nullable=False),  # rises with every change that pages show
)

lease = Table(
    "lease",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),  # one row: 1
    Column("epoch", BigInteger, nullable=False),  # rises with each taking
    Column("holder", Text, nullable=False),
    Column("journal", WORD, nullable=False),  # the holder's
    Column("until_ms", BigInteger, nullable=False),  # by the database's clock, never the house's
)

site = Table(
    "site",
    METADATA,
    Column("id", WORD, primary_key=True),
    _nth(),
    *_names(),
    Column("time_zone", WORD, nullable=False),
)

place = Table(
    "place",
    METADATA,
    Column("site", WORD, ForeignKey("site.id"), primary_key=True),
    Column("id", WORD, primary_key=True),
    _nth(),
    Column("kind", WORD, nullable=False),
    *_names(),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("note", Text, nullable=False),
    Column("neighbours", JSON, nullable=False, server_default="[]"),
)

port = Table(
    "port",
    METADATA,
    Column("site", WORD, primary_key=True),
    Column("place", WORD, primary_key=True),
    Column("id", WORD, primary_key=True),
    _nth(),
    *_names(),
    Column("circuit", WORD, nullable=False),
    ForeignKeyConstraint(["site", "place"], ["place.site", "place.id"]),
)

circuit = Table(
    "circuit",
    METADATA,
    Column("site", WORD, primary_key=True),
    Column("place", WORD, primary_key=True),
    Column("id", WORD, primary_key=True),
    _nth(),
    *_names(),
    Column("rating_a", Float, nullable=False),
    ForeignKeyConstraint(["site", "place"], ["place.site", "place.id"]),
)

device = Table(
    "device",
    METADATA,
    Column("site", WORD, ForeignKey("site.id"), primary_key=True),
    Column("id", WORD, primary_key=True),
    _nth(),
    *_names(),
    Column("source", WORD, nullable=False),
    Column("origin", Text, nullable=False),
    Column("overdue", Float, nullable=False),
    Column("can_cut_power", Boolean, nullable=False),
    # A reference, never the key.
    Column("command_key", Text, nullable=False, server_default=""),
    # What a foreign device speaks, and where it is heard.
    Column("format", WORD, nullable=False, server_default="native"),
    Column("address", Text, nullable=False, server_default=""),
    Column("zone", WORD, nullable=False, server_default=""),
    Column("ignore", JSON, nullable=False, server_default="[]"),
    Column("options", JSON, nullable=False, server_default="{}"),
    Column("gateway", WORD, nullable=False, server_default=""),
)

binding = Table(
    "binding",
    METADATA,
    Column("site", WORD, primary_key=True),
    Column("device", WORD, primary_key=True),
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("place", WORD, nullable=False),
    Column("port", WORD, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("interval_s", Float, nullable=False),
    Column("component", Text, nullable=False, server_default=""),
    Column("mapping", JSON, nullable=False, server_default="{}"),
    Column("units", JSON, nullable=False, server_default="{}"),
    ForeignKeyConstraint(["site", "device"], ["device.site", "device.id"]),
)

person = Table(
    "person",
    METADATA,
    # One row behind an opaque id: erasing somebody leaves the audit standing.
    Column("id", WORD, primary_key=True),
    Column("site", WORD, ForeignKey("site.id"), nullable=False),
    _nth(),
    Column("name", NAME, nullable=False),
    Column("role", WORD, nullable=False),
    Column("places", JSON, nullable=False),
    Column("language", WORD, nullable=False),
    Column("phone", Text, nullable=False),
    Column("quiet_from", WORD, nullable=False),
    Column("quiet_to", WORD, nullable=False),
    Column("is_post", Boolean, nullable=False),
    Column("stand_in", WORD, nullable=False, server_default=""),
    Column("away", JSON, nullable=False, server_default="[]"),
)

address = Table(
    "address",
    METADATA,
    Column("person", WORD, ForeignKey("person.id"), primary_key=True),
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("channel", WORD, nullable=False),
    Column("to", Text, nullable=False),
    Column("is_group", Boolean, nullable=False),
    Column("secret", Text, nullable=False),  # a reference, never the secret
)

tiers = Table(
    "tiers",
    METADATA,
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("kind", WORD, nullable=False),
    Column("classes", JSON, nullable=False),
)

tier = Table(
    "tier",
    METADATA,
    Column("tiers", Integer, ForeignKey("tiers.nth"), primary_key=True, autoincrement=False),
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("role", WORD, nullable=False),
    Column("wait_s", JSON, nullable=False),
)

rota = Table(
    "rota",
    METADATA,
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("post", WORD, nullable=False),
    Column("turns", JSON, nullable=False),
)

subscription = Table(
    "subscription",
    METADATA,
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("person", WORD, nullable=False),
    Column("role", WORD, nullable=False),
    Column("sites", JSON, nullable=False),
    Column("places", JSON, nullable=False),
    Column("classes", JSON, nullable=False),
    Column("severity", SmallInteger, nullable=False),
)

hand_over = Table(
    "hand_over",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("post", WORD, nullable=False),
    Column("holder", WORD, nullable=False),
    Column("at", Instant, nullable=False),
    Column("who", WORD, nullable=False),
    Column("origin", Text, nullable=False),
    Index(None, "post", "id"),
)

digest = Table(
    "digest",
    METADATA,
    Column("site", WORD, primary_key=True),
    Column("place", WORD, primary_key=True),
    Column("day", WORD, primary_key=True),  # the site's own date
    Column("at", Instant, nullable=False),
    Index(None, "at"),
)

rule_override = Table(
    "rule_override",
    METADATA,
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("rule", WORD, nullable=False),
    Column("metric", WORD, nullable=False, server_default=""),
    Column("place", WORD, nullable=False),
    Column("set", JSON, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("why", Text, nullable=False),
)

registry_revision = Table(
    "registry_revision",
    METADATA,
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    # Ids that came, changed and went, by kind: no names, so that people stay erasable.
    Column("changes", JSON, nullable=False),
)

incident = Table(
    "incident",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("rule", WORD, nullable=False),
    Column("subject", Text, nullable=False),
    Column("site", WORD, nullable=False),
    Column("cls", WORD, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("worst", SmallInteger, nullable=False),
    Column("state", WORD, nullable=False),
    Column("is_open", Boolean, nullable=False),  # not closed
    Column("since", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("place", WORD, nullable=False),
    Column("port", WORD, nullable=False),
    Column("device", WORD, nullable=False),
    Column("metric", WORD, nullable=False),
    Column("value", Float),
    Column("limit", Float),
    Column("peak", Float),
    Column("facts", JSON, nullable=False),
    Column("acknowledged_by", WORD, nullable=False),
    Column("acknowledged_at", Instant),
    Column("acknowledged_until", Instant),
    Column("recovered_at", Instant),
    Column("closed_at", Instant),
    Column("unconfirmed", Boolean, nullable=False),
    Column("false_alarm", Boolean, nullable=False),
    Column("seen_on_site", Boolean, nullable=False),
    Column("relapses", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("told_at", Instant),
    Column("next_step_at", Instant),
    Column("assigned", Boolean, nullable=False, server_default=text("false")),
    Column("returned", JSON, nullable=False, server_default="[]"),
    Column("flapping", Boolean, nullable=False, server_default=text("false")),
    Column("muted_until", Instant),
    Column("part_of", BigInteger),
    Column("drill_until", Instant),
    Column("version", Integer, nullable=False),
    Index(
        "uq_incident_open",
        "rule",
        "subject",
        unique=True,
        sqlite_where=text("is_open"),
        postgresql_where=text("is_open"),
    ),
    Index(None, "rule", "subject", "opened_at"),
    Index(None, "part_of"),
    Index(None, "drill_until"),
    Index(None, "is_open", "id"),
    Index(None, "is_open", "severity", "id"),
    Index(None, "site", "place", "id"),
    Index(None, "site", "place", "is_open", "id"),
    Index(None, "next_step_at"),
    Index(None, "acknowledged_until"),
)

transition = Table(
    "transition",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("journal", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("nth", Integer, nullable=False),
    Column("rule", WORD, nullable=False),
    Column("subject", Text, nullable=False),
    Column("change", WORD, nullable=False),
    Column("cls", WORD, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("place", WORD, nullable=False),
    Column("port", WORD, nullable=False),
    Column("device", WORD, nullable=False),
    Column("metric", WORD, nullable=False),
    Column("value", Float),
    Column("limit", Float),
    Column("peak", Float),
    Column("facts", JSON, nullable=False),
    Column("incident", SERIAL, ForeignKey("incident.id")),
    Column("taken_at", Instant, nullable=False),
    UniqueConstraint("journal", "position", "rule", "subject", "nth"),
    Index(None, "incident"),
)

story = Table(
    "story",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("incident", SERIAL, ForeignKey("incident.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("who", WORD, nullable=False),
    Column("on_behalf_of", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Index(None, "incident", "id"),
)

duty = Table(
    "duty",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("incident", SERIAL, ForeignKey("incident.id"), nullable=False),
    Column("kind", WORD, nullable=False),
    Column("person", WORD, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("done_at", Instant),
    Column("done_by", WORD, nullable=False),
    Column("outcome", WORD, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "incident"),
    Index(None, "is_open", "opened_at"),
)

# Who told us of an incident: people's data, which may be erased while the story stands.
report = Table(
    "report",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("incident", SERIAL, ForeignKey("incident.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("who", WORD, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("duty", SERIAL, ForeignKey("duty.id")),
    Index(None, "incident"),
    Index(None, "duty"),
)

notice = Table(
    "notice",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column(
        "incident", SERIAL, ForeignKey("incident.id")
    ),  # none: a reminder of a turn or a silence
    Column("reason", WORD, nullable=False),
    Column("step", Integer, nullable=False),
    # How often it has come back, and how bad: a second rise is news, a repeated write is not.
    Column("round", Integer, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("person", WORD, nullable=False),
    Column("channel", WORD, nullable=False),
    Column("to", Text, nullable=False),
    Column("is_group", Boolean, nullable=False),
    Column("secret", Text, nullable=False),  # a reference, never the secret
    Column("language", WORD, nullable=False),
    Column("cls", WORD, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", WORD, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("settled_at", Instant),
    Column("detail", Text, nullable=False),
    UniqueConstraint("incident", "channel", "to", "reason", "step", "round", "level"),
    Index(None, "state", "due_at"),
    Index(None, "channel", "incident"),
)

# What was said of what waits, at which level and to whom: so that it is said once, whatever restarts.
reminder = Table(
    "reminder",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("about", Text, nullable=False),  # "duty:7", "turn:guard:1777896000", ...
    Column("level", SmallInteger, nullable=False),
    Column("person", WORD, nullable=False),  # empty: nobody could be, or it is held back
    Column("reason", WORD, nullable=False),
    Column("message", BigInteger, nullable=False),  # the ``round`` of its notices; 0 without any
    Column("at", Instant, nullable=False),
    Index(None, "about"),
    Index(None, "message"),
    Index(None, "at"),
)

silence = Table(
    "silence",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("site", WORD, nullable=False),
    Column("place", WORD, nullable=False),
    Column("device", WORD, nullable=False),
    Column("rule", WORD, nullable=False),
    Column("kind", WORD, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("who", WORD, nullable=False),
    Column("why", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("confirmed_by", WORD, nullable=False),
    Column("confirmed_at", Instant),
    Column("ended_by", WORD, nullable=False),
    Column("ended_at", Instant),
    Index(None, "site", "until"),
)

snooze = Table(
    "snooze",
    METADATA,
    Column("person", WORD, primary_key=True),
    # 0: every incident that is not of fire, flood or safety class.
    Column("incident", BigInteger, primary_key=True, autoincrement=False),
    Column("until", Instant, nullable=False),
    Column("made_at", Instant, nullable=False),
)

# Browsers that registered themselves. No part of the registry: an import does not end them, and an
# export does not tell what reaches them.
browser = Table(
    "browser",
    METADATA,
    Column("id", WORD, primary_key=True),
    Column("person", WORD, nullable=False),
    Column("label", Text, nullable=False),
    # The three by which it is reached: secret, and forgotten when it is gone.
    Column("endpoint", Text),
    Column("p256dh", LargeBinary),
    Column("auth", LargeBinary),
    Column("made_at", Instant, nullable=False),
    Column("tried_at", Instant),
    Column("outcome", WORD, nullable=False),
    Column("gone_at", Instant),
    Column("ending", WORD, nullable=False),
    UniqueConstraint("endpoint"),
    Index(None, "gone_at"),
)

considered = Table(
    "considered",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("incident", SERIAL, ForeignKey("incident.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("person", WORD, nullable=False),
    Column("step", Integer, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("reason", WORD, nullable=False),
    Index(None, "incident", "id"),
)

# What people ask of devices: the post box between them and the watch, and the record of it. No
# foreign keys: it outlives what is registered.
command = Table(
    "command",
    METADATA,
    Column("id", SERIAL, primary_key=True),
    Column("site", WORD, nullable=False),
    Column("device", WORD, nullable=False),
    Column("verb", WORD, nullable=False),
    Column("target", WORD, nullable=False),
    Column("texts", JSON, nullable=False),
    Column("values", JSON, nullable=False),
    Column("revision", BigInteger, nullable=False),  # of settings; 0 for everything else
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("state", WORD, nullable=False),
    Column("settled_at", Instant),
    Column("answer", Text, nullable=False),
    Index(None, "state", "id"),
    Index(None, "site", "device", "id"),
)

device_report = Table(
    "device_report",
    METADATA,
    Column("site", WORD, primary_key=True),
    Column("device", WORD, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("state", WORD, nullable=False),
    Column("problems", JSON, nullable=False),
    Column("values", JSON, nullable=False),
    Column("at", Instant, nullable=False),
)

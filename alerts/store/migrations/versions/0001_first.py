"""The first schema: registry, incidents, duties, outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Spelled out here, not taken from tables.py: a migration stays as it was when it ran.
INSTANT = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(length=64)


def upgrade() -> None:
    op.create_table(
        "cell",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cell")),
    )
    op.create_table(
        "incident",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("rule", WORD, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("site", WORD, nullable=False),
        sa.Column("cls", WORD, nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("worst", sa.SmallInteger(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("port", WORD, nullable=False),
        sa.Column("device", WORD, nullable=False),
        sa.Column("metric", WORD, nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("peak", sa.Float(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("acknowledged_by", WORD, nullable=False),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.Column("acknowledged_until", INSTANT, nullable=True),
        sa.Column("recovered_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("unconfirmed", sa.Boolean(), nullable=False),
        sa.Column("false_alarm", sa.Boolean(), nullable=False),
        sa.Column("seen_on_site", sa.Boolean(), nullable=False),
        sa.Column("relapses", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("next_step_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index(
        op.f("ix_incident_acknowledged_until"), "incident", ["acknowledged_until"], unique=False
    )
    op.create_index(op.f("ix_incident_is_open_id"), "incident", ["is_open", "id"], unique=False)
    op.create_index(
        op.f("ix_incident_is_open_severity_id"),
        "incident",
        ["is_open", "severity", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_incident_site_place_id"), "incident", ["site", "place", "id"], unique=False
    )
    op.create_index(op.f("ix_incident_next_step_at"), "incident", ["next_step_at"], unique=False)
    op.create_index(
        op.f("ix_incident_site_place_is_open_id"),
        "incident",
        ["site", "place", "is_open", "id"],
        unique=False,
    )
    op.create_index(
        "uq_incident_open",
        "incident",
        ["rule", "subject"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "registry_revision",
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_registry_revision")),
    )
    op.create_table(
        "rule_override",
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rule", WORD, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("set", sa.JSON(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("nth", name=op.f("pk_rule_override")),
    )
    op.create_table(
        "site",
        sa.Column("id", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("time_zone", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
    )
    op.create_table(
        "tiers",
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("nth", name=op.f("pk_tiers")),
    )
    op.create_table(
        "considered",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("incident", SERIAL, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("reason", WORD, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_considered_incident_incident")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_considered")),
    )
    op.create_index(
        op.f("ix_considered_incident_id"), "considered", ["incident", "id"], unique=False
    )
    op.create_table(
        "device",
        sa.Column("site", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("source", WORD, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("overdue", sa.Float(), nullable=False),
        sa.Column("can_cut_power", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["site.id"], name=op.f("fk_device_site_site")),
        sa.PrimaryKeyConstraint("site", "id", name=op.f("pk_device")),
    )
    op.create_table(
        "duty",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("incident", SERIAL, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("done_by", WORD, nullable=False),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_duty_incident_incident")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
    )
    op.create_index(op.f("ix_duty_incident"), "duty", ["incident"], unique=False)
    op.create_index(
        op.f("ix_duty_is_open_opened_at"), "duty", ["is_open", "opened_at"], unique=False
    )
    op.create_table(
        "notice",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("incident", SERIAL, nullable=False),
        sa.Column("reason", WORD, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("language", WORD, nullable=False),
        sa.Column("cls", WORD, nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_notice_incident_incident")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "incident",
            "channel",
            "to",
            "reason",
            "step",
            "round",
            "level",
            name=op.f("uq_notice_incident_channel_to_reason_step_round_level"),
        ),
    )
    op.create_index(op.f("ix_notice_state_due_at"), "notice", ["state", "due_at"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", WORD, nullable=False),
        sa.Column("site", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("language", WORD, nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("quiet_from", WORD, nullable=False),
        sa.Column("quiet_to", WORD, nullable=False),
        sa.Column("is_post", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["site.id"], name=op.f("fk_person_site_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_table(
        "place",
        sa.Column("site", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["site.id"], name=op.f("fk_place_site_site")),
        sa.PrimaryKeyConstraint("site", "id", name=op.f("pk_place")),
    )
    op.create_table(
        "story",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("incident", SERIAL, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("who", WORD, nullable=False),
        sa.Column("on_behalf_of", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_story_incident_incident")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_story")),
    )
    op.create_index(op.f("ix_story_incident_id"), "story", ["incident", "id"], unique=False)
    op.create_table(
        "tier",
        sa.Column("tiers", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("wait_s", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tiers"], ["tiers.nth"], name=op.f("fk_tier_tiers_tiers")),
        sa.PrimaryKeyConstraint("tiers", "nth", name=op.f("pk_tier")),
    )
    op.create_table(
        "transition",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("journal", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("rule", WORD, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("change", WORD, nullable=False),
        sa.Column("cls", WORD, nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("port", WORD, nullable=False),
        sa.Column("device", WORD, nullable=False),
        sa.Column("metric", WORD, nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("peak", sa.Float(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("incident", SERIAL, nullable=True),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_transition_incident_incident")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transition")),
        sa.UniqueConstraint(
            "journal",
            "position",
            "rule",
            "subject",
            "nth",
            name=op.f("uq_transition_journal_position_rule_subject_nth"),
        ),
    )
    op.create_index(op.f("ix_transition_incident"), "transition", ["incident"], unique=False)
    op.create_table(
        "address",
        sa.Column("person", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_address_person_person")),
        sa.PrimaryKeyConstraint("person", "nth", name=op.f("pk_address")),
    )
    op.create_table(
        "binding",
        sa.Column("site", WORD, nullable=False),
        sa.Column("device", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("port", WORD, nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("interval_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site", "device"],
            ["device.site", "device.id"],
            name=op.f("fk_binding_site_device_device"),
        ),
        sa.PrimaryKeyConstraint("site", "device", "nth", name=op.f("pk_binding")),
    )
    op.create_table(
        "circuit",
        sa.Column("site", WORD, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("rating_a", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site", "place"], ["place.site", "place.id"], name=op.f("fk_circuit_site_place_place")
        ),
        sa.PrimaryKeyConstraint("site", "place", "id", name=op.f("pk_circuit")),
    )
    op.create_table(
        "port",
        sa.Column("site", WORD, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("circuit", WORD, nullable=False),
        sa.ForeignKeyConstraint(
            ["site", "place"], ["place.site", "place.id"], name=op.f("fk_port_site_place_place")
        ),
        sa.PrimaryKeyConstraint("site", "place", "id", name=op.f("pk_port")),
    )

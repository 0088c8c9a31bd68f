"""Incidents that are given to somebody, that keep coming and going, and that somebody reported."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005b"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(length=64)


def upgrade() -> None:
    for name, kind, default in (
        ("assigned", sa.Boolean(), sa.text("false")),
        ("returned", sa.JSON(), "[]"),
        ("flapping", sa.Boolean(), sa.text("false")),
    ):
        column = sa.Column(name, kind, nullable=False, server_default=default)
        op.add_column("incident", column)
    op.create_index(
        op.f("ix_incident_rule_subject_opened_at"), "incident", ["rule", "subject", "opened_at"]
    )
    op.create_table(
        "report",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("incident", SERIAL, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", WORD, nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("duty", SERIAL, nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.id"], name=op.f("fk_report_incident_incident")
        ),
        sa.ForeignKeyConstraint(["duty"], ["duty.id"], name=op.f("fk_report_duty_duty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
    )
    op.create_index(op.f("ix_report_incident"), "report", ["incident"], unique=False)
    op.create_index(op.f("ix_report_duty"), "report", ["duty"], unique=False)

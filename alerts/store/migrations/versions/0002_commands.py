"""Devices take commands: their keys by reference, what is asked of them, and what they report."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(length=64)


def upgrade() -> None:
    key = sa.Column("command_key", sa.Text(), nullable=False, server_default="")
    op.add_column("device", key)
    op.create_table(
        "command",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("site", WORD, nullable=False),
        sa.Column("device", WORD, nullable=False),
        sa.Column("verb", WORD, nullable=False),
        sa.Column("target", WORD, nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
    )
    op.create_index(op.f("ix_command_state_id"), "command", ["state", "id"], unique=False)
    op.create_index(
        op.f("ix_command_site_device_id"), "command", ["site", "device", "id"], unique=False
    )
    op.create_table(
        "device_report",
        sa.Column("site", WORD, nullable=False),
        sa.Column("device", WORD, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "device", name=op.f("pk_device_report")),
    )

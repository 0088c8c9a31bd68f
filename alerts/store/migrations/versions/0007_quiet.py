"""Silences and maintenance windows; one's own snooze; until when an incident is held back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(length=64)


def upgrade() -> None:
    op.add_column("incident", sa.Column("muted_until", INSTANT, nullable=True))
    op.create_table(
        "silence",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("site", WORD, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("device", WORD, nullable=False),
        sa.Column("rule", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("who", WORD, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("confirmed_by", WORD, nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("ended_by", WORD, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )
    op.create_index(op.f("ix_silence_site_until"), "silence", ["site", "until"], unique=False)
    op.create_table(
        "snooze",
        sa.Column("person", WORD, nullable=False),
        sa.Column("incident", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("person", "incident", name=op.f("pk_snooze")),
    )

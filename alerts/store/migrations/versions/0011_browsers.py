"""Browsers in which people want their notices."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
WORD = sa.String(length=64)


def upgrade() -> None:
    op.create_table(
        "browser",
        sa.Column("id", WORD, nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=True),
        sa.Column("p256dh", sa.LargeBinary(), nullable=True),
        sa.Column("auth", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("tried_at", INSTANT, nullable=True),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("gone_at", INSTANT, nullable=True),
        sa.Column("ending", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser")),
        sa.UniqueConstraint("endpoint", name=op.f("uq_browser_endpoint")),
    )
    op.create_index(op.f("ix_browser_gone_at"), "browser", ["gone_at"], unique=False)

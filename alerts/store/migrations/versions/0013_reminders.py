"""Reminders: what was said of what waits, and to whom; some are about no incident."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "reminder",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
    )
    for column in ("about", "message", "at"):
        op.create_index(op.f(f"ix_reminder_{column}"), "reminder", [column], unique=False)
    with op.batch_alter_table("notice") as notice:
        notice.alter_column("incident", existing_type=_SERIAL, nullable=True)

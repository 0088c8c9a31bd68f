"""Drills: incidents that are marked as such and end by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("drill_until", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_incident_drill_until"), "incident", ["drill_until"], unique=False)

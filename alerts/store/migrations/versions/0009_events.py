"""What an incident is a part of, and through which gateway a device speaks."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("part_of", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_incident_part_of"), "incident", ["part_of"], unique=False)
    gateway = sa.Column("gateway", sa.String(length=64), nullable=False, server_default="")
    op.add_column("device", gateway)

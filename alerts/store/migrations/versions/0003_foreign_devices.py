"""Foreign devices: what they speak, where they are heard, and what their names mean."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORD = sa.String(length=64)


def upgrade() -> None:
    for table, name, kind, default in (
        ("device", "format", WORD, "native"),
        ("device", "address", sa.Text(), ""),
        ("device", "zone", WORD, ""),
        ("device", "ignore", sa.JSON(), "[]"),
        ("device", "options", sa.JSON(), "{}"),
        ("binding", "component", sa.Text(), ""),
        ("binding", "mapping", sa.JSON(), "{}"),
        ("binding", "units", sa.JSON(), "{}"),
    ):
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))

"""Quality by place: whose readings should agree, and numbers of the tests that a place changes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, name, kind, default in (
        ("place", "neighbours", sa.JSON(), "[]"),
        ("rule_override", "metric", sa.String(length=64), ""),
    ):
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))

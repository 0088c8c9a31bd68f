"""Notices by channel: what announcers must repeat is found without reading all there ever were."""

from alembic import op

revision = "0005b"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_notice_channel_incident", "notice", ["channel", "incident"])

"""Stand-ins, rotas and hand-overs of posts; subscriptions; digests."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(length=64)


def upgrade() -> None:
    for name, kind, default in (("stand_in", WORD, ""), ("away", sa.JSON(), "[]")):
        op.add_column("person", sa.Column(name, kind, nullable=False, server_default=default))
    op.create_table(
        "rota",
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("post", WORD, nullable=False),
        sa.Column("turns", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("nth", name=op.f("pk_rota")),
    )
    op.create_table(
        "subscription",
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("sites", sa.JSON(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nth", name=op.f("pk_subscription")),
    )
    op.create_table(
        "hand_over",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("post", WORD, nullable=False),
        sa.Column("holder", WORD, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", WORD, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_over")),
    )
    op.create_index(op.f("ix_hand_over_post_id"), "hand_over", ["post", "id"], unique=False)
    op.create_table(
        "digest",
        sa.Column("site", WORD, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("day", WORD, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("site", "place", "day", name=op.f("pk_digest")),
    )
    op.create_index(op.f("ix_digest_at"), "digest", ["at"], unique=False)

"""Repositories, blobs, manifests, tags and uploads."""

import sqlalchemy as sa
from alembic import op

from registry.server.upgrade import refuse_downgrade

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create all tables."""
    _content()
    _documents()
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("repository", sa.String(255), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )


def _content() -> None:
    op.create_table(
        "repositories",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", sa.String(136), primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "repository_blobs",
        sa.Column("repository_id", sa.Integer, sa.ForeignKey("repositories.id"), primary_key=True),
        sa.Column("digest", sa.String(136), sa.ForeignKey("blobs.digest"), primary_key=True),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_index("repository_blobs_by_digest", "repository_blobs", ["digest"])


def _documents() -> None:
    op.create_table(
        "manifests",
        sa.Column("repository_id", sa.Integer, sa.ForeignKey("repositories.id"), primary_key=True),
        sa.Column("digest", sa.String(136), primary_key=True),
        sa.Column("media_type", sa.String(255), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("subject", sa.String(136)),
        sa.Column("artifact_type", sa.Text),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("annotations", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("manifests_by_subject", "manifests", ["repository_id", "subject", "digest"])
    op.create_table(
        "edges",
        sa.Column("repository_id", sa.Integer, primary_key=True),
        sa.Column("parent", sa.String(136), primary_key=True),
        sa.Column("child", sa.String(136), primary_key=True),
    )
    op.create_index("edges_by_child", "edges", ["repository_id", "child"])
    op.create_table(
        "tags",
        sa.Column("repository_id", sa.Integer, sa.ForeignKey("repositories.id"), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("digest", sa.String(136), nullable=False),
        sa.Column("moved", sa.Float, nullable=False),
    )
    op.create_index("tags_by_digest", "tags", ["repository_id", "digest"])


def downgrade() -> None:
    """Never: what was written would be lost."""
    refuse_downgrade()

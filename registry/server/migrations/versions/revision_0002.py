"""Collection, history, users and quotas; bytes that need not be in a folder."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from registry.server.upgrade import refuse_downgrade

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def _name(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add what the first revision lacks."""
    if op.get_bind().dialect.name == "postgresql":
        _bytewise()
    _content()
    _history()
    _access()
    _operation()
    # What was there before is where the folder always had it, and may be needed by nobody.
    # The bounds are the same as in the first revision: every digest is algorithm:hex.
    op.execute("UPDATE uploads SET touched = created")
    op.execute(
        "UPDATE repository_blobs SET due = created WHERE NOT EXISTS (SELECT 1 FROM edges"
        " WHERE edges.repository_id = repository_blobs.repository_id AND edges.child = repository_blobs.digest)"
    )
    op.execute(
        "UPDATE blobs SET state = 'condemned' WHERE NOT EXISTS"
        " (SELECT 1 FROM repository_blobs WHERE repository_blobs.digest = blobs.digest)"
    )
    op.execute(
        "UPDATE repositories SET bytes ="
        " COALESCE((SELECT SUM(blobs.size) FROM repository_blobs JOIN blobs ON blobs.digest = repository_blobs.digest"
        " WHERE repository_blobs.repository_id = repositories.id), 0)"
        " + COALESCE((SELECT SUM(manifests.size) FROM manifests WHERE manifests.repository_id = repositories.id), 0)"
    )


def _bytewise() -> None:
    columns = {
        "repositories": {"name": 255},
        "blobs": {"digest": 136},
        "repository_blobs": {"digest": 136},
        "manifests": {"digest": 136, "subject": 136},
        "edges": {"parent": 136, "child": 136},
        "tags": {"name": 128, "digest": 136},
        "uploads": {"repository": 255},
    }
    for table, lengths in columns.items():
        for column, length in lengths.items():
            op.alter_column(table, column, type_=postgresql.VARCHAR(length, collation="C"))
    for table, column in (("blobs", "size"),):
        op.alter_column(table, column, type_=sa.BigInteger)


def _content() -> None:
    op.add_column("repositories", sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("blobs", sa.Column("key", sa.Text, nullable=False, server_default=""))
    op.add_column("blobs", sa.Column("state", sa.String(12), nullable=False, server_default="live"))
    op.add_column("blobs", sa.Column("changed", sa.Float, nullable=False, server_default="0"))
    op.add_column("blobs", sa.Column("checked", sa.Float, nullable=False, server_default="0"))
    op.create_index("blobs_by_state", "blobs", ["state", "changed"])
    op.create_index("blobs_by_check", "blobs", ["checked"])
    op.add_column("repository_blobs", sa.Column("due", sa.Float))
    op.create_index("repository_blobs_by_due", "repository_blobs", ["due"])
    # Who pushed what is there, and how, is not known: it stays.
    op.add_column("manifests", sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("manifests", sa.Column("lease", sa.Float))
    op.add_column("manifests", sa.Column("due", sa.Float))
    op.add_column("manifests", sa.Column("since", sa.Float))
    op.add_column("manifests", sa.Column("yanked", sa.Text))
    op.create_index("manifests_by_due", "manifests", ["due"])
    yanked = sa.text("yanked IS NOT NULL")
    op.create_index(
        "manifests_yanked", "manifests", ["repository_id", "digest"], sqlite_where=yanked, postgresql_where=yanked
    )
    op.add_column("uploads", sa.Column("principal", sa.Text, nullable=False, server_default=""))
    op.add_column("uploads", sa.Column("size", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("uploads", sa.Column("state", sa.Text, nullable=False, server_default=""))
    op.add_column("uploads", sa.Column("touched", sa.Float, nullable=False, server_default="0"))
    op.add_column("uploads", sa.Column("claimed", sa.Float, nullable=False, server_default="0"))
    op.create_index("uploads_by_touched", "uploads", ["touched"])


def _history() -> None:
    op.create_table(
        "tag_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.Integer, sa.ForeignKey("repositories.id"), nullable=False),
        sa.Column("tag", _name(128), nullable=False),
        sa.Column("digest", _name(136)),
        sa.Column("moved", sa.Float, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )
    op.create_index("tag_history_by_tag", "tag_history", ["repository_id", "tag", "id"])


def _access() -> None:
    op.create_table(
        "users",
        sa.Column("name", _name(128), primary_key=True),
        sa.Column("password", sa.Text),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    user = sa.ForeignKey("users.name", ondelete="CASCADE")
    op.create_table(
        "memberships",
        sa.Column("user", _name(128), user, primary_key=True),
        sa.Column("group", _name(128), primary_key=True),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user", _name(128), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("grants", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float),
        sa.Column("used", sa.Float),
    )
    _credentials()


def _credentials() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("private", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "rules",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("repositories", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "used_assertions",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("expires", sa.Float, nullable=False),
    )


def _operation() -> None:
    op.create_table(
        "facts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "quotas",
        sa.Column("namespace", _name(255), primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_index("deliveries_by_due", "deliveries", ["due"])


def downgrade() -> None:
    """Never: what was written would be lost."""
    refuse_downgrade()

"""The tables, for writing statements. How they come to be is in ``migrations``.

A blob or a manifest is readable in a repository only when a row of that repository says so; bytes
are shared, permission is not. Times are seconds since the epoch, sizes are bytes. Names sort by
their bytes, in every database.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

__all__ = [
    "REVISION",
    "api_tokens",
    "blobs",
    "deliveries",
    "edges",
    "facts",
    "holds",
    "manifests",
    "memberships",
    "metadata",
    "quotas",
    "refresh_tokens",
    "repositories",
    "repository_blobs",
    "rules",
    "signing_keys",
    "tag_history",
    "tags",
    "uploads",
    "used_assertions",
    "users",
]

REVISION = "0002"
"""The revision of ``migrations`` that this code is written for."""

metadata = MetaData()


def _name(length: int) -> String:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


# -- content ------------------------------------------------------------------------------------------

repositories = Table(
    "repositories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", _name(255), nullable=False, unique=True),
    Column("created", Float, nullable=False),
    # Of the blobs that it has and the manifests in it: what counts against a quota.
    Column("bytes", BigInteger, nullable=False, server_default="0"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", _name(136), primary_key=True),
    Column("size", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("created", Float, nullable=False),
    # Where the storage has the bytes.
    Column("key", Text, nullable=False, server_default=""),
    # live; condemned: nobody has it, its bytes go next; deleting: they are going; quarantined: damaged.
    Column("state", String(12), nullable=False, server_default="live"),
    Column("changed", Float, nullable=False, server_default="0"),
    # When its bytes were last read back and found to be right.
    Column("checked", Float, nullable=False, server_default="0"),
    Index("blobs_by_state", "state", "changed"),
    Index("blobs_by_check", "checked"),
)

repository_blobs = Table(
    "repository_blobs",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("digest", ForeignKey("blobs.digest"), primary_key=True),
    Column("created", Float, nullable=False),
    # When to ask whether a manifest still needs it; NULL while one does.
    Column("due", Float),
    Index("repository_blobs_by_digest", "digest"),
    Index("repository_blobs_by_due", "due"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("digest", _name(136), primary_key=True),
    Column("media_type", String(255), nullable=False),
    Column("size", Integer, nullable=False),
    Column("subject", _name(136)),
    Column("artifact_type", Text),
    Column("created", Float, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    # Pushed by its digest: somebody knows it by that alone.
    Column("pinned", Boolean, nullable=False, server_default="1"),
    # Until when it is kept although nothing leads to it; a release in the making sets this.
    Column("lease", Float),
    # When to ask whether anything leads to it; NULL when nobody has to ask.
    Column("due", Float),
    # Since when, as was found when somebody asked, nothing leads to it.
    Column("since", Float),
    # Why nobody should use it any more.
    Column("yanked", Text),
    Index("manifests_by_subject", "repository_id", "subject", "digest"),
    Index("manifests_by_due", "due"),
    Index(
        "manifests_yanked",
        "repository_id",
        "digest",
        sqlite_where=text("yanked IS NOT NULL"),
        postgresql_where=text("yanked IS NOT NULL"),
    ),
)

edges = Table(
    "edges",
    metadata,
    Column("repository_id", Integer, primary_key=True),
    Column("parent", _name(136), primary_key=True),
    Column("child", _name(136), primary_key=True),
    Index("edges_by_child", "repository_id", "child"),
)

tags = Table(
    "tags",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("name", _name(128), primary_key=True),
    Column("digest", _name(136), nullable=False),
    Column("moved", Float, nullable=False),
    Index("tags_by_digest", "repository_id", "digest"),
)

tag_history = Table(
    "tag_history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("repository_id", ForeignKey("repositories.id"), nullable=False),
    Column("tag", _name(128), nullable=False),
    # What it meant from then on; NULL: it was deleted.
    Column("digest", _name(136)),
    Column("moved", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Index("tag_history_by_tag", "repository_id", "tag", "id"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("repository", _name(255), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("created", Float, nullable=False),
    # Who began it, and alone may go on.
    Column("principal", Text, nullable=False, server_default=""),
    # What the storage must remember between requests (JSON), and how far it is, where it cannot look.
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default=""),
    # When it last grew, and until when one request alone may write to it.
    Column("touched", Float, nullable=False, server_default="0"),
    Column("claimed", Float, nullable=False, server_default="0"),
    Index("uploads_by_touched", "touched"),
)

# -- who may do what ----------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    Column("name", _name(128), primary_key=True),
    Column("password", Text),
    Column("created", Float, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default="0"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("user", ForeignKey("users.name", ondelete="CASCADE"), primary_key=True),
    Column("group", _name(128), primary_key=True),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("user", ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("note", Text, nullable=False),
    # JSON: which of the user's rights it has.
    Column("grants", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("used", Float),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    # JSON: whom it stands for.
    Column("principal", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("private", Text, nullable=False),
    Column("created", Float, nullable=False),
)

rules = Table(
    "rules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repositories", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("actions", Text, nullable=False),
    Column("created", Float, nullable=False),
)

used_assertions = Table(
    "used_assertions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("expires", Float, nullable=False),
)

# -- running it ---------------------------------------------------------------------------------------

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

quotas = Table(
    "quotas",
    metadata,
    # A repository, or a beginning of names up to a slash; "" is the whole registry.
    Column("namespace", _name(255), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    # While one lasts, nothing is collected: a backup is being made.
    Column("id", String(36), primary_key=True),
    Column("why", Text, nullable=False),
    Column("until", Float, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Float, nullable=False),
    Column("error", Text),
    Index("deliveries_by_due", "due"),
)

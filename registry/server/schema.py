"""The tables, for writing statements. How they come to be is in ``migrations``.

A blob or a manifest is readable in a repository only when a row of that repository says so; bytes
are shared, permission is not. Times are seconds since the epoch.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

__all__ = ["REVISION", "blobs", "edges", "manifests", "metadata", "repositories", "repository_blobs", "tags", "uploads"]

REVISION = "0001"
"""The revision of ``migrations`` that this code is written for."""

metadata = MetaData()

repositories = Table(
    "repositories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("created", Float, nullable=False),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", String(136), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("created", Float, nullable=False),
)

repository_blobs = Table(
    "repository_blobs",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("digest", ForeignKey("blobs.digest"), primary_key=True),
    Column("created", Float, nullable=False),
    Index("repository_blobs_by_digest", "digest"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("digest", String(136), primary_key=True),
    Column("media_type", String(255), nullable=False),
    Column("size", Integer, nullable=False),
    Column("subject", String(136)),
    Column("artifact_type", Text),
    Column("created", Float, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("manifests_by_subject", "repository_id", "subject", "digest"),
)

edges = Table(
    "edges",
    metadata,
    Column("repository_id", Integer, primary_key=True),
    Column("parent", String(136), primary_key=True),
    Column("child", String(136), primary_key=True),
    Index("edges_by_child", "repository_id", "child"),
)

tags = Table(
    "tags",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("digest", String(136), nullable=False),
    Column("moved", Float, nullable=False),
    Index("tags_by_digest", "repository_id", "digest"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("repository", String(255), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("created", Float, nullable=False),
)

"""Where bytes are: ``protocol`` says what a storage can do, ``folder`` and ``s3`` are storages."""

from typing import TYPE_CHECKING

from registry.errors import InvalidConfiguration

if TYPE_CHECKING:
    from registry.server.config import ServerConfig
    from registry.server.database.protocol import Database
    from registry.server.storage.protocol import BlobStorage

__all__ = ["open_storage"]


def open_storage(config: "ServerConfig", database: "Database") -> "BlobStorage":
    """The storage that the settings name; ``database`` has the rows of its uploads.

    The data folder has the place for what arrives by now (``storage.folder.make_uploads``).

    Raises StorageFailed when the data folder cannot be written to, InvalidConfiguration when what
    speaks to S3 is not installed.
    """
    from registry.server.storage.folder import open_folder  # noqa: PLC0415  it imports this package

    if config.storage.url is None:
        return open_folder(config.data, config.patience)
    try:
        from registry.server.storage.s3 import S3Storage  # noqa: PLC0415  an extra
    except ImportError as error:
        raise InvalidConfiguration(
            "S3 needs programs that are not installed", cause=str(error), hint="pip install 'wasmbuild[server,s3]'"
        ) from error
    return S3Storage(
        config.storage, database, config.data / "uploads", max_blob=config.max_blob, patience=config.patience
    )

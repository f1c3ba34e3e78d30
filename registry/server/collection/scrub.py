"""Reading everything back: what the disk has made of it shows before anybody needs it.

What is damaged answers 404 from then on, so that the next push mends it; its bytes are put aside for
a person to look at.
"""

import asyncio
import contextlib
import logging
import time
from functools import partial
from pathlib import Path

from registry.digest import ALGORITHMS, Digest
from registry.server import crashes
from registry.server.collection.report import ScrubReport
from registry.server.metadata.checking import (
    Checked,
    KeptManifest,
    kept_manifests,
    quarantine_blob,
    quarantine_manifest,
    still_there,
    unchecked_blobs,
    was_checked,
)
from registry.server.services import Services
from registry.server.storage.protocol import UploadBusy

__all__ = ["Scrubber"]

_AT_ONCE = 20
_MAX_DIGESTS = 1000
_LOGGER = logging.getLogger(__name__)


class Scrubber:
    """Reads back what one registry holds, at so many bytes a second at most; 0: as fast as it can."""

    def __init__(self, services: Services, rate: int = 0) -> None:
        self._services = services
        self._rate = rate
        self._report = ScrubReport()

    async def run(self, *, everything: bool = False) -> ScrubReport:
        """Read back what was not for ``scrub_interval`` seconds, the longest ago first; or ``everything``.

        Raises OSError and SQLAlchemyError: what could not be read is not said to be damaged.
        """
        self._report, now = ScrubReport(), time.time()
        before = now if everything else now - self._services.config.collection.scrub_interval
        after: Checked | None = None
        find = partial(unchecked_blobs, before=before, limit=_AT_ONCE)
        while page := await self._services.read(partial(find, after=after)):
            for blob in page:
                await self._blob(blob)
            after = page[-1]
        return self._report

    async def run_manifests(self) -> ScrubReport:
        """Read all manifests back."""
        self._report, after = ScrubReport(), (0, "")
        while page := await self._services.read(partial(kept_manifests, after=after, limit=_AT_ONCE)):
            for kept in page:
                await self._manifest(kept)
            after = (page[-1].repository, page[-1].digest)
        return self._report

    async def _blob(self, blob: Checked) -> None:
        self._report.blobs += 1
        self._services.collection.scrubbed_blobs += 1
        if await self._right(blob):
            await self._services.write(partial(was_checked, blob=blob, now=time.time()))
            return
        digest = Digest.parse(blob.digest)
        with contextlib.suppress(UploadBusy):  # somebody may be mending it
            try:
                async with self._services.storage.removing(digest, blob.key):
                    # A push may have put other bytes there while these were read.
                    if not await self._right(blob, hurry=True):
                        await self._quarantine(blob, digest)
            except FileNotFoundError:  # not even the folder is there
                await self._quarantine(blob, digest)

    async def _quarantine(self, blob: Checked, digest: Digest) -> None:
        if not await self._services.write(partial(quarantine_blob, blob=blob, now=time.time())):
            return
        crashes.passing(crashes.Point.BLOB_QUARANTINED)
        with contextlib.suppress(FileNotFoundError):
            await self._services.storage.quarantine(digest, blob.key)
        self._damaged(blob.digest, f"blob {blob.digest}")

    async def _right(self, blob: Checked, *, hurry: bool = False) -> bool:
        """Whether the bytes are what they are called; True, too, when nobody says that they are there any more."""
        digest = Digest.parse(blob.digest)
        hasher = ALGORITHMS[digest.algorithm][0]()
        size = 0
        try:
            async for chunk in self._services.storage.chunks(digest, blob.key):
                await asyncio.to_thread(hasher.update, chunk)
                size += len(chunk)
                if not hurry:  # whoever pushes what begins alike waits meanwhile
                    await self._rest(len(chunk))
        except FileNotFoundError:
            pass
        if size == blob.size and hasher.hexdigest() == digest.encoded:
            return True
        return not await self._services.read(partial(still_there, blob=blob))

    async def _manifest(self, kept: KeptManifest) -> None:
        self._report.manifests += 1
        self._services.collection.scrubbed_manifests += 1
        expected = Digest.parse(kept.digest)
        await self._rest(len(kept.content))
        if await asyncio.to_thread(Digest.of, kept.content, expected.algorithm) == expected:
            return
        aside = self._services.config.data / "quarantine"
        await asyncio.to_thread(_put_aside, aside, f"manifest-{expected.algorithm}-{expected.encoded}", kept.content)
        name = await self._services.write(partial(quarantine_manifest, kept=kept))
        if name is not None:
            self._damaged(kept.digest, f"manifest {kept.digest} of {name}")

    def _damaged(self, digest: str, what: str) -> None:
        self._report.damaged += 1
        self._services.collection.damaged += 1
        if len(self._report.digests) < _MAX_DIGESTS:
            self._report.digests = (*self._report.digests, digest)
        _LOGGER.error("%s is damaged or missing; push it again", what)

    async def _rest(self, read: int) -> None:
        self._report.bytes += read
        self._services.collection.scrubbed_bytes += read
        await asyncio.sleep(read / self._rate if self._rate else 0)


def _put_aside(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)

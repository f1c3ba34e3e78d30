"""Caching: from what a person wrote to the caches of one build, and the keys that they are trusted by.

A cache is ``[oci://]host/repository``, ``http(s)://host/path`` or ``folder:PATH``; the one of this machine
is always there. Not here: what a cache does (``wasmbuild.build.cache``).
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.errors import Failure, InvalidReference
from registry.reference import Reference
from wasmbuild.build.cache.folder import ACTIONS, FolderStore, fault_of
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.cache.result import Sign, Trusted
from wasmbuild.build.cache.store import ActionCache, ResultStore
from wasmbuild.caches import Caches
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink

if TYPE_CHECKING:
    from wasmbuild.trust.keys import PrivateKey, PublicKey

__all__ = ["LOCAL", "LOCAL_LIMIT", "CacheName", "Keys", "local_cache", "open_caches"]

LOCAL = "local"
"""What the cache of this machine is called."""
LOCAL_LIMIT = 10 * 1000**3
"""Bytes that it may have; looked at once a day."""

_PATIENCE = 5.0
"""Seconds for which a cache is asked again at most: what it saves is time."""
_DAY = 24 * 3600.0
_LOOKED_AT = ".pruned"
_PAYLOAD_TYPE = "application/vnd.wasmbuild.action.result.v1+json"
_FORMS = "write it as host/repository, https://host/path or folder:PATH"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs what is put into caches, and whose signatures what is taken out of them must have.

    Whoever signs takes only what is signed, by the same key or one of ``trust``: otherwise what somebody
    else put into a cache would leave it with our name. Without both, nobody is asked for.
    """

    sign: "PrivateKey | None" = None
    trust: Sequence["PublicKey"] = ()

    @property
    def signer(self) -> Sign | None:
        """Makes signatures: DSSE over the key of the action and its outputs (``docs/build-cache.md``)."""
        if self.sign is None:
            return None
        from wasmbuild.trust.dsse import pae  # noqa: PLC0415 - imports cryptography, which few builds need
        from wasmbuild.trust.encoding import to_base64  # noqa: PLC0415

        key = self.sign
        hint = key.public.hint
        return lambda payload: {"keyid": hint, "sig": to_base64(key.sign(pae(_PAYLOAD_TYPE, payload)))}

    @property
    def verifier(self) -> Trusted | None:
        """Checks signatures; None when all are trusted."""
        keys = [*self.trust, *([self.sign.public] if self.sign else [])]
        if not keys:
            return None
        from wasmbuild.trust.dsse import pae  # noqa: PLC0415
        from wasmbuild.trust.encoding import from_base64  # noqa: PLC0415

        def verify(payload: bytes, signature: Mapping[str, Any]) -> bool:
            try:
                given = from_base64(signature.get("sig"))
            except ValueError:
                return False
            return any(key.verify(given, pae(_PAYLOAD_TYPE, payload)) for key in keys)

        return verify


@dataclass(frozen=True, slots=True)
class CacheName:
    """What a person wrote for a cache, understood; ``open`` makes no request yet."""

    text: str
    open: Callable[[Registries], ResultStore]

    @classmethod
    def parse(cls, written: str) -> "CacheName":
        """Read the name of a cache. Raises UsageFailed, InvalidReference; never with a password in it."""
        if written.startswith(("http://", "https://")):
            return cls(written.rstrip("/"), lambda registries: _http(written, registries))
        if written.startswith("folder:"):
            path = Path(written.removeprefix("folder:")).expanduser().absolute()
            if written == "folder:" or "\0" in written:
                raise UsageFailed("--cache-from folder: names no folder", hint=_FORMS)
            return cls(f"folder:{path}", lambda _: FolderStore(path))
        text = written.removeprefix("oci://")
        if text.startswith((".", "/", "~")):
            raise InvalidReference(
                f"{text[:120]!r} is not a cache",
                cause="it looks like a path",
                hint=f"for a folder: folder:{text[:120]}",
            )
        reference = Reference.parse(text)
        if reference.selector is not None:
            raise InvalidReference(
                f"{text[:120]!r} is not a cache",
                cause="it has a tag or a digest",
                hint=f"name the repository: {reference.name}",
            )
        return cls(reference.name, lambda registries: registries.repository(reference))


def open_caches(
    caches: Caches,
    *,
    cache_from: Sequence[str],
    cache_to: Sequence[str],
    registries: Registries,
    sink: Sink,
    no_cache: bool = False,
    keys: Keys | None = None,
) -> Layered:
    """The caches of a build: that of this machine, then those to read from, then those only to write to.

    With ``no_cache``, nothing is read, and all is written as ever. Raises UsageFailed and InvalidReference
    for what names no cache, and InvalidConfiguration; a cache that does not work is a warning.
    """
    keys = keys or Keys()
    sign, trusted = keys.signer, keys.verifier
    read, written = (
        {CacheName.parse(text).text: CacheName.parse(text) for text in each} for each in (cache_from, cache_to)
    )
    speaking = Registries(replace(registries.settings, retry_for=min(registries.settings.retry_for, _PATIENCE)))
    members = [
        ActionCache(
            name.open(speaking),
            name=text,
            readable=text in read and not no_cache,
            writable=text in written,
            sign=sign,
            trusted=trusted,
        )
        for text, name in (read | written).items()
    ]
    for text in read | written:
        if text.startswith("http://") and not _is_local(text):
            sink(
                Note("warning", f"{text} is spoken to in plain http: whoever is in between can read and change results")
            )
    own = local_cache(caches, sink, readable=not no_cache, sign=sign, trusted=trusted)
    return Layered([*own, *members], sink)


def local_cache(
    caches: Caches, sink: Sink, *, readable: bool = True, sign: Sign | None = None, trusted: Trusted | None = None
) -> list[ActionCache]:
    """The cache of this machine; none, and a warning, when others could have put something there."""
    root = caches.root / ACTIONS
    fault = fault_of(root)
    if fault is not None:
        sink(Note("warning", f"{root} is not used as a cache: {fault}"))
        return []
    _look_after(root)
    store = FolderStore(root, private=True)
    return [ActionCache(store, name=LOCAL, shared=False, readable=readable, sign=sign, trusted=trusted)]


def _look_after(root: Path) -> None:
    """Keep a cache within its limit; once a day, since to find out takes a look at every file."""
    marker = root / _LOOKED_AT
    with contextlib.suppress(OSError, Failure):
        if not root.is_dir() or (marker.exists() and marker.stat().st_mtime > time.time() - _DAY):
            return
        from wasmbuild.build.cache.housekeeping import prune  # noqa: PLC0415  (once a day)

        marker.touch()
        prune(root, max_bytes=LOCAL_LIMIT)


def _http(url: str, registries: Registries) -> ResultStore:
    from registry.client.httpcache import HttpCache  # noqa: PLC0415 - imports requests

    return HttpCache.open(url, registries.settings)


def _is_local(url: str) -> bool:
    from urllib.parse import urlsplit  # noqa: PLC0415

    from registry.client.session import is_loopback  # noqa: PLC0415 - imports requests

    return is_loopback(urlsplit(url).netloc)

"""Find what is signed about an artifact: from a subject to candidates. Judging them is ``verifier``'s.

What a manifest says of itself (its artifact type, which predicate is in it) is signed by nobody. It is
used to leave out what is not asked for, and what it leaves out counts as absent: never as a signature.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from threading import Lock

from registry.content import Referred, Store, read_all
from registry.digest import Digest
from registry.errors import GraphTooLarge
from registry.model import Descriptor, Manifest, parse_document
from registry.workers import together
from wasmbuild.trust.bundle import BUNDLE_TYPES, MAX_BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.companion import Suffix, read_tagged, tagged_layers
from wasmbuild.trust.dsse import DSSE
from wasmbuild.trust.notation.layout import NOTARY_SIGNATURE, is_signature
from wasmbuild.trust.referrer import PREDICATE_TYPE
from wasmbuild.trust.simplesigning import MAX_PAYLOAD, SIMPLE_SIGNING
from wasmbuild.trust.statement import COSIGN_SIGN, NOTARY_SIGN, SIGNATURES

__all__ = [
    "MAX_ATTESTATIONS",
    "MAX_BYTES",
    "MAX_PAYLOADS",
    "MAX_REFERRERS",
    "Wanted",
    "all_wanted",
    "attestations_wanted",
    "found",
    "found_referrers",
    "found_under_tag",
    "signatures_wanted",
]

MAX_REFERRERS = 100
"""Signatures of one artifact, and bundles that do not say what they are, that we look at; notation's bound."""

MAX_PAYLOADS = 100
"""Different contents under one ``.sig`` tag that we fetch; signers who say the same share theirs."""

MAX_ATTESTATIONS = 1000
"""Attestations of one artifact that we look at in each form: one for each commit that gives the same bytes."""

MAX_BYTES = 128 * 1024 * 1024
"""Bytes of all that is looked at about one artifact; what several layers share is looked at for each of them."""

_ATTESTED_TYPE = "predicateType"
"""The annotation of a layer under an ``.att`` tag that says what kind of statement is in it."""

Wanted = Callable[[str], bool]
"""Whether something of a predicate type is asked for."""

_AT_ONCE = 4
"""Requests at once, which is how many connections a client keeps."""

_Task = Callable[[], list[Candidate]]


def signatures_wanted(predicate_type: str) -> bool:
    """Plain signatures alone."""
    return predicate_type in SIGNATURES


def attestations_wanted(predicate_type: str) -> bool:
    """Attestations alone."""
    return predicate_type not in SIGNATURES


def all_wanted(_: str) -> bool:
    """Both."""
    return True


def found(store: Store, subject: Descriptor, wanted: Wanted = signatures_wanted) -> list[Candidate]:
    """All that may be signed about ``subject``: what refers to it, and its ``.sig`` and ``.att`` tags.

    The lists are asked for at once, and what is in them four at a time. Raises what
    :func:`found_referrers` and :func:`found_under_tag` raise.
    """
    lists = [partial(_referring, store, subject, wanted)]
    if wanted(COSIGN_SIGN):
        lists.append(partial(_tagged, store, subject, "sig", wanted))
    if wanted is not signatures_wanted:
        lists.append(partial(_tagged, store, subject, "att", wanted))
    return _fetched(task for tasks in together(lists, _AT_ONCE) for task in tasks)


def found_referrers(store: Referred, subject: Descriptor, wanted: Wanted = signatures_wanted) -> list[Candidate]:
    """The bundles and signatures that refer to ``subject``, as bytes that match their digests.

    What only looks like a referrer (another subject, several layers), and what calls itself something
    that is not wanted, is passed over and not fetched. Raises DigestMismatch or SizeMismatch for content
    that is not what it is listed as, GraphTooLarge for more than 100 signatures or 1000 attestations,
    ContentTooLarge, and whatever the store raises when it cannot answer: none of that ever means "unsigned".
    """
    return _fetched(_referring(store, subject, wanted))


def found_under_tag(
    store: Store, subject: Descriptor, suffix: Suffix = "sig", wanted: Wanted = signatures_wanted
) -> list[Candidate]:
    """The signatures under the ``.sig`` tag of ``subject``, or attestations under ``.att``, as bytes of their digests.

    Layers of another media type are passed over. Raises as :func:`found_referrers` does, GraphTooLarge for
    more than 1000 layers or 100 different signed contents, InvalidDocument for a tag that is no manifest.
    """
    return _fetched(_tagged(store, subject, suffix, wanted))


def _fetched(tasks: Iterable[_Task]) -> list[Candidate]:
    budget = _Budget()
    return [
        candidate
        for candidates in together([partial(budget.spend, task) for task in tasks], _AT_ONCE)
        for candidate in candidates
    ]


class _Budget:
    """Counts the bytes of what tasks find side by side; each candidate is parsed, whoever it shares them with."""

    def __init__(self) -> None:
        self._spent = 0
        self._lock = Lock()

    def spend(self, task: _Task) -> list[Candidate]:
        """Run a task. Raises GraphTooLarge for more than ``MAX_BYTES`` in all."""
        candidates = task()
        with self._lock:
            self._spent += sum(len(candidate.content) for candidate in candidates)
            if self._spent > MAX_BYTES:
                raise GraphTooLarge(
                    "the signatures and attestations are too large", cause=f"at most {MAX_BYTES} bytes are looked at"
                )
        return candidates


def _referring(store: Referred, subject: Descriptor, wanted: Wanted) -> list[_Task]:
    """List what refers to a subject; what is left is to fetch each."""
    listed = [
        entry
        for entry in store.referrers(subject)
        if (kind := _kind(entry.artifact_type)) is not None and _may_be(_declared(kind, entry.annotations), wanted)
    ]
    attestations = sum(_attests(entry) for entry in listed)
    _bound(len(listed) - attestations, MAX_REFERRERS, f"{subject.digest} has {{}} signatures")
    _bound(attestations, MAX_ATTESTATIONS, f"{subject.digest} has {{}} attestations")
    _bound(
        sum(entry.size for entry in listed), MAX_BYTES, f"the manifests that refer to {subject.digest} have {{}} bytes"
    )
    return [partial(_referrer, store, entry, subject, wanted) for entry in listed]


def _tagged(store: Store, subject: Descriptor, suffix: Suffix, wanted: Wanted) -> list[_Task]:
    """Read what a tag lists; what is left is to fetch each of the contents."""
    tagged = read_tagged(store, subject.digest, suffix)
    if tagged is None:
        return []
    descriptor, manifest = tagged
    media_type, limit = (SIMPLE_SIGNING, MAX_PAYLOAD) if suffix == "sig" else (DSSE, MAX_BUNDLE)
    distinct: dict[Digest, list[Descriptor]] = {}
    for layer in tagged_layers(manifest, media_type):
        if _may_be(layer.annotations.get(_ATTESTED_TYPE), wanted):
            distinct.setdefault(layer.digest, []).append(layer)
    most = MAX_PAYLOADS if suffix == "sig" else MAX_ATTESTATIONS
    _bound(len(distinct), most, f"{subject.digest} has {{}} signed contents under its .{suffix} tag")
    return [partial(_layers, store, descriptor.plain(), layers, limit) for layers in distinct.values()]


def _bound(count: int, most: int, what: str) -> None:
    if count > most:
        raise GraphTooLarge(what.format(count), cause=f"at most {most} are looked at")


def _attests(entry: Descriptor) -> bool:
    """Whether something on a list says of itself that it is no signature."""
    declared = entry.annotations.get(PREDICATE_TYPE)
    return entry.artifact_type != NOTARY_SIGNATURE and declared is not None and declared not in SIGNATURES


def _layers(store: Store, manifest: Descriptor, layers: Sequence[Descriptor], limit: int) -> list[Candidate]:
    """The candidates of layers that share their content: signers who say the same."""
    content = read_all(store, layers[0].plain(), limit)
    return [
        Candidate(
            SignatureKind.LEGACY,
            layer.media_type,
            content,
            manifest,
            layer.annotations,
            layer.annotations.get(_ATTESTED_TYPE),
        )
        for layer in layers
    ]


def _may_be(declared: str | None, wanted: Wanted) -> bool:
    """Whether something may be what is asked for; some registries' lists leave out what would tell."""
    return declared is None or wanted(declared)


def _kind(artifact_type: str | None) -> SignatureKind | None:
    """In which form a referrer of an artifact type is, None for what is no signature."""
    if artifact_type is not None and artifact_type.startswith(BUNDLE_TYPES):
        return SignatureKind.BUNDLE
    return SignatureKind.NOTATION if artifact_type == NOTARY_SIGNATURE else None


def _declared(kind: SignatureKind | None, annotations: Mapping[str, str]) -> str | None:
    """Of which predicate type something says that it is; a signature of the Notary Project is nothing else."""
    return NOTARY_SIGN if kind is SignatureKind.NOTATION else annotations.get(PREDICATE_TYPE)


def _referrer(store: Referred, entry: Descriptor, subject: Descriptor, wanted: Wanted) -> list[Candidate]:
    manifest = parse_document(read_all(store, entry), entry.media_type)
    if not isinstance(manifest, Manifest) or manifest.subject is None or manifest.subject.digest != subject.digest:
        return []
    if len(manifest.layers) != 1:
        return []
    layer = manifest.layers[0]
    kind = SignatureKind.NOTATION if is_signature(manifest) else _kind(layer.media_type)
    declared = _declared(kind, manifest.annotations)
    if kind is None or not _may_be(declared, wanted):
        return []
    content = read_all(store, layer, MAX_BUNDLE)
    return [Candidate(kind, layer.media_type, content, entry.plain(), manifest.annotations, declared)]

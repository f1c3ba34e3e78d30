"""``[authorities]`` of a trust policy: whom it gives a name, and by what their signatures are told.

Exactly one of: keys (files, or PEM in the policy itself), identities of certificates, certificate
authorities of the Notary Project. Files are beside the policy; nothing is fetched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import InvalidDocument
from registry.files import read_regular
from wasmbuild.errors import InvalidKey
from wasmbuild.tables import Table
from wasmbuild.trust.authority import Authority, KeyAuthority
from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.policy.model import Party

__all__ = ["named_files", "read_parties"]

_KINDS = ("keys", "pem", "identities", "certificate-authorities")
_BESIDE = {"identities": ("issuer", "trusted-root"), "certificate-authorities": ("subjects",)}
_MAX_PARTIES = 100
_MAX_MEMBERS = 100
_MAX_ROOT = 4 * 1024 * 1024
"""Bytes of a trusted root that is read; sigstore's own has 7 kB."""


def read_parties(table: Table, folder: Path) -> dict[str, Party]:
    """Everybody in ``[authorities]``, by name. Raises InvalidProject, InvalidKey."""
    if len(table.values) > _MAX_PARTIES:
        raise table.invalid(None, f"names more than {_MAX_PARTIES}")
    parties = {name: _party(table.table(name), name, folder) for name in table.values}
    seen: dict[str, str] = {}
    for party in parties.values():
        for member in party.members:
            if isinstance(member, KeyAuthority) and seen.setdefault(member.name, party.name) != party.name:
                raise table.invalid(party.name, f"has a key that {seen[member.name]} has, too: {member.name}")
    return parties


def named_files(table: Table) -> tuple[str, ...]:
    """The files that ``[authorities]`` names, as it writes them; those of variables are none. Raises InvalidProject."""
    named: list[str] = []
    for name in table.values:
        party = table.table(name)
        roots = [party.required_text("trusted-root")] if "trusted-root" in party.values else []
        named += [*party.texts("keys"), *party.texts("certificate-authorities"), *roots]
    return tuple(dict.fromkeys(text for text in named if not text.startswith("env://")))


def _party(table: Table, name: str, folder: Path) -> Party:
    kinds = [kind for kind in _KINDS if kind in table.values]
    if len(kinds) != 1:
        raise table.invalid(None, f"must have one of {', '.join(_KINDS)}, and has {len(kinds)}")
    kind = kinds[0]
    table.only((kind, *_BESIDE.get(kind, ())))
    if kind == "pem":
        return _of_keys(name, (PublicKey.load(table.required_text("pem").encode()),))
    values = table.texts(kind)
    if not all(values) or not 1 <= len(values) <= _MAX_MEMBERS:
        raise table.invalid(kind, f"must list 1 to {_MAX_MEMBERS}")
    if kind == "identities":
        return _of_identities(table, name, values, folder)
    if kind == "certificate-authorities":
        return _of_roots(table, name, values, folder)
    return _of_keys(name, tuple(_key(text, folder) for text in values))


def _of_identities(table: Table, name: str, identities: tuple[str, ...], folder: Path) -> Party:
    """Whoever an OpenID issuer says is one of ``identities``, by a trusted root that is a file."""
    from wasmbuild.trust.sigstore.authority import Expected, IdentityAuthority  # noqa: PLC0415  (few have them)
    from wasmbuild.trust.sigstore.trusted_root import TrustedRoot  # noqa: PLC0415

    issuer, file = table.required_text("issuer"), table.required_text("trusted-root")
    try:
        root = TrustedRoot.parse(read_regular(folder / file, _MAX_ROOT))
    except (OSError, InvalidDocument) as error:
        raise table.invalid("trusted-root", f"names {file}: {error}") from error
    members = tuple(IdentityAuthority(Expected(identity), Expected(issuer), root) for identity in identities)
    return Party(name, members, tuple(f"{identity}, says {issuer}" for identity in identities))


def _of_roots(table: Table, name: str, files: tuple[str, ...], folder: Path) -> Party:
    """Whoever has a certificate of the Notary Project's kind that leads to a root in one of ``files``."""
    from wasmbuild.trust.notation.authority import CertificateAuthority  # noqa: PLC0415  (few have them)
    from wasmbuild.trust.notation.files import read_certificate_file  # noqa: PLC0415
    from wasmbuild.trust.policy.subjects import OfSubjects, parse_subject  # noqa: PLC0415

    roots = []
    for file in files:
        with _naming(folder / file):
            roots.append(CertificateAuthority.of(read_certificate_file(folder / file)))
    if "subjects" not in table.values:
        return Party(name, tuple(roots), tuple(f"certificates of {root.name}" for root in roots))
    given = table.texts("subjects")
    try:
        subjects = tuple(parse_subject(text) for text in given)
    except ValueError as error:
        raise table.invalid("subjects", f"has what is no subject: {error}", 'subjects = ["C=US, O=acme"]') from None
    if not subjects:
        raise table.invalid("subjects", "names nobody")
    members = tuple(OfSubjects(root, subjects) for root in roots)
    return Party(name, members, tuple(f"certificates of {member.name}" for member in members))


def _key(text: str, folder: Path) -> PublicKey:
    path = Path(text) if text.startswith("env://") else folder / text
    with _naming(path):
        return PublicKey.load(read_key_file(path))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say of which file an error is."""
    try:
        yield
    except InvalidKey as error:
        what = error.what if str(path) in error.what else f"{path}: {error.what}"
        raise InvalidKey(what, cause=error.cause, hint=error.hint) from error


def _of_keys(name: str, keys: tuple[PublicKey, ...]) -> Party:
    members: tuple[Authority, ...] = tuple(KeyAuthority(key) for key in keys)
    return Party(name, members, tuple(f"key {member.name}" for member in members))

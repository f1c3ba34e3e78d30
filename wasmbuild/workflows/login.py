"""``login`` and ``logout``: credentials that were tried before they are kept."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.client.credentials import Credentials
from registry.client.registries import Registries
from registry.errors import AuthenticationFailed, InvalidReference
from registry.reference import Reference
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step

if TYPE_CHECKING:
    from registry.client.keychain import Kept

__all__ = ["LoggedIn", "login", "logout", "registry_host", "with_password", "with_token"]


_EXAMPLE = "ghcr.io"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Where credentials are kept now; there is no ``username`` beside a token."""

    host: str
    username: str | None
    kept: "Kept"


def registry_host(text: str, command: str = "login") -> str:
    """The host that a person means: a registry, or any reference into one.

    Raises UsageFailed, InvalidReference; a URL, in which there may be a password, is not shown.
    """
    if "://" in text:
        raise UsageFailed(
            "this is a URL, and not the host of a registry", hint=f"wasmbuild {command} {_host_in_url(text)}"
        )
    if "/" in text:
        return Reference.parse(text).host
    reference = Reference.parse(f"{text}/any") if text else None
    if reference is None or reference.host != text.lower():
        raise UsageFailed(f"{text[:80]!r} is not the host of a registry", hint=f"wasmbuild {command} {_EXAMPLE}")
    return reference.host


def _host_in_url(url: str) -> str:
    host = url.partition("://")[2].partition("/")[0]
    try:
        return _EXAMPLE if "@" in url else Reference.parse(f"{host}/any").host
    except InvalidReference:
        return _EXAMPLE


def with_password(username: str, password: str) -> Credentials:
    """The credentials that a person gave.

    Raises UsageFailed when there can be no such ones.
    """
    if not username or not password:
        raise UsageFailed("a user name and a password are needed")
    try:
        return Credentials.of_password(username, password)
    except AuthenticationFailed as failure:
        raise UsageFailed("these are no user name and password", cause=failure.cause) from failure


def with_token(token: str) -> Credentials:
    """The identity token that a person gave.

    Raises UsageFailed when it is none.
    """
    try:
        return Credentials.of_identity(token)
    except AuthenticationFailed as failure:
        raise UsageFailed("this is no identity token", cause=failure.cause) from failure


def login(host: str, credentials: Credentials, registries: Registries, *, sink: Sink) -> LoggedIn:
    """Try credentials on a registry, and keep them for this user when it takes them.

    Raises AuthenticationFailed, and what the client raises; nothing is kept then.
    """
    from registry.client.keychain import keep  # noqa: PLC0415 - used by nobody else who starts

    with step(sink, "login", host):
        asked = _try_out(host, credentials, registries)
    if not asked:
        sink(Note("warning", f"{host} did not ask for credentials: these were not checked"))
    kept = keep(host, credentials)
    if kept.refused is not None:
        sink(Note("warning", f"{kept.refused}: the credentials are kept in a file"))
    sink(Note("info", f"kept by {kept}" if kept.helper else f"kept in {kept}, for its owner alone, not encrypted"))
    _tell_what_wins(host, sink)
    return LoggedIn(host, credentials.username if credentials.kind == "password" else None, kept)


def logout(host: str, *, sink: Sink) -> tuple[str, ...]:
    """Forget the credentials of a registry wherever they are kept; returns the places that had some.

    Raises AuthenticationFailed when a place cannot be read or does not let go.
    """
    from registry.client.keychain import forget  # noqa: PLC0415 - used by nobody else who starts

    places = forget(host)
    for place in places:
        sink(Note("info", f"forgotten: {place}"))
    _tell_what_wins(host, sink)
    return places


def _try_out(host: str, credentials: Credentials, registries: Registries) -> bool:
    """Whether the registry asked for credentials, and took these; False: it did not ask."""
    from registry.client.transport import Request  # noqa: PLC0415 - imports requests and oras

    transport = registries.transport(host)
    transport.auth.use(credentials)
    what = f"{host} does not take these credentials"
    with transport.send(Request("GET", f"{transport.base}/v2/", what), 200) as response:
        return "Authorization" in response.request.headers


def _tell_what_wins(host: str, sink: Sink) -> None:
    from registry.client.environment import variables_set  # noqa: PLC0415 - used by nobody else who starts

    if names := variables_set(host):
        sink(Note("warning", f"used before anything that is kept: the environment's {', '.join(names)}"))

"""Credentials for one registry from environment variables, as jobs of a CI system have them.

``WASMBUILD_REGISTRY_<HOST>_USERNAME`` and ``_PASSWORD``, or ``_IDENTITY_TOKEN``, or ``_REGISTRY_TOKEN``.
"""

import os
from collections.abc import Mapping

from registry.client.credentials import Credentials, canonical_host
from registry.errors import AuthenticationFailed

__all__ = ["from_environment", "variables_of", "variables_set"]

_ESCAPES = str.maketrans({".": "_", "-": "__", ":": "___", "[": "____", "]": "____"})
_SUFFIXES = ("USERNAME", "PASSWORD", "IDENTITY_TOKEN", "REGISTRY_TOKEN")


def variables_of(host: str) -> tuple[str, str, str, str]:
    """The names of a registry's variables: user name, password, identity token, registry token.

    In the host, a dot is one underscore, a hyphen two, a colon three, a bracket four. No two hosts
    share a name: whoever owns ``a-b.io`` is not given what was meant for ``a.b.io``.
    """
    encoded = canonical_host(host).translate(_ESCAPES).upper()
    user, password, identity, registry = (f"WASMBUILD_REGISTRY_{encoded}_{suffix}" for suffix in _SUFFIXES)
    return user, password, identity, registry


def variables_set(host: str, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Those of a registry's variables that have a value; an empty one counts as not set."""
    return tuple(name for name in variables_of(host) if environment.get(name))


def from_environment(host: str, environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """The credentials in a registry's variables, or None.

    Raises AuthenticationFailed when there is half of a pair, more than one kind, or a malformed value.
    """
    names = variables_of(host)
    there = variables_set(host, environment)
    if not there:
        return None
    user, password, identity, registry = (environment.get(name, "") for name in names)
    if there == names[:2]:
        return Credentials.of_password(user, password, f"in {names[0]} and {names[1]}")
    if there == (names[2],):
        return Credentials.of_identity(identity, source=f"in {names[2]}")
    if there == (names[3],):
        return Credentials.of_registry(registry, f"in {names[3]}")
    raise AuthenticationFailed(
        f"the variables with credentials of {canonical_host(host)} do not go together",
        cause=f"set: {', '.join(there)}",
        hint=f"set {names[0]} and {names[1]}, or {names[2]}, or {names[3]}",
    )

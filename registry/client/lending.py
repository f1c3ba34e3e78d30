"""Credentials that other programs are given through ``docker-credential-wasmbuild``: those that we would use ourselves.

Of a job with an identity it is the identity token, as a password, which our server takes until it ends; to whom one
may be given is ``exchange``'s. Not here: the protocol (``wasmbuild.cli.credential_helper``).
"""

import os
from typing import TYPE_CHECKING

from registry.client.challenge import parse_challenges
from registry.client.credentials import Credentials, canonical_host
from registry.client.exchange import WORKLOAD_USER
from registry.client.keychain import Keychain
from registry.client.workload import find_identity
from registry.errors import AuthenticationFailed, Unreachable

if TYPE_CHECKING:
    from registry.client.transport import Transport

__all__ = ["lent"]

_TIMEOUT = (10.0, 30.0)


def lent(transport: "Transport") -> Credentials | None:
    """A user name and a secret for a registry; None when there are none: a job's reason is then its login's.

    Raises AuthenticationFailed for some that cannot be used, and Unreachable where a job's might have been lent.
    """
    host = canonical_host(transport.host)
    found = Keychain(host).find()
    if found is None:
        return _of_job(transport)
    if found.kind == "registry":
        raise AuthenticationFailed(
            f"a registry token ({found.source}) is nothing that another program can log in to {host} with",
            hint="set a user name and a password",
        )
    return found


def _of_job(transport: "Transport") -> Credentials | None:
    try:
        announced = _announced(transport)
    except Unreachable:
        if find_identity(os.environ) is None:
            return None
        raise
    assertion = transport.auth.workload.assertion(announced)
    return assertion and Credentials.of_password(WORKLOAD_USER, assertion.text, assertion.source)


def _announced(transport: "Transport") -> str:
    """The path that a registry announces to whoever comes without credentials, or the empty text."""
    import requests  # noqa: PLC0415 - loaded already with a transport

    from registry.client.answers import unreachable  # noqa: PLC0415

    url = f"{transport.base}/v2/"
    try:
        with transport.session.get(url, timeout=_TIMEOUT, stream=True, allow_redirects=False) as response:
            challenges = parse_challenges(response.headers.get("WWW-Authenticate", ""))
    except (requests.RequestException, ValueError) as error:
        raise unreachable(error, url) from None
    return next((each.get("exchange") for each in challenges if each.scheme == "bearer"), "")

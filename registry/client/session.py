"""The HTTP session of one registry: TLS, proxies, connections. What is asked, and retried, is the transport's."""

import ipaddress
import os
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from registry.client.bodies import let_go
from registry.client.deadline import POOLS
from registry.client.settings import HostSettings
from registry.content import CHUNK
from registry.errors import InvalidConfiguration

__all__ = ["is_loopback", "open_session", "speaks_plain"]

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def is_loopback(host: str) -> bool:
    """Whether ``host[:port]`` is this machine, so that plain http is safe."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def speaks_plain(host: str, settings: HostSettings) -> bool:
    """Whether to use http: where that was asked for, and on this machine unless TLS was spoken of."""
    about_tls = settings.ca_file or settings.client_certificate or settings.insecure_skip_tls_verify
    return settings.plain_http or (is_loopback(host) and not about_tls)


def open_session(host: str, settings: HostSettings, connections: int) -> requests.Session:
    """A session that keeps so many connections open.

    Raises InvalidConfiguration for a certificate or key that is no file.
    """
    session = _Session()
    session.auth = _as_it_is
    session.max_redirects = 5
    session.trust_env = not is_loopback(host)  # a proxy does not lead back to this machine
    _set_trust(session, settings)
    for prefix in ("http://", "https://"):
        session.mount(prefix, _Adapter(max_retries=0, pool_connections=4, pool_maxsize=connections))
    return session


def _set_trust(session: requests.Session, settings: HostSettings) -> None:
    for file in (settings.ca_file, settings.client_certificate, settings.client_key):
        if file is not None and not file.is_file():
            raise InvalidConfiguration(f"{file} is not a file", hint="name a PEM file")
    named = next(filter(None, map(os.environ.get, _BUNDLES)), None)
    if settings.insecure_skip_tls_verify:
        session.verify = False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # we say it once, in our own words
    elif settings.ca_file is not None:
        session.verify = str(settings.ca_file)
    elif named is not None:
        session.verify = named
    if settings.client_certificate is not None:
        certificate, key = str(settings.client_certificate), settings.client_key
        session.cert = (certificate, str(key)) if key else certificate


class _Session(requests.Session):
    """A session that sends credentials only where we put them: never netrc's, never across hosts.

    Netrc is asked for nobody: the transport prepares its requests itself, and ``auth`` adds nothing to others.
    Whom it trusts is the same for all: requests would let the environment overrule what holds for a host.
    """

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:  # noqa: ANN401
        trusted = self.verify if verify is None else verify
        return {**super().merge_environment_settings(url, proxies, stream, verify, cert), "verify": trusted}

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer leads; its body is let go, since requests would read all of it, also where it follows none.

        It may be endless, or small only as long as nobody decompresses it.
        """
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            let_go(resp)
            resp._content, resp._content_consumed = b"", True  # type: ignore[attr-defined] # noqa: SLF001
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        if self.should_strip_auth(response.request.url or "", prepared_request.url or ""):
            prepared_request.headers.pop("Authorization", None)


class _Adapter(HTTPAdapter):
    """Sends bodies a megabyte at a time instead of 16 kilobytes, and does not wait for ever for an answer."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().init_poolmanager(*arguments, blocksize=CHUNK, **options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = POOLS
        return manager


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that changes nothing; without one, a session that prepares would ask netrc."""
    return request

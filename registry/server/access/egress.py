"""The one way out of the server: keys of issuers, webhooks. Nothing that is not public is reached by accident.

A name is resolved once, every address that it has is looked at, and the connection goes to one of
those very addresses; redirects are not followed; size and time are bounded. Proxies of the environment
are not used: they would resolve the name again.
"""

import asyncio
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from registry.server.access.origins import parse_networks

__all__ = ["EgressAnswer", "EgressFailed", "EgressGuard"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PIECE = 64 * 1024
_AT_ONCE = 4
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class EgressFailed(OSError):  # no Failure: whoever sends says what that means to whom
    """Nothing was sent, or nothing came of it. The text is for logs, and holds nothing of any body."""


@dataclass(frozen=True, slots=True)
class EgressAnswer:
    """What came back: a redirect as well as anything else."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""

    body: bytes = field(repr=False)


class EgressGuard:
    """Speaks HTTP to whoever is public, or is in one of the networks of ``allow``.

    Outside of those, only HTTPS. ``ca_file`` is for certificates that the system does not know.
    """

    def __init__(self, allow: Iterable[str] = (), *, ca_file: str | None = None) -> None:
        """Raises InvalidConfiguration when a network is none."""
        self._allow = parse_networks(allow)
        self._ca_file = ca_file
        self._threads = ThreadPoolExecutor(_AT_ONCE, "registry-egress")

    async def get(
        self, url: str, headers: Mapping[str, str] | None = None, *, limit: int = 1024 * 1024, seconds: float = 10.0
    ) -> EgressAnswer:
        """GET; at most ``limit`` bytes of body in at most ``seconds``. Raises EgressFailed."""
        return await self._send("GET", url, headers or {}, None, limit, seconds)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        limit: int = 64 * 1024,
        seconds: float = 10.0,
    ) -> EgressAnswer:
        """POST, likewise."""
        return await self._send("POST", url, headers or {}, body, limit, seconds)

    async def deliver(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        """POST: the status of the answer, whatever else is in it. Raises EgressFailed."""
        answer = await self.post(url, body, headers, seconds=seconds)
        return answer.status

    def close(self) -> None:
        """Let go of the threads; what is being sent ends by its own time."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int, seconds: float
    ) -> EgressAnswer:
        loop, visit = asyncio.get_running_loop(), _Visit(self._allow, self._ca_file, seconds)
        try:
            async with asyncio.timeout(seconds + 1):
                return await loop.run_in_executor(self._threads, visit.run, method, url, headers, body, limit)
        except EgressFailed:
            raise
        except TimeoutError as error:
            raise EgressFailed("it took too long") from error
        except (OSError, http.client.HTTPException, UnicodeError, ValueError) as error:
            raise EgressFailed(str(error)[:200] or type(error).__name__) from error
        finally:
            visit.end()


class _Visit:
    """One request, on a thread; ends by itself when its time is over, whatever the other side drips."""

    def __init__(
        self, allow: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...], ca: str | None, seconds: float
    ) -> None:
        self._allow, self._ca, self._seconds = allow, ca, seconds
        self._socket: socket.socket | None = None
        self._ended = False

    def run(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int) -> EgressAnswer:
        parts = urlsplit(url)
        address, secure = self._decide(parts), parts.scheme == "https"
        connection = _Pinned(
            parts, address, self._seconds, ssl.create_default_context(cafile=self._ca) if secure else None
        )
        watchdog = threading.Timer(self._seconds, self.end)
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.connect()
            self._socket = connection.sock
            if self._ended:
                raise EgressFailed("it took too long")
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, {"User-Agent": "wasmbuild-registry", **headers})
            answer = _read(connection.getresponse(), limit)
            if self._ended:
                raise EgressFailed("it took too long")
            return answer
        finally:
            watchdog.cancel()
            connection.close()

    def end(self) -> None:
        """Break the connection off, from any thread."""
        self._ended, connected = True, self._socket
        if connected is not None:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended

    def _decide(self, parts: SplitResult) -> Address:
        """The address to connect to."""
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise EgressFailed("this is not an https URL")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        for address in addresses:
            allowed = any(_plain(address) in network for network in self._allow)
            if not allowed and not _public(address):
                raise EgressFailed(f"{parts.hostname} is {address}, which is not a public address")
            if not allowed and parts.scheme != "https":
                raise EgressFailed("only https goes out")
        if not addresses:
            raise EgressFailed(f"{parts.hostname} has no address")
        return addresses[0]


class _Pinned(http.client.HTTPConnection):
    """Connects to an address, and speaks to the host of a URL: Host header, SNI and certificate are the host's."""

    def __init__(self, parts: SplitResult, address: Address, seconds: float, tls: ssl.SSLContext | None) -> None:
        port = parts.port or (443 if tls else 80)
        super().__init__(parts.hostname or "", port, timeout=seconds)
        self.default_port = 443 if tls else 80
        self._address, self._tls = str(address), tls

    def connect(self) -> None:
        """Connect, and with TLS make sure of who answers."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host) if self._tls else plain
        except BaseException:
            plain.close()
            raise


def _read(answer: http.client.HTTPResponse, limit: int) -> EgressAnswer:
    body = bytearray()
    while piece := answer.read1(_PIECE):
        body += piece
        if len(body) > limit:
            raise EgressFailed(f"the answer is larger than {limit} bytes")
    if answer.length:
        raise EgressFailed("the answer ended early")
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return EgressAnswer(answer.status, headers, bytes(body))


def _plain(address: Address) -> Address:
    """The IPv4 address that one of IPv6 means."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address
    return address


def _public(address: Address) -> bool:
    plain = _plain(address)
    if isinstance(plain, ipaddress.IPv6Address) and (plain.sixtofour or plain.teredo):
        return False  # they lead to addresses of IPv4, whichever those are
    return plain.is_global and not plain.is_multicast and not plain.is_reserved

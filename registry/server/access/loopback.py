"""Who may ask at all: the first thing a request meets, before any route.

There are no users yet, so everyone on this machine may do everything, and nobody else may do
anything. A web page can make its reader's browser send requests to loopback (DNS rebinding, forms),
and a careless proxy can open loopback to the world: both are refused by what they cannot hide.
"""

import ipaddress
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.server.refusal import NOSNIFF, error_response

__all__ = ["LoopbackGuard", "is_loopback_host"]

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::[0-9]{1,5})?", re.IGNORECASE)
_FORWARDING = (b"forwarded", b"x-real-ip", b"via")
_NOSNIFF = [(name.encode(), value.encode()) for name, value in NOSNIFF.items()]


class LoopbackGuard:
    """Lets through only what a program on this machine sent on purpose."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 with ``DENIED``, or pass the request on and forbid sniffing in the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair not in _NOSNIFF]
                message["headers"] = headers + _NOSNIFF
            await send(message)

        reason = _reason_to_refuse(scope["headers"])
        if reason is None:
            await self._app(scope, receive, guarded)
        else:
            await error_response(403, "DENIED", reason)(scope, receive, guarded)


def _reason_to_refuse(headers: list[tuple[bytes, bytes]]) -> str | None:
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not is_loopback_host(hosts[0].decode("latin-1")):
        return "this registry answers only to loopback names; the Host of the request is another"
    for name, _ in headers:
        if name == b"origin":
            return "this registry does not answer to web pages; the request has an Origin"
        if name in _FORWARDING or name.startswith(b"x-forwarded-"):
            return "this registry does not stand behind a proxy; the request was forwarded"
    return None


def is_loopback_host(host: str) -> bool:
    """Whether a Host header (with or without port) names this machine's loopback."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match.group(1).lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False

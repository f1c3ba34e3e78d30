"""Whether a server of ours lives, or can work: ``/healthz`` and ``/readyz``, which are no part of distribution-spec."""

from registry.client.bodies import bounded
from registry.client.transport import Request, Transport

__all__ = ["ask_health"]


def ask_health(transport: Transport, *, ready: bool) -> None:
    """Return when the server says that it is ready, or at least alive.

    Raises Unreachable, and what the server answers; both only after the retries of the settings.
    """
    path, word = ("readyz", "ready") if ready else ("healthz", "alive")
    what = f"{transport.host} does not say that it is {word}"
    with transport.send(Request("GET", f"{transport.base}/{path}", what), 200) as response:
        bounded(response, what)

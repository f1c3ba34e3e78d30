"""How webhooks leave: through the egress guard, to public addresses and those that the settings allow."""

from collections.abc import Mapping

from registry.server.access.egress import EgressGuard

__all__ = ["GuardedPoster"]


class GuardedPoster:
    """Posts, and reads of the answer only what it is."""

    def __init__(self, guard: EgressGuard) -> None:
        self._guard = guard

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        """The status of the answer. Raises EgressFailed when there is none."""
        return (await self._guard.post(url, body, headers, seconds=seconds)).status

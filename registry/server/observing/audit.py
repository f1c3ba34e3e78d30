"""What a line of the audit log says: who did what to which repository, tag and digest, from where."""

import time

from registry.server.access.principals import Principal
from registry.server.changes import Change
from registry.server.observing.requests import Seen

__all__ = ["audit_line", "login_line", "who"]


def who(change: Change, seen: Seen | None) -> Principal | None:
    """Whoever did it; None when nobody is known, because the registry itself did."""
    return change.principal or (seen.principal if seen else None)


def audit_line(change: Change, seen: Seen | None) -> dict[str, object]:
    """One change as a line; without what is not known of it."""
    principal = who(change, seen)
    said = {
        "time": round(time.time(), 3),
        "action": change.action,
        "repository": change.repository,
        "tag": change.tag,
        "digest": change.digest,
        "before": change.before,
        "reason": change.reason,
        "lease": change.lease,
        "principal": principal.name if principal else "local" if seen else "system",
        "kind": principal.kind if principal else "local" if seen else "system",
        "groups": sorted(principal.groups) if principal and principal.groups else None,
        "claims": dict(principal.claims) if principal and principal.claims else None,
        "client": seen.client if seen else None,
        "request": seen.id.decode() if seen else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def login_line(principal: Principal, scope: str | None, client: str, seen: Seen | None) -> dict[str, object]:
    """A workload that was given a token of ours, as a line; ``scope`` is what for, None: for all that it may do."""
    said = {
        "time": round(time.time(), 3),
        "action": "exchange",
        "scope": scope,
        "principal": principal.name,
        "kind": principal.kind,
        "groups": sorted(principal.groups),
        "claims": dict(principal.claims),
        "client": client,
        "request": seen.id.decode() if seen else None,
    }
    return {name: value for name, value in said.items() if value is not None}

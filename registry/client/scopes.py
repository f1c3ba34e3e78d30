"""Scopes of tokens: ``type:name:actions``, several separated by a space (distribution token specification)."""

__all__ = ["covers", "merged", "repository_of"]

_ORDER = ("pull", "push", "delete")


def merged(*scopes: str) -> tuple[str, ...]:
    """All scopes, each resource once with all its actions; resources in the order in which they came."""
    found: dict[str, set[str]] = {}
    for resource, actions in _parsed(" ".join(scopes)):
        found.setdefault(resource, set()).update(actions)
    return tuple(_joined(resource, actions) for resource, actions in found.items())


def covers(having: str, wanted: str) -> bool:
    """Whether everything in ``wanted`` is in ``having``; ``*`` stands for every action."""
    held = {resource: actions for each in merged(having) for resource, actions in _parsed(each)}
    return all(
        resource in held and ("*" in held[resource] or actions <= held[resource])
        for resource, actions in _parsed(wanted)
    )


def repository_of(scope: str) -> str:
    """The first repository that is named, or the empty text."""
    for resource, _ in _parsed(scope):
        kind, _, name = resource.partition(":")
        if kind == "repository":
            return name
    return ""


def _parsed(text: str) -> list[tuple[str, set[str]]]:
    """Resource and actions; a name may hold ':' itself, and what has no actions is a resource as it stands."""
    parts = []
    for word in text.split():
        resource, colon, last = word.rpartition(":")
        actions = set(last.split(",")) - {""} if colon else set()
        parts.append((resource if actions else word, actions))
    return parts


def _joined(resource: str, actions: set[str]) -> str:
    known = [action for action in _ORDER if action in actions]
    return f"{resource}:{','.join(known + sorted(actions - set(_ORDER)))}" if actions else resource

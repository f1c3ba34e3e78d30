"""Docker's configuration file, as far as we write it: one registry's credentials, put in or taken out.

Reading it, credential helpers included, is ``auth``'s. Everything else in the file is kept as it is.
"""

import base64
import os
from pathlib import Path
from typing import Any

from registry.errors import AuthenticationFailed, InvalidDocument
from registry.files import storage_errors, write_atomically
from registry.model import canonical_json, load_json

__all__ = ["DOCKER_HUB_KEY", "config_path", "forget", "key_of", "save"]

DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_DOCKER_HUB = frozenset({"docker.io", "registry-1.docker.io"})
_MAX_CONFIG = 1024 * 1024


def config_path() -> Path:
    """``config.json`` in the folder that ``DOCKER_CONFIG`` names, or in ``~/.docker``."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path("~/.docker").expanduser()) / "config.json"


def key_of(host: str) -> str:
    """What the file calls a registry; Docker Hub has a name of its own."""
    return DOCKER_HUB_KEY if host in _DOCKER_HUB else host


def save(host: str, username: str, password: str) -> Path:
    """Keep credentials for a registry; the file is then for its owner alone.

    Raises AuthenticationFailed when a credential helper is in charge, which this does not speak to.
    """
    path, config = config_path(), _read()
    key = key_of(host)
    helper = config.get("credHelpers", {}).get(key) or config.get("credsStore")
    if helper:
        raise AuthenticationFailed(
            f"the credentials of {host} are kept by docker-credential-{helper}",
            cause=f"{path} says so",
            hint=f"docker login {host}",
        )
    secret = base64.b64encode(f"{username}:{password}".encode()).decode()
    _write({**config, "auths": {**config.get("auths", {}), key: {"auth": secret}}})
    return path


def forget(host: str) -> bool:
    """Remove the credentials of a registry; whether there were any."""
    config = _read()
    auths = dict(config.get("auths", {}))
    if auths.pop(key_of(host), None) is None:
        return False
    _write({**config, "auths": auths})
    return True


def _read() -> dict[str, Any]:
    path = config_path()
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_CONFIG)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AuthenticationFailed(f"{path} cannot be read", cause=error.strerror) from error
    try:
        config = load_json(data, str(path))
    except InvalidDocument as error:
        raise AuthenticationFailed(f"{path} is not JSON", hint="mend it, or move it away") from error
    tables = [config, *(config.get(name, {}) for name in ("auths", "credHelpers"))] if isinstance(config, dict) else [0]
    if not all(isinstance(table, dict) for table in tables):
        raise AuthenticationFailed(f"{path} is not Docker's configuration", hint="mend it, or move it away")
    return dict(config)


def _write(config: dict[str, Any]) -> None:
    path = config_path()
    with storage_errors(f"{path.parent} could not be made"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path.resolve(), canonical_json(config), mode=0o600)

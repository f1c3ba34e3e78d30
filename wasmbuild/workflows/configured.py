"""Configured: every value that decides what wasmbuild does here, and where it comes from.

From the project file, the user's configuration and the environment. Variables are shown by a list of
those that hold no secret; of others that are ours, only that they are set. Not here: options of a command.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from wasmbuild.caches import CACHE_VARIABLE, Caches
from wasmbuild.configuration import CONFIG_VARIABLE, configuration_path, read_settings
from wasmbuild.errors import NoProject
from wasmbuild.project.origins import DEFAULT, Value, leaves, project_values
from wasmbuild.tables import read_table

__all__ = ["ENVIRONMENT", "configured"]

ENVIRONMENT = "environment"
HIDDEN = "(set)"
"""What is shown of a variable that may hold a secret."""

_SHOWN = frozenset(
    {
        CACHE_VARIABLE,
        CONFIG_VARIABLE,
        "DOCKER_CONFIG",
        "NETRC",
        "NO_COLOR",
        "NO_PROXY",
        "REGISTRY_AUTH_FILE",
        "SOURCE_DATE_EPOCH",
        "WASI_SDK_PATH",
    }
)
_HIDDEN = frozenset(
    {"ALL_PROXY", "GOPROXY", "HTTPS_PROXY", "HTTP_PROXY", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL"}
)
"""Variables with addresses, in which there may be passwords."""
_OPTIONS = ("WASMBUILD_BUILD_", "WASMBUILD_PLAN_", "WASMBUILD_INIT_", "WASMBUILD_CLEAN_", "WASMBUILD_DOCTOR_")
"""What begins so is an option of a verb that takes no secrets."""
_COMMON = frozenset(
    {
        "WASMBUILD_CA_FILE",
        "WASMBUILD_CI",
        "WASMBUILD_CLIENT_CERTIFICATE",
        "WASMBUILD_CLIENT_KEY",
        "WASMBUILD_CONCURRENCY",
        "WASMBUILD_DEBUG",
        "WASMBUILD_FORMAT",
        "WASMBUILD_INSECURE_SKIP_TLS_VERIFY",
        "WASMBUILD_PLAIN_HTTP",
        "WASMBUILD_PROGRESS",
        "WASMBUILD_RETRY_FOR",
        "WASMBUILD_VERBOSE",
    }
)
"""Options of many verbs; those about keys are names of files."""


def configured(folder: Path, environment: Mapping[str, str]) -> tuple[Value, ...]:
    """All values that hold in a folder; those of a project, if there is one. Raises InvalidProject."""
    return (*_project(folder), *_user(environment), *_environment(environment))


def _project(folder: Path) -> tuple[Value, ...]:
    try:
        return project_values(folder.absolute())
    except NoProject:
        return ()


def _user(environment: Mapping[str, str]) -> Iterator[Value]:
    path = configuration_path(environment)
    settings = read_settings(path)
    try:
        table = read_table(path, str(path)) if path.is_file() else None
    except FileNotFoundError:
        table = None
    found = tuple(leaves(table)) if table else ()
    yield from found
    named = {each.name for each in found}
    defaults: dict[str, object] = {
        "registry.concurrency": settings.concurrency,
        "registry.retry-for": settings.retry_for,
    }
    yield from (Value(name, value, DEFAULT) for name, value in defaults.items() if name not in named)
    if not environment.get(CACHE_VARIABLE):
        yield Value(CACHE_VARIABLE, str(Caches.of_user(environment).root), DEFAULT)


def _environment(environment: Mapping[str, str]) -> Iterator[Value]:
    for name in sorted(environment):
        if name in _SHOWN or name in _COMMON or name.startswith(_OPTIONS):
            yield Value(name, environment[name], ENVIRONMENT)
        elif name.startswith("WASMBUILD_") or name.upper() in _HIDDEN:
            yield Value(name, HIDDEN, ENVIRONMENT)

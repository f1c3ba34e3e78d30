"""The options of everything that builds."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmbuild.cli.common import FILE, password, shared, was_given
from wasmbuild.cli.completing import targets
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from wasmbuild.workflows.build import Setting
    from wasmbuild.workflows.caching import Keys

__all__ = ["building", "given_for_building", "setting"]


def _options() -> list[click.Option]:
    own = functools.partial(shared, "Build")
    return [
        own(
            "--target",
            "targets",
            multiple=True,
            metavar="NAME",
            shell_complete=targets,
            help="Only this target; may be given again.",
        ),
        own("--language", help="The language, before what the project says."),
        own(
            "--optimize", type=click.Choice(["size", "speed", "debug"]), help="What for, before what the project says."
        ),
        own("--component", is_flag=True, help="Make components of them."),
        own("-j", "--jobs", type=click.IntRange(1, 256), help="Targets at once. [default: one for each processor]"),
        own("--keep-going", is_flag=True, help="After a failure, build what does not need it."),
        own("--since", metavar="REV", help="Only targets that changed after this revision of git."),
        own("--locked", is_flag=True, help="Refuse to change wasmbuild.lock."),
        own("--offline", is_flag=True, help="Fetch nothing."),
        own("--no-cache", is_flag=True, help="Compile even what was compiled before."),
        own("--cache-from", multiple=True, metavar="PLACE", help="A cache to read; may be given again."),
        own("--cache-to", multiple=True, metavar="PLACE", help="A cache to write; may be given again."),
        own("--cache-sign", type=FILE, help="The private key to sign what is put into caches."),
        own("--cache-trust", type=FILE, multiple=True, help="Take only what this key signed; may be given again."),
        own(
            "--sandbox",
            type=click.Choice(["auto", "bubblewrap", "namespaces", "none"]),
            default="auto",
            show_default=True,
            help="What compilers are held by.",
        ),
        own("--executor", metavar="URL", help="Where to compile: dask://HOST:PORT. [default: here]"),
    ]


def building(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of a build, as one argument ``options``."""

    @functools.wraps(function)
    def call(*arguments: Any, **values: Any) -> Any:  # noqa: ANN401 - the verb's own
        from wasmbuild.workflows.options import BuildOptions

        keys = _keys(values.pop("cache_sign"), values.pop("cache_trust"))
        own = {name: values.pop(name) for name in BuildOptions.__dataclass_fields__ if name != "cache_keys"}
        return function(*arguments, options=BuildOptions(**own, cache_keys=keys), **values)

    for each in reversed(_options()):
        _attach(call, each)
    return call


def _attach(function: Callable[..., Any], parameter: click.Option) -> None:
    """As click's own decorators do, for an option that is made already."""
    parameters: list[click.Parameter] = getattr(function, "__click_params__", [])
    parameters.append(parameter)
    function.__click_params__ = parameters  # type: ignore[attr-defined]


def _keys(sign: Path | None, trust: tuple[Path, ...]) -> "Keys | None":
    if sign is None and not trust:
        return None
    from wasmbuild.trust.keyfiles import read_key_file
    from wasmbuild.trust.keys import PrivateKey
    from wasmbuild.workflows.caching import Keys
    from wasmbuild.workflows.verify import load_public_key

    own = PrivateKey.load(read_key_file(sign), password(confirm=False)) if sign else None
    return Keys(own, [load_public_key(each) for each in trust])


def given_for_building() -> tuple[str, ...]:
    """The names of those options, and of --project, that a person gave."""
    from wasmbuild.workflows.options import BuildOptions

    names = ["project", *BuildOptions.__dataclass_fields__]
    return tuple(name.removesuffix("s").replace("_", "-") for name in names if was_given(name))


def setting(console: Console, registries: "Registries") -> "Setting":
    """What surrounds a build that a person asked for."""
    import os

    from wasmbuild.caches import Caches
    from wasmbuild.workflows.build import Setting

    return Setting(Caches.of_user(), os.environ, console.emit, registries)

"""A group whose commands are modules, each imported when it is used, and not for the ``--help`` of the group."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["HELP", "LazyGroup", "helped"]

HELP: Mapping[str, Any] = MappingProxyType({"help_option_names": ("-h", "--help")})
"""Said by each command for itself: click keeps the option for help from its first use, under whichever parent."""


def helped(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a command, with ``HELP`` among those of its context."""
    return {**settings, "context_settings": {**HELP, **settings.get("context_settings", {})}}


class LazyGroup(click.Group):
    """``verbs`` says what each module of ``package`` does, in the order of ``--help``."""

    def __init__(self, *arguments: Any, package: str, verbs: Mapping[str, str], **settings: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*arguments, **helped(settings))
        self._package = package
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a module; None: there is none of that name."""
        if cmd_name not in self._verbs:
            return None
        command: click.Command = import_module(f"{self._package}.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a guess at what was meant."""
        if args and args[0] not in self._verbs and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self._verbs, ctx=ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """The names that begin so, without importing what they name, and the group's own options."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=said) for name, said in self._verbs.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._verbs.items()))

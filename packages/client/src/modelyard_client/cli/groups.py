"""Groups of commands: the root, which takes commands of other distributions too, and nouns, which list by default."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from modelyard_client.cli.errors import CommandError

COMMANDS = "modelyard.commands"
"""The entry point group of commands: functions with Typer's annotations, or whole Typer applications."""


class OpenGroup(TyperGroup):
    """The commands of this distribution, and those that others register. A command here is never replaced by one."""

    entry_points: str
    """The entry point group of the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names; own ones first."""
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in _plug_ins(self.entry_points) if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command with this name; a plug-in is loaded only now."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        plug_in = _plug_ins(self.entry_points).get(cmd_name)
        return None if plug_in is None else _load(plug_in)


class RootGroup(OpenGroup):
    """All commands."""

    entry_points = COMMANDS


class NounGroup(TyperGroup):
    """Commands on one noun. Without a command's name it lists: `modelyard jobs` is `modelyard jobs list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` where options come first, but for the help."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


class ImagesGroup(OpenGroup, NounGroup):
    """Commands on images: those of the control plane's machine are registered by the control plane."""

    entry_points = f"{COMMANDS}.images"


def _plug_ins(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


def _load(entry: EntryPoint) -> Any:
    application = typer.Typer(add_completion=False, rich_markup_mode=None)
    try:
        command = entry.load()
    except ImportError as error:
        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        application.command(entry.name, context_settings=anything)(_broken(entry, error))
    else:
        if isinstance(command, typer.Typer):
            return typer.main.get_command(command)
        application.command(entry.name)(command)
    return typer.main.get_command(application)


def _broken(entry: EntryPoint, error: ImportError) -> Callable[[], None]:
    """A command in the place of one that cannot be loaded, so that the others, and the help, go on working."""
    reason = f"{entry.value} cannot be loaded: {error}"

    def fail() -> None:
        raise CommandError(f"the command {entry.name!r} is broken: {reason}")

    fail.__doc__ = f"Broken: {reason}"
    return fail

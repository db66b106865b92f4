"""The command line: parses, calls the library, prints. Nobody imports it.

One file a noun. Commands import what they need when they run, so that
`cdp --help` does not pay for dbt, DuckDB or sqlglot.
"""

from __future__ import annotations

import importlib
import sys

import click

from cdp import __version__
from cdp.errors import CdpError

COMMANDS = {
    "init": "Make a new project",
    "validate": "Check every definition",
    "compile": "Turn definitions into dbt models",
    "load": "Load event files into the warehouse",
    "build": "Compile, run dbt and publish a read copy",
    "sync": "Send audiences and profiles to destinations",
    "destination": "List, test and simulate destinations",
    "audience": "List, show and preview audiences",
    "profile": "Look at one profile",
    "identity": "Explain and examine identity",
    "doctor": "Check the installation and the project",
    "demo": "See everything work on a small store",
}


class _Commands(click.Group):
    """Loads a command's module only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cdp.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cdp")
def cli() -> None:
    """A customer data platform in your own warehouse.

    \b
    Example:
      cdp init my-cdp && cd my-cdp
      cdp load events/*.ndjson.gz --source web
      cdp build
      cdp sync run
    """


def main() -> None:
    """The `cdp` command: a user's mistake is an error message and an exit code."""
    try:
        cli()
    except CdpError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)

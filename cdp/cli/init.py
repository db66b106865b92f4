"""`cdp init`: a working project without a clone."""

from __future__ import annotations

from pathlib import Path

import click

from cdp.cli.output import say


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--upgrade", is_flag=True, help="Refresh the cdp package of an existing project")
def command(folder: Path, upgrade: bool) -> None:
    """Make a project: definitions to edit, a dbt project, a profile for DuckDB.

    \b
    Example:
      cdp init my-cdp
      cd my-cdp
      cdp load events/ --source web
      cdp build                     # or: cdp compile, then dbt build
    """
    from cdp.cli.compile import compile_project
    from cdp.project import find_project
    from cdp.scaffold import create_project, upgrade_package

    if upgrade:
        upgrade_package(folder)
        say(f"refreshed {folder / 'dbt_packages' / 'cdp'}")
    else:
        create_project(folder)
        say(f"made {folder}: edit definitions/, then run 'cdp build' in it")
    compile_project(find_project(folder))

"""`cdp build`: compile, dbt build, publish."""

from __future__ import annotations

import click

from cdp.cli.compile import compile_project
from cdp.cli.options import lock_option, project_options
from cdp.cli.output import say
from cdp.project import Project


@click.command("build", context_settings={"ignore_unknown_options": True})
@lock_option
@project_options
@click.argument("dbt_arguments", nargs=-1, type=click.UNPROCESSED)
def command(project: Project, lock_wait: float, dbt_arguments: tuple[str, ...]) -> None:
    """Compile the definitions, run `dbt build` and publish the read copy.

    Other options go to dbt as they are.

    \b
    Example:
      cdp build
      cdp build --select +audience__vip_customers
      cdp build --full-refresh
    """
    from cdp.dbt import run_dbt

    compile_project(project)
    run_dbt(project, "build", dbt_arguments, lock_wait_s=lock_wait)
    if project.target.path is not None:
        from cdp.publish import publish
        from cdp.warehouse import open_warehouse

        with open_warehouse(project, lock_wait_s=lock_wait) as warehouse:
            copy = publish(project, warehouse, _say_left_out)
        say(f"published {copy.name} for readers")


def _say_left_out(name: str) -> None:
    say(
        f"left out of the copy: {name}, a view that cannot be read: columns of it are gone, "
        "then drop it, or a value cannot be cast"
    )

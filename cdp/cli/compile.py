"""`cdp compile`: definitions to dbt models."""

from __future__ import annotations

import click

from cdp.cli.options import project_options
from cdp.cli.output import say
from cdp.project import Project


def compile_project(project: Project) -> None:
    """Write the generated models and say what changed."""
    from cdp.catalogue import load_catalogue
    from cdp.generate import compile_catalogue, generated_files, write_files

    compiled = compile_catalogue(load_catalogue(project))
    written = write_files(project, generated_files(project, compiled))
    for path in written.changed:
        say(f"wrote {path}")
    for path in written.removed:
        say(f"removed {path}")
    say(
        f"{written.total} generated files, {len(written.changed)} written, "
        f"{len(written.removed)} removed"
    )


@click.command("compile")
@click.option("--check", is_flag=True, help="Write nothing; exit 3 when something would change")
@project_options
def command(project: Project, check: bool) -> None:
    """Turn definitions into the dbt models under models/**/generated.

    \b
    Example:
      cdp compile
      cdp compile --check     # in CI: exits 3 when the committed models are stale
    """
    if not check:
        compile_project(project)
        return
    from cdp.catalogue import load_catalogue
    from cdp.generate import check_files, compile_catalogue, generated_files

    files = generated_files(project, compile_catalogue(load_catalogue(project)))
    check_files(project, files)
    say(f"{len(files)} generated files match their definitions")

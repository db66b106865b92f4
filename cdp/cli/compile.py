"""`cdp compile`: definitions to dbt models."""

from __future__ import annotations

import click

from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows, say
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


def _explain(project: Project, output_format: str | None) -> None:
    from cdp.audiences.explain import explain
    from cdp.catalogue import load_catalogue

    found = explain(load_catalogue(project))
    rows = [
        (one.feature, one.reads, one.work, one.computed, len(one.used_by), ", ".join(one.used_by))
        for one in found.uses
    ]
    print_rows(["feature", "reads", "work", "computed", "uses", "used_by"], rows, output_format)
    say(
        f"{found.asked} uses of {len(found.uses)} features, computed once each in "
        f"{found.scans} scans of event tables"
    )


@click.command("compile")
@click.option("--check", is_flag=True, help="Write nothing; exit 3 when something would change")
@click.option(
    "--explain", is_flag=True, help="Write nothing; print which definitions share which features"
)
@project_options
@format_option
def command(project: Project, check: bool, explain: bool, output_format: str | None) -> None:
    """Turn definitions into the dbt models under models/**/generated.

    \b
    Example:
      cdp compile
      cdp compile --check     # in CI: exits 3 when the committed models are stale
      cdp compile --explain   # what the definitions need computed, and what they share
    """
    if explain:
        _explain(project, output_format)
        return
    if not check:
        compile_project(project)
        return
    from cdp.catalogue import load_catalogue
    from cdp.generate import check_files, compile_catalogue, generated_files

    files = generated_files(project, compile_catalogue(load_catalogue(project)))
    check_files(project, files)
    say(f"{len(files)} generated files match their definitions")

"""Definition files in a temporary project, for tests of what reading them says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cdp.catalogue import Catalogue, load_catalogue
from cdp.errors import DefinitionError
from cdp.project import Project

IDENTITY = "identifiers:\n  - {type: user_id, paths: [userId]}\n"


def write_definitions(folder: Path, files: Mapping[str, str]) -> Project:
    """A project with the files, whose names are relative to `definitions/`."""
    for name, text in {"identity.yml": IDENTITY, **files}.items():
        path = folder / "definitions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Project(folder)


def catalogue_of(folder: Path, files: Mapping[str, str]) -> Catalogue:
    """The checked catalogue of the files."""
    return load_catalogue(write_definitions(folder, files))


def problems_of(folder: Path, files: Mapping[str, str]) -> str:
    """The rendered problems of the files; empty when there are none."""
    try:
        catalogue_of(folder, files)
    except DefinitionError as error:
        return str(error)
    return ""

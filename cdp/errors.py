"""What can go wrong, in words for the person who has to act.

A `Problem` says what is wrong, where, and one fix; `Problems` collects them so
that a run reports all of them at once. Two families are raised: a
`DefinitionError` (somebody edits a file) and a `RunError` (something failed
while running; `TransientError` may succeed when tried again). Anything else
that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MOST_NAMES_LISTED = 10


@dataclass(frozen=True)
class Location:
    """A place in a file that somebody edits. Lines and columns count from 1."""

    path: Path
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return (
            f"{_display(self.path)}:{self.line}:{self.column}" if self.line else _display(self.path)
        )


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `slug` is stable kebab-case, for machines and tests."""

    slug: str
    message: str
    location: Location | None = None
    help: str | None = None

    def render(self) -> str:
        lines = [f"error[{self.slug}]: {self.message}"]
        if self.location is not None:
            lines.append(f"  --> {self.location}")
            source = _source_line(self.location)
            if source is not None:
                lines.append(f"{self.location.line:>4} | {source}")
        if self.help:
            lines.append(f"help: {self.help}")
        return "\n".join(lines)


class CdpError(Exception):
    """A failure that a user can act on, as one or more problems."""

    exit_code = 1

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(problem.render() for problem in self.problems))


class DefinitionError(CdpError):
    """A definition or a configuration file has to be edited."""


class RunError(CdpError):
    """Something failed while running and will fail again until somebody acts."""

    def __init__(
        self, slug: str, message: str, *, help: str | None = None, location: Location | None = None
    ) -> None:
        super().__init__([Problem(slug, message, location, help)])

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> RunError:
        """One error for several problems."""
        error = cls.__new__(cls)
        CdpError.__init__(error, problems)
        return error


class TransientError(RunError):
    """Something failed that may succeed when it is tried again."""


class DriftError(RunError):
    """A check found a difference, or a guard stopped a run: nothing was changed."""

    exit_code = 3


@dataclass
class Problems:
    """Collects problems so that all of a run are reported together."""

    found: list[Problem] = field(default_factory=list)

    def add(
        self, slug: str, message: str, location: Location | None = None, help: str | None = None
    ) -> None:
        self.found.append(Problem(slug, message, location, help))

    def raise_if_any(self) -> None:
        """Raises DefinitionError with every problem found so far, in the order of the files."""
        if self.found:
            unique = dict.fromkeys(self.found)
            raise DefinitionError(sorted(unique, key=_by_place))


def suggest(name: str, known: Iterable[str]) -> str:
    """The nearest valid name as a sentence, else the list of valid names."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    if not names:
        return "none is defined yet"
    shown = ", ".join(f"'{one}'" for one in names[:MOST_NAMES_LISTED])
    more = len(names) - MOST_NAMES_LISTED
    return f"one of {shown}" + (f" and {more} more" if more > 0 else "")


def _by_place(problem: Problem) -> tuple[str, int, int]:
    place = problem.location
    return (str(place.path), place.line, place.column) if place else ("", 0, 0)


def _display(path: Path) -> str:
    try:
        # Path.resolve raises where links lead in a circle, and an error must always print.
        return Path(os.path.realpath(path)).relative_to(Path.cwd()).as_posix()
    except (OSError, ValueError):
        return path.as_posix()


def place_of(text: str, location: Location) -> Location:
    """Where a text stands on the line of a location, at it or after it; else the location."""
    found = (_source_line(location) or "").find(text, max(location.column - 1, 0))
    return location if found < 0 else Location(location.path, location.line, found + 1)


def _source_line(location: Location) -> str | None:
    if not location.line:
        return None
    try:
        lines = location.path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return lines[location.line - 1].rstrip() if location.line <= len(lines) else None

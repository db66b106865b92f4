"""Syncs as sync files of drt, for a team that runs drt already.

Owns the translation: the desired state as a query, the destination in drt's words,
and what drt does otherwise, as notes. A secret stays the name of an environment
variable. Sends nothing and reads no table. The words are those of drt-core 1.2.1, read in its
`drt.config.models`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cdp.destinations.manifest.objects import BY_MODE
from cdp.destinations.spec import ENV, Destination
from cdp.errors import RunError
from cdp.project import Project
from cdp.syncs.compile import KEY_COLUMN
from cdp.syncs.fields import NESTED
from cdp.syncs.spec import Sync
from cdp.warehouse import duckdb_path, quoted

HEADER = "# Written by 'cdp sync export --drt'; a later export replaces it.\n"
PROFILE = "cdp"
_EVERY_RUN = "every run sends every row; drt keeps no ledger of what was acknowledged"
_STAYS = "rows that leave stay: drt removes nothing there"
_DECIMALS = "drt writes decimals as texts in JSON"
_AS_IT_IS = "drt sends identifiers as they are: it neither trims nor lowers them"
_TEMPLATES = ("${", "{{", "{%")


class _NotExpressible(Exception):  # noqa: N818
    """drt has no words for it."""


@dataclass(frozen=True)
class Exported:
    """One sync: its file in drt's words, or the `problem`; `notes` say what drt does otherwise."""

    sync: str
    text: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""


@dataclass
class _Made:
    """A destination in drt's words; `key` is the column that the sync's key is in, if any."""

    destination: dict[str, Any]
    options: dict[str, Any] = field(default_factory=lambda: {"mode": "full"})
    notes: list[str] = field(default_factory=list)
    key: str = ""


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such."""


def _text_node(dumper: _Dumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text_node)


def export_syncs(
    project: Project, syncs: Sequence[tuple[Sync, Destination]], folder: Path
) -> list[Exported]:
    """Each sync as drt writes it; `folder` is where the files will be, for relative paths."""
    return [_export(project, sync, destination, folder) for sync, destination in syncs]


def write_project(project: Project, found: Sequence[Exported], folder: Path) -> list[Path]:
    """Write `drt_project.yml` and `syncs/<name>.yml` below a folder; the files' paths.

    Raises RunError when a file of another origin is in the way; nothing is written then. And
    when the folder cannot be written to.
    """
    about = {"name": project.folder.name, "version": "0.1", "profile": PROFILE}
    files = {folder / "drt_project.yml": HEADER + yaml.safe_dump(about, sort_keys=False)}
    files |= {folder / "syncs" / f"{one.sync}.yml": one.text for one in found if one.text}
    try:
        for path in files:
            if path.exists() and not path.read_bytes().startswith(HEADER.encode()):
                raise RunError(
                    "file-in-the-way",
                    f"{path} was not written by this command",
                    help="choose another folder, or move the file away",
                )
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(
            "folder-unwritable",
            f"{folder} cannot be written to: {error.strerror}",
            help="choose another folder, or let the user that runs cdp write there",
        ) from None
    return list(files)


def profile_text(project: Project) -> str:
    """What belongs into ~/.drt/profiles.yml, where drt looks for its connections."""
    profile = {PROFILE: {"type": "duckdb", "database": str(duckdb_path(project))}}
    return yaml.safe_dump(profile, sort_keys=False)


def _export(project: Project, sync: Sync, destination: Destination, folder: Path) -> Exported:
    make = _MAKERS.get(destination.type)
    try:
        if make is None:
            raise _NotExpressible(f"drt has no destination for '{destination.type}'")
        made = make(sync, destination, _relative(project, folder))
        document = {
            "name": sync.name,
            "model": _query(project, sync, _columns(sync), made.key),
            "destination": made.destination,
            "sync": made.options,
        }
        _check(sync)
    except _NotExpressible as error:
        return Exported(sync.name, problem=str(error))
    if any(one.kind in NESTED for one in sync.fields):
        made.notes.append("objects and arrays are texts of JSON to drt")
    notes = "".join(f"# {note}\n" for note in made.notes)
    text = (
        HEADER
        + notes
        + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
    )
    return Exported(sync.name, text, tuple(made.notes))


def _check(sync: Sync) -> None:
    """Texts of our own must not look like drt's templates; events are not a table to keep equal."""
    if sync.origin.is_events:
        raise _NotExpressible("drt would send every event again and again")
    if sync.mode in BY_MODE:
        raise _NotExpressible(f"drt has no mode '{sync.mode}'")
    names = [one.sent_as for one in sync.fields] + [str(one.value) for one in sync.options]
    if any(mark in text for text in names for mark in _TEMPLATES):
        raise _NotExpressible("a name in it would be a template to drt")
    skipped = [one.name for one in sync.fields if one.when_null == "skip"]
    if skipped:
        raise _NotExpressible(f"drt sends nulls, and '{skipped[0]}' is skipped where it is null")


def _columns(sync: Sync) -> dict[str, str]:
    """The columns of the desired state, each with its name at the destination."""
    return {one.name: one.sent_as or one.name for one in sync.fields}


def _query(project: Project, sync: Sync, columns: Mapping[str, str], key: str) -> str:
    """Every valid row."""
    relation = f"{quoted(project.schema('public'))}.{quoted(sync.model_name)}"
    chosen = [f"s.{KEY_COLUMN} as {quoted(key)}"] if key else []
    chosen += [f"s.{quoted(name)} as {quoted(sent_as)}" for name, sent_as in columns.items()]
    # Names are those of the definition, checked when it was read, and quoted.
    return (
        f"select {', '.join(chosen)}\nfrom {relation} as s\n"  # noqa: S608
        f"where s.{KEY_COLUMN} in (\n    select k.{KEY_COLUMN} from {relation} as k\n"
        f"    group by k.{KEY_COLUMN} having count(*) = 1\n)\n"
    )


def _relative(project: Project, folder: Path) -> Callable[[str], str]:
    """A path of the project, as drt sees it from the folder in which it runs."""
    return lambda path: os.path.relpath(project.folder / path, folder)


def _env(destination: Destination, name: str) -> str:
    """The environment variable of a setting; empty for a setting without one."""
    found = ENV.match(str(destination.settings.get(name) or ""))
    return found[1] if found else ""


def _text(destination: Destination, name: str) -> str:
    """A setting as a text of drt's, in which `${NAME}` is a variable."""
    variable = _env(destination, name)
    return f"${{{variable}}}" if variable else str(destination.settings.get(name) or "")


def _options(sync: Sync) -> dict[str, Any]:
    return {one.name: one.value for one in sync.options}


def _table(kind: str, table: str, sync: Sync, destination: Destination) -> _Made:
    notes = [f"drt does not make the table: it needs {KEY_COLUMN} as its primary key"]
    options: dict[str, Any] = {"mode": "upsert"}
    if sync.on_leave != "nothing":
        options = {"mode": "mirror", "mirror": {"strategy": "tracked"}}
        notes.append("drt's first run removes nothing: rows that left before it stay")
    said = {
        "type": kind,
        "connection_string_env": _env(destination, "dsn"),
        "table": table,
        "upsert_key": [KEY_COLUMN],
    }
    return _Made(said, options, [*notes, _EVERY_RUN], KEY_COLUMN)


def _postgres(sync: Sync, destination: Destination, path: Callable[[str], str]) -> _Made:
    table = f"{destination.settings['schema']}.{sync.name}"
    return _table("postgres", table, sync, destination)


def _mysql(sync: Sync, destination: Destination, path: Callable[[str], str]) -> _Made:
    made = _table("mysql", sync.name, sync, destination)
    if destination.settings["tls"] != "preferred":
        made.destination["ssl"] = {"enabled": True}
    return made


def _file(sync: Sync, destination: Destination, path: Callable[[str], str]) -> _Made:
    kind = destination.manifest.variant
    said = {"type": "file", "path": path(f"{destination.settings['path']}/{sync.name}.{kind}")}
    said |= {"format": kind} if kind != "parquet" else {"type": "parquet", "compression": "zstd"}
    return _Made(said, notes=_of_files(destination), key="key")


def _of_files(destination: Destination) -> list[str]:
    kind = destination.settings.get("format") or destination.manifest.variant
    notes = [_DECIMALS] if kind == "jsonl" else []
    if destination.settings["write"] == "changes":
        notes.append("drt writes the whole state, and no files of changes")
    return notes


def _bucket(sync: Sync, destination: Destination, path: Callable[[str], str]) -> _Made:
    settings, kind = destination.settings, destination.manifest.variant
    folder = "/".join(one for one in (str(settings["path"]).strip("/"), sync.name) if one)
    said = {
        "type": kind,
        "bucket": _text(destination, "bucket"),
        "prefix": f"{folder}/",
        "format": settings["format"],
        "parquet_compression": "zstd",
    }
    notes = [*_of_files(destination), "drt names each object by its time, and removes none"]
    if kind == "gcs":
        notes.append("drt logs in by application default credentials, or by a file")
        return _Made(said, notes=notes, key="key")
    said["region"] = settings["region"]
    for name in ("access_key_id", "secret_access_key", "session_token"):
        if _env(destination, name):
            said[f"aws_{name}_env"] = _env(destination, name)
    if settings.get("endpoint"):
        said["endpoint_url"] = _text(destination, "endpoint")
    return _Made(said, notes=notes, key="key")


def _webhook(sync: Sync, destination: Destination, path: Callable[[str], str]) -> _Made:
    said: dict[str, Any] = {
        "type": "rest_api",
        "url": _text(destination, "url"),
        "method": destination.settings["method"],
        "headers": {"Content-Type": "application/json"},
        "body_mode": "batch",
        "batch_template": _body(sync, destination),
        "max_records_per_request": destination.settings["batch_size"],
        "native_idempotency_key": "{{ request_id }}",
    }
    auth = _auth(destination)
    if auth:
        said["auth"] = auth
    notes = [_EVERY_RUN, _STAYS, _DECIMALS]
    if destination.settings.get("signing_secret"):
        notes.append("drt signs nothing: the receiver gets no X-Signature-256")
    return _Made(said, notes=notes, key=KEY_COLUMN)


def _body(sync: Sync, destination: Destination) -> str:
    """The body that the webhook's manifest describes, as a template of Jinja."""
    head = json.dumps({"sync": sync.name, "destination": destination.name})[:-1]
    names = [json.dumps(name) for name in _columns(sync).values()]
    fields = ", ".join(f"{name}: {{{{ row[{name}] | tojson_safe }}}}" for name in names)
    key = f"{{{{ row.{KEY_COLUMN} | tojson_safe }}}}"
    row = f'{{"operation": "upsert", "key": {key}, "fields": {{{fields}}}}}'
    comma = "{% if not loop.last %}, {% endif %}"
    return f'{head}, "rows": [{{% for row in rows %}}{row}{comma}{{% endfor %}}]}}'


def _auth(destination: Destination) -> dict[str, Any]:
    kind = destination.settings["auth"]
    if kind == "bearer":
        return {"type": "bearer", "token_env": _env(destination, "token")}
    if kind == "header":
        name = destination.settings["header_name"]
        return {"type": "api_key", "header": name, "value_env": _env(destination, "header_value")}
    if kind == "basic":
        if not _env(destination, "username"):
            raise _NotExpressible("drt takes the user name from an environment variable only")
        names = {f"{one}_env": _env(destination, one) for one in ("username", "password")}
        return {"type": "basic", **names}
    return {}


def _hubspot(sync: Sync, destination: Destination, path: Callable[[str], str]) -> _Made:
    kind = str(_options(sync).get("object_type", "contacts"))
    if kind not in ("contacts", "deals", "companies"):
        raise _NotExpressible(f"drt has no objects '{kind}' of HubSpot")
    said = {
        "type": "hubspot",
        "object_type": kind,
        "id_property": _key(sync),
        "auth": {"type": "bearer", "token_env": _env(destination, "access_token")},
    }
    return _Made(said, notes=[_EVERY_RUN, _STAYS, _AS_IT_IS])


def _klaviyo(sync: Sync, destination: Destination, path: Callable[[str], str]) -> _Made:
    if sync.key != "email":
        raise _NotExpressible("drt finds profiles of Klaviyo by their e-mail only")
    said: dict[str, Any] = {
        "type": "klaviyo",
        "api_key_env": _env(destination, "api_key"),
        "email_field": _key(sync),
    }
    options = _options(sync)
    if "list_id" in options:
        said["list_id"] = options["list_id"]
    notes = [_EVERY_RUN, _STAYS, _AS_IT_IS, "all fields but the e-mail are custom properties"]
    return _Made(said, notes=notes)


def _key(sync: Sync) -> str:
    """The destination's name of the field that is the sync's key."""
    found = _columns(sync)
    if sync.key not in found:
        raise _NotExpressible(f"its key '{sync.key}' is no field that drt could send")
    return found[sync.key]


_MAKERS: Mapping[str, Callable[[Sync, Destination, Callable[[str], str]], _Made]] = {
    "postgres_table": _postgres,
    "mysql_table": _mysql,
    "csv_file": _file,
    "jsonl_file": _file,
    "parquet_file": _file,
    "s3_file": _bucket,
    "gcs_file": _bucket,
    "webhook": _webhook,
    "hubspot": _hubspot,
    "klaviyo": _klaviyo,
}

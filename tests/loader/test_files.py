"""How files are cut into lines: packing, physical line numbers, bytes that are wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from cdp.errors import RunError
from cdp.loader import reading
from tests.loader.conftest import Shop, message

LINES = b"".join(json.dumps(message(messageId=f"m{n}")).encode() + b"\n" for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.ndjson", LINES),
        ("packed.ndjson.gz", gzip.compress(LINES, mtime=0)),
        ("packed.ndjson.zst", zstandard.compress(LINES)),
        ("a gzip without the ending.ndjson", gzip.compress(LINES, mtime=0)),
        ("plain with the ending.ndjson.gz", LINES),
        (
            "two gzip members.gz",
            gzip.compress(LINES[:20], mtime=0) + gzip.compress(LINES[20:], mtime=0),
        ),
        ("two zstd frames.zst", zstandard.compress(LINES[:20]) + zstandard.compress(LINES[20:])),
        ("without last newline.ndjson", LINES.rstrip()),
        ("crlf.ndjson", LINES.replace(b"\n", b"\r\n")),
        ("byte order mark.ndjson", b"\xef\xbb\xbf" + LINES),
    ],
)
def test_every_packing_gives_the_same_lines(shop: Shop, name: str, content: bytes) -> None:
    shop.load(shop.write(name, content))
    assert shop.events("line_number, message_id") == [(1, "m1"), (2, "m2"), (3, "m3")]
    assert shop.rejected() == []


def test_blank_lines_are_skipped_and_counted(shop: Shop) -> None:
    one = json.dumps(message())
    shop.load(shop.write("a.ndjson", f"\n \t\r\n{one}\r\n\n\n  {one}  \n\n{{\n"))
    assert [row[0] for row in shop.events("line_number")] == [3, 6]
    assert shop.rejected() == [(8, "bad_request", "not valid JSON")]


def test_line_numbers_hold_over_many_blocks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 100)
    lines = [json.dumps(message(messageId=f"m{n}")) if n % 3 else "" for n in range(1, 200)]
    shop.load(shop.write("a.ndjson", "\n".join(lines)))
    expected = [(n, f"m{n}") for n in range(1, 200) if n % 3]
    assert shop.events("line_number, message_id") == expected


def test_small_sets_give_the_same_rows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 100)
    monkeypatch.setattr("cdp.loader.staging.FLUSH_BYTES", 300)
    lines = [message(messageId=f"m{n}") if n % 5 else {"batch": [message()] * 3} for n in range(60)]
    result = shop.load(shop.write("a.ndjson", [*lines, {}]))
    assert (result.event_count, result.rejected_count) == (48 + 36, 1)
    assert shop.warehouse.rows("select row_count, rejected_count from raw.load_files") == [(84, 1)]


def test_a_line_without_end_is_refused_and_the_rest_is_loaded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 100)
    monkeypatch.setattr(reading, "LONGEST_LINE_BYTES", 1_000)
    good = json.dumps(message())
    shop.load(shop.write("a.ndjson", f"{good}\n{'x' * 5_000}\n{good}\n"))
    assert [row[0] for row in shop.events("line_number")] == [1, 3]
    assert shop.rejected() == [(2, "bad_request", "not valid JSON")]


def test_bytes_that_are_not_text_cost_only_their_line(shop: Shop) -> None:
    good = json.dumps(message(event="Café"), ensure_ascii=False).encode()
    bad = b'{"type": "track", "userId": "\xff\xfe"}'
    shop.load(shop.write("a.ndjson", good + b"\n" + bad + b"\n" + b'{"a": "\0"}\n' + good))
    assert shop.events("line_number, event") == [(1, "Café"), (4, "Café")]
    assert shop.rejected("line_number, reason_code, reason, text") == [
        (2, "bad_request", "not valid UTF-8", '{"type": "track", "userId": "\ufffd\ufffd"}'),
        (3, "bad_request", "it contains a NUL character", '{"a": "\ufffd"}'),
    ]


def test_an_empty_file_is_loaded_once(shop: Shop) -> None:
    path = shop.write("empty.ndjson", b"")
    assert shop.load(path).load_id == 1
    assert shop.load(path).load_id is None


def test_folders_and_globs_stand_for_the_files_in_them(shop: Shop) -> None:
    for name in ("in/b.ndjson", "in/deep/a.JSONL.gz", "in/notes.md", "in/.hidden.json", "in/t.csv"):
        shop.write(name, [message(messageId=name)])
    result = shop.load(shop.folder / "in", str(shop.folder / "in" / "**" / "*.ndjson"))
    assert [path.name for path in result.loaded] == ["b.ndjson", "a.JSONL.gz"]


def test_no_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    Path("landing").mkdir()
    with pytest.raises(RunError) as caught:
        shop.load("landing/*.ndjson")
    assert str(caught.value) == (
        "error[no-files]: no file matches landing/*.ndjson\n"
        "help: check the path; quote a glob that the shell should not expand"
    )
    with pytest.raises(RunError) as caught:
        shop.load("landing")
    assert str(caught.value) == (
        "error[no-files]: the folder landing holds no file that can be loaded for source 'web'\n"
        "help: files end in one of .ndjson, .jsonl, .json, also with .gz or .zst"
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.gz", gzip.compress(LINES, mtime=0)[:-12]),
        ("cut.zst", zstandard.compress(LINES * 9)[:-5]),
    ],
)
def test_a_damaged_file_loads_nothing(shop: Shop, name: str, content: bytes) -> None:
    good, bad = shop.write("good.ndjson", LINES), shop.write(name, content)
    with pytest.raises(RunError) as caught:
        shop.load(good, bad)
    assert caught.value.problems[0].slug == "unreadable-file"
    assert not shop.warehouse.exists("raw", "events")


def test_a_damaged_gzip_in_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    with pytest.raises(RunError) as caught:
        shop.load(shop.write("cut.gz", gzip.compress(LINES, mtime=0)[:-12]))
    assert str(caught.value) == (
        "error[unreadable-file]: cut.gz cannot be read: Compressed file ended before the "
        "end-of-stream marker was reached; nothing was loaded\n"
        "  --> cut.gz\n"
        "help: check that the file is complete and that you may read it"
    )


def test_a_file_that_changes_while_it_is_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    path = shop.write("a.ndjson", LINES)
    inspected = reading.inspect(path)
    path.write_bytes(LINES + LINES)
    with pytest.raises(RunError) as caught:
        list(reading.lines(inspected))
    assert str(caught.value) == (
        "error[file-changing]: a.ndjson changed while it was being loaded; nothing was loaded\n"
        "  --> a.ndjson\n"
        "help: let its writer finish, then load it again"
    )


def test_a_link_in_a_circle_is_refused_as_a_file_that_cannot_be_read(
    shop: Shop, tmp_path: Path
) -> None:
    link = tmp_path / "circle.ndjson"
    link.symlink_to(link)
    with pytest.raises(RunError) as caught:
        shop.load(link)
    assert str(caught.value).startswith("error[unreadable-file]: circle.ndjson cannot be read: ")

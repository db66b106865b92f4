"""`cdp sync report`: a page that needs nothing else, and on which nothing is markup but ours."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from click.testing import CliRunner

from cdp.cli import cli

from .harness import Server, Shop

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The tags, the addresses, and the text of the cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip()


def report(shop: Shop, *arguments: str) -> str:
    command = ["sync", "report", *arguments, "--project-dir", str(shop.folder)]
    shown = CliRunner().invoke(cli, command)
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def test_a_page_says_how_a_sync_is_and_why_rows_failed(shop: Shop, server: Server) -> None:
    shop.sync(more="alert: {max_rejected_ratio: 0.1}")
    shop.desire({f"k{number}": "x" for number in range(6)})
    shop.run()
    bad = {"status": "rejected", "reason": f"{HOSTILE} is no address"}
    server.always = lambda body: (200, {}, {"results": [bad for _ in body["rows"]]})
    shop.desire({**{f"k{number}": "x" for number in range(6)}, "k6": "x", "k7": "x"})
    shop.run()
    text = report(shop)
    page = Page(text)
    assert "script" not in page.tags
    assert page.addresses == ["#customers"]
    assert "2 of 8 rows are rejected or invalid (25%)" in text
    overview, failure, last, first = (row for row in page.rows if row)
    assert overview[:3] == ["customers", "hook", "done"]
    assert overview[5:7] == ["6", "2"]
    assert failure[:3] == ["2", "rejected", "refused (rejected)"]
    assert HOSTILE in failure[3]
    assert last[4:11] == ["8", "2", "0", "0", "0", "2", "0"]
    assert first[4:11] == ["6", "6", "0", "0", "6", "0", "0"]


def test_a_sync_that_never_ran_says_how_to_begin(shop: Shop, tmp_path: Path) -> None:
    shop.desire({})
    path = tmp_path / "syncs.html"
    assert report(shop, "--output", str(path)) == ""
    text = path.read_text(encoding="utf-8")
    assert "never ran" in text
    assert "cdp sync run customers" in text


def test_a_folder_is_no_file_to_write_to(shop: Shop, tmp_path: Path) -> None:
    command = ["sync", "report", "--output", str(tmp_path), "--project-dir", str(shop.folder)]
    shown = CliRunner().invoke(cli, command)
    assert shown.exit_code == 2
    assert (
        f"Error: Invalid value for '--output': '{tmp_path}' is a folder: name a file in it"
        in shown.output
    )

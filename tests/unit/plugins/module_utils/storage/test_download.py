# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads from a server with faults."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import (
    DownloadError,
    Limits,
    Part,
    download,
    fetch_text,
)

MIRROR = Path(__file__).resolve().parents[4] / "integration" / "mirror.py"
CONTENT = bytes(300_000) + bytes(range(256)) * 4000 + b"end"
NONE = Part()
QUICK = Limits(retries=2, timeout=1.0, pause=0.01)


class Server:
    """A mirror on this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "disk.raw").write_bytes(CONTENT)
        self.process = subprocess.Popen(
            [sys.executable, str(MIRROR), str(directory), "0"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    @property
    def log(self) -> List[Dict[str, Any]]:
        path = self.directory / ".log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "www").mkdir()
    made = Server(tmp_path / "www")
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


class Get:
    """Downloads to one file, with what was noted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts: List[Part] = []
        self.asked: List[int] = []

    def __call__(self, *urls: str, part: Part = NONE, limits: Limits = QUICK) -> Part:
        return download(list(urls), str(self.path), part, limits, self.parts.append, self.asked.append)

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture
def get(tmp_path: Path) -> Get:
    return Get(tmp_path / "download")


def test_a_file_comes_whole_with_its_holes(server: Server, get: Get) -> None:
    part = get(server.url("disk.raw"))
    assert get.content == CONTENT
    assert (part.done, part.total) == (len(CONTENT), len(CONTENT))
    assert get.path.stat().st_blocks * 512 < len(CONTENT) - 200_000
    assert get.asked == [len(CONTENT)]
    assert get.parts[-1] == part


def test_what_is_complete_is_not_asked_for_again(server: Server, get: Get) -> None:
    part = get(server.url("disk.raw"))
    assert get(server.url("disk.raw"), part=part) == part
    assert len(server.log) == 1


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server: Server, get: Get) -> None:
    get(server.url("cut-500000/disk.raw"))
    assert get.content == CONTENT
    assert [entry["range"] for entry in server.log] == [None, "bytes=500000-", "bytes=1000000-"]
    assert [entry["status"] for entry in server.log] == [200, 206, 206]


def test_a_later_run_goes_on_where_the_first_gave_up(server: Server, get: Get) -> None:
    with pytest.raises(DownloadError, match=r"broke off after 900000 of .*\(3 attempts\); 900000 bytes are kept"):
        get(server.url("cut-300000/disk.raw"))
    part = get.parts[-1]
    assert part.done == 900000
    get(server.url("cut-300000/disk.raw"), part=part, limits=Limits(5, 1.0, 0.01))
    assert get.content == CONTENT
    assert server.log[3]["range"] == "bytes=900000-"


def test_bytes_that_nobody_vouched_for_are_fetched_again(server: Server, get: Get) -> None:
    with pytest.raises(DownloadError):
        get(server.url("cut-300000/disk.raw"), limits=Limits(0, 1.0, 0.01))
    with open(get.path, "ab") as file:
        file.write(b"written, but not yet brought to the disk when the power went")
    get(server.url("disk.raw"), part=get.parts[-1])
    assert get.content == CONTENT


@pytest.mark.parametrize("how", ["norange", "blind", "other"])
def test_a_server_that_cannot_resume_sends_it_anew(server: Server, get: Get, how: str) -> None:
    get(server.url(f"once-500000/{how}/disk.raw"))
    assert get.content == CONTENT
    assert [entry["status"] for entry in server.log] == [200, 200]


def test_a_mirror_with_the_same_file_goes_on_with_what_another_sent(server: Server, get: Get) -> None:
    get(server.url("cut-500000/stall-500000/disk.raw"), server.url("disk.raw"), limits=Limits(0, 0.5, 0.01))
    assert get.content == CONTENT
    assert server.log[-1]["status"] == 206


def test_a_mirror_with_another_file_sends_it_from_the_beginning(server: Server, get: Get) -> None:
    get(server.url("cut-500000/disk.raw"), server.url("other/disk.raw"), limits=Limits(0, 1.0, 0.01))
    assert get.content == CONTENT
    assert server.log[-1]["status"] == 200


def test_a_missing_file_is_asked_for_once_and_the_next_mirror_has_it(server: Server, get: Get) -> None:
    get(server.url("code-404/disk.raw"), server.url("disk.raw"))
    assert [entry["status"] for entry in server.log] == [404, 200]


def test_a_server_in_trouble_is_asked_again(server: Server, get: Get) -> None:
    with pytest.raises(DownloadError, match=r"HTTP 503 .*\(3 attempts\)"):
        get(server.url("code-503/disk.raw"))
    assert len(server.log) == 3


def test_a_stall_ends_in_an_error_that_says_so(server: Server, get: Get) -> None:
    with pytest.raises(DownloadError, match="no data for 0.5 s"):
        get(server.url("stall-100000/disk.raw"), limits=Limits(0, 0.5, 0.01))
    assert get.parts[-1].done == 100000


def test_every_mirror_is_named_with_its_reason(server: Server, get: Get) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/disk.raw"
        with pytest.raises(DownloadError) as raised:
            get(server.url("code-403/disk.raw"), closed)
    assert "HTTP 403 Forbidden; " + closed in str(raised.value)
    assert "Connection refused (3 attempts)" in str(raised.value)


def test_a_file_of_unknown_length_ends_with_the_connection(server: Server, get: Get) -> None:
    part = get(server.url("nolength/disk.raw"))
    assert get.content == CONTENT
    assert part.total == 0


def test_an_encoding_that_is_only_said_changes_nothing(server: Server, get: Get) -> None:
    get(server.url("gzip/disk.raw"))
    assert get.content == CONTENT


def test_what_does_not_fit_is_not_received(server: Server, tmp_path: Path) -> None:
    def full(more: int) -> None:
        raise BadInput(f"{more} bytes do not fit")

    with pytest.raises(ApiaryError, match=f"{len(CONTENT)} bytes do not fit"):
        download([server.url("disk.raw")], str(tmp_path / "x"), Part(), QUICK, lambda part: None, full)
    assert not (tmp_path / "x").exists()


def test_a_text_is_fetched_and_a_missing_one_is_named(server: Server) -> None:
    (server.directory / "SHA256SUMS").write_text("digests\n")
    assert fetch_text(server.url("SHA256SUMS"), QUICK) == "digests\n"
    with pytest.raises(DownloadError, match="cannot read .*nothing: HTTP 404 Not Found"):
        fetch_text(server.url("nothing"), QUICK)


def test_a_disk_that_fails_is_no_matter_of_the_network(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ApiaryError, match="cannot write the download .*Is a directory"):
        download([server.url("disk.raw")], str(tmp_path), Part(), QUICK, lambda part: None, lambda more: None)
    assert len(server.log) == 1

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A web server with the faults of real ones, for downloads: ``mirror.py DIRECTORY PORT`` (port 0: any).

It prints its port, then serves the files of the directory. A path is ``/WORD/.../NAME``; the words say how it behaves:

    cut-N     close the connection after N bytes of each answer
    once-N    the same, but only for the first answer to this path
    stall-N   send no more after N bytes of each answer
    slow-N    wait N milliseconds after each 64 KiB of the first answer to this path
    code-N    answer with this HTTP status
    norange   ignore Range
    blind     no ETag and no Last-Modified
    nolength  no Content-Length: the end of the connection ends the file
    other     another ETag and Last-Modified at each answer, as after a new release
    gzip      say that the content is encoded, as some servers do of a .gz file

Each request is a line of JSON in DIRECTORY/.log: path, range, if_range, status.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, Tuple

PIECE = 64 << 10


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    directory = "."
    seen: Dict[str, int] = {}
    lock = threading.Lock()

    def do_GET(self) -> None:
        """Serve a file as its path says."""
        *words, name = self.path.partition("?")[0].strip("/").split("/")
        behave = {word.partition("-")[0]: int(word.partition("-")[2] or 0) for word in words}
        with self.lock:
            count = self.seen[self.path] = self.seen.get(self.path, 0) + 1
        path = os.path.join(self.directory, name)
        if "code" in behave or not os.path.isfile(path):
            self.refuse(behave.get("code", 404))
            return
        with open(path, "rb") as file:
            content = file.read()
        status, start = self.extent(content, behave, count)
        if status == 416:
            self.note(416)
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.headers_of(content, behave, count, status, start)
        self.body(content[start:], behave, count)

    def refuse(self, status: int) -> None:
        """An answer without a file."""
        self.note(status)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def validators(self, content: bytes, behave: Dict[str, int], count: int) -> Tuple[str, str]:
        """ETag and Last-Modified."""
        if "blind" in behave:
            return "", ""
        salt = str(count) if "other" in behave else ""
        etag = '"' + hashlib.sha256(content + salt.encode()).hexdigest()[:16] + '"'
        return etag, formatdate(1_700_000_000 + (count if "other" in behave else 0), usegmt=True)

    def extent(self, content: bytes, behave: Dict[str, int], count: int) -> Tuple[int, int]:
        """The status, and from where on the file is sent."""
        wanted, condition = self.headers.get("Range", ""), self.headers.get("If-Range", "")
        if not wanted.startswith("bytes=") or "norange" in behave:
            return 200, 0
        if condition and condition not in self.validators(content, behave, count):
            return 200, 0
        start = int(wanted[len("bytes=") :].partition("-")[0])
        return (206, start) if start < len(content) else (416, 0)

    def headers_of(self, content: bytes, behave: Dict[str, int], count: int, status: int, start: int) -> None:
        """Everything before the file."""
        self.note(status)
        self.send_response(status)
        etag, modified = self.validators(content, behave, count)
        if etag:
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", modified)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if "gzip" in behave:
            self.send_header("Content-Encoding", "gzip")
        if "nolength" in behave:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()

    def body(self, content: bytes, behave: Dict[str, int], count: int) -> None:
        """The file, as far as it is sent."""
        limit = len(content)
        for word in ("cut", "stall", "once"):
            if word in behave and (word != "once" or count == 1):
                limit = behave[word]
        for position in range(0, min(limit, len(content)), PIECE):
            try:
                self.wfile.write(content[position : min(position + PIECE, limit)])
                self.wfile.flush()
            except ConnectionError:
                self.close_connection = True
                return
            time.sleep(behave.get("slow", 0) / 1000 if count == 1 else 0)
        if "stall" in behave and limit < len(content):
            self.connection.recv(1)  # until the client has had enough
        if limit < len(content):
            self.close_connection = True

    def note(self, status: int) -> None:
        """Log the request."""
        headers = self.headers
        line = {"path": self.path, "range": headers.get("Range"), "if_range": headers.get("If-Range"), "status": status}
        with self.lock, open(os.path.join(self.directory, ".log"), "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def log_message(self, *words: object) -> None:
        """Nothing on stderr."""


def main() -> None:
    """Serve until somebody ends it."""
    Handler.directory = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

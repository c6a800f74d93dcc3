# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads that go on where they broke off (RFC 9110: Range, If-Range), from one of several mirrors."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import runs

_CHUNK = 256 << 10
#: Fewer bytes than this within the time limit count as none.
_LEAST = 1024
#: Seconds between two notes of how far a download has come, each of which brings its data to the disk first.
_NOTE_EVERY = 2.0
_LONGEST_PAUSE = 30.0
_SUMS_LIMIT = 16 << 20


class DownloadError(ApiaryError):
    """Nothing more could be had from any mirror; what was received so far is kept."""


class _Trouble(Exception):
    """One attempt failed; ``again`` says whether the same mirror is worth another one."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


@dataclass(frozen=True)
class Part:
    """What is on the disk of a download: from where, how much (brought to the disk), and what identifies its version.

    ``total`` is 0 while it is unknown.
    """

    url: str = ""
    done: int = 0
    total: int = 0
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True)
class Limits:
    """How patient a download is: attempts after the first at each mirror, seconds without data, first pause."""

    retries: int = 3
    timeout: float = 60.0
    pause: float = 1.0

    def wait(self, attempt: int) -> None:
        """Wait before an attempt, counted from 0: not before the first, then twice as long each time, bounded."""
        if attempt:
            time.sleep(min(self.pause * 2 ** (attempt - 1), _LONGEST_PAUSE))


#: Told of each step forward; asked whether that many bytes more fit (raises ApiaryError if not).
Note = Callable[[Part], None]
Fits = Callable[[int], None]


def download(urls: Sequence[str], path: str, part: Part, limits: Limits, note: Note, fits: Fits) -> Part:
    """Bring a file to ``path``, going on from ``part``; what is there now, complete.

    The mirrors are tried in order. One that fails for good (404, a bad certificate) is left at once, one that breaks
    off is tried again after a pause. DownloadError names each mirror with its reason. FileError when the disk fails.
    """
    if part.total and part.done == part.total and part.url in urls:
        return part
    reasons: List[str] = []
    for url in urls:
        for attempt in range(limits.retries + 1):
            limits.wait(attempt)
            transfer = _Transfer(url, path, part, limits, note, fits)
            try:
                return transfer.run()
            except _Trouble as trouble:
                part = transfer.part
                reason, again = str(trouble), trouble.again
            if not again:
                break
        reasons.append(f"{url}: {reason}" + (f" ({attempt + 1} attempts)" if attempt else ""))
    kept = f"; {part.done} bytes are kept, the next run goes on from there" if _resumable(part) else ""
    raise DownloadError(f"cannot download it: {'; '.join(reasons)}{kept}")


def fetch_text(url: str, limits: Limits) -> str:
    """A small text, such as a file of digests. DownloadError."""
    reason = ""
    for attempt in range(limits.retries + 1):
        limits.wait(attempt)
        try:
            with _open(url, {}, limits.timeout) as response:
                content: bytes = response.read(_SUMS_LIMIT + 1)
        except _Trouble as trouble:
            reason = str(trouble)
            if not trouble.again:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = _words(error, limits.timeout)
        else:
            if len(content) > _SUMS_LIMIT:
                raise DownloadError(f"cannot read {url}: it is larger than {_SUMS_LIMIT >> 20} MiB")
            return content.decode("utf-8", "replace")
    raise DownloadError(f"cannot read {url}: {reason}")


def _resumable(part: Part) -> bool:
    return bool(part.done and (_strong(part.etag) or part.modified))


def _strong(etag: str) -> bool:
    return bool(etag) and not etag.startswith("W/")


class _Transfer:
    """One attempt at one mirror."""

    def __init__(self, url: str, path: str, part: Part, limits: Limits, note: Note, fits: Fits) -> None:
        self._url = url
        self._path = path
        self._limits = limits
        self._note = note
        self._fits = fits
        self.part = part

    def run(self) -> Part:
        headers = self._range_headers()
        try:
            with _open(self._url, headers, self._limits.timeout) as response:
                self._begin(response, bool(headers))
                self._receive(response)
        except _RangeRefused:
            if self.part.total and self.part.done == self.part.total and self.part.url == self._url:
                return self.part
            self.part = Part()
            raise _Trouble("it has another file now; starting anew", again=True) from None
        except (OSError, http.client.HTTPException) as error:
            # Of the network: what the disk refuses is a FileError by now.
            raise _Trouble(_words(error, self._limits.timeout), again=True) from error
        return self.part

    def _range_headers(self) -> Dict[str, str]:
        """Ask for the rest, if there is something and it can be made sure that it belongs together."""
        part = self.part
        if not part.done:
            return {}
        same = part.url == self._url
        validator = part.etag if same and _strong(part.etag) else part.modified
        if not validator:
            return {}
        return {"Range": f"bytes={part.done}-", "If-Range": validator}

    def _begin(self, response: Any, asked: bool) -> None:
        """Take from the answer where it begins and how long the whole is."""
        etag, modified = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isdigit() else 0
        if asked and response.status == 206:
            start, total = _content_range(response.headers.get("Content-Range", ""))
            if start == self.part.done and (not self.part.total or total in (0, self.part.total)):
                self.part = replace(self.part, url=self._url, total=total or self.part.total, etag=etag)
                self.part = replace(self.part, modified=modified or self.part.modified)
                self._fits(max(self.part.total - self.part.done, 0))
                return
            self.part = Part()
            raise _Trouble("it sent another part than the one asked for; starting anew", again=True)
        if response.status != 200:
            raise _Trouble(f"HTTP {response.status} {response.reason}", again=False)
        self.part = Part(self._url, 0, size, etag, modified)
        self._fits(size)

    def _receive(self, response: Any) -> None:
        descriptor = _opened(self._path, self.part.done)
        try:
            self._pump(response, descriptor)
            self._save(descriptor)
        finally:
            os.close(descriptor)
        if self.part.total and self.part.done != self.part.total:
            raise _Trouble(f"it broke off after {self.part.done} of {self.part.total} bytes", again=True)

    def _pump(self, response: Any, descriptor: int) -> None:
        """Receive until the end. What came before a failure is brought to the disk and counted."""
        position, saved = self.part.done, time.monotonic()
        window, received = saved, 0
        try:
            while True:
                data = response.read1(_CHUNK)
                if not data:
                    return
                _write(descriptor, data, position, self._path)
                position += len(data)
                received += len(data)
                now = time.monotonic()
                if now - window >= self._limits.timeout:
                    if received < _LEAST:
                        raise _Trouble(f"only {received} bytes in {now - window:.0f} s", again=True)
                    window, received = now, 0
                if now - saved >= _NOTE_EVERY:
                    self.part = replace(self.part, done=position)
                    self._save(descriptor)
                    saved = now
        finally:
            if position != self.part.done:
                self.part = replace(self.part, done=position)
                self._save(descriptor)

    def _save(self, descriptor: int) -> None:
        _sync(descriptor, self._path, self.part.done)
        self._note(self.part)


class _RangeRefused(Exception):
    """HTTP 416."""


def _open(url: str, headers: Dict[str, str], timeout: float) -> Any:
    request = urllib.request.Request(
        url, headers={"User-Agent": "apiary.bhyve", "Accept-Encoding": "identity", **headers}
    )
    try:
        # The usual handlers: proxies of the environment, redirections, the system's certificates.
        return urllib.request.build_opener().open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and "Range" in headers:
            raise _RangeRefused from error
        again = error.code in (408, 425, 429) or error.code >= 500
        raise _Trouble(f"HTTP {error.code} {error.reason}", again) from error
    except urllib.error.URLError as error:
        reason = error.reason
        final = isinstance(reason, ssl.SSLCertVerificationError) or (
            isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME
        )
        text = _words(reason, timeout) if isinstance(reason, Exception) else str(reason)
        raise _Trouble(text, again=not final) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Trouble(_words(error, timeout), again=True) from error


def _words(error: Exception, timeout: float) -> str:
    if isinstance(error, (TimeoutError, socket.timeout)):
        return f"no data for {timeout:g} s"
    if isinstance(error, http.client.IncompleteRead):
        return "it broke off"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"{type(error).__name__} {error}".strip()


def _content_range(text: str) -> Tuple[int, int]:
    """Where a part begins, -1 if it does not say, and how long the whole is (0: unknown): ``bytes 500-999/1000``."""
    unit, _blank, rest = text.strip().partition(" ")
    extent, _slash, total = rest.partition("/")
    start = extent.partition("-")[0]
    if unit != "bytes" or not start.isdigit():
        return -1, 0
    return int(start), int(total) if total.isdigit() else 0


def _opened(path: str, keep: int) -> int:
    """The file that grows, cut to the bytes that are known to be good."""
    descriptor: Optional[int] = None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(descriptor, keep)
        return descriptor
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        raise FileError("write the download", path, error) from error


def _write(descriptor: int, data: bytes, position: int, path: str) -> None:
    """Write what is not zero; _sync() gives the file its length."""
    view = memoryview(data)
    try:
        for start, end in runs(data):
            while start < end:
                start += os.pwrite(descriptor, view[start:end], position + start)
    except OSError as error:
        raise FileError("write the download", path, error) from error


def _sync(descriptor: int, path: str, length: int) -> None:
    try:
        os.ftruncate(descriptor, length)
        os.fsync(descriptor)
    except OSError as error:
        raise FileError("write the download", path, error) from error

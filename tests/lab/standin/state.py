# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's state: JSON documents, changed under one lock, written by rename.

``with state.kernel("ifnet") as doc`` and ``with state.disk("zpool") as doc`` give a dict; what was changed in it is
written on a clean exit, nothing after an exception. The one lock (flock(2), released by the kernel when its holder
dies) covers both kinds and is reentrant within a process, so a command may nest documents. Never wait for another
process while holding it. ``peek`` reads without the lock: documents are replaced by rename, so it is always whole.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager

from . import paths

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Any, ContextManager, Dict, Iterator, Optional

Document = dict[str, "Any"]


class _Lock:
    """The lock of this process: an open file, and how deep it is nested."""

    def __init__(self) -> None:
        self.fd: Optional[int] = None
        self.depth = 0

    def acquire(self) -> None:
        if self.depth == 0:
            os.makedirs(paths.KERNEL, exist_ok=True)
            fd = os.open(paths.KERNEL + "/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
            except BaseException:
                os.close(fd)
                raise
            self.fd = fd
        self.depth += 1

    def release(self) -> None:
        self.depth -= 1
        if self.depth == 0 and self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def forget(self) -> None:
        """After a fork: the lock is the parent's. Closing the child's copy does not release it."""
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None
        self.depth = 0
        _open.clear()


class _Entry:
    """A document that is open in this process: what it holds, its text as read, how deep it is nested."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.text = _dump(document)
        self.depth = 0


_lock = _Lock()
_open: Dict[str, _Entry] = {}
os.register_at_fork(after_in_child=_lock.forget)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return "{}"


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.rename(temporary, path)


def _dump(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))


@contextmanager
def lock() -> Iterator[None]:
    """Hold the host's state lock without opening a document."""
    _lock.acquire()
    try:
        yield
    finally:
        _lock.release()


@contextmanager
def _document(path: str) -> Iterator[Document]:
    with lock():
        entry = _open.get(path)
        if entry is None:
            entry = _open[path] = _Entry(json.loads(_read(path)))
        entry.depth += 1
        try:
            yield entry.document
            if entry.depth == 1:
                text = _dump(entry.document)
                if text != entry.text:
                    _write(path, text)
        finally:
            entry.depth -= 1
            if entry.depth == 0:
                _open.pop(path, None)


def _path(kind: str, name: str) -> str:
    return f"{paths.KERNEL if kind == 'kernel' else paths.DISK}/{name}.json"


def kernel(name: str) -> ContextManager[Document]:
    """A document that is gone with the power (context manager giving a dict)."""
    return _document(_path("kernel", name))


def disk(name: str) -> ContextManager[Document]:
    """A document that survives a power cut (context manager giving a dict)."""
    return _document(_path("disk", name))


def peek(kind: str, name: str) -> Document:
    """Read the document ``name`` of ``kind`` ("kernel" or "disk") without the lock; changes to it go nowhere."""
    path = _path(kind, name)
    entry = _open.get(path)
    document: Document = json.loads(_read(path) if entry is None else _dump(entry.document))
    return document

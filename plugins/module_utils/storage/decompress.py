# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turning what was downloaded into the bytes of a disk: uncompressed, out of qcow2, with holes where it is zero."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import re
import zlib
from typing import IO, Iterator, Protocol

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.pipes import pipeline
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.formats import BZ2, GZ, XZ, ZST
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import CHUNK, Note, SparseWriter

QEMU_IMG = "/usr/local/bin/qemu-img"
QEMU_TOOLS = "install the package qemu-tools on the host (pkg install qemu-tools)"
_PERCENT = re.compile(rb"\(\s*(\d+)(?:\.\d+)?/100%\)")


class _Readable(Protocol):
    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes."""


def uncompress(host: Host, kind: str, source: str, target: str, what: str, note: Note) -> int:
    """Uncompress a file to a new one, with holes; the bytes that came out. ``note`` is told the bytes that went in.

    ApiaryError, beginning with ``what``, for data that is damaged or cut off; FileError when the disk fails. What has
    been written is left for the caller to remove.
    """
    with contextlib.ExitStack() as stack:
        try:
            raw = stack.enter_context(open(source, "rb", buffering=0))
        except OSError as error:
            raise FileError("read", source, error) from error
        stream = stack.enter_context(_stream(host, kind, raw, what))
        descriptor = _created(target)
        stack.callback(os.close, descriptor)
        writer = SparseWriter(descriptor)
        while True:
            data = _read(stream, what)
            try:
                if not data:
                    writer.finish(regular=True)
                    return writer.position
                writer.write(data)
            except OSError as error:
                raise FileError("write the image", target, error) from error
            # The descriptor's place in the file tells how much was taken, also when another program reads from it.
            note(os.lseek(raw.fileno(), 0, os.SEEK_CUR))


def _created(target: str) -> int:
    try:
        return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileError("write the image", target, error) from error


@contextlib.contextmanager
def _stream(host: Host, kind: str, raw: IO[bytes], what: str) -> Iterator[_Readable]:
    if kind == ZST:
        argv = ["zstd", "-q", "-d", "-c"]
        with pipeline(host, (argv,), what=f"{what} cannot be uncompressed", source=raw.fileno()) as stream:
            yield stream
        return
    if kind == XZ:
        with lzma.LZMAFile(raw) as xz:
            yield xz
    elif kind == GZ:
        with gzip.GzipFile(fileobj=raw, mode="rb") as gz:
            yield gz
    elif kind == BZ2:
        with bz2.BZ2File(raw) as bz:
            yield bz
    else:
        raise ApiaryError(f"{what} is compressed by {kind}, which is not known")


def _read(stream: _Readable, what: str) -> bytes:
    try:
        return stream.read(CHUNK)
    except EOFError as error:
        raise ApiaryError(f"{what} is cut off: the compressed data ends too early") from error
    except (zlib.error, lzma.LZMAError) as error:
        raise ApiaryError(f"{what} is damaged: {error}") from error
    except OSError as error:
        # The decompressors' own complaints have no error number; the disk's have.
        if error.errno is not None:
            raise ApiaryError(f"{what} cannot be read: {error.strerror}") from error
        raise ApiaryError(f"{what} is damaged: {error}") from error


def convert_qcow2(host: Host, source: str, target: str, what: str, note: Note) -> None:
    """Convert a qcow2 image, checked by qcow2.parse_header() before, to a raw file. ``note`` is told percents.

    qemu-img takes what is missing at the end of a truncated image for zeros and says nothing, so it is let check the
    image first. ApiaryError.
    """
    check = [QEMU_IMG, "check", "-q", "-f", "qcow2", source]
    cannot = f"{what} cannot be checked"
    checked = host.run(check, what=cannot, accept=(0, 2, 3), hint=f"If there is no qemu-img: {QEMU_TOOLS}.")
    if checked.rc == 2:
        lines = checked.stderr.strip().splitlines()
        first = lines[0] if lines else "no reason given"
        raise ApiaryError(f"{what} is cut off or damaged; qemu-img check found {len(lines)} errors, the first: {first}")
    argv = [QEMU_IMG, "convert", "-p", "-f", "qcow2", "-O", "raw", source, target]
    with pipeline(host, (argv,), what=f"{what} cannot be converted") as stream:
        while True:
            data = os.read(stream.fileno(), 256)
            if not data:
                break
            found = _PERCENT.findall(data)
            if found:
                note(int(found[-1]))
    _sync(target)


def qemu_img_missing(host: Host) -> bool:
    """Whether there is no qemu-img(1) on the host."""
    return host.stat(QEMU_IMG) is None


def _sync(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError("write the image", path, error) from error


def is_full(error: ApiaryError) -> bool:
    """Whether something failed because a disk, pool or quota is full."""
    cause: object = error
    while isinstance(cause, BaseException):
        if getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        cause = cause.__cause__
    text = str(error)
    return "No space left on device" in text or "out of space" in text or "Disc quota exceeded" in text

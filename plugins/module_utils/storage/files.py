# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that are plain files."""

from __future__ import annotations

import errno
import os

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: What posix_fallocate(2) says where the file system (ZFS) cannot allocate ahead.
_CANNOT_ALLOCATE = (errno.EINVAL, errno.ENODEV, errno.EOPNOTSUPP)
_CHUNK = b"\0" * (1 << 20)


def create_file(host: Host, path: str, size: int, sparse: bool) -> None:
    """Make a disk file of ``size`` bytes, mode 0600. FileError; an existing file is one, and left as it is.

    Not sparse means that its blocks are allocated. ZFS cannot allocate ahead (and stores no zeros), there the file is
    written full of zeros as far as the file system keeps them.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileError("create the disk file", path, error) from error
    try:
        if sparse:
            os.ftruncate(descriptor, size)
        else:
            _allocate(descriptor, 0, size)
        os.fsync(descriptor)
    except OSError as error:
        # Ours, made a moment ago and of no use half-way.
        host.unlink(path)
        raise FileError(f"allocate {size} bytes for the disk file", path, error) from error
    finally:
        os.close(descriptor)


def grow_file(path: str, size: int, sparse: bool) -> None:
    """Make a disk file larger, up to ``size`` bytes; what it holds stays. FileError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            old = os.fstat(descriptor).st_size
            if sparse:
                os.ftruncate(descriptor, max(old, size))
            elif size > old:
                _allocate(descriptor, old, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError(f"grow to {size} bytes the disk file", path, error) from error


def fill_holes(path: str, size: int) -> None:
    """Let a file's holes have blocks of their own, where the file system can; what it holds stays. FileError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _CANNOT_ALLOCATE:
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError(f"allocate {size} bytes for the disk file", path, error) from error


def free_space(directory: str) -> int:
    """Bytes that root can still write in the file system of ``directory``; FileError if it cannot be told."""
    try:
        status = os.statvfs(directory)
    except OSError as error:
        raise FileError("ask for the free space of", directory, error) from error
    return status.f_bavail * status.f_frsize


def _allocate(descriptor: int, start: int, end: int) -> None:
    try:
        os.posix_fallocate(descriptor, start, end - start)
        return
    except OSError as error:
        if error.errno not in _CANNOT_ALLOCATE:
            raise
    position = start
    while position < end:
        position += os.pwrite(descriptor, _CHUNK[: end - position], position)

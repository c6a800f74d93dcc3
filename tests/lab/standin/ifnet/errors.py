# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""errno(2) as FreeBSD's strerror(3) words it, for what the interface code refuses."""

from __future__ import annotations

import errno

_TEXTS = {
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.ENXIO: "Device not configured",
    errno.EBUSY: "Device busy",
    errno.EEXIST: "File exists",
    errno.EINVAL: "Invalid argument",
    errno.ENOMEM: "Cannot allocate memory",
    errno.EFAULT: "Bad address",
    errno.ENOSPC: "No space left on device",
    errno.ENETUNREACH: "Network is unreachable",
    errno.ESRCH: "No such process",
    errno.EOPNOTSUPP: "Operation not supported",
    errno.EADDRNOTAVAIL: "Can't assign requested address",
    errno.EADDRINUSE: "Address already in use",
    errno.EPROTONOSUPPORT: "Protocol not supported",
    errno.ENAMETOOLONG: "File name too long",
    errno.ENOTCONN: "Socket is not connected",
    errno.EISCONN: "Socket is already connected",
    errno.ENOSYS: "Function not implemented",
    errno.EPFNOSUPPORT: "Protocol family not supported",
    errno.ELOOP: "Too many levels of symbolic links",
}


class NotBuilt(Exception):
    """FreeBSD has it, this lab has not."""


class Refused(Exception):
    """The kernel refuses a request, for the reason ``code`` (errno).

    ``detail`` is what FreeBSD 15 says beside it, an extended error.
    """

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(strerror(code) + (f" (extended error {detail})" if detail else ""))
        self.code = code


def strerror(code: int) -> str:
    """FreeBSD's text for an errno value."""
    return _TEXTS[code]

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tool lies where, and which module of this package has it (not imported before it is called)."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, Tuple


_PLACES = {
    "/bin": {
        "copying": "cp mv",
        "linking": "link ln realpath",
        "making": "mkdir",
        "removing": "rm rmdir unlink",
        "modes": "chmod",
        "text": "cat echo",
        "native": "dd ed expr pax",
        "names": "hostname pwd",
        "run": "sleep kill sync",
        "ls": "ls",
        "date": "date",
        "test": "test [",
    },
    "/sbin": {"digest": "md5 sha1 sha256 sha512 sha224 sha384"},
    "/usr/sbin": {"modes": "chown", "native": "chroot"},
    "/usr/bin": {
        "linking": "readlink",
        "making": "mkfifo mktemp",
        "truncate": "truncate",
        "install": "install",
        "modes": "chgrp",
        "stat": "stat",
        "touch": "touch",
        "text": "head tail wc tee cmp basename dirname seq jot yes printf true false rev",
        "names": "id whoami groups logname tty uname which getent getconf uuidgen",
        "run": "env timeout nice nohup time su fsync",
        "xargs": "xargs",
        "sed": "sed",
        "grep": "grep egrep fgrep",
        "find": "find",
        "od": "od",
        "digest": "md5sum sha1sum sha224sum sha256sum sha384sum sha512sum",
        "native": "awk bc bunzip2 bzcat bzip2 cksum column comm csplit cut dc diff du expand file fold gunzip gzip "
        "hexdump join less more nl paste sort split strings stty tar tr tsort unexpand uniq unxz unzstd uudecode "
        "xz xzcat zcat zstd zstdcat base64 cpio",
    },
}


def places() -> Dict[str, Tuple[str, str]]:
    """Tool -> its path and its module."""
    found: Dict[str, Tuple[str, str]] = {}
    for folder, modules in _PLACES.items():
        for module, names in modules.items():
            for name in names.split():
                found[name] = (f"{folder}/{name}", module)
    return found

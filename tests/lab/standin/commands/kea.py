# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kea's servers, the very same programs (2.2.0), on the host once their package is installed, which links to them.

FreeBSD's port is 3.0: it takes no control socket outside /var/run/kea, and here none is taken either.
"""

from __future__ import annotations

import os
import re
from typing import Sequence

from .. import paths
from ..system.realdaemon import become

PATHS = ("/usr/libdata/standin/kea-dhcp4", "/usr/libdata/standin/kea-dhcp6")
_RUN = "/var/run/kea"
_SOCKET = re.compile(r'"socket-name"\s*:\s*"([^"]*)"')
_COMMENT = re.compile(r"(?m)^\s*(?://|#).*$|/\*[\s\S]*?\*/")


def _misplaced(path: str) -> str:
    """The control socket of a configuration if it is in another directory than the one for it."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = _COMMENT.sub("", stream.read())
    except OSError:
        return ""
    others = [name for name in _SOCKET.findall(text) if os.path.dirname(name) not in ("", _RUN)]
    return others[0] if others else ""


def main(argv: Sequence[str]) -> int:
    words = list(argv[1:])
    for place, word in enumerate(words[:-1]):
        socket = _misplaced(words[place + 1]) if word in ("-c", "-t", "-T") else ""
        if socket:
            reason = f"invalid path specified: '{os.path.dirname(socket)}', supported path is '{_RUN}'"
            print(f"Error encountered: 'socket-name' is invalid: {reason}")
            return 1
    places = {
        "KEA_PIDFILE_DIR": _RUN,
        "KEA_LOCKFILE_DIR": _RUN,
        "KEA_LFC_EXECUTABLE": paths.LINUX + "/usr/sbin/kea-lfc",
    }
    become(argv[0], words, {**places, **{key: os.environ[key] for key in places if key in os.environ}})

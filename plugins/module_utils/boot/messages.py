# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What daemons have said of late to syslogd(8): some tell only there what is wrong with their files."""

from __future__ import annotations

import os
import re
from typing import List

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: syslog.conf(5) of FreeBSD has it so.
LOG = "/var/log/messages"
_TAIL = 64 << 10


def lines_of(text: str, program: str) -> List[str]:
    """What a program has said: its messages, without the time and the host, in order."""
    pattern = re.compile(rf"\S+ [ \d]\d [\d:]{{8}} \S+ {re.escape(program)}\[\d+\]: (.*)")
    return [match[1] for match in map(pattern.fullmatch, text.splitlines()) if match is not None]


def position(host: Host) -> int:
    """How long the log is now: what comes behind that is new."""
    status = host.stat(LOG)
    return 0 if status is None else status.st_size


def since(host: Host, start: int, program: str) -> List[str]:
    """What a program has said since the log was ``start`` bytes long (or was begun anew)."""
    data = host.read_bytes(LOG) or b""
    text = data[start if start <= len(data) else 0 :].decode("utf-8", "replace")
    return lines_of(text, program)


def said_by(host: Host, program: str, most: int = 3) -> str:
    """The last words of a program, for an error message: ``; it said: …``, or where to look for them."""
    start = max(position(host) - _TAIL, 0)
    found = since(host, start, program)[-most:]
    if not found:
        return f"; look at {LOG}" if os.path.exists(LOG) else ""
    return f"; it said: {'; '.join(found)}"

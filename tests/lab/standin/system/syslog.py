# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""syslog(3): names of facilities and priorities, and a message sent to /var/run/log."""

from __future__ import annotations

import socket
import time

#: syslog.conf(5)'s names.
FACILITIES = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "security": 13, "syslog": 5, "lpr": 6, "news": 7,
    "uucp": 8, "cron": 9, "authpriv": 10, "ftp": 11, "ntp": 12, "console": 14, "local0": 16, "local1": 17, "local2": 18,
    "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}  # fmt: skip
PRIORITIES = {
    "emerg": 0, "panic": 0, "alert": 1, "crit": 2, "err": 3, "error": 3, "warning": 4, "warn": 4, "notice": 5,
    "info": 6, "debug": 7,
}  # fmt: skip
SOCKET = "/var/run/log"


def timestamp(when: float) -> str:
    """``Nov 21 09:14:03``."""
    return time.strftime("%b %e %H:%M:%S", time.localtime(when))


def send(facility: str, priority: str, text: str) -> None:
    """Hand a message (``tag[pid]: text``) to syslogd; without one it is lost, as in FreeBSD."""
    number = FACILITIES[facility] * 8 + PRIORITIES[priority]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(f"<{number}>{timestamp(time.time())} {text}".encode("utf-8", "replace"), SOCKET)
        except OSError:
            # No syslogd listens.
            return

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISC's dhcpd(8) 4.4.3-P1, the very same program, on the host once its package is installed, which links to it.

The port has its files in other places and one option more.
"""

from __future__ import annotations

from typing import List, Sequence

from ..system.realdaemon import become

PATHS = ("/usr/libdata/standin/dhcpd",)


def _places(words: Sequence[str]) -> List[str]:
    """What FreeBSD's program has compiled in, where the command line says nothing."""
    six = "6" if "-6" in words else ""
    defaults = {
        "-cf": "/usr/local/etc/dhcpd.conf",
        "-lf": f"/var/db/dhcpd{six}.leases",
        "-pf": f"/var/run/dhcpd{six}.pid",
    }
    return [word for key, path in defaults.items() if key not in words for word in (key, path)]


def main(argv: Sequence[str]) -> int:
    words = list(argv[1:])
    if "-Q" in words:
        # The port's own: takes back a -q.
        last = len(words) - 1 - words[::-1].index("-Q")
        words = [word for word in words[:last] if word not in ("-q", "-Q")] + words[last + 1 :]
    if not {"--version", "--help", "-h"} & set(words):
        words = [*_places(words), *words]
    become("dhcpd", words, {})

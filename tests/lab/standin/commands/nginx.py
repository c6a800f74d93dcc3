# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx(8), the very same program: on the host once the package nginx, which links to it, is installed.

What FreeBSD's port has compiled in is said on the command line; where bodies are kept for a while, only a configuration
can say.
"""

from __future__ import annotations

from ..bsd.native import become
from ..system import cli

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Sequence

#: Not where programs are looked for: the package has a link to it.
PATHS = ("/usr/libdata/standin/nginx",)
_CONF = "/usr/local/etc/nginx/nginx.conf"


def _usage() -> int:
    cli.not_built("nginx", "the usage text")


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "?hvVtTqs:p:e:c:g:", _usage)
    if words:
        return _usage()
    given = dict(options)
    first = ["-c", given.get("c", _CONF), "-e", given.get("e", "/var/log/nginx/error.log")]
    first += ["-g", "pid /var/run/nginx.pid; " + given.get("g", "")]
    rest = [
        word
        for letter, value in options
        if letter not in "ceg"
        for word in ([f"-{letter}", value] if value else [f"-{letter}"])
    ]
    become("nginx", [*first, *rest])

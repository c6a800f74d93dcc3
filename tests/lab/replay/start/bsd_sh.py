# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bsd-sh.txt: a directory with a file of three lines and a link to it."""

from __future__ import annotations

from standin.host import StandinHost

CWD = "/tmp/b"
SETTINGS = {"cpus": 2}


def prepare(host: StandinHost) -> None:
    """The files that the first commands use."""
    host.sh("mkdir -p /tmp/b; cd /tmp/b; printf 'one\\ntwo\\nthree\\n' > f; ln -s f l; : > o", check=True)

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""service.txt: sshd, cron and syslogd run."""

from __future__ import annotations

from standin.host import StandinHost

from .sysrc import RC_CONF

SETTINGS = {"cpus": 2}
# The recorder's inetd had died; ours has no configuration to die of.
UNRECORDED = {491: "service inetd onestop"}


def prepare(host: StandinHost) -> None:
    """The recorder's rc.conf, and its services."""
    host.write("/etc/rc.conf", RC_CONF)
    host.sh("service sshd start; service syslogd restart; rm -rf /usr/local/etc/rc.d", check=True)

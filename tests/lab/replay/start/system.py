# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""system.txt: modules that the recorder had loaded, its services, an rc.conf."""

from __future__ import annotations

from standin.host import StandinHost

from .sysrc import RC_CONF

SETTINGS = {"cpus": 2, "cpu": "amd", "zfs": False, "memory": 6 << 30, "release": "14.0-CURRENT"}


def prepare(host: StandinHost) -> None:
    """What ran on the recorder's machine."""
    host.write("/etc/rc.conf", RC_CONF)
    host.sh("kldload zfs if_bridge vmm", check=True)
    # An attempt to unload vmm while ppt(4) had a device.
    host.sh("devctl set driver pci0:0:31:3 ppt; kldunload vmm; devctl clear driver -f pci0:0:31:3")
    host.sh("service sshd start; service syslogd restart; : > /var/log/mytag.log", check=True)

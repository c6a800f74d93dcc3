# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sysrc.txt: an rc.conf and a loader.conf as the recorder's machine had them."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"cpus": 2}

RC_CONF = """\
hostname="bhyve0"
ifconfig_vtnet0="SYNCDHCP"
sshd_enable="YES"
sendmail_enable="NONE"
syslogd_flags="-ss"
dumpdev="NO"
zfs_enable="YES"
kldxref_enable="YES"
"""
LOADER_CONF = """\
autoboot_delay="1"
beastie_disable="YES"
boot_multicons="NO"
boot_serial="YES"
console="comconsole"
comconsole_speed="115200"
kern.hz="100"
kern.geom.label.disk_ident.enable="0"
kern.geom.label.gptid.enable="0"
"""

UNRECORDED = {527: "sysrc -x vm_list quoted tab kld_list cloned_interfaces newlist"}


def prepare(host: StandinHost) -> None:
    """The two files."""
    host.write("/etc/rc.conf", RC_CONF)
    host.write("/boot/loader.conf", LOADER_CONF)

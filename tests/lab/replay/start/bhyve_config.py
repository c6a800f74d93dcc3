# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-config.txt: configuration files, disks and firmware in /vm, vmm loaded, sshd running."""

from __future__ import annotations

from standin.guests.behaviour import make_sector
from standin.host import StandinHost

from replay.start import _bhyve
from replay.transcript import load

SETTINGS = _bhyve.SETTINGS
_X = "bhyvectl --vm=x --destroy; true"
_LONG = "for name in $(ls /dev/vmm); do case $name in this-name*|x) bhyvectl --vm=$name --destroy;; esac; done; true"
_E = "for name in $(ls /dev/vmm); do case $name in e[0-3][0-9]) bhyvectl --vm=$name --destroy;; esac; done; true"
#: The recorder destroyed the machines of the failed starts.
UNRECORDED = {435: _X, 546: _X, 553: _X, 573: _X, 585: _LONG, 613: _E, 788: _E}
_MIB = 1 << 20


def prepare(host: StandinHost) -> None:
    """The files that the options name."""
    _bhyve.firmware(host)
    _bhyve.modules(host)
    _bhyve.sshd(host)
    cfg0 = next(entry.stdout for entry in load("bhyve-config") if entry.command == "cat /vm/cfg0.conf")
    host.write("/vm/cfg0.conf", cfg0)
    host.write("/vm/bad.conf", "this is not a config line\n")
    host.write("/vm/c.conf", "# a comment\n\ncpus=1\n  memory.size=256M\nname=with space\n")
    disk = "pci.0.4.0.device=virtio-blk\npci.0.4.0.path=%(vmdir)/disk0.raw\n"
    host.write("/vm/v.conf", "cpus=1\nname=var0\nvmdir=/vm\n" + disk)
    host.write("/vm/disk0.raw", make_sector({"guest": "light"}) + bytes(_MIB))
    host.write("/vm/disk1.raw", bytes(_MIB))
    host.sh("cp /usr/local/share/uefi-firmware/BHYVE_UEFI_VARS.fd /vm/vars.fd", check=True)
    host.write("/vm/odd-vars.fd", bytes(1000))
    host.write("/etc/rc.conf", "#" * 156 + "\n")

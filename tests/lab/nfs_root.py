# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest without a disk of its own: an initial file system that mounts the root which DHCP tells it of, by NFSv3, and
that root, a system of busybox with a login on the first serial port (root, no password)."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Tuple

import guest_disk

_MODULES = ("virtio_pci", "virtio_net", "nfsv3")
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read module; do insmod $module; done < /modules/order
ip link set lo up
ip link set eth0 up
udhcpc -i eth0 -n -q -S -t 5 -T 2 -O rootpath -s /etc/udhcpc.sh > /dev/null 2>&1
mkdir /root/new
. /run/lease
echo "address $ip on eth0, root $rootpath"
hostname $hostname
if mount -t nfs -o vers=3,proto=tcp,nolock $rootpath /root/new; then
    mount -t devtmpfs dev /root/new/dev
    exec switch_root /root/new /sbin/init
fi
echo "no root at '$rootpath'"
exec sh
"""
_UDHCPC = """#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
printf "ip='%s'\\nrootpath='%s'\\nhostname='%s'\\n" "$ip" "$rootpath" "$hostname" > /run/lease
"""
_INITTAB = """\
::sysinit:/etc/rc
ttyS0::respawn:/bin/getty -L 115200 ttyS0 vt100
"""
_RC = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
"""
FOLDERS = ("bin", "dev", "etc", "proc", "root", "run", "sbin", "sys", "tmp")


def initrd(root: str, version: str) -> bytes:
    """What is loaded beside the kernel (`guest_disk.kernel`)."""
    made = guest_disk.archive(root, version, _MODULES, _INIT)
    made.file("etc/udhcpc.sh", _UDHCPC.encode(), 0o755)
    return guest_disk.packed(made)


def files() -> Dict[str, Tuple[bytes, int]]:
    """The root's files, with what may be done to them."""
    return {
        "bin/busybox": (Path(guest_disk.BUSYBOX).read_bytes(), 0o755),
        "etc/inittab": (_INITTAB.encode(), 0o644),
        "etc/passwd": (guest_disk.PASSWD, 0o644),
        "etc/rc": (_RC.encode(), 0o755),
    }


def links() -> List[Tuple[str, str]]:
    """The root's symbolic links, and where they lead."""
    return [*((f"bin/{name}", "busybox") for name in guest_disk.APPLETS.split()), ("sbin/init", "../bin/busybox")]

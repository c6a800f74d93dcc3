# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a disk: one text, for ``disks`` of bhyve_vm and for both forms of bhyve_disk."""

from __future__ import annotations

import textwrap

# References to options of the same disk are written O(@NAME); see disk_text().
_NAME = r"""
name:
  description: The disk's name in its guest, letters, digits, C(_) and C(-). The volume or file is named after it.
  type: str
"""

_OPTIONS = r"""
state:
  description:
    - V(present), the guest has the disk. This is the default.
    - V(detached), the guest does not see it from its next boot on. Its data, size, serial number and place on the bus
      are kept, and it has them when it is V(present) again.
    - V(absent), the guest knows nothing of it. Its data stays unless O(@destroy=true); a disk of the same name finds it
      again.
  type: str
  choices: [present, absent, detached]
  default: present
destroy:
  description: With O(@state=absent), destroy the disk's volume or file; never a given O(@path). Refused while there
    are clones of it that the same task does not destroy as well.
  type: bool
  default: false
backing:
  description:
    - What holds the data, fixed at creation. A ZFS volume, V(zvol) with space reserved or V(sparse-zvol); a file,
      V(file) or V(sparse-file); or a given V(path).
    - The default is V(path) with O(@path), else V(zvol), or V(sparse-file) on a host without ZFS.
  type: str
  choices: [zvol, sparse-zvol, file, sparse-file, path]
path:
  description:
    - A file or device that exists, for O(@backing=path), for instance an ISO image.
    - Another path in a CD drive changes the medium, and V('') ejects it. bhyve has no drive without a medium, so an
      empty drive is out of the guest's sight, and its place on the bus is kept. A running guest sees the change at its
      next boot.
    - With O(@controller=virtio-scsi) it is a port of the CAM target layer.
  type: path
image:
  description:
    - The image that the disk is made from, by its name in M(apiary.bhyve.bhyve_image). A volume is cloned from it, a
      file is copied.
    - It counts at creation only, and cannot be another one later.
  type: str
size:
  description:
    - The size, with a unit such as V(20G). Required to make the disk, but for one with O(@image), whose size is the
      default then. More grows it; it never shrinks.
    - V(+10G) grows a disk that exists by so much, each time that the task is run.
    - A running guest sees a larger disk on V(virtio-blk) and V(nvme) at once, on V(ahci-hd) from its next boot on.
    - A volume's size is a multiple of its block size.
  type: str
volblocksize:
  description: The block size of the volume, such as V(16K), at creation.
  type: str
properties:
  description:
    - Properties of the volume by the names of zfsprops(7), added to those that are declared. V('') lets one be
      inherited again.
    - Any property of a volume can be given at creation. One that can be set later is set when it differs; one that is
      fixed at creation and differs is an error.
    - V(volsize) and V(volblocksize) have options of their own, and V(volmode) is the module's (V(dev), inherited).
  type: dict
controller:
  description:
    - What the guest sees. The default depends on the C(os) of the guest. V(ahci-cd) is a CD drive.
    - V(virtio-scsi) is a SCSI controller with the units of a port of the CAM target layer (ctl(4)), which you make, for
      instance in ctl.conf(5). O(@path) names the port, such as V(/dev/cam/ctl1.0); another O(@backing) is refused, for
      bhyve has no other way to it. Size, sector size, serial number and caching are those of the units.
  type: str
  choices: [virtio-blk, nvme, ahci-hd, ahci-cd, virtio-scsi]
sector_size:
  description:
    - Logical or logical/physical sector size in bytes, such as V(512) or V(512/4096).
    - nvme takes V(512), V(4096) or V(8192).
  type: str
serial:
  description: The serial number, up to 20 characters. By default one that is made once and kept.
  type: str
nocache:
  description: Bypass the host's cache (O_DIRECT).
  type: bool
sync:
  description: Write synchronously.
  type: bool
nodelete:
  description: Do not pass the guest's TRIM requests on.
  type: bool
ro:
  description: The guest cannot write. The default is V(true) for CD drives.
  type: bool
boot_order:
  description:
    - The disk's place in the order in which the UEFI firmware tries to boot, V(1) first. Disks without one, which is
      V(0), follow as the firmware likes.
    - It gives the guest QEMU's firmware interface (C(lpc.fwcfg=qemu)), by which bhyve tells the firmware the order.
  type: int
until_installed:
  description:
    - The CD is in the drive as long as the guest's first disk has no boot signature, looked at before each boot.
    - For installation media.
  type: bool
"""


def disk_text(prefix: str, in_list: bool) -> str:
    """The options of a disk; ``prefix`` is where they stand, such as ``disks[].``, for references between them.

    Not ``in_list``, they are options of the module itself: nothing is required, and defaults are said in the text only.
    """
    if in_list:
        text = f"{_NAME}  required: true{_OPTIONS}"
    else:
        text = f"{_NAME.rstrip()}{_OPTIONS}".replace("  default: present\n", "").replace("  default: false\n", "")
    return text.replace("O(@", f"O({prefix}")


_VM = r"""
vm:
  description: The guest that the disk belongs to. It must exist.
  type: str
"""

_RESTART = r"""
restart:
  description:
    - Whether a running guest is restarted when something of it waits for its next boot.
    - V(never), the default, reports it as RV(pending).
  type: str
  choices: [never, if_needed]
"""


class ModuleDocFragment:
    """Documentation fragments; see the modules for how they are used."""

    DOCUMENTATION: str = "options:\n" + textwrap.indent(
        _VM.rstrip()
        + disk_text("", in_list=False)
        + _RESTART.lstrip("\n")
        + """
disks:
  description:
    - Many disks, of one guest or of many, each with the options that one has by itself.
    - All are checked before the first change. Then a guest that fails does not keep the others from being done.
  type: list
  elements: dict
  suboptions:
"""
        + textwrap.indent(_VM.rstrip() + "\n  required: true" + disk_text("disks[].", in_list=True), "    "),
        "  ",
    )

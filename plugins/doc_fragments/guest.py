# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a guest: one text, for the options of bhyve_vm and for the elements of its ``vms``."""

from __future__ import annotations

import textwrap

from ansible_collections.apiary.bhyve.plugins.doc_fragments.disk import disk_text
from ansible_collections.apiary.bhyve.plugins.doc_fragments.nic import nic_text

_TEMPLATE = r"""
state:
  description:
    - V(present), the guest is declared; whether it runs does not change. This is the default.
    - V(absent), there is no such guest. It is stopped first, as by V(stopped). Its disks stay unless O(destroy=true).
    - V(started), it is declared and runs.
    - V(stopped), it is declared and off. It gets its O(stop_timeout) to power off by ACPI, then it is powered off.
    - V(restarted), it is stopped, if it runs, and started.
  type: str
  choices: [present, absent, started, stopped, restarted]
description:
  description: What the guest is for.
  type: str
tags:
  description: Words of your own.
  type: list
  elements: str
uuid:
  description: The guest's UUID. By default a random one, made once and kept.
  type: str
clone_from:
  description:
    - The guest of this host, or with a snapshot of it V(GUEST@SNAPSHOT), whose clone this guest becomes when it is
      made. Later it is only compared; a guest that is a clone of something else, or of nothing, is an error.
    - Without a snapshot the guest has to be off. A snapshot of all that it has is taken at one moment,
      C(apiary-clone-NAME); ZFS destroys it by itself when the last clone of it is gone.
    - With a snapshot (M(apiary.bhyve.bhyve_snapshot)) the guest may run; the clone is then what the guest was at that
      time, its declaration included.
    - New in the clone are its name, UUID, MAC addresses (explicit ones are not copied), VNC port, taps, serial consoles
      and its file of firmware variables.
    - That file has the content of the source's, for the boot entries of most systems are in it and the clone would not
      boot without them. When the task gives O(uefi), with C(vars), it begins with that template instead.
    - The clone is not O(protected), and has no detached disks, no O(passthru) and no C(hooks). Of its NICs C(ip), but
      for V(auto), C(ip6) and C(hostname) are unset.
    - All else stays. Disks keep content, size, controller, slot and serial; memory, CPUs, tags and the rest are those
      of the source. What the task gives besides is laid over that, for instance more O(memory) or a larger disk.
    - A disk on a C(path) that is read-only, such as an ISO image, is shared. One that is written to is an error, unless
      the task gives it another path or leaves it out.
    - The record of the guest is written first and says which disks are missing. It cannot be started before all are
      there. A run that was interrupted is completed by the next task that names the guest.
    - A protected guest can be cloned.
  type: str
clone_mode:
  description:
    - V(clone), volumes are ZFS clones, which share what is not changed with the source. The source cannot be destroyed
      as long as they are there, unless O(promote). This is the default.
    - V(copy), volumes are copied by C(zfs send) and C(zfs receive), and depend on nothing.
    - Disks that are files are always copied, with their holes; the file system may share their blocks. On a host
      without ZFS that is all there is.
  type: str
  choices: [clone, copy]
promote:
  description:
    - Whether the guest's volumes depend no longer on the guest that they were cloned from, by C(zfs promote). Can be
      asked for when the clone is made or at any time later, also while it runs.
    - It turns the dependency round. The volumes of the source become clones of this guest's, so that the source can be
      destroyed, and this guest not as long as the source is there. The snapshot of the clone goes over to this guest.
    - The volume's older snapshots would go over as well, and the source could not be rolled back to them; that is an
      error which names them. When O(clone_from) names a snapshot, that one goes over, with a warning.
    - A promotion over a protected guest is an error.
    - What the source was cloned from itself, such as an image, stays the origin of both.
    - Of several promoted clones of one source, each depends on the one that was promoted before it.
  type: bool
rename_from:
  description:
    - The guest that becomes this one. It has to be off, and nobody may have its disks open. When there is no such guest
      and this one exists, it was renamed before and nothing is done.
    - UUID, MAC addresses, disk serials, PCI slots, firmware variables, taps' numbers and VNC port stay, so that the
      guest sees no difference. Its snapshots and logs go with it.
    - Guests that start after it, and its clones, follow in the same task; they are in its result as well.
    - A protected guest is only renamed when the task has C(protected=false).
  type: str
os:
  description:
    - What runs in the guest. Chooses devices, clock and how unknown MSRs are treated, at creation.
    - V(windows) gets nvme disks, e1000 NICs and a clock in local time; V(other) gets ahci-hd and e1000, which most
      systems have drivers for; the rest get virtio and a clock in UTC. V(other) is the default.
  type: str
  choices: [freebsd, linux, openbsd, netbsd, windows, other]
memory:
  description:
    - The guest's memory, with a unit such as V(512M) or V(4G). A bare number is refused, for bhyve's tools disagree on
      its meaning.
    - Required when the guest is made, unless it is a clone.
  type: str
wired:
  description:
    - Whether the guest's memory is wired, all taken from the host when the guest starts. The default is V(false).
    - A guest is refused to start with more than the kernel still lets be wired (C(vm.max_user_wired), in pages).
    - With O(passthru) it is wired in any case.
  type: bool
cpus:
  description: The number of virtual CPUs. The default is V(1).
  type: int
sockets:
  description: Sockets of the CPU topology; V(0), the default, leaves it to O(cpus), O(cores) and O(threads).
  type: int
cores:
  description: Cores of each socket; V(0), the default, means 1.
  type: int
threads:
  description: Threads of each core; V(0), the default, means 1.
  type: int
firmware:
  description:
    - V(uefi), the default, boots by UEFI firmware, with a variables file of the guest's own.
    - V(bhyveload) loads a FreeBSD kernel by bhyveload(8), see O(loader).
  type: str
  choices: [uefi, bhyveload]
uefi:
  description: Firmware files other than the host's own (role apiary.bhyve.bhyve_host).
  type: dict
  suboptions:
    code:
      description: The firmware image.
      type: path
    vars:
      description: The template of the variables file, copied once for the guest.
      type: path
loader:
  description: What bhyveload(8) boots, with O(firmware=bhyveload).
  type: dict
  suboptions:
    disk:
      description: The name of one of the guest's disks. By default its first.
      type: str
    host_path:
      description: A directory of the host to load from in place of a disk.
      type: path
    program:
      description: The loader to use, by default C(/boot/userboot.so).
      type: path
    env:
      description: Variables for the loader. Replaces those that are there; V({}) removes all.
      type: dict
disks:
  description:
    - Disks and CD drives, matched by name. Disks that are not listed stay as they are, unless O(exact=true).
  type: list
  elements: dict
  suboptions:
@DISK_OPTIONS@
nics:
  description: Network interfaces, matched by name. Those that are not listed stay, unless O(exact=true).
  type: list
  elements: dict
  suboptions:
@NIC_OPTIONS@
passthru:
  description:
    - PCI devices of the host that the guest has for itself, matched by name. Those that are not listed stay, unless
      O(exact=true).
    - A device has to be reserved first (M(apiary.bhyve.ppt_device)), or be a virtual function
      (M(apiary.bhyve.iov_device)), and at the guest's start ppt(4) has to have it. Only one guest can have it in its
      declaration.
    - The memory of such a guest is wired whatever O(wired) says, and counts for C(vm.max_user_wired).
    - A guest that runs gets or loses one at its next boot. A clone has none of its source's, and an imported guest none
      of the host where it was exported.
  type: list
  elements: dict
  suboptions:
    name:
      description: The device's name in this guest, letters, digits, C(_) and C(-).
      type: str
      required: true
    state:
      description: Whether the guest has it.
      type: str
      choices: [present, absent]
      default: present
    selector:
      description: The host's device, V(pci0:4:0:0) or V(4/0/0). Needed for a new one.
      type: str
    slot:
      description:
        - Where it is in the guest, as bhyve(8) has it, V(6), V(6:1) or V(0:6:1) (bus, slot, function). By default, and
          with V(''), it is given a free slot, which it keeps.
        - The functions of one device belong into one slot, with function 0 among them.
      type: str
    rom:
      description: A file with an option ROM for the guest's firmware to run, for some displays. V('') means none.
      type: path
pxe:
  description:
    - The guest boots from the network, by a disk image with iPXE (M(apiary.bhyve.ipxe_image)) that it has, read-only,
      before all others in the boot order of the UEFI firmware; its first disk comes next, or those with a
      C(boot_order). By default it does not.
    - The disk has a controller of another kind than the guest's own, and a slot behind them, so that these keep their
      names. It is no element of O(disks).
    - It gives the guest QEMU's firmware interface (C(lpc.fwcfg=qemu)), by which bhyve tells the firmware the order.
    - What waits for the guest's next boot is told as any other change.
  type: dict
  suboptions:
    state:
      description: Whether it does.
      type: str
      choices: [present, absent]
      default: present
    image:
      description: The image, made by M(apiary.bhyve.ipxe_image). The default is V(ipxe), and so is V('').
      type: str
    nic:
      description:
        - The NIC whose host name (C(hostname)) the boot script is asked for by. The default, and V(''), is the first
          one. iPXE itself asks on all of them for an address, in the order of their slots.
      type: str
    script:
      description:
        - The boot script that the guest gets, a file of the TFTP server's directory C(chainload), with or without
          C(.ipxe). A guest asks for the one with its host name, so that is made a link to it, changed when this
          changes and removed with the guest, if the host is the server itself (role P(apiary.bhyve.pxe_server#role)).
          For a server elsewhere the module says what that needs.
        - A script that has the guest's host name already needs no link; a file of somebody's with that name is not
          touched.
        - V(''), the default, leaves to the server what the guest boots.
      type: str
    when:
      description:
        - V(once), the default, as long as the guest's first disk has no boot signature, looked at before each boot. An
          installer that has written a partition table ends it, and the guest goes on from its own disk.
        - V(always), at each boot.
      type: str
      choices: [once, always]
console:
  description: Serial ports. On the host, C(apiary console NAME) opens the first.
  type: dict
  suboptions:
    com1:
      description: A null-modem device (nmdm(4)), the default, or none.
      type: str
      choices: [nmdm, none]
    com2:
      description: The same for the second port; the default is V(none).
      type: str
      choices: [nmdm, none]
vnc:
  description: The screen, by VNC. By default the guest has none.
  type: dict
  suboptions:
    state:
      description: Whether the guest has a screen.
      type: str
      choices: [present, absent]
      default: present
    port:
      description: A TCP port, or V(auto), the default, for the first free one from 5900 on, which is kept.
      type: str
    address:
      description: The address to listen on. The default is V(127.0.0.1).
      type: str
    password:
      description: The password, up to eight characters, which is all that VNC uses. V('') removes it.
      type: str
    resolution:
      description: Width and height. The default is V(1024x768).
      type: str
    wait:
      description: The guest's very first boot waits until a client connects; later boots do not.
      type: bool
    keyboard:
      description: A keyboard layout, the name of a file in C(/usr/share/bhyve/kbdlayout).
      type: str
    tablet:
      description: A USB tablet, by which the pointer follows that of the client. The default is V(true).
      type: bool
rtc:
  description: Whether the guest's clock shows UTC or the host's local time. The default depends on O(os).
  type: str
  choices: [utc, localtime]
rng:
  description: A virtio random number generator. The default depends on O(os).
  type: bool
ignore_msr:
  description: Ignore accesses to model specific registers that bhyve does not emulate. The default depends on O(os).
  type: bool
hostbridge:
  description: The host bridge that the guest sees. The default is V(hostbridge).
  type: str
  choices: [hostbridge, amd_hostbridge]
lpc_slot:
  description: The PCI slot of the LPC bridge. The default is V(31), which Windows needs.
  type: int
on_poweroff:
  description:
    - What happens when the guest powers off by itself. V(destroy), the default, ends it.
    - V(restart) boots it again; V(preserve) keeps its vmm node for inspection.
  type: str
  choices: [destroy, restart, preserve]
on_reboot:
  description: The same when the guest reboots; the default is V(restart).
  type: str
  choices: [destroy, restart, preserve]
on_crash:
  description: The same when the guest crashes; the default is V(destroy).
  type: str
  choices: [destroy, restart, preserve]
restart_limit:
  description: So many restarts within O(restart_window) end in run state C(failed). The default is V(5).
  type: int
restart_window:
  description: The time for O(restart_limit), in seconds. The default is V(300).
  type: int
stop_timeout:
  description: Seconds that the guest gets to power off by ACPI before it is powered off. The default is V(60).
  type: int
boot:
  description: The guest's part in the boot of the host.
  type: dict
  suboptions:
    autostart:
      description: Whether it starts when the host boots. The default is V(false).
      type: bool
    order:
      description: Guests with a lower number start first and stop last. The default is V(50).
      type: int
    delay:
      description: Seconds to wait after it, before the next one starts. The default is V(0).
      type: int
    after:
      description: Guests that start before it. Replaces those that are there.
      type: list
      elements: str
    ready:
      description: When it counts as up for those that start after it. O(boot.ready.tcp=0) unsets it.
      type: dict
      suboptions:
        address:
          description: The guest's address.
          type: str
        tcp:
          description: The port that answers when the guest is up.
          type: int
        timeout:
          description: Seconds to wait for it at most. The default is V(60).
          type: int
    shutdown:
      description:
        - What happens to it when the host shuts down. V(stop), the default, asks it to power off.
        - V(suspend) saves its memory and resumes it when the host boots again, whatever O(boot.autostart) is. It needs
          a host that can make checkpoints. A guest that cannot be saved when it comes to that is stopped.
      type: str
      choices: [stop, suspend]
options:
  description:
    - Further keys of bhyve_config(5), as they are, added to those that are there; V('') removes one, V({}) all.
    - A key that the other options set already is refused, and so is a device where another one sits.
    - bhyve ignores keys that it does not know, so the module warns of those.
  type: dict
protected:
  description: Refuse to remove the guest or destroy a disk of it. The default is V(false).
  type: bool
restart:
  description:
    - Whether a running guest is restarted when something waits for its next boot.
    - V(never), the default, reports it as RV(pending).
  type: str
  choices: [never, if_needed]
destroy:
  description:
    - With O(state=absent), destroy the guest's disks and its directory as well.
    - Refused while there are clones of its disks, unless the same task destroys those as well, which go first then.
  type: bool
force:
  description:
    - Whether the guest is powered off where the task stops it, not asked to shut down first. What its system has not
      written to its disks by then is lost.
    - A guest that was resumed from a checkpoint (M(apiary.bhyve.checkpoint)) can be stopped in no other way until its
      next boot, unless it shuts down by itself or has C(hooks/prestop).
  type: bool
exact:
  description: The lists are complete. NICs, O(passthru) and O(options) that are not listed go, such disks are detached.
  type: bool
status:
  description: What M(apiary.bhyve.bhyve_vm_info) tells beside the options. Ignored, so its output can be handed back.
  type: dict
"""

_DISK = textwrap.indent(disk_text("disks[].", in_list=True).strip("\n"), "    ")
_NIC = textwrap.indent(nic_text("nics[].", in_list=True).strip("\n"), "    ")
_OPTIONS = _TEMPLATE.replace("@DISK_OPTIONS@", _DISK).replace("@NIC_OPTIONS@", _NIC)

_NAME = r"""
name:
  description: The guest's name, 1 to 63 letters, digits, C(.), C(_) and C(-).
  type: str
"""

_IN_LIST = (
    (_NAME + "  required: true\n" + _OPTIONS)
    .replace("O(disks[].", "O(vms[].disks[].")
    .replace("O(nics[].", "O(vms[].nics[].")
    .replace("O(boot.", "O(vms[].boot.")
)
for _option in (
    "disks",
    "passthru",
    "wired",
    "clone_from",
    "promote",
    "memory",
    "protected",
    "uefi",
    "stop_timeout",
    "state",
    "destroy",
    "exact",
    "os",
    "cpus",
    "cores",
    "threads",
    "loader",
    "firmware",
    "options",
    "restart_limit",
    "restart_window",
):
    _IN_LIST = _IN_LIST.replace(f"O({_option})", f"O(vms[].{_option})").replace(f"O({_option}=", f"O(vms[].{_option}=")


class ModuleDocFragment:
    """Documentation fragments; see the modules for how they are used."""

    DOCUMENTATION: str = "options:\n" + textwrap.indent(
        _NAME
        + _OPTIONS
        + """
vms:
  description:
    - Many guests, each with the options that one has by itself.
    - All are checked before the first change. Then one that fails does not keep the others from being done.
  type: list
  elements: dict
  suboptions:
"""
        + textwrap.indent(_IN_LIST, "    "),
        "  ",
    )

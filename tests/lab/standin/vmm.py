# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's side of virtual machines: vmm(4).

A machine comes into being by vm_create (bhyvectl --create, bhyveload, bhyve), shows as ``/dev/vmm/NAME``, and stays
until it is destroyed, whoever made it and however bhyve ended. It remembers the memory it was given, which CPUs were
activated and whether they were suspended (the guest reset or powered off): vm_reinit is refused until they are.

Calls raise OSError with Linux's errno, as a system call would.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from . import modules, paths, state, wiring
from .pci import bus

#: VM_MAX_NAMELEN of sys/amd64/include/vmm.h.
MAX_NAME = 229
_MAJOR = 0  # no driver has it: opening such a node fails
_SNAPSHOT_PARTS = ("kernel", "bhyve", "bhyvectl")
_DEV = "/dev/vmm"
_IO = "/dev/vmm.io"
_GIB = 1 << 30
#: What guest-physical address space can hold at all.
_ADDRESS_SPACE = 64 << 40


class Hardware(NamedTuple):
    """What vmm and bhyve need to know of the host.

    ``physmem`` in bytes; ``maxcpu``: CPUs that a guest may have; ``snapshot``: which of "kernel", "bhyve" and
    "bhyvectl" were built with BHYVE_SNAPSHOT.
    """

    osreldate: int
    machine: str
    ncpu: int
    physmem: int
    virtualisation: bool
    snapshot: Tuple[str, ...]
    strict: bool

    @property
    def recorded(self) -> bool:
        """The 14.0-CURRENT of 2022 on which the transcripts were recorded."""
        return self.osreldate < 1401000

    @property
    def maxcpu(self) -> int:
        """hw.vmm.maxcpu: the host's CPUs since 13.2 and 14.0, 16 before."""
        return 16 if self.recorded else self.ncpu


def _snapshot_parts(values: Dict[str, Any]) -> Tuple[str, ...]:
    missing = values.get("snapshot_missing", ())
    return tuple(part for part in _SNAPSHOT_PARTS if values.get("snapshot") and part not in missing)


def hardware() -> Hardware:
    """The host's settings (disk document ``host``); what is missing is as on a usual FreeBSD 14.3."""
    values = state.peek("disk", "host")
    return Hardware(
        osreldate=int(values.get("osreldate", 1403000)),
        machine=str(values.get("machine", "amd64")),
        ncpu=int(values.get("cpus", 4)),
        physmem=int(values.get("memory", 16 * _GIB)),
        virtualisation=values.get("cpu", "intel") != "none",
        snapshot=_snapshot_parts(values),
        strict=bool(values.get("strict", True)),
    )


def guest_file(name: str, suffix: str) -> str:
    """A file of the lab about one guest; names with a slash are legal for vmm."""
    return f"{paths.KERNEL}/guests/{name.replace('/', '%2F')}{suffix}"


def poke(name: str, line: str) -> bool:
    """Tell the bhyve of that guest something through its control pipe; False if nobody listens."""
    try:
        fd = os.open(guest_file(name, ".control"), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(fd, (line + "\n").encode())
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def loaded() -> bool:
    """Whether vmm.ko is in the kernel."""
    return modules.loaded("vmm")


def _load() -> None:
    """libvmmapi loads the module itself when a machine is to be created (vmmapi.c, vm_create)."""
    modules.load("vmm")


def _nodes(doc: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    nodes: Dict[str, Dict[str, Any]] = doc.setdefault("nodes", {})
    return nodes


def _make_node(path: str, doc: Dict[str, Any]) -> None:
    doc["minor"] = int(doc.get("minor", 0x5C)) + 1
    real = paths.root(path)
    os.makedirs(os.path.dirname(real), mode=0o555, exist_ok=True)
    try:
        os.mknod(real, stat.S_IFCHR | 0o600, os.makedev(_MAJOR, doc["minor"]))
    except FileExistsError:
        pass
    except PermissionError:  # a detached test without the right to make nodes
        os.close(os.open(real, os.O_CREAT | os.O_WRONLY, 0o600))


def _drop_node(path: str) -> None:
    real = paths.root(path)
    try:
        os.unlink(real)
    except FileNotFoundError:
        return
    top = paths.root("/dev")
    parent = os.path.dirname(real)
    while parent != top:
        try:
            os.rmdir(parent)
        except OSError:
            return
        parent = os.path.dirname(parent)


def names() -> List[str]:
    """All machines."""
    return list(_nodes(state.peek("kernel", "vmm")))


def exists(name: str) -> bool:
    return name in _nodes(state.peek("kernel", "vmm"))


def create(name: str) -> None:
    """vm_create(3). EEXIST, EINVAL for a name devfs does not take, ENXIO without VT-x or SVM, EPERM if not root."""
    _load()
    if os.geteuid() != 0:
        raise OSError(errno.EPERM, "vm_create")
    if not hardware().virtualisation:
        raise OSError(errno.ENXIO, "vm_create")
    if not name or len(name) > MAX_NAME or any(char.isspace() or char == '"' for char in name):
        raise OSError(errno.EINVAL, "vm_create")
    with state.kernel("vmm") as doc:
        if name in _nodes(doc):
            raise OSError(errno.EEXIST, "vm_create")
        _nodes(doc)[name] = {
            "memory": 0,
            "wired": False,
            "active": [],
            "suspended": "",
            "topology": [1, 1, 1],
            "load": None,
            "pid": 0,
            "io": [],
            "vcpus": 0,
        }
        _make_node(f"{_DEV}/{name}", doc)


def destroy(name: str) -> None:
    """vm_destroy(3). A bhyve that runs the machine finds it gone (ENXIO) and ends."""
    with state.kernel("vmm") as doc:
        node = _nodes(doc).pop(name, None)
        if node is None:
            raise OSError(errno.ENOENT, "vm_destroy")
        for segment in node["io"]:
            _drop_node(f"{_IO}/{name}.{segment}")
        _drop_node(f"{_DEV}/{name}")
        bus.release(name)
    poke(name, "destroyed")


def get(name: str) -> Optional[Dict[str, Any]]:
    """What the kernel knows of a machine, None if there is none."""
    return _nodes(state.peek("kernel", "vmm")).get(name)


def _need(doc: Dict[str, Any], name: str) -> Dict[str, Any]:
    node = _nodes(doc).get(name)
    if node is None:
        raise OSError(errno.ENXIO, "vmm")
    return node


def reinit(name: str) -> None:
    """vm_reinit: EBUSY unless every CPU that was activated has been suspended."""
    with state.kernel("vmm") as doc:
        node = _need(doc, name)
        if node["active"] and not node["suspended"]:
            raise OSError(errno.EBUSY, "vm_reinit")
        node.update(active=[], suspended="", load=None, vcpus=0)
        bus.release(name)


def set_topology(name: str, sockets: int, cores: int, threads: int) -> None:
    """EINVAL for more CPUs than vmm allows (hw.vmm.maxcpu)."""
    if sockets * cores * threads > hardware().maxcpu:
        raise OSError(errno.EINVAL, "vm_set_topology")
    with state.kernel("vmm") as doc:
        _need(doc, name)["topology"] = [sockets, cores, threads]


def setup_memory(name: str, size: int, wired: bool) -> None:
    """vm_setup_memory. ENOMEM for more than there is, EINVAL for another size than before, EEXIST if wiring differs."""
    with state.kernel("vmm") as doc:
        node = _need(doc, name)
        if node["memory"]:
            if node["memory"] != size:
                raise OSError(errno.EINVAL, "vm_setup_memory")
            if node["wired"] != wired:
                raise OSError(errno.EEXIST, "vm_setup_memory")
            return
        if size > _ADDRESS_SPACE or (wired and size + wiring.wired(doc) > wiring.limit()):
            raise OSError(errno.ENOMEM, "vm_setup_memory")
        node.update(memory=size, wired=wired)


def add_segment(name: str, segment: str) -> None:
    """A device memory segment, shown as /dev/vmm.io/NAME.SEGMENT."""
    with state.kernel("vmm") as doc:
        node = _need(doc, name)
        if segment not in node["io"]:
            node["io"].append(segment)
            _make_node(f"{_IO}/{name}.{segment}", doc)


def activate(name: str, cpus: int, pid: int) -> None:
    """vm_activate_cpu for CPU 0 and, as the guest brings them up, the others: EBUSY if CPU 0 is active already."""
    with state.kernel("vmm") as doc:
        node = _need(doc, name)
        if node["active"]:
            raise OSError(errno.EBUSY, "vm_activate_cpu")
        node.update(active=[0], vcpus=cpus, pid=pid)


def set_load(name: str, what: Dict[str, Any]) -> None:
    """What a boot loader put into the machine's memory."""
    with state.kernel("vmm") as doc:
        _need(doc, name)["load"] = what


def suspend(name: str, reason: str) -> None:
    """vm_suspend: reset, poweroff or halt. EALREADY if it is suspended."""
    with state.kernel("vmm") as doc:
        node = _need(doc, name)
        if node["suspended"]:
            raise OSError(errno.EALREADY, "vm_suspend")
        node["suspended"] = reason


def busy() -> bool:
    """Whether the module cannot be unloaded: some machine exists."""
    return bool(names())

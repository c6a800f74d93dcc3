# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules: which there are, which are in GENERIC, which are loaded (document ``kld``).

The document's ``modules`` lists the files (without .ko) in the order of loading, ``asked`` those that somebody wanted
for themselves; ``ids`` has their numbers, which are never given twice while the host is on.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .. import state

KERNEL_SIZE = 0xD99AF0
_SMALL_FROM, _BIG_FROM, _BIG, _PAGE = 0xFFFFFFFF81318000, 0xFFFFFFFF81400000, 2 << 20, 4096


class File(NamedTuple):
    """A module's file: its size, the files it needs, the modules in it (kldstat -v)."""

    size: int
    needs: Tuple[str, ...] = ()
    modules: Tuple[str, ...] = ()


#: What /boot/kernel has beside the kernel.
FILES: Dict[str, File] = {
    "aesni": File(0xB7D0, (), ("nexus/aesni",)),
    "bridgestp": File(0x50D8),
    "coretemp": File(0x2F10, (), ("cpu/coretemp",)),
    "cpuctl": File(0x3A48),
    "dummynet": File(0xE530, ("ipfw",)),
    "fdescfs": File(0x4BD8),
    "if_bridge": File(0x7638, ("bridgestp",), ("if_bridge",)),
    "if_epair": File(0x3A64),
    "if_vxlan": File(0x62E8),
    "ipfw": File(0x2B7C8),
    "ipfw_nat": File(0x4430, ("ipfw", "libalias")),
    "libalias": File(0x9B40),
    "linux64": File(0x3B048, ("linux_common",), ("linux64elf",)),
    "linux_common": File(0xC8C8, (), ("linuxcommon",)),
    "netgraph": File(0xAAC8),
    "ng_bridge": File(0x3210, ("netgraph",)),
    "ng_eiface": File(0x2210, ("netgraph",)),
    "ng_ether": File(0x31C8, ("netgraph",)),
    "ng_socket": File(0x38F8, ("netgraph",)),
    "nmdm": File(0x21CC),
    "nullfs": File(0x7D20),
    "pf": File(0x62B48),
    "pflog": File(0x3960, ("pf",)),
    "virtio_random": File(0x2298, (), ("virtio_pci/virtio_random",)),
    "vmm": File(0x53E0A8, (), ("vmm", "pci/ppt")),
    "zfs": File(0x3F2930, (), ("zfsctrl", "zfs", "zfs_zvol", "zfs_vdev")),
}
#: Modules that are part of GENERIC, with the numbers that kldstat gives them.
BUILT_IN: Dict[str, int] = {
    "ahci": 91, "netmap": 101, "virtio": 119, "pci/virtio_pci_legacy": 120, "pci/virtio_pci_modern": 121,
    "virtio_mmio/vtnet": 122, "virtio_pci/vtnet": 123, "virtio_mmio/virtio_blk": 124, "virtio_pci/virtio_blk": 125,
    "virtio_mmio/virtio_balloon": 126, "virtio_pci/virtio_balloon": 127, "virtio_mmio/virtio_scsi": 128,
    "virtio_pci/virtio_scsi": 129, "ether": 178, "if_gif": 179, "if_lo": 180, "if_tuntap": 181, "if_tun": 182,
    "if_tap": 183, "if_vlan": 184, "pseudofs": 190, "procfs": 191, "tmpfs": 192, "nfs": 193, "nfsd": 194, "ufs": 195,
    "cam": 200, "g_part": 201, "g_label": 202, "mem": 203, "io": 204, "nexus/cpu": 205, "random": 206, "vt": 207,
    "msdosfs": 208, "cd9660": 209, "mac": 210, "if_lagg": 211,
}  # fmt: skip
_ALSO_BUILT_IN = {"vtnet", "virtio_pci", "virtio_blk", "virtio_balloon", "virtio_scsi", "geom_label", "geom_part_gpt"}


class Loaded(NamedTuple):
    """A line of kldstat(8)."""

    id: int
    references: int
    address: int
    size: int
    name: str  # with .ko, but for the kernel


def module_names(name: str) -> Tuple[str, ...]:
    """The modules in a file; most have one of the file's name."""
    file = FILES.get(name)
    return () if file is None else file.modules or (name,)


def bare(name: str) -> str:
    """The file's name without directory and .ko."""
    name = name.rsplit("/", 1)[-1]
    return name[:-3] if name.endswith(".ko") else name


def in_kernel(name: str) -> bool:
    return name in BUILT_IN or name in _ALSO_BUILT_IN


def loaded_files() -> List[str]:
    from . import boot

    boot.start()
    return list(state.peek("kernel", "kld").get("modules", []))


def loaded(name: str) -> bool:
    """Whether the file of that name is loaded."""
    return name in loaded_files()


def _can_initialise(name: str, module: str) -> bool:
    """vmm's own module refuses a CPU without virtualisation; the file stays loaded, for the ppt driver is in it."""
    from . import sysctl_values

    return not (module == "vmm" and name == "vmm" and sysctl_values.settings().get("cpu") == "none")


def module_loaded(module: str) -> bool:
    """kldstat -m: a module of the kernel or of a loaded file."""
    if module in BUILT_IN:
        return True
    return any(module in module_names(name) and _can_initialise(name, module) for name in loaded_files())


def _add(doc: Dict[str, Any], name: str, asked: bool = True) -> None:
    """Load a file and what it needs. ``asked``: for its own sake, which is a reference more."""
    modules: List[str] = doc.setdefault("modules", [])
    if asked and name not in doc.setdefault("asked", []):
        doc["asked"].append(name)
    if name in modules:
        return
    needs = FILES[name].needs if name in FILES else ()
    modules.append(name)
    _number(doc)
    for needed in needs:
        _add(doc, needed, asked=False)


def _number(doc: Dict[str, Any]) -> None:
    """Give an id to each file that has none."""
    ids: Dict[str, int] = doc.setdefault("ids", {})
    for name in list(ids):
        if name not in doc.get("modules", []):
            del ids[name]
    for name in doc.get("modules", []):
        if name not in ids:
            doc["last"] = doc.get("last", 1) + 1
            ids[name] = doc["last"]


def load(name: str) -> int:
    """Load a file and what it needs; its id. KeyError: there is no such file."""
    if name not in FILES:
        raise KeyError(name)
    loaded_files()
    with state.kernel("kld") as doc:
        _add(doc, name)
        return int(doc["ids"][name])


def load_at_boot(name: str) -> None:
    """What the loader does for ``NAME_load="YES"``: a name that it does not find is only a message at boot."""
    if name in FILES:
        with state.kernel("kld") as doc:
            _add(doc, name)


def needed_by(name: str) -> List[str]:
    return [other for other in loaded_files() if name in FILES.get(other, File(0)).needs]


def unload(name: str) -> None:
    loaded_files()
    with state.kernel("kld") as doc:
        for key in ("modules", "asked"):
            doc[key] = [other for other in doc.get(key, []) if other != name]
        _number(doc)


def table() -> List[Loaded]:
    """kldstat(8)'s lines: the kernel and the files, with addresses as the linker would give them."""
    names = loaded_files()
    with state.kernel("kld") as doc:
        _number(doc)
        ids, asked = dict(doc.get("ids", {})), set(doc.get("asked", []))
    lines = [Loaded(1, 10 + 3 * len(names), 0xFFFFFFFF80200000, KERNEL_SIZE, "kernel")]
    small, big = _SMALL_FROM, _BIG_FROM
    for name in names:
        size = FILES[name].size if name in FILES else _PAGE
        if size >= _BIG:
            address, big = big, -(-(big + size) // _BIG) * _BIG
        else:
            address, small = small, -(-(small + size) // _PAGE) * _PAGE
        lines.append(Loaded(ids[name], (name in asked) + len(needed_by(name)), address, size, name + ".ko"))
    return sorted(lines, key=lambda line: line.id)


def find(name: str) -> Optional[Loaded]:
    """A file by its name, with or without .ko."""
    wanted = bare(name)
    return next((line for line in table() if bare(line.name) == wanted), None)

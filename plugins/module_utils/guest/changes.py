# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which a guest's things on the host are made, changed and removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import create_file, grow_file
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Zfs


@dataclass(frozen=True)
class CreateDataset(Change):
    """The guest's own dataset; its volumes inherit volmode=dev from it or from above."""

    dataset: str
    volmode: bool

    def describe(self) -> str:
        return f"create dataset {self.dataset}"

    def apply(self, host: Host) -> None:
        # volmode is set here and never on a volume: a volume created with it may never get its device node.
        Zfs(host).create_filesystem(self.dataset, {"volmode": "dev"} if self.volmode else {})


@dataclass(frozen=True)
class CreateDirectory(Change):
    """The guest's directory, on a host without ZFS."""

    path: str

    def describe(self) -> str:
        return f"create directory {self.path}"

    def apply(self, host: Host) -> None:
        host.mkdir(self.path, 0o755)


@dataclass(frozen=True)
class WriteFile(Change):
    """A file of the guest, readable by root only."""

    path: str
    content: str
    what: str

    def describe(self) -> str:
        return f"write {self.what} {self.path}"

    def apply(self, host: Host) -> None:
        host.write(self.path, self.content, mode=0o600)


@dataclass(frozen=True)
class CopyVariables(Change):
    """The guest's own copy of the firmware's variables; the file must have its full size (bhyve refuses others)."""

    template: str
    path: str

    def describe(self) -> str:
        return f"copy the firmware's variables to {self.path}"

    def apply(self, host: Host) -> None:
        content = host.read(self.template)
        if not content:
            raise ApiaryError(f"cannot copy the firmware's variables: {self.template} is missing or empty")
        host.write(self.path, content, mode=0o600)


@dataclass(frozen=True)
class Allocate(Change):
    """What the host's allocation file says of one guest; the others' entries stay."""

    own: Allocations

    def describe(self) -> str:
        taps = [f"tap{number} for NIC {key.partition('/')[2]}" for key, number in self.own.taps.items()]
        taps += [f"port {number} for NIC {key.partition('/')[2]}" for key, number in self.own.ports.items()]
        vnc = [f"VNC port {port}" for port in self.own.vnc.values()]
        return f"allocate {', '.join([*taps, *vnc])}" if taps or vnc else "give back taps, ports and VNC ports"

    def apply(self, host: Host) -> None:
        known = allocations.load(host.read(ALLOCATIONS), ALLOCATIONS)
        host.write(ALLOCATIONS, allocations.dump(known.replaced(self.subject, self.own)), mode=0o600)


@dataclass(frozen=True)
class CreateVolume(Change):
    """A disk on a ZFS volume."""

    volume: str
    size: int
    sparse: bool
    volblocksize: int
    properties: Tuple[Tuple[str, str], ...] = ()

    def describe(self) -> str:
        return f"create {'sparse ' if self.sparse else ''}volume {self.volume} of {format_size(self.size)}"

    def apply(self, host: Host) -> None:
        Zfs(host).create_volume(self.volume, self.size, self.sparse, self.volblocksize or None, dict(self.properties))


@dataclass(frozen=True)
class CreateImage(Change):
    """A disk in a file."""

    path: str
    size: int
    sparse: bool

    def describe(self) -> str:
        return f"create {'sparse ' if self.sparse else ''}file {self.path} of {format_size(self.size)}"

    def apply(self, host: Host) -> None:
        create_file(host, self.path, self.size, self.sparse)


@dataclass(frozen=True)
class GrowVolume(Change):
    """A volume made larger; a running guest sees that on virtio-blk and nvme at once."""

    volume: str
    before: int
    size: int

    def describe(self) -> str:
        return f"grow volume {self.volume} from {format_size(self.before)} to {format_size(self.size)}"

    def apply(self, host: Host) -> None:
        Zfs(host).set(self.volume, {"volsize": str(self.size)})


@dataclass(frozen=True)
class GrowImage(Change):
    """A file made larger."""

    path: str
    before: int
    size: int
    sparse: bool

    def describe(self) -> str:
        return f"grow file {self.path} from {format_size(self.before)} to {format_size(self.size)}"

    def apply(self, host: Host) -> None:
        grow_file(self.path, self.size, self.sparse)


@dataclass(frozen=True)
class WriteGeneration(Change):
    """A boot generation, written whole before the link goes over to it."""

    directory: str
    conf: str
    rc: str

    def describe(self) -> str:
        return f"write boot generation {self.directory}"

    def apply(self, host: Host) -> None:
        host.mkdir(self.directory, 0o700)
        host.write(f"{self.directory}/bhyve.conf", self.conf, mode=0o600)
        host.write(f"{self.directory}/guest.rc", self.rc, mode=0o600)


@dataclass(frozen=True)
class SwitchBoot(Change):
    """The link that the guest's next boot follows."""

    link: str
    target: str

    def describe(self) -> str:
        return f"let {self.link} point to {self.target}"

    def apply(self, host: Host) -> None:
        host.symlink(self.target, self.link)


@dataclass(frozen=True)
class Remove(Change):
    """Files, links and directories (with all that is in them) of the guest that go."""

    what: str
    paths: Tuple[str, ...]

    def describe(self) -> str:
        return f"remove {self.what} {', '.join(self.paths)}"

    def apply(self, host: Host) -> None:
        for path in self.paths:
            host.remove(path)


@dataclass(frozen=True)
class SetAside(Change):
    """The record of a guest that goes while its data stays: a guest of that name finds its identity in it again."""

    record: str
    former: str

    def describe(self) -> str:
        return f"set the record {self.record} aside as {self.former}"

    def apply(self, host: Host) -> None:
        host.rename(self.record, self.former)


@dataclass(frozen=True)
class DestroyDataset(Change):
    """A volume or the guest's dataset, with its data; never a clone that depends on it."""

    dataset: str
    recursive: bool = False

    def describe(self) -> str:
        return f"destroy {self.dataset}{' and all that is in it' if self.recursive else ''}"

    def apply(self, host: Host) -> None:
        Zfs(host).destroy(self.dataset, recursive=self.recursive)


@dataclass(frozen=True)
class RemoveDirectory(Change):
    """The guest's directory, when nothing is left in it."""

    path: str

    def describe(self) -> str:
        return f"remove directory {self.path}"

    def apply(self, host: Host) -> None:
        host.rmdir(self.path)


@dataclass(frozen=True)
class DestroyTap(Change):
    """A tap that bears the guest's tag and that nobody has open (destroying an open one hangs until bhyve ends)."""

    tap: str

    def describe(self) -> str:
        return f"destroy interface {self.tap}"

    def apply(self, host: Host) -> None:
        host.run(["ifconfig", self.tap, "destroy"], what=f"cannot destroy the interface {self.tap}", timeout=30)

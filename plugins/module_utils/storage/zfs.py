# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ZFS datasets: one read for all of them, and the few commands that change them (zfs(8), zfsprops(7))."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Collection, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts

#: What read_datasets asks for unless told otherwise.
PROPERTIES: Tuple[str, ...] = (
    "type",
    "volsize",
    "volblocksize",
    "refreservation",
    "volmode",
    "mountpoint",
    "mounted",
    "canmount",
    "origin",
    "used",
    "available",
    "referenced",
)

#: What ``type`` of zfsprops(7) is for a dataset, and for what else may be read.
DATASETS = ("filesystem", "volume")
WITH_POINTS = (*DATASETS, "snapshot", "bookmark")

#: Where a property comes from that is the dataset's own, given to it or come with a stream.
OWN_SOURCES = ("local", "received")

_COLUMNS = "name,property,value,source"

#: How long a volume's device node may take to appear, in seconds; it comes asynchronously, usually at once.
NODE_TIMEOUT = 30.0
_NODE_POLL = 0.1

_INDIRECT_BLOCK = 128 * 1024
_POINTERS_PER_BLOCK = 1024


@dataclass(frozen=True)
class Dataset:
    """A file system or volume, or a snapshot or bookmark of one; ``type`` says which, as zfs(8) does.

    ``props`` maps a property to (value, source), sizes in bytes as text.
    """

    name: str
    type: str
    props: Dict[str, Tuple[str, str]] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """A property's value; ``-`` where ZFS has none. UnknownState when it was not asked for."""
        try:
            return self.props[name][0]
        except KeyError as error:
            raise UnknownState(f"the property {name} of dataset {self.name} was not read") from error

    def source(self, name: str) -> str:
        """Where a property comes from: local, default, ``inherited from X``, received or ``-``."""
        self.value(name)
        return self.props[name][1]

    def own(self, name: str) -> str:
        """A property that was given to it itself; '' when it was not, or is inherited."""
        return self.value(name) if self.source(name) in OWN_SOURCES else ""

    def size(self, name: str) -> int:
        """A property that is a number of bytes; 0 where ZFS has none (``-``, ``none``). UnknownState for any other."""
        value = self.value(name)
        if value in ("-", "none"):
            return 0
        if not value.isdigit():
            raise UnknownState(f"the property {name} of dataset {self.name} is no number: {value!r}")
        return int(value)

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume."""
        return self.type == "volume"

    @property
    def mounted(self) -> bool:
        """Whether the file system is mounted now."""
        return self.value("mounted") == "yes"

    @property
    def node(self) -> str:
        """Where a volume's device node appears."""
        return volume_node(self.name)


def volume_node(name: str) -> str:
    """The device node of a volume."""
    return f"/dev/zvol/{name}"


def parse_datasets(text: str, types: Collection[str] = DATASETS) -> Dict[str, Dataset]:
    """Read ``zfs get -Hp -o name,property,value,source``, with the property ``type``, by full name.

    UnknownState for a line without exactly these fields, and for what is of none of these types.
    """
    props: Dict[str, Dict[str, Tuple[str, str]]] = {}
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) != 4:
            raise UnknownState(f"`zfs get -Hp` printed a line that cannot be read: {line!r}")
        props.setdefault(fields[0], {})[fields[1]] = (fields[2], fields[3])
    datasets: Dict[str, Dataset] = {}
    for name, values in props.items():
        kind = values.get("type", ("", ""))[0]
        if kind not in types:
            raise UnknownState(f"`zfs get -Hp` says that {name} is of type {kind!r}")
        datasets[name] = Dataset(name, kind, values)
    return datasets


def read_datasets(
    host: Host, root: str, properties: Iterable[str] = PROPERTIES, recursive: bool = True
) -> Dict[str, Dataset]:
    """The file systems and volumes from ``root`` down, by name, with one command; empty if ``root`` does not exist.

    Anything else that goes wrong is a CommandError: a pool that does not answer is not an absent dataset.
    """
    wanted = list(dict.fromkeys(["type", *properties]))
    depth = ["-r"] if recursive else []
    argv = ["zfs", "get", "-Hp", *depth, "-t", ",".join(DATASETS), "-o", _COLUMNS]
    what = f"cannot read the ZFS datasets below {root}"
    result = host.run([*argv, ",".join(wanted), root], what=what, accept=(0, 1))
    if result.rc == 0:
        datasets = parse_datasets(result.stdout)
        if root not in datasets:
            raise UnknownState(f"`zfs get -Hp` exited 0 and said nothing of the dataset {root} that it was asked for")
        return datasets
    if result.stderr.strip() == f"cannot open '{root}': dataset does not exist":
        return {}
    raise CommandError(what, result.argv, result.rc, result.stdout, result.stderr)


def read_with_points(host: Host, datasets: Sequence[str], properties: Iterable[str]) -> Dict[str, Dataset]:
    """These datasets, which exist, and all below them, with their snapshots and bookmarks: one command, or none.

    By full name. CommandError when one of them does not exist, or a property is unknown.
    """
    if not datasets:
        return {}
    wanted = ",".join(dict.fromkeys(["type", *properties]))
    argv = ["zfs", "get", "-Hp", "-r", "-t", ",".join(WITH_POINTS), "-o", _COLUMNS, wanted, *datasets]
    return parse_datasets(host.run(argv, what="cannot read the ZFS snapshots").stdout, WITH_POINTS)


def volume_reservation(size: int, block: int) -> int:
    """What a volume that is not sparse takes from the pool, in bytes: its size and its indirect blocks, held twice.

    The rule of zfs(8) for a volume with copies=1 on plain or mirrored disks; on raidz it is more.
    """
    blocks = -(-size // block)
    indirect = 7
    while blocks > 1:
        blocks = -(-blocks // _POINTERS_PER_BLOCK)
        indirect += blocks
    return size + 2 * indirect * _INDIRECT_BLOCK


class Zfs:
    """The zfs(8) commands that change something, each with an error that says what was wanted."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def create_filesystem(self, name: str, properties: Mapping[str, str], parents: bool = False) -> None:
        """Make a file system and mount it."""
        flags = ["-p"] if parents else []
        self._host.run(
            ["zfs", "create", *flags, *_options(properties), name], what=f"cannot create the file system {name}"
        )

    def create_volume(
        self,
        name: str,
        size: int,
        sparse: bool,
        block: Optional[int] = None,
        properties: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Make a volume of ``size`` bytes, a multiple of its block size, and wait for its device node.

        ``volmode`` is never given here: on FreeBSD nodes of volumes created with it may never appear; inherited, they
        do.
        """
        flags = ["-s"] if sparse else []
        if block is not None:
            flags += ["-b", str(block)]
        flags += _options(properties or {})
        self._host.run(["zfs", "create", *flags, "-V", str(size), name], what=f"cannot create the volume {name}")
        self.wait_for_node(name)

    def wait_for_node(self, name: str, timeout: float = NODE_TIMEOUT) -> None:
        """Wait until a volume's device node is there; ApiaryError after ``timeout`` seconds."""
        node = volume_node(name)
        if all(self._host.stat(node) is None for _attempt in attempts(timeout, _NODE_POLL)):
            raise ApiaryError(
                f"the volume {name} exists, but its device node {node} did not appear within {timeout:g} s; "
                f"`zfs set volmode=none {name}` and then `zfs inherit volmode {name}` make ZFS try again"
            )

    def set(self, name: str, properties: Mapping[str, str]) -> None:
        """Set properties with one command."""
        words = [f"{key}={value}" for key, value in properties.items()]
        self._host.run(["zfs", "set", *words, name], what=f"cannot set {', '.join(words)} on {name}")

    def inherit(self, name: str, prop: str) -> None:
        """Let a property be inherited again."""
        self._host.run(["zfs", "inherit", prop, name], what=f"cannot let {name} inherit {prop}")

    def mount(self, name: str) -> None:
        """Mount a file system."""
        self._host.run(["zfs", "mount", name], what=f"cannot mount the file system {name}")

    def destroy(self, name: str, recursive: bool = False) -> None:
        """Destroy a dataset; with ``recursive`` also its children and snapshots, never clones that depend on them."""
        flags = ["-r"] if recursive else []
        hint = "Nothing else is destroyed with it: what is named here has to go, or be promoted, first."
        self._host.run(["zfs", "destroy", *flags, name], what=f"cannot destroy {name}", hint=hint)


def _options(properties: Mapping[str, str]) -> List[str]:
    words: List[str] = []
    for key, value in properties.items():
        words += ["-o", f"{key}={value}"]
    return words

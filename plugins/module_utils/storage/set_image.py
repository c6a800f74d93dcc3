# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making a disk of FreeBSD's distribution sets, as release/tools/vmimage.subr does, without mount(8) and md(4).

Everything lies in one directory, ``.partial-NAME.sets``, until the disk is complete.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import sets
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.building import run_makefs
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import Checksum, digests_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import DownloadError, Limits, Part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import (
    RECORDED,
    ChecksumError,
    Fetched,
    Fetcher,
    Say,
    check_space,
    file_name,
    is_url,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import BUILDING, EXTRACTING, INSTALLING, Store
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sets import Sets
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import copy_sparse, nothing
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.xz import uncompressed_size

#: The programs that make the disk, all of FreeBSD's base system.
PROGRAMS = ("/usr/bin/tar", "/usr/sbin/makefs", "/usr/bin/mkimg")

_LOADER = "boot/loader.efi"
#: Without these in the sets the disk does not boot.
_BOOT_FILES = (_LOADER, "boot/pmbr", "boot/gptboot")
#: Directories of the tree in which something is written; a link there would lead out of the tree.
_WRITTEN = ("etc", "boot", "root")
#: What the proxies of the task's environment are called (fetch(3)).
_PROXY = re.compile(r"(?:https?|no)_proxy|(?:HTTPS?|NO)_PROXY")


def missing_programs(host: Host) -> List[str]:
    """The programs that are needed and not on the host."""
    return [path for path in PROGRAMS if host.stat(path) is None]


def directory_of(store: Store, name: str) -> str:
    """Where the parts of an image lie while it is made of sets."""
    return store.partial(name, "sets")


def clear(host: Host, store: Store, name: str, keep_download: bool) -> None:
    """Remove what lies there, or all but the sets that were downloaded."""
    directory = directory_of(store, name)
    if not keep_download:
        _clear_flags(directory)
        host.rmtree(directory)
        return
    for entry in host.listdir(directory) or ():
        if not entry.endswith(".txz"):
            path = f"{directory}/{entry}"
            _clear_flags(path)
            host.remove(path)


class SetBuilder:
    """Makes one disk. ``directories`` are the mirrors, or one directory of the host; ``checksum`` is the MANIFEST's."""

    def __init__(
        self,
        host: Host,
        store: Store,
        name: str,
        wanted: Sets,
        directories: Sequence[str],
        checksum: Optional[Checksum],
        limits: Limits,
        say: Say,
    ) -> None:
        self._host = host
        self._store = store
        self._name = name
        self._wanted = wanted
        self._directories = tuple(directories)
        self._checksum = checksum
        self._limits = limits
        self._say = say
        self._here = directory_of(store, name)
        self._tree = f"{self._here}/tree"

    def build(self, disk: str, part: Part) -> Fetched:
        """Write the disk to a new file. ``part`` is how far the download of a set has come in an earlier run.

        The result has the digests of the MANIFEST. DownloadError when what was received is worth keeping, any other
        ApiaryError when it is not.
        """
        self._host.mkdir(self._here, 0o700)
        fetched = self._fetch(sets.MANIFEST, self._checksum, Part())
        origin = fetched.origin.rpartition("/")[0]
        manifest = sets.parse_manifest(self._host.read(fetched.path) or "", fetched.origin)
        digests = {name: sets.digest_of(manifest, name, fetched.origin) for name in self._wanted.names}
        archives = self._archives(digests, part)
        self._unpack(archives)
        self._configure()
        self._install()
        self._make(disk)
        self._remove(self._here)
        return Fetched(disk, origin, fetched.digests, ours=False)

    # what it is made of

    def _archives(self, digests: Mapping[str, str], part: Part) -> Dict[str, str]:
        """The file of each set, verified."""
        found: Dict[str, str] = {}
        for name, digest in digests.items():
            file = f"{name}.txz"
            path = f"{self._here}/{file}"
            begun = part if file_name(part.url) == file else Part()
            if not begun.url and self._there(path, digest):
                found[name] = path
                continue
            found[name] = self._fetch(file, Checksum(RECORDED, digest), begun).path
        return found

    def _there(self, path: str, digest: str) -> bool:
        """Whether an earlier run has brought a set as a whole."""
        if self._host.stat(path) is None:
            return False
        if digests_of(path, (RECORDED,), nothing)[RECORDED] == digest:
            return True
        self._host.unlink(path)
        return False

    def _fetch(self, file: str, checksum: Optional[Checksum], part: Part) -> Fetched:
        sources = [f"{directory}/{file}" for directory in self._directories]
        if not is_url(sources[0]) and self._host.stat(sources[0]) is None:
            raise ChecksumError(f"the file {sources[0]} does not exist on the host")
        fetcher = Fetcher(self._host, self._store, self._name, sources, checksum, self._limits, self._say)
        try:
            return fetcher.fetch(f"{self._here}/{file}", part)
        except DownloadError as error:
            raise DownloadError(f"{file}: {error}") from error

    def _unpack(self, archives: Mapping[str, str]) -> None:
        """All sets into one tree."""
        self._say(EXTRACTING, 0, None)
        self._check_room(archives)
        self._host.mkdir(self._tree, 0o755)
        for number, (name, path) in enumerate(archives.items()):
            self._host.run(sets.extract(path, self._tree), what=f"cannot extract the set {name}")
            self._say(EXTRACTING, (number + 1) * 100 // len(archives), None)
        for name in _WRITTEN:
            status = self._host.lstat(f"{self._tree}/{name}")
            if status is None or not stat.S_ISDIR(status.st_mode):
                raise ApiaryError(f"the sets hold no directory /{name}: they are not those of a FreeBSD system")
        for name in _BOOT_FILES:
            status = self._host.lstat(f"{self._tree}/{name}")
            if status is None or not stat.S_ISREG(status.st_mode):
                raise ApiaryError(f"the sets hold no file /{name}, so no guest would boot from the image")

    def _check_room(self, archives: Mapping[str, str]) -> None:
        """Room for the tree, the file system made of it, and the disk with that, which are there at the same time."""
        sizes = [uncompressed_size(path) for path in archives.values()]
        known = sum(size for size in sizes if size is not None)
        who = f"image {self._name}: what is in the sets, a file system and a disk of it take"
        check_space(self._host, self._store, who, 3 * known)

    # what is in it beside the sets

    def _configure(self) -> None:
        wanted, tree = self._wanted, self._tree
        self._host.mkdir(f"{tree}/boot/efi", 0o755)
        self._host.write(f"{tree}/etc/fstab", sets.fstab(), mode=0o644)
        self._host.write(f"{tree}/etc/rc.conf", sets.rc_conf(wanted), mode=0o644)
        self._host.write(f"{tree}/boot/loader.conf", sets.loader_conf(wanted), mode=0o644)
        # rc(8) runs the scripts with the keyword firstboot, growfs among them, while it exists.
        self._host.write(f"{tree}/firstboot", "", mode=0o644)
        if wanted.authorized_keys:
            self._host.mkdir(f"{tree}/root/.ssh", 0o700)
            self._host.write(f"{tree}/root/.ssh/authorized_keys", sets.authorized_keys(wanted), mode=0o600)
        if wanted.root_password:
            self._host.run(
                sets.set_password(tree), what="cannot set the password of root", stdin=wanted.root_password + "\n"
            )

    def _install(self) -> None:
        wanted, tree = self._wanted, self._tree
        if not wanted.packages:
            return
        self._say(INSTALLING, 0, None)
        header = f"{tree}/usr/include/sys/param.h"
        osversion = sets.osversion_of(self._host.read(header) or "", "/usr/include/sys/param.h of the set base")
        self._host.run(
            sets.install(tree, wanted, osversion),
            what="cannot install the packages",
            env={name: value for name, value in os.environ.items() if _PROXY.fullmatch(name)},
            hint="The image was not made. The repositories are those of /etc/pkg in the sets.",
        )
        self._remove(f"{tree}/var/cache/pkg")
        self._say(INSTALLING, 100, None)

    # the disk

    def _make(self, disk: str) -> None:
        self._say(BUILDING, 0, None)
        esp, root = f"{self._here}/esp.img", f"{self._here}/root.img"
        self._make_esp(esp)
        self._say(BUILDING, 10, None)
        run_makefs(
            self._host,
            sets.make_root(root, self._tree, self._wanted.size),
            root,
            self._wanted.size,
            "cannot make the root file system",
            "If the sets do not fit, give a larger sets.size.",
        )
        self._say(BUILDING, 60, None)
        self._host.run(sets.make_disk(disk, self._tree, esp, root), what="cannot make the disk")
        self._say(BUILDING, 100, None)

    def _make_esp(self, image: str) -> None:
        """The EFI system partition, with the loader where firmware looks for it."""
        top = f"{self._here}/esp"
        self._host.mkdir(f"{top}/EFI/BOOT", 0o755, parents=True)
        loader = f"{self._tree}/{_LOADER}"
        status = self._host.stat(loader)
        copy_sparse(loader, f"{top}/EFI/BOOT/BOOTX64.EFI", status.st_size if status else 0, regular=True)
        what = "cannot make the EFI system partition"
        run_makefs(self._host, sets.make_esp(image, top), image, sets.ESP_KIB << 10, what)

    def _remove(self, path: str) -> None:
        _clear_flags(path)
        self._host.rmtree(path)


def _clear_flags(top: str) -> None:
    """Take file flags such as schg (chflags(1)) off everything below a directory, so that it can be removed.

    FileError when the system does not allow it (securelevel(7)).
    """
    if not hasattr(os, "chflags"):
        return
    for path, flags in _flagged(top):
        try:
            os.chflags(path, 0, follow_symlinks=False)
        except OSError as error:
            raise FileError(f"clear the file flags ({flags:#x}) of", path, error) from error


def _flagged(top: str) -> List[Tuple[str, int]]:
    """The files and directories with flags that keep them from being removed, and the flags."""
    found: List[Tuple[str, int]] = []
    pending = [top]
    keeping = stat.SF_IMMUTABLE | stat.SF_APPEND | stat.SF_NOUNLINK
    keeping |= stat.UF_IMMUTABLE | stat.UF_APPEND | stat.UF_NOUNLINK
    while pending:
        path = pending.pop()
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                pending += [entry.path for entry in os.scandir(path)]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UnknownState(f"cannot read {path}: {error.strerror or error}") from error
        flags = getattr(status, "st_flags", 0)
        if flags & keeping:
            found.append((path, flags))
    return found

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot trees on a host: an archive is fetched, verified and extracted beside the place that it then takes whole."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from typing import ContextManager, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.trees.options import MARKER, Made, Tree, dump, load
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import (
    Checksum,
    digests_of,
    find_digest,
    parse_checksum,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import Limits, Part, download, fetch_text
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import file_path, is_url
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space

_LOCK = f"{RUN}/.boot-trees.lock"
_LOCK_TIMEOUT = 3600.0
_RECORDED = "sha256"


@dataclass(frozen=True)
class MakeTree(Change):
    """Fetch, verify, extract; ``subject`` is the tree's path."""

    tree: Tree
    made: Made
    anew: bool

    def describe(self) -> str:
        what = f" ({', '.join(self.made.paths)})" if self.made.paths else ""
        return f"{'replace' if self.anew else 'make'} {self.subject} from {self.made.source}{what}"

    def apply(self, host: Host) -> None:
        tree = self.tree
        host.mkdir(os.path.dirname(tree.path), 0o755, parents=True)
        host.remove(tree.unfinished)
        try:
            digest = self._extract(host, _fetched(tree, self.made))
            host.write(f"{tree.unfinished}/{MARKER}", dump(self.made, digest), mode=0o644)
            _take_place(host, tree)
        finally:
            host.remove(tree.unfinished)
            host.unlink(tree.download)

    def _extract(self, host: Host, archive: str) -> str:
        tree, made = self.tree, self.made
        digest = _verified(host, made, archive)
        host.mkdir(tree.unfinished, 0o755)
        modes = ["-p"] if made.keep_modes else ["-o"]
        names = ["--", *made.paths] if made.paths else []
        host.run(
            ["tar", "-x", *modes, "-f", archive, "-C", tree.unfinished, *names],
            what=f"cannot extract {made.source}",
            hint="Is it an archive, and are all of paths in it?",
        )
        if not made.keep_modes:
            _let_everybody_read(tree.unfinished)
        return digest


@dataclass(frozen=True)
class RemoveTree(Change):
    """Remove a tree; ``subject`` is its path."""

    tree: Tree

    def describe(self) -> str:
        return f"remove {self.subject}"

    def apply(self, host: Host) -> None:
        # At once for who looks, then at leisure.
        host.remove(self.tree.old)
        host.rename(self.tree.path, self.tree.old)
        host.rmtree(self.tree.old)


def _fetched(tree: Tree, made: Made) -> str:
    """The archive as a file of the host."""
    if not is_url(made.source):
        return made.source

    def fits(more: int) -> None:
        free = free_space(os.path.dirname(tree.path))
        if more > free:
            raise BadInput(f"{tree.path}: the download takes {more} bytes, and {free} are free there")

    download([made.source], tree.download, Part(), Limits(), lambda part: None, fits)
    return tree.download


def _verified(host: Host, made: Made, archive: str) -> str:
    """The file's SHA-256; ApiaryError when it is not what was declared."""
    declared = parse_checksum(made.checksum, "checksum") if made.checksum else None
    algorithm = declared.algorithm if declared is not None else _RECORDED
    digests = digests_of(archive, sorted({algorithm, _RECORDED}), lambda done: None)
    expected = "" if declared is None else _expected(host, declared, made.source)
    if expected and digests[algorithm] != expected:
        raise ApiaryError(f"wrong checksum: {made.source} has {algorithm}:{digests[algorithm]}, not {expected}")
    return digests[_RECORDED]


def _expected(host: Host, declared: Checksum, source: str) -> str:
    if not declared.by_file:
        return declared.value
    text = host.read(declared.value) if declared.value.startswith("/") else fetch_text(declared.value, Limits())
    if text is None:
        raise ApiaryError(f"the file of digests {declared.value} does not exist on the host")
    return find_digest(text, declared.algorithm, [file_path(source)], declared.value)


def _let_everybody_read(top: str) -> None:
    """Directories 0755, files 0644, or 0755 if their owner could run them. Servers run as nobody. FileError."""
    try:
        os.chmod(top, 0o755)
        for folder, folders, files in os.walk(top):
            for name in folders + files:
                path = f"{folder}/{name}"
                mode = os.lstat(path).st_mode
                if stat.S_ISDIR(mode):
                    os.chmod(path, 0o755)
                elif stat.S_ISREG(mode):
                    os.chmod(path, 0o755 if mode & stat.S_IXUSR else 0o644)
    except OSError as error:
        raise FileError("set the modes below", top, error) from error


def _take_place(host: Host, tree: Tree) -> None:
    host.remove(tree.old)
    if host.lstat(tree.path) is not None:
        host.rename(tree.path, tree.old)
    host.rename(tree.unfinished, tree.path)
    host.remove(tree.old)


def lock(host: Host) -> ContextManager[None]:
    """Held while trees are made; not the host lock, for a download takes long. ApiaryError."""
    return host.lock(_LOCK, _LOCK_TIMEOUT)


def plan(host: Host, trees: Sequence[Tree], check_mode: bool) -> Plan:
    """Read what is there and plan. No command is started for that. BadInput, UnknownState."""
    made = Plan()
    todo: List[Change] = []
    for tree in trees:
        todo += _changes(host, made, tree, check_mode)
    for change in todo:
        made.add(change)
    return made


def _changes(host: Host, made: Plan, tree: Tree, check_mode: bool) -> List[Change]:
    marker = f"{tree.path}/{MARKER}"
    status = host.lstat(tree.path)
    there = load(host.read(marker), marker) if status is not None and stat.S_ISDIR(status.st_mode) else None
    if status is not None and there is None and (tree.made is None or not _empty(host, tree.path)):
        raise BadInput(f"path: {tree.path} is there and no boot tree (it has no {MARKER}); give another, or remove it")
    made.before[tree.path] = {} if there is None else there.fields()
    made.after[tree.path] = {}
    if tree.made is None:
        return [] if there is None else [RemoveTree(tree.path, tree)]
    wanted = _stamped(host, tree, tree.made, check_mode)
    made.after[tree.path] = wanted.fields()
    return [] if wanted == there else [MakeTree(tree.path, tree, wanted, there is not None)]


def _empty(host: Host, path: str) -> bool:
    status = host.lstat(path)
    return status is not None and stat.S_ISDIR(status.st_mode) and not host.listdir(path)


def _stamped(host: Host, tree: Tree, made: Made, check_mode: bool) -> Made:
    """With size and time of a source on the host, which nobody has declared a checksum of."""
    if is_url(made.source):
        return made
    status = host.stat(made.source)
    if status is None and not check_mode:
        raise BadInput(f"{tree.path}: source: {made.source} does not exist on the host")
    if status is None or made.checksum:
        return made
    return replace(made, stamp=f"{status.st_size} {status.st_mtime_ns}")

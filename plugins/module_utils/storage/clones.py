# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones of ZFS volumes, full copies of them, and new names.

zfs-clone(8), zfs-promote(8), zfs-rename(8), zfs-send(8), zfs-receive(8).
"""

from __future__ import annotations

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.pipes import run_pipeline
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Zfs

_NO_SNAPSHOT = "could not find any snapshots to destroy; check snapshot names."


def drop_base(host: Host, dataset: str, name: str, defer: bool) -> None:
    """Let a snapshot go, on a dataset and on all below it; one that is gone already is fine.

    With ``defer`` what clones are made of stays until the last of them is gone: ZFS destroys it then (zfs-destroy(8),
    -d). Promoted, it moves to the clone and keeps that mark. CommandError.
    """
    full = f"{dataset}@{name}"
    flags = ["-d", "-r"] if defer else ["-r"]
    what = f"cannot destroy the snapshot {full}"
    result = host.run(["zfs", "destroy", *flags, full], what=what, accept=(0, 1))
    if result.rc != 0 and result.stderr.strip() != _NO_SNAPSHOT:
        raise CommandError(what, result.argv, result.rc, result.stdout, result.stderr)


def clone_volume(host: Host, snapshot: str, volume: str) -> None:
    """Make a volume that shares its blocks with a snapshot, and wait for its device node.

    Its properties are those of its new parents, ``volmode`` among them, but for size and block size.
    """
    host.run(["zfs", "clone", snapshot, volume], what=f"cannot clone {snapshot} to {volume}")
    Zfs(host).wait_for_node(volume)


def copy_volume(host: Host, snapshot: str, volume: str) -> None:
    """Make a volume with all the data of a snapshot, on which nothing depends, and wait for its device node.

    ZFS shows it when it is whole; what a broken stream left, it destroys by itself. It has the snapshot too then.
    """
    run_pipeline(
        host, [["zfs", "send", snapshot], ["zfs", "receive", volume]], what=f"cannot copy {snapshot} to {volume}"
    )
    Zfs(host).wait_for_node(volume)


def promote(host: Host, dataset: str) -> None:
    """Let a clone own what it was cloned from: its origin becomes the clone, and older snapshots go over to it."""
    host.run(["zfs", "promote", dataset], what=f"cannot promote {dataset}")


def rename(host: Host, dataset: str, name: str) -> None:
    """Give a dataset, with all below it, another name; its file system goes over to the mount point that follows.

    ZFS does this to a volume that is in use, and does not take it for busy any more then: see to it before.
    """
    hint = "A file system in which somebody has a file open or is at work cannot be renamed."
    host.run(["zfs", "rename", dataset, name], what=f"cannot rename {dataset} to {name}", hint=hint)

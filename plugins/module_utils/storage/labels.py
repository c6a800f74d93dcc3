# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The other names that disks and partitions have: glabel(8)."""

from __future__ import annotations

from typing import Dict, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

GLABEL = ("glabel", "status", "-s")

#: A label's device and the device that it is a name of: /dev/gpt/rootfs and /dev/ada0p2.
Labels = Mapping[str, str]


def parse_labels(text: str) -> Dict[str, str]:
    """Read ``glabel status -s``: name, status, component. UnknownState for a line that cannot be read."""
    labels: Dict[str, str] = {}
    for line in text.splitlines():
        # A name may have spaces (msdosfs/NO NAME), the others have none.
        words = line.strip().rsplit(None, 2)
        if len(words) != 3:
            raise UnknownState(f"`{' '.join(GLABEL)}` printed a line that cannot be read: {line!r}")
        labels[f"/dev/{words[0]}"] = f"/dev/{words[2]}"
    return labels


def read_labels(host: Host) -> Dict[str, str]:
    """All labels; none on a kernel without them."""
    what = "cannot list the labels of the disks"
    done = host.run(GLABEL, what=what, accept=(0, 1))
    if done.rc == 1 and "not available" not in done.stderr:
        raise CommandError(what, done.argv, done.rc, done.stdout, done.stderr)
    return parse_labels(done.stdout)


def unlabelled(path: str, labels: Labels) -> str:
    """The device's own name, of whatever label, or of a partition of a labelled disk (/dev/diskid/DISK-S3p2)."""
    for label, device in labels.items():
        rest = path[len(label) :]
        if path == label or (path.startswith(label) and rest[:1] in ("p", "s") and rest[1:2].isdigit()):
            return device + rest
    return path

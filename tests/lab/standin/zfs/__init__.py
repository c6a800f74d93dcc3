# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model behind the stand-in's zfs(8) and zpool(8): pools, datasets, their properties, space and contents.

Real: files of mounted datasets (bind mounts of directories below the lab's disk), bytes of volumes, snapshots, clones
and streams (copies), who has a volume open, sizes, quotas and reservations that are checked when something is made or
set.

Not real: compression and deduplication (1.00x), encryption (keys decide what can be mounted, nothing is encrypted),
device nodes of volumes (links to files), quotas while files are written, the end of the pool while something is written
(but see limit.py), `.zfs` directories (links that everybody sees).
"""

from __future__ import annotations

from .. import state

_VERSIONS = {"14.0-CURRENT": "2.1.99-FreeBSD_gcb01da680"}
_DEFAULT_VERSION = "2.2.7-FreeBSD_ge269af1b3"  # 14.3-RELEASE


def version() -> str:
    """OpenZFS's version on this host, as `zfs version` prints it."""
    return _VERSIONS.get(state.peek("disk", "host").get("release", ""), _DEFAULT_VERSION)


def has_json() -> bool:
    """Whether this release's zfs and zpool take -j (OpenZFS 2.3: FreeBSD 15)."""
    return int(state.peek("disk", "host").get("osreldate", 0)) >= 1500000

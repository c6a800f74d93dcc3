# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nfs-exports.txt: two directories on one file system, and a host that has an address."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"cpus": 2, "uplinks": {"vtnet0": "wire0"}}


def prepare(host: StandinHost) -> None:
    """The directories, and the place to mount on."""
    host.sh("mkdir -p /export/a /export/b /mnt/n; echo hello > /export/a/file; rm -f /etc/zfs/exports", check=True)

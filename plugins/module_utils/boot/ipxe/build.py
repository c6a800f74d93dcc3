# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an iPXE image is built on the host, without mount(8) and md(4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Dict

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.esp import (
    Layout,
    check_plain,
    make_disk,
    make_esp,
    manifest,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.building import Builder, run_makefs
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import digests_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import Fetched
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import nothing

#: The programs that make the disk, all of FreeBSD's base system.
PROGRAMS = ("/usr/sbin/makefs", "/usr/bin/mkimg")
#: What a key begins with that says of an image that it is one with iPXE.
KIND = "ipxe"
_DIGEST = "sha256"


@dataclass(frozen=True)
class Ipxe(Builder):
    """An image with iPXE. ``program`` is its path and ``digest`` its SHA-256; ``autoexec`` is the script, whole.

    ``settings``: what it follows from in the options, see plan.py.
    """

    program: str
    digest: str
    autoexec: str
    layout: Layout
    settings: Dict[str, Any]

    def key(self) -> Dict[str, Any]:
        return {
            "kind": KIND,
            "program": self.program,
            "program_sha256": self.digest,
            "autoexec_sha256": hashlib.sha256(self.autoexec.encode("utf-8", "surrogateescape")).hexdigest(),
            "fat_type": self.layout.fat_type,
            "kib": self.layout.kib,
            **self.settings,
        }

    def space(self) -> int:
        # The partition, and the disk that it is copied to.
        return 2 * (self.layout.kib << 10)

    def build(self, host: Host, directory: str, disk: str) -> Fetched:
        check_plain(directory, "the directory of images")
        script, spec, partition = (f"{directory}/{name}" for name in ("autoexec.ipxe", "manifest", "esp.img"))
        host.write(script, self.autoexec, mode=0o644)
        host.write(spec, manifest(self.program, script), mode=0o644)
        what = "cannot make the EFI system partition"
        run_makefs(host, make_esp(partition, spec, self.layout), partition, self.layout.kib << 10, what)
        if digests_of(self.program, (_DIGEST,), nothing)[_DIGEST] != self.digest:
            raise ApiaryError(f"{self.program} was changed while the image was made of it; run this again")
        host.run(make_disk(disk, partition), what="cannot make the disk")
        host.rmtree(directory)
        return Fetched(disk, self.program, {_DIGEST: self.digest}, ours=False)

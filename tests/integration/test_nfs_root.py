# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest whose root is a directory of the host's, in QEMU: firmware, iPXE, dhcpd, tftpd, kernel, nfsd, login."""

from __future__ import annotations

from typing import Any, Dict

import nfs_root
import pytest
from harness import Modules
from netboot import Console, serve
from standin.host import StandinHost

FOLDER = "/export/node8"
EXPORT: Dict[str, Any] = {
    "name": "node8",
    "paths": [FOLDER],
    "network": "10.10.0.0/24",
    "maproot": "root",
    "read_only": False,
    "enabled": True,
}
#: The disk is empty, and stays so.
NODE: Dict[str, Any] = {
    "name": "node8",
    "state": "started",
    "os": "linux",
    "memory": "512M",
    "disks": [{"name": "root", "size": "64M"}],
    "nics": [{"name": "lab", "switch": "lab", "ip": "10.10.0.12", "dhcp": {"root_path": f"10.10.0.1:{FOLDER}"}}],
    "pxe": {"script": "linux", "when": "always"},
}


def bring_root(host: StandinHost) -> None:
    """The root of the guest, in a dataset that the host exports."""
    host.sh(f"zfs create -o mountpoint=/export zroot/export; mkdir {FOLDER}; cd {FOLDER}", check=True)
    host.sh(f"cd {FOLDER}; mkdir {' '.join(nfs_root.FOLDERS)}", check=True)
    for path, (content, mode) in nfs_root.files().items():
        host.write(f"{FOLDER}/{path}", content, mode=mode)
    host.sh("".join(f"ln -s {to} {FOLDER}/{path}\n" for path, to in nfs_root.links()), check=True)


@pytest.mark.early
def test_a_guest_logs_in_on_a_root_that_the_host_exports(host: StandinHost, modules: Modules) -> None:
    serve(host, modules, nfs_root.initrd)
    bring_root(host)
    modules.good("nfs_export", EXPORT)
    modules.good("bhyve_vm", NODE)
    console = Console(host, "node8")
    console.wait("Apiary: boot script tftp://10.10.0.1/chainload/node8.ipxe")
    console.wait(f"address 10.10.0.12 on eth0, root 10.10.0.1:{FOLDER}", "node8 login:")

    # Its root is the host's directory: each sees what the other writes.
    console.type("root\\n")
    console.wait("# ")
    host.write(f"{FOLDER}/root/asked", "how are you\n")
    console.type('cat /root/asked; grep " / " /proc/mounts; hostname > /root/told; sync; echo do""ne\\n')
    said = console.wait("done")
    assert "how are you" in said and f"10.10.0.1:{FOLDER} / nfs rw" in said, said
    assert host.read(f"{FOLDER}/root/told") == "node8\n"
    assert not modules.good("nfs_export", EXPORT)["changed"]
    assert not modules.good("bhyve_vm", NODE)["changed"]

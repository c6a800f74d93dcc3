# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest that boots from the network in QEMU: firmware, iPXE of the image, dhcpd, tftpd, kernel; then its own disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import guest_disk
import pytest
from guests import state_of, the
from harness import Modules
from netboot import CACHE, CHAINLOAD, Console, serve
from standin.host import StandinHost

ADDRESS = "10.10.0.11"
NODE: Dict[str, Any] = {
    "name": "node7",
    "state": "started",
    "os": "linux",
    "memory": "512M",
    "disks": [{"name": "root", "size": "64M"}],
    "nics": [{"name": "lab", "switch": "lab", "ip": ADDRESS}],
    "pxe": {"script": "linux"},
}


def put_system(host: StandinHost, scratch: Path) -> None:
    """What an installer does in the end: the guest's disk has a system of its own."""
    disk = scratch / "linux.img"
    guest_disk.linux_disk(str(disk), CACHE)
    host.write("/var/tmp/linux.img", disk.read_bytes())
    host.sh("dd if=/var/tmp/linux.img of=/dev/zvol/zroot/apiary/node7/root bs=1m conv=sync", check=True)


@pytest.mark.early
def test_from_the_network_then_from_its_disk_and_a_script_that_is_missing(
    host: StandinHost, modules: Modules, tmp_path: Path
) -> None:
    serve(host, modules, guest_disk.initrd)
    made = the(modules.good("bhyve_vm", NODE), "node7")
    assert host.sh(f"readlink {CHAINLOAD}/node7.ipxe").stdout == "./linux.ipxe\n"
    assert f"link {CHAINLOAD}/node7.ipxe to linux.ipxe" in made["changes"]

    # Its disk is empty: the image is first, and the address is the one that was declared.
    console = Console(host, "node7")
    console.wait("Apiary: boot script tftp://10.10.0.1/chainload/node7.ipxe")
    console.wait(f"address {ADDRESS} on eth0", "login:")
    reached = host.run(["/.linux/usr/bin/busybox", "ping", "-c", "1", "-w", "30", ADDRESS])
    assert reached.returncode == 0, reached.stdout
    assert not modules.good("bhyve_vm", NODE)["changed"]

    # An installer has written the disk, and reboots.
    put_system(host, tmp_path)
    console.type("root\\n")
    console.wait("# ")
    console.type("reboot -f\\n")
    again = console.wait("login:", f"address {ADDRESS} on eth0")
    assert "Apiary" not in again and "iPXE" not in again
    assert "nvme" not in host.sh("tail -n 40 /var/log/apiary/node7.log | grep 'boot 2:'").stdout

    # Always, with a script that nobody has made: it is told, tried again, and the guest goes on with its disk.
    modules.good("bhyve_vm", {"name": "node7", "state": "stopped"})
    changed = modules.good("bhyve_vm", {"name": "node7", "pxe": {"script": "", "when": "always"}})
    assert f"remove the link {CHAINLOAD}/node7.ipxe to linux.ipxe" in the(changed, "node7")["changes"]
    modules.good("bhyve_vm", {"name": "node7", "state": "started"})
    console.wait("chainload/node7.ipxe is missing, or failed")
    console.wait("Shell of iPXE")
    console.type("\\r")
    console.wait("Apiary: DHCP, attempt 1 of 5")
    console.wait("Shell of iPXE")
    console.type("\\033[B\\r")
    console.wait("login:")
    assert state_of(modules, "node7")["run_state"] == "running"

    gone = modules.good("bhyve_vm", {"name": "node7", "state": "absent", "destroy": True})
    assert gone["changed"] and "10.10.0.11" not in host.read("/usr/local/etc/apiary/dhcpd.hosts")
    assert modules.good("ipxe_image", {"name": "ipxe", "state": "absent"})["changed"]

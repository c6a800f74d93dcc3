# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest that boots from the network in QEMU: firmware, iPXE of the image, dhcpd, tftpd, kernel; then its own disk."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Dict

import guest_disk
import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import NOTE, Note, dump
from guests import state_of, the
from harness import ROOT, Modules, until
from standin.host import StandinHost

CACHE = str(ROOT / "build" / "guest-disk")
CHAINLOAD = "/tftpboot/chainload"
ADDRESS = "10.10.0.11"
SCRIPT = """\
#!ipxe
kernel tftp://${next-server}/linux/vmlinuz console=ttyS0,115200 quiet loglevel=3 panic=1 initrd=initrd
initrd tftp://${next-server}/linux/initrd
boot
"""
NODE: Dict[str, Any] = {
    "name": "node7",
    "state": "started",
    "os": "linux",
    "memory": "512M",
    "disks": [{"name": "root", "size": "64M"}],
    "nics": [{"name": "lab", "switch": "lab", "ip": ADDRESS}],
    "pxe": {"script": "linux"},
}
#: Firmware and iPXE under emulation, on a busy machine.
PATIENCE = 180.0
ANSI = re.compile(rb"\x1b\[[0-9;=?]*[A-Za-z]|\r")


class Console:
    """What a guest says on its first serial port, and a way to type."""

    def __init__(self, host: StandinHost, name: str) -> None:
        self.host, self.device, self.path, self.seen = host, f"/dev/nmdm-{name}.1B", f"/tmp/console-{name}", 0
        assert until(lambda: host.exists_in(self.device)), "no serial port"
        script = f"exec < {self.device} > {self.path}; stty raw -echo; exec cat"
        self.reader = host.spawn(["sh", "-c", script], stdin=subprocess.DEVNULL)

    def text(self) -> str:
        """All that came, without what steers a terminal."""
        whole = self.host.read_bytes(self.path) if self.host.exists_in(self.path) else b""
        return ANSI.sub(b"", whole).decode("utf-8", "replace")

    def wait(self, *words: str) -> str:
        """What came since the last call, up to some words in any order, and with them."""
        deadline = time.monotonic() + PATIENCE
        while True:
            text = self.text()[self.seen :]
            missing = [word for word in words if word not in text]
            if not missing:
                break
            assert time.monotonic() < deadline, f"the console does not say {missing}: {text[-3000:]}"
            time.sleep(0.2)
        end = max(text.index(word) + len(word) for word in words)
        self.seen += end
        return text[:end]

    def type(self, text: str) -> None:
        """As a keyboard would."""
        self.host.sh(f"printf '{text}' > {self.device}", check=True)


def serve(host: StandinHost, modules: Modules) -> None:
    """The host serves DHCP and TFTP on the switch lab, by the real servers, as the modules set them up."""
    host.sh("pkg install -y ipxe isc-dhcp44-server", check=True)
    modules.good("bhyve_switch", {"name": "lab", "addresses": ["10.10.0.1/24"]})
    subnet = {"subnet": "10.10.0.0/24", "switch": "lab", "next_server": "10.10.0.1"}
    modules.good("dhcp_server", {"subnets": [subnet]})
    root, version = guest_disk.kernel(CACHE)
    host.write("/tftpboot/linux/vmlinuz", Path(root, "boot", f"vmlinuz-{version}").read_bytes(), mode=0o644)
    host.write("/tftpboot/linux/initrd", guest_disk.initrd(root, version), mode=0o644)
    host.sh("chmod 755 /tftpboot /tftpboot/linux", check=True)
    files = ["linux/vmlinuz", "linux/initrd"]
    modules.good("chainload_script", {"scripts": [{"name": "linux", "content": SCRIPT, "files": files}]})
    tftpd = {"name": "tftp", "program": "/usr/libexec/tftpd", "arguments": ["-l", "-s", "/tftpboot"]}
    modules.good("inetd_service", {**tftpd, "address": "10.10.0.1", "enabled": True})
    host.write(NOTE, dump(Note("/tftpboot", CHAINLOAD)))
    modules.good("ipxe_image", {"name": "ipxe", "prompt_timeout": 0})


def put_system(host: StandinHost, scratch: Path) -> None:
    """What an installer does in the end: the guest's disk has a system of its own."""
    disk = scratch / "linux.img"
    guest_disk.linux_disk(str(disk), CACHE)
    host.write("/var/tmp/linux.img", disk.read_bytes())
    host.sh("dd if=/var/tmp/linux.img of=/dev/zvol/zroot/apiary/node7/root bs=1m conv=sync", check=True)


@pytest.mark.skipif(not os.path.exists("/usr/bin/qemu-system-x86_64"), reason="needs package qemu-system-x86")
def test_from_the_network_then_from_its_disk_and_a_script_that_is_missing(
    host: StandinHost, modules: Modules, tmp_path: Path
) -> None:
    serve(host, modules)
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

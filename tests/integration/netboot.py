# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that boot from the network in QEMU: who serves them, and what they say on their serial port."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Callable

import guest_disk
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import NOTE, Note, dump
from harness import ROOT, Modules
from polls import until
from standin.host import StandinHost

CACHE = str(ROOT / "build" / "guest-disk")
CHAINLOAD = "/tftpboot/chainload"
SCRIPT = """\
#!ipxe
kernel tftp://${next-server}/linux/vmlinuz console=ttyS0,115200 quiet loglevel=3 panic=1 initrd=initrd
initrd tftp://${next-server}/linux/initrd
boot
"""
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
        start = self.seen
        until(lambda: all(word in self.text()[start:] for word in words), PATIENCE, pause=0.2)
        text = self.text()[start:]
        missing = [word for word in words if word not in text]
        assert not missing, f"the console does not say {missing}: {text[-3000:]}"
        end = max(text.index(word) + len(word) for word in words)
        self.seen += end
        return text[:end]

    def type(self, text: str) -> None:
        """As a keyboard would."""
        self.host.sh(f"printf '{text}' > {self.device}", check=True)


def serve(host: StandinHost, modules: Modules, initrd: Callable[[str, str], bytes]) -> None:
    """The host serves DHCP and TFTP on the switch lab, by the real servers, as the modules set them up.

    What boots is Debian's kernel with this initial file system (of the directory and the version of the kernel).
    """
    guest_disk.check_machine()
    host.sh("pkg install -y ipxe isc-dhcp44-server", check=True)
    modules.good("bhyve_switch", {"name": "lab", "addresses": ["10.10.0.1/24"]})
    subnet = {"subnet": "10.10.0.0/24", "switch": "lab", "next_server": "10.10.0.1"}
    modules.good("dhcp_server", {"subnets": [subnet]})
    root, version = guest_disk.kernel(CACHE)
    host.write("/tftpboot/linux/vmlinuz", Path(root, "boot", f"vmlinuz-{version}").read_bytes(), mode=0o644)
    host.write("/tftpboot/linux/initrd", initrd(root, version), mode=0o644)
    host.sh("chmod 755 /tftpboot /tftpboot/linux", check=True)
    files = ["linux/vmlinuz", "linux/initrd"]
    modules.good("chainload_script", {"scripts": [{"name": "linux", "content": SCRIPT, "files": files}]})
    tftpd = {"name": "tftp", "program": "/usr/libexec/tftpd", "arguments": ["-l", "-s", "/tftpboot"]}
    modules.good("inetd_service", {**tftpd, "address": "10.10.0.1", "enabled": True})
    host.write(NOTE, dump(Note("/tftpboot", CHAINLOAD)))
    modules.good("ipxe_image", {"name": "ipxe", "prompt_timeout": 0})

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the LAN of a stand-in host's card: somebody who wants to reach it by its address, and a DHCP server."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Iterator

from standin import switch
from standin.host import StandinHost


class Lan:
    """The network that an uplink of a host is plugged into, and one machine on it."""

    def __init__(self, host: StandinHost, name: str, *addresses: str) -> None:
        self._enter = ["ip", "netns", "exec", switch.namespace(os.path.dirname(str(host.directory)), name)]
        for address in addresses:
            self.run("ip", "addr", "replace", address, "dev", "br0", *(["nodad"] if ":" in address else []))

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """A command on that machine."""
        return subprocess.run([*self._enter, *argv], capture_output=True, text=True, check=True)

    def way(self, address: str) -> str:
        """A command that succeeds while the host's sshd answers there."""
        return shlex.join([*self._enter, "nc", "-z", "-w", "2", address, "22"])

    def reaches(self, address: str) -> bool:
        """Whether the host's sshd answers there."""
        return subprocess.run(self.way(address), shell=True, capture_output=True, check=False).returncode == 0

    @property
    def mac(self) -> str:
        """Its card's address."""
        return self.run("cat", "/sys/class/net/br0/address").stdout.strip()

    def asks(self, patience: int = 5) -> str:
        """The address that it is given by DHCP from behind the uplink; '' if nobody offers one, asked that often."""
        words = f"busybox udhcpc -i br0 -n -q -f -t {patience} -T 1 -A 1 -s /bin/true"
        done = subprocess.run([*self._enter, *words.split()], capture_output=True, text=True, check=False)
        got = re.search(r"lease of (\S+) obtained", done.stdout + done.stderr)
        return got[1] if got else ""

    @contextlib.contextmanager
    def dhcp(self, scratch: Path, first: str, last: str, router: str) -> Iterator[None]:
        """A DHCP server that gives these addresses."""
        conf = scratch / "udhcpd.conf"
        leases = scratch / "udhcpd.leases"
        leases.touch()
        conf.write_text(
            f"start {first}\nend {last}\ninterface br0\nlease_file {leases}\npidfile {scratch}/udhcpd.pid\n"
            f"option subnet 255.255.255.0\noption router {router}\noption lease 3600\n"
        )
        server = subprocess.Popen(
            [*self._enter, "busybox", "udhcpd", "-f", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            server.terminate()
            server.wait()

    @contextlib.contextmanager
    def dns(self, address: str, name: str, known_as: str) -> Iterator[None]:
        """A name server at this address (with prefix length), which knows one name."""
        self.run("ip", "addr", "replace", address, "dev", "br0")
        words = f"dnsmasq -k -u root -C /dev/null -R -h --bind-interfaces --pid-file= -a {address.partition('/')[0]}"
        server = subprocess.Popen([*self._enter, *words.split(), f"--host-record={name},{known_as}"])
        try:
            yield
        finally:
            server.terminate()
            server.wait()
            self.run("ip", "addr", "del", address, "dev", "br0")

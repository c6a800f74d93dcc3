# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that serves DHCP on a bridge, and cards on that bridge that ask for an address by a client of their own."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import Any, Dict, Iterator

from standin.host import StandinHost

CONF = "/usr/local/etc/dhcpd.conf"
HOSTS = "/usr/local/etc/apiary/dhcpd.hosts"
NOTE = "/usr/local/etc/apiary/dhcp.json"
RECORD = "/var/db/apiary/reservations.json"

_IP = "/.linux/usr/bin/ip"
_BUSYBOX = "/.linux/usr/bin/busybox"
_SCRIPT = "/var/tmp/lease.sh"
#: udhcpc(8) calls it with what it was told in its environment.
_TELL = (
    f"#!{_BUSYBOX} sh\n"
    '[ "$1" = bound ] || exit 0\n'
    'echo "{\\"ip\\": \\"$ip\\", \\"hostname\\": \\"$hostname\\", \\"boot_file\\": \\"$boot_file\\"}"\n'
)
#: The subnets by switch, each with its range for auto; nothing is dynamic.
SUBNETS = {"bridge0": "10.10.0", "bridge1": "10.20.0"}


def serve(host: StandinHost) -> None:
    """Let the host serve DHCP on bridge0 and bridge1 by ISC's dhcpd, with a note of it."""
    host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
    host.sh(
        "sysrc cloned_interfaces='bridge0 bridge1' ifconfig_bridge0='inet 10.10.0.1/24 up'"
        " ifconfig_bridge1='inet 10.20.0.1/24 up' dhcpd_enable=YES dhcpd_ifaces='bridge0 bridge1'"
        " && service netif start bridge1; ifconfig bridge0 inet 10.10.0.1/24",
        check=True,
    )
    conf = "".join(f"subnet {net}.0 netmask 255.255.255.0 {{ option routers {net}.1; }}\n" for net in SUBNETS.values())
    host.write(CONF, f"default-lease-time 600;\n{conf}")
    host.write(_SCRIPT, _TELL, mode=0o755)
    subnets = [
        {
            "switch": switch,
            "subnet": f"{net}.0/24",
            "ranges": [],
            "auto": [[f"{net}.20", f"{net}.199"]],
            "routers": [f"{net}.1"],
        }
        for switch, net in SUBNETS.items()
    ]
    daemon = {"conf": CONF, "hosts_file": HOSTS, "service": "isc-dhcpd", "socket": "", "family": 4}
    note = {"schema": 1, "backend": "isc", "domain": "lab", **daemon, "subnets": subnets}
    host.write(NOTE, json.dumps(note))
    host.sh("service isc-dhcpd start", check=True)


class Card:
    """What a guest's card is to a DHCP server: somebody on a bridge with a MAC address."""

    def __init__(self, host: StandinHost, pid: int) -> None:
        self._host = host
        self._enter = ["/.linux/usr/bin/nsenter", f"--net=/.linux/proc/{pid}/ns/net"]

    def _run(self, *argv: str) -> None:
        self._host.run([*self._enter, *argv], check=True)

    def lease(self, mac: str) -> Dict[str, Any]:
        """What a card with this MAC address is given; {} when nobody offers anything within seconds."""
        self._run(_IP, "link", "set", "eth0", "down", "address", mac)
        self._run(_IP, "link", "set", "eth0", "up")
        words = ["udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s", _SCRIPT]
        words += ["-O", "hostname", "-O", "bootfile"]
        done = self._host.run([*self._enter, _BUSYBOX, *words])
        told: Dict[str, Any] = json.loads(done.stdout or "{}")
        return told


@contextlib.contextmanager
def card(host: StandinHost, bridge: str) -> Iterator[Card]:
    """A card on a bridge of the host."""
    keeper = host.spawn(
        ["/.linux/usr/bin/unshare", "-n", _BUSYBOX, "sh", "-c", "echo $$; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert keeper.stdout is not None
        # As the host counts processes, and once it is in a network of its own.
        pid = int(keeper.stdout.readline())
        for words in (
            f"link add card{pid} type veth peer name eth0 netns {pid}",
            f"link set card{pid} master {bridge} up",
        ):
            host.run([_IP, *words.split()], check=True)
        yield Card(host, pid)
    finally:
        keeper.communicate()

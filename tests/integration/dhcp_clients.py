# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines on a bridge of a stand-in host that ask by DHCP, as busybox's udhcpc and ISC's dhclient do."""

from __future__ import annotations

import itertools
import json
import subprocess
from typing import Any, Dict, Mapping, Optional, Sequence

from harness import Modules
from lan import Lan
from standin.host import StandinHost

MAC = "5a:00:00:00:00:{:02x}".format

#: Prints what a lease has in it, as JSON in one line.
_SCRIPT = """\
#!/.linux/usr/bin/python3 -IS
import json, os, sys
if sys.argv[1] == "bound":
    print(json.dumps({key: value for key, value in os.environ.items() if key.islower()}), flush=True)
"""
_SCRIPT6 = """\
#!/.linux/usr/bin/python3 -IS
import json, os, sys
if os.environ["reason"] == "BOUND6":
    print(json.dumps({key: value for key, value in os.environ.items() if key.startswith("new_")}), flush=True)
"""
_NUMBERS = itertools.count(1)
_IP = "/.linux/usr/bin/ip"
_BUSYBOX = "/.linux/usr/bin/busybox"
_ASKED = ("hostname", "bootfile", "tftp", "rootpath", "router", "dns", "ntpsrv", "domain", "lease")


class Clients:
    """Cards on one bridge, one at a time, each with a MAC address of its own."""

    def __init__(self, host: StandinHost, bridge: str) -> None:
        self._host = host
        self._bridge = bridge
        host.write("/var/tmp/leased", _SCRIPT)
        host.run(["chmod", "755", "/var/tmp/leased"], check=True)

    def lease(self, mac: str, patience: int = 5, says: Sequence[str] = ()) -> Optional[Dict[str, str]]:
        """What a card of this address is given; None: nobody offers anything, asked that often.

        ``says`` are options of the request, as NUMBER:OCTETS.
        """
        asked = " ".join([*(f"-O {option}" for option in _ASKED), *(f"-x {option}" for option in says)])
        words = f"udhcpc -i eth0 -n -q -f -t {patience} -T 1 -A 1 -s /var/tmp/leased {asked}"
        client = self._plugged(f"{_IP} link set eth0 up; exec {_BUSYBOX} {words}", mac)
        said, complaints = client.communicate(timeout=60)
        assert client.returncode == 0 or "no lease" in complaints, complaints
        return None if client.returncode else dict(json.loads(said))

    def boot_file(self, mac: str, *says: str) -> str:
        """The boot file that it is told, '' for none, wherever in the message that stands."""
        lease = self.lease(mac, says=says)
        assert lease is not None, "nobody offers an address"
        return lease.get("bootfile") or lease.get("boot_file", "")

    def lease6(self, mac: str) -> Optional[Dict[str, str]]:
        """What a card of this address is given by DHCP for IPv6, as dhclient asks; None: nothing in 20 seconds."""
        self._host.write("/var/tmp/leased6", _SCRIPT6, 0o755)
        self._host.sh("rm -f /var/tmp/leases6; touch /var/tmp/leases6", check=True)
        files = "-sf /var/tmp/leased6 -cf /dev/null -lf /var/tmp/leases6 -pf /var/tmp/dhclient6.pid"
        # A link-local address that need not be checked for duplicates is there at once.
        script = f"""
            {_IP} link set eth0 addrgenmode none
            {_IP} link set eth0 up
            {_IP} addr add fe80::2/64 dev eth0 nodad
            exec {_BUSYBOX} timeout 20 /.linux/usr/sbin/dhclient -6 -1 -d -D LL {files} eth0
        """
        client = self._plugged(script, mac)
        assert client.stdout is not None
        said = client.stdout.readline()
        client.kill()
        client.communicate(timeout=60)
        return dict(json.loads(said)) if said else None

    def _plugged(self, script: str, mac: str) -> subprocess.Popen[str]:
        """A machine on the bridge that runs a script, whose eth0 has this address."""
        # A port goes with its other end, a little after the client, so each has a name of its own.
        port = f"asks{next(_NUMBERS)}"
        client = self._host.spawn(
            ["/.linux/usr/bin/unshare", "-n", _BUSYBOX, "sh", "-c", f"echo $$; read go; {script}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdin is not None and client.stdout is not None
        number = client.stdout.readline().strip()
        self._host.sh(
            f"""set -e
            {_IP} link add {port} type veth peer name eth0 netns {number} address {mac}
            {_IP} link set {port} master {self._bridge} up
            """,
            check=True,
        )
        client.stdin.write("go\n")
        client.stdin.flush()
        return client


def reserve_for_strangers(modules: Modules, lan: Clients, office: Lan, more: Mapping[str, Any]) -> Dict[str, Any]:
    """On a LAN whose server is for known clients only: no stranger gets an offer, until a reservation makes it known.

    Of the reservations one is on another switch, the card ``MAC(3)`` with what ``more`` it gets; the result is told.
    """
    assert lan.lease(MAC(2), patience=1) is None, "a stranger on the LAN gets no offer"
    assert office.asks(1) == "", "nor one behind the uplink"
    # The note tells dhcpd_host of the server.
    hosts = [
        {"name": "db1", "mac": MAC(3), "ip": "auto", **more},
        {"name": "guest", "mac": MAC(2)},
        {"name": "office", "mac": office.mac},
    ]
    result = modules.good("dhcpd_host", {"hosts": hosts})
    assert result["hosts"][0]["ip"] == ["10.10.0.20"]
    assert (lan.lease(MAC(2)) or {})["ip"].startswith("198.51.100.1")
    assert office.asks().startswith("198.51.100.1")
    return result

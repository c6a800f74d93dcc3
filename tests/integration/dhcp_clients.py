# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines on a bridge of a stand-in host that ask for an address by DHCP, as busybox's udhcpc does."""

from __future__ import annotations

import itertools
import json
import subprocess
from typing import Dict, Optional

from standin.host import StandinHost

#: Prints what a lease has in it, as JSON in one line.
_SCRIPT = """\
#!/.linux/usr/bin/python3 -IS
import json, os, sys
if sys.argv[1] == "bound":
    print(json.dumps({key: value for key, value in os.environ.items() if key.islower()}), flush=True)
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

    def lease(self, mac: str, patience: int = 5) -> Optional[Dict[str, str]]:
        """What a card of this address is given; None: nobody offers anything, asked that often."""
        # A port goes with its other end, a little after the client, so each has a name of its own.
        port = f"asks{next(_NUMBERS)}"
        asked = " ".join(f"-O {option}" for option in _ASKED)
        words = f"udhcpc -i eth0 -n -q -f -t {patience} -T 1 -A 1 -s /var/tmp/leased {asked}"
        client = self._host.spawn(
            [
                "/.linux/usr/bin/unshare",
                "-n",
                _BUSYBOX,
                "sh",
                "-c",
                f"echo $$; read go; {_IP} link set eth0 up; exec {_BUSYBOX} {words}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        number = client.stdout.readline().strip()
        self._host.sh(
            f"""set -e
            {_IP} link add {port} type veth peer name eth0 netns {number} address {mac}
            {_IP} link set {port} master {self._bridge} up
            """,
            check=True,
        )
        said, complaints = client.communicate("go\n", timeout=60)
        assert client.returncode == 0 or "no lease" in complaints, complaints
        return None if client.returncode else dict(json.loads(said))

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time tasks over 10 000 reservations, and the way of a shell hook: for each guest its lines anew, and a restart."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

from harness import Modules
from standin.host import StandinHost

COUNT = 10000
#: How many guests the hook is timed over: its time for each grows with the file.
BY_HOOK = 20

CONF = "/usr/local/etc/dhcpd.conf"
HOOK = f"""\
grep -v "CBSD-AUTO-$1$" {CONF} > /tmp/dhcpd.tmp; cp /tmp/dhcpd.tmp {CONF}
echo "host $1 {{ hardware ethernet $2; fixed-address $3; }} # CBSD-AUTO-$1" >> {CONF}
service isc-dhcpd restart > /dev/null 2>&1
"""


def reservation(number: int) -> Dict[str, Any]:
    """The reservation of a guest."""
    mac = f"5a:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    return {"name": f"g{number}", "mac": mac, "ip": f"10.1.{number // 250}.{number % 250 + 1}"}


def timed(modules: Modules, what: str, task: Dict[str, Any]) -> None:
    """Print how long a task takes, and how many commands it starts."""
    began = time.monotonic()
    result = modules.good("dhcpd_host", task)
    seconds = time.monotonic() - began
    print(f"{what:<40} {seconds:8.2f} s {result['commands_started']:4} commands", flush=True)


def by_hook(host: StandinHost) -> None:
    """Print how long the hook takes for a guest where all the others are there."""
    host.write("/var/tmp/hook", f"#!/bin/sh\n{HOOK}", 0o755)
    began = time.monotonic()
    for number in range(BY_HOOK):
        one = reservation(number)
        host.run(["/var/tmp/hook", one["name"], one["mac"], one["ip"]], check=True)
    each = (time.monotonic() - began) / BY_HOOK
    whole = each * COUNT / 60
    print(f"{'a shell hook, for one guest':<40} {each:8.2f} s; for all {whole:.0f} minutes and as many restarts")


def hook_line(one: Dict[str, Any]) -> str:
    """What the hook writes for a guest."""
    name = one["name"]
    return f"host {name} {{ hardware ethernet {one['mac']}; fixed-address {one['ip']}; }} # CBSD-AUTO-{name}\n"


def main() -> int:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as scratch:
        host = StandinHost("bench1", str(Path(scratch) / "bench1"))
        try:
            host.up()
            host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
            host.sh("ifconfig bridge0 create && ifconfig bridge0 inet 10.0.0.1/8 up", check=True)
            host.sh("sysrc dhcpd_enable=YES dhcpd_ifaces=bridge0", check=True)
            host.write(CONF, "subnet 10.0.0.0 netmask 255.0.0.0 { }\n")
            host.sh("service isc-dhcpd start", check=True)
            modules = Modules(host)
            modules.install()
            hosts: List[Dict[str, Any]] = [reservation(number) for number in range(COUNT)]
            timed(modules, f"{COUNT} reservations made", {"hosts": hosts})
            timed(modules, f"{COUNT} reservations, nothing to change", {"hosts": hosts})
            timed(modules, "one changed", {**reservation(7), "ip": "10.2.0.1"})
            timed(modules, "one removed", {"name": "g7", "state": "absent"})
            timed(modules, "all removed", {"hosts": [], "purge": True})
            host.write(CONF, host.read(CONF) + "".join(map(hook_line, hosts)))
            by_hook(host)
            timed(modules, f"{COUNT} of the hook's taken over", {"adopt": True})
        finally:
            host.destroy()
    return 0


if __name__ == "__main__":
    sys.exit(main())

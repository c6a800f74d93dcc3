# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what a task predicts with what it does, and a host before it with the host after it."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Sequence

from harness import Modules
from standin.host import StandinHost

# Random until it is allocated, and what derives from it.
ALLOCATED = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|5a(:[0-9a-f]{2}){5}|\b[0-9A-F]{16}\b|to be allocated"
)


def fingerprint(host: StandinHost) -> str:
    """Everything of the host that a module might have changed."""
    return host.sh(
        "find /apiary /var/db/apiary /etc /boot /usr/local/etc -type f -exec md5 {} +;"
        " find /apiary -type l -exec readlink {} +; ifconfig; ls /dev/vmm;"
        " zfs get -Hp -r all zroot/apiary | grep -v -e used -e avail -e refer -e creat -e writt;"
        " sysctl kern hw net.link | grep -v -e boottime -e lastpid -e loadavg"
    ).stdout.replace(" tentative", "")  # that ends by itself


def comparable(value: Any) -> Any:
    """A result with what only apply can know left out: allocated identities, the process, times."""
    if isinstance(value, dict):
        return {
            key: comparable(item)
            for key, item in value.items()
            if key not in ("pid", "uptime", "commands", "commands_started", "stopped_by", "stage", "exit", "invocation")
        }
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return ALLOCATED.sub("ALLOCATED", value) if isinstance(value, str) else value


def differences(left: Any, right: Any, where: str = "") -> List[str]:
    """Where two results differ, field by field."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(set(left) | set(right))
        return [line for key in keys for line in differences(left.get(key), right.get(key), f"{where}.{key}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right))
        return [line for index, (a, b) in pairs for line in differences(a, b, f"{where}[{index}]")]
    if isinstance(left, str) and isinstance(right, str) and "\n" in left:
        return differences(left.splitlines(), right.splitlines(), where)
    return [] if left == right else [f"{where}: {left!r} != {right!r}"]


def unforetold(modules: Modules, module: str, tasks: Sequence[Dict[str, Any]]) -> List[str]:
    """Run tasks one after the other, each in check mode, for good, and again: what is wrong with that.

    Check mode must change nothing and predict what the task does; the task must change something, show it in its diff,
    and then have nothing left to do.
    """
    wrong: List[str] = []
    for number, task in enumerate(tasks):
        untouched = fingerprint(modules.host)
        predicted = modules.good(module, task, check=True)
        wrong += [f"{number}: check mode changed the host"] if fingerprint(modules.host) != untouched else []
        applied = modules.good(module, task)
        wrong += [f"{number}: not changed"] if not (predicted["changed"] and applied["changed"]) else []
        wrong += [f"{number}{line}" for line in differences(comparable(predicted), comparable(applied))]
        wrong += [f"{number}: no diff"] if all(part["before"] == part["after"] for part in applied["diff"]) else []
        again = modules.good(module, task)
        wrong += [f"{number}: changed again: {again['diff']}"] if again["changed"] else []
    return wrong

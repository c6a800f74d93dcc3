# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at the commands of bhyve_switch; then the same task again must put things right."""

from __future__ import annotations

import re
from typing import Any, Dict, List

import pytest
from faults import sample, tried
from harness import Modules
from standin.host import StandinHost
from switch_sweep import SwitchSweep

#: A card as the kernel finds it.
CARD = "txcsum -txcsum6 -tso -lro down"
#: Made, changed in all that can be changed, removed: each begins where the one before it ends.
TASKS: List[Dict[str, Any]] = [
    {
        "switches": [
            {"name": "both", "vxlan": {"id": 42, "remote": "192.0.2.2"}},
            {"name": "lan", "uplink": "em1", "addresses": ["10.82.0.1/24", "fd00:82::1/64"], "stp": True},
            {"name": "tenant", "uplink": "em2", "vlan": 82},
        ]
    },
    {
        "switches": [
            {"name": "both", "vxlan": {"id": 43, "group": "239.0.0.43", "dev": "em0"}},
            {"name": "lan", "uplink": "", "mac": "5a:00:00:00:00:07", "mtu": 1400, "addresses": ["10.83.0.1/24"]},
            {"name": "tenant", "uplink": "em1", "vlan": "", "state": "present"},
        ]
    },
    {"switches": [{"name": name, "state": "absent"} for name in ("both", "lan", "tenant")]},
]


class BridgeSweep(SwitchSweep):
    tasks = TASKS
    tidy = f"sysrc -x ifconfig_em1 ifconfig_em2; ifconfig em1 {CARD}; ifconfig em2 {CARD}"

    def __init__(self, modules: Modules, number: int) -> None:
        super().__init__(modules, number)
        # A group of vxlan(4) is joined by it.
        self.host.sh("sysrc ifconfig_em0='inet 192.0.2.10/24'; service netif start em0", check=True)

    def missing(self, number: int) -> bool:
        """A command of devd's may have come to pass before the fault was there, or after the task."""
        return True

    def state(self) -> List[str]:
        text = self.host.sh("ifconfig; cat /etc/rc.conf /var/db/apiary/host.json", check=True).stdout
        return sorted(re.sub(r"port \d+|scopeid \S+| tentative", "", text).splitlines())


@pytest.mark.parametrize("number", range(len(TASKS)))
def test_a_failure_at_a_command_is_put_right_by_the_next_run(cards_host: StandinHost, number: int) -> None:
    sweep = BridgeSweep(Modules(cards_host), number)
    sweep.record()
    sweep.go("fail", tried(len(sweep.commands)))
    sweep.go("half", sample(sweep.numbers(), 3))


def test_a_power_cut_at_a_command_is_put_right_by_the_next_run(cards_host: StandinHost) -> None:
    sweep = BridgeSweep(Modules(cards_host), 0)
    sweep.record()
    sweep.go("cut", sample(sweep.numbers(), 3))

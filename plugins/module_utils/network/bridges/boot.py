# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task about bridges writes for the boot: their variables in rc.conf(5), and the scripts that rc(8) reads."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Switch, leaving
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import rc_lines as uplink_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import RemoveFile, plan_file


def uplink_names(switches: Sequence[Switch]) -> List[str]:
    """The variables that say which addresses their uplinks have at boot."""
    uplinks = [switch.uplink for switch in switches if switch.uplink and not switch.manual]
    return [name for uplink in dict.fromkeys(uplinks) for name in uplink_lines.names(uplink)]


def bridges(switches: Sequence[Switch]) -> List[str]:
    """The bridges of our own that these switches have."""
    return list(dict.fromkeys(switch.interface for switch in switches if not switch.manual))


def plan_scripts(host: Host, plan: Plan, desired: Sequence[Desired], scripts: Mapping[str, Optional[str]]) -> None:
    """Plan the scripts that rc(8) reads when it starts the bridges; ``scripts`` are those that are there."""
    for one in desired:
        switch = one.new or one.old
        if switch is None or switch.manual:
            continue
        path = switch_rc.start_script(switch.interface)
        if one.new is not None:
            plan_file(host, plan, path, switch_rc.START_SCRIPT, 0o644)
        elif scripts[switch.interface] is not None:
            plan.add(RemoveFile(path))
            plan.before[path], plan.after[path] = scripts[switch.interface] or "", ""


def goals(
    desired: Sequence[Desired],
    values: Mapping[str, Optional[str]],
    switches: Mapping[str, Switch],
    below: Mapping[str, str],
) -> Dict[str, Optional[str]]:
    """The value of each variable (None: not set).

    ``switches`` are all that the host has when the task is done, ``below`` tells what carries their vxlans.
    """
    managed = [one.new for one in desired if one.new is not None and not one.new.manual]
    wanted: Dict[str, Optional[str]] = {}
    gone: List[str] = []
    for one in desired:
        if one.old is None or one.old.manual:
            continue
        wanted.update(dict.fromkeys([*switch_rc.lines(one.old), *switch_rc.made_names(one.old.former)]))
        if one.old.moved is not None and (one.new is None or one.new.moved is None):
            wanted.update(uplink_lines.with_addresses(one.old.uplink, values, one.old.moved))
        gone += [one.old.interface, *(port.made for port in leaving(one.old, None) if port.made)]
    for switch in managed:
        wanted.update(switch_rc.lines(switch))
        gone = [name for name in gone if name not in (switch.made, switch.interface)]
    for switch in managed:
        if switch.uplink:
            name = switch_rc.variable("ifconfig_IF", switch.uplink)
            if switch.moved is not None:
                wanted.update(uplink_lines.without_addresses(switch.uplink, values))
            current = wanted[name] if wanted.get(name) is not None else values[name]
            wanted[name] = switch_rc.uplink_line(current, values[switch_rc.DEFAULT], offloads=bool(switch.vlan))
    if managed or gone:
        # A vxlan of a switch that the task is not about stays behind the bridge that carries it.
        listed = {switch.name: switch for switch in managed if switch.name not in below}
        listed.update((name, switches[name]) for name in below)
        wanted[switch_rc.CLONES] = switch_rc.clone_list(values[switch_rc.CLONES], list(listed.values()), gone, below)
    return wanted

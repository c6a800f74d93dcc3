#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vale_switch
short_description: Make and remove the VALE switches that guests are plugged into
version_added: 0.2.0
description:
  - Manages the VALE switches of a FreeBSD host (netmap(4), vale(4)), one by its own options or many by O(switches). It
    is M(apiary.bhyve.bhyve_switch) with C(type=vale), by the same code.
  - A NIC of a guest names the switch (O(apiary.bhyve.bhyve_vm#module:nics[].switch)) and gets a port on it when the
    guest starts. The kernel's names of switch and port, such as C(vale0:1000), are given by the host and kept; they
    stay within the 15 characters beyond which bhyve(8) cuts a name without a word.
  - What is attached to a switch is gone when the host boots. C(/usr/local/libexec/apiary.network), which
    M(apiary.bhyve.bhyve_host) installs, attaches it again, at boot and whenever a guest starts.
  - What is left out stays as it was declared; C('') and V([]) unset. A default counts once, when the switch is made.
  - A run that finds all as declared starts three commands.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The name of the switch, 1 to 63 letters, digits, C(_) and C(-).
    type: str
  state:
    description: &state
      - V(present), the switch is there. This is the default.
      - V(absent), it is not. Refused while guests are plugged into it, or anything else that is not the module's own;
        they are named. The uplink is the host's alone again.
    type: str
    choices: [present, absent]
  interface:
    description: &interface
      - What the kernel calls the switch, such as V(vale3). By default the first that is free, from V(vale0) on, which
        is kept. One that has ports of somebody else is an error.
    type: str
  uplink:
    description: &uplink
      - The network card of the host by which the guests are on its LAN. By default and with V('') there is none.
      - V(auto) is the interface of the default route when the switch gets its uplink; that stays.
      - netmap(4) takes it over, which may interrupt its link for some seconds. What cards do and netmap does not,
        LRO, TSO, checksums and VLAN tagging, is switched off, and it is made promiscuous, for the frames of guests.
      - A wireless interface, a VLAN, a tap, and one that is in a bridge or in another switch, is refused. So is a
        vether(4), of a port, which works with bridges only; for a host that routes for its guests see O(addresses).
    type: str
  host_stack:
    description: &host_stack
      - Whether the host goes on using the uplink (C(valectl -h)), as one more port of the switch. The default is
        V(true).
      - With V(false) the guests have it for themselves (C(valectl -a)). That is refused while it has an address, now or
        by rc.conf, or carries a VLAN of the host, since the host would be cut off.
    type: bool
  addresses:
    description: &addresses
      - The host's own addresses on the switch, IPv4 and IPv6, each with its prefix length. By default there are none.
      - For them an epair(4) is made, one end of which is attached to the switch, the other is the host's. So the host
        can route for the guests, and firewalls can filter there; between guests nothing is filtered.
      - One that overlaps the network of another interface is refused, and so is the loss of the one that the default
        route needs.
    type: list
    elements: str
  mac:
    description: &mac
      - The MAC address of the host's end of the epair. By default, and with V(''), a locally administered one that
        follows from the address of the uplink, or without one of the host's first network card, and from the switch's
        name.
      - When it changes, the interface is down for a moment, for the kernel to make its link-local address anew.
    type: str
  switches:
    description:
      - Many switches, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first change. Then a switch that fails does not keep the others from being made.
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
      interface:
        description: *interface
        type: str
      uplink:
        description: *uplink
        type: str
      host_stack:
        description: *host_stack
        type: bool
      addresses:
        description: *addresses
        type: list
        elements: str
      mac:
        description: *mac
        type: str
notes:
  - The kernel has 8 VALE switches at most (C(dev.netmap.max_bridges), a variable of loader.conf(5)), with 254 ports
    each. More are refused; those that others have made count while they have ports.
  - A VALE switch knows no VLANs, no spanning tree and no private ports; M(apiary.bhyve.bhyve_switch) makes bridges,
    which do.
seealso:
  - module: apiary.bhyve.bhyve_switch
  - module: apiary.bhyve.bhyve_vm
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Guests of a tenant are on a switch of their own, and the host routes for them
  apiary.bhyve.vale_switch:
    name: tenant1
    addresses: [10.30.0.1/24, fd00:30::1/64]

- name: Guests share the card of the host, and have another one for themselves
  apiary.bhyve.vale_switch:
    switches:
      - {name: lan, uplink: auto}
      - {name: storage, uplink: ix1, host_stack: false}

- name: A guest is plugged in
  apiary.bhyve.bhyve_vm:
    name: web1
    nics: [{name: lan, switch: tenant1}]

- name: A switch that nobody uses any more is gone
  apiary.bhyve.vale_switch:
    name: storage
    state: absent
"""

RETURN = r"""
switches:
  description: The switches of the task as they are now, or would be in check mode.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    name:
      description: The switch's name.
      type: str
      sample: tenant1
    state:
      description: V(present) or V(absent). Of an absent one nothing else is told of what it is like.
      type: str
      sample: present
    type:
      description: V(vale).
      type: str
      sample: vale
    interface:
      description: What the kernel calls the switch.
      type: str
      sample: vale0
    uplink:
      description: The declared uplink, V('') if there is none. What V(auto) has chosen is here.
      type: str
      sample: ix1
    host_stack:
      description: Whether the host goes on using the uplink.
      type: bool
    host_interface:
      description: The host's end of the epair, V('') while the switch has no addresses.
      type: str
      sample: epair1000b
    members:
      description: The ports of the switch, guests' included, by the name behind the colon.
      type: list
      elements: str
      sample: ["1000", epair1000a]
    addresses:
      description: The addresses of RV(switches[].host_interface), but for link-local ones.
      type: list
      elements: str
      sample: [10.30.0.1/24]
    mtu:
      description: The MTU of RV(switches[].host_interface), V(0) if there is none.
      type: int
      sample: 1500
    mac:
      description: The MAC address of RV(switches[].host_interface).
      type: str
      sample: 5a:8c:11:0e:74:20
    up:
      description: Whether all that belongs to the switch is attached and up. To the kernel one without ports is none.
      type: bool
    changed:
      description: Whether anything was changed for this switch.
      type: bool
    changes:
      description: What was done for it, in order.
      type: list
      elements: str
    failed:
      description: Why it failed.
      type: str
      returned: when it failed
failures:
  description: The switches that failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 3
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.switch_users import switch_users
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.task import (
    elements_of,
    manage,
    module_options,
    result_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.record import VALE


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    elements = elements_of(module.params, VALE)
    report = manage(host, elements, lambda names: switch_users(host, names), module.check_mode)
    for warning in report.warnings:
        module.warn(warning)
    return result_of(host, report, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(module_options(VALE), body)


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_switch
short_description: Make and remove the switches that guests are plugged into
version_added: 0.2.0
description:
  - Manages the switches of a FreeBSD host, one by its own options or many by O(switches). A switch is a bridge, or by
    O(type) a VALE switch or a bridge node of netgraph, with an interface of the host as uplink or without one. The NICs
    of guests name it (O(apiary.bhyve.bhyve_vm#module:nics[].switch)).
  - It is brought up now, and written to rc.conf in the one form that is the same after a boot and survives C(service
    netif restart) with its addresses and with the guests' taps in it. What somebody has changed by hand, in the kernel
    or in rc.conf, shows up as a difference and is set right.
  - What is left out stays as it was declared; C('') and V([]) unset. A default counts once, when the switch is made.
  - A run that finds all as declared starts two commands.
extends_documentation_fragment:
  - apiary.bhyve.switch
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  move_timeout:
    description:
      - How many seconds the addresses of uplinks that have moved (O(uplink_address)) wait for the confirmation, before
        the old state is put back. 5 to 3600.
    type: int
    default: 60
  move_confirm:
    description:
      - Not for tasks. By this the second step of a task says which move of addresses (RV(move.id)) it confirms. It is
        the action plugin of the module that does it.
    type: str
notes:
  - An uplink that C(ifconfig_IF_name) in rc.conf renames cannot be used, for at boot bridges are made before interfaces
    are renamed.
  - VLANs of interfaces that are themselves in a bridge get no frames, so that is refused.
  - A guest's tap that was pulled out of its bridge by hand is put back by M(apiary.bhyve.bhyve_vm).
  - On the command line of C(ansible), lists of dictionaries (O(forward), O(switches)) need all arguments as JSON, such
    as C(-a '{"name":"lab","forward":[{"port":2222,"to":"10.10.0.11"}]}').
seealso:
  - module: apiary.bhyve.vale_switch
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.rc_conf
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Guests are on the LAN of the host
  apiary.bhyve.bhyve_switch:
    name: lan
    uplink: auto

- name: The same, and the address of em0 moves to the bridge, as FreeBSD 15 needs it
  apiary.bhyve.bhyve_switch:
    name: lan
    uplink: em0
    uplink_address: move
    move_timeout: 90

- name: Private network, on which the host has addresses
  apiary.bhyve.bhyve_switch:
    name: lab
    addresses: [10.10.0.1/24, fd00:10::1/64]

- name: Guests of a private network reach the outside, and one of them is reached from there by SSH
  apiary.bhyve.bhyve_switch:
    name: lab
    addresses: [10.10.0.1/24]
    nat: {interface: auto}
    forward:
      - {port: 2222, to: "10.10.0.11:22"}

- name: The same by ipfw, which the host has enabled
  apiary.bhyve.bhyve_switch:
    name: lab2
    addresses: [10.11.0.1/24]
    nat: {interface: em0, firewall: ipfw}

- name: No DHCP crosses the uplink, neither a guest's to the LAN nor the LAN's to guests (pf.conf is fit for bridges)
  apiary.bhyve.bhyve_host:
    sysctls: {net.link.bridge.pfil_member: 1}

- name: Beside the rules of pf.conf, which hold for all that crosses a bridge now
  apiary.bhyve.bhyve_switch:
    name: lan
    uplink: em0
    dhcp_guard: true

- name: A network for each of two tenants, by VLANs of one uplink, and a bridge that is there already
  apiary.bhyve.bhyve_switch:
    switches:
      - {name: tenant1, uplink: em1, vlan: 82}
      - {name: tenant2, uplink: em1, vlan: 83, stp: true}
      - {name: office, interface: bridge0, manual: true}

- name: A fast switch for a tenant, which the host routes for
  apiary.bhyve.bhyve_switch:
    name: tenant3
    type: vale
    addresses: [10.30.0.1/24]

- name: Netgraph bridges, one that shares the host's network card and one of guests and the host alone
  apiary.bhyve.bhyve_switch:
    switches:
      - {name: mesh, type: netgraph, uplink: em1}
      - {name: cell, type: netgraph, addresses: [10.20.0.1/24], mtu: 9000}

- name: One bridge for the VLANs 10 to 20 of the LAN (FreeBSD 15); each guest says which one is its own
  apiary.bhyve.bhyve_switch:
    name: trunk
    uplink: em1
    vlan_filter: true
    uplink_tagged: [10-20]

- name: The guests of two hosts are on one network; on the other host local and remote change places
  apiary.bhyve.bhyve_switch:
    name: both
    vxlan: {id: 42, local: 192.0.2.1, remote: 192.0.2.2}

- name: The guests of any number of hosts are on one network
  apiary.bhyve.bhyve_switch:
    name: all
    vxlan: {id: 43, group: 239.0.0.43, dev: em0}

- name: A guest is plugged in
  apiary.bhyve.bhyve_vm:
    name: web1
    nics: [{name: lan, switch: tenant1}]

- name: A switch that nobody uses any more is gone
  apiary.bhyve.bhyve_switch:
    name: tenant2
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
      sample: lan
    state:
      description: V(present) or V(absent). Of an absent one nothing else is told of what it is like.
      type: str
      sample: present
    type:
      description: V(bridge), V(vale) or V(netgraph).
      type: str
      sample: bridge
    interface:
      description:
        - The bridge, of a VALE switch the kernel's name, of a netgraph bridge its node. That has the switch's name; if
          it is longer than 31 characters or another node or interface has it, it is C(ngbridge1000) and up.
      type: str
      sample: bridge1000
    host_interface:
      description: The host's own interface on the switch, V('') if there is none.
      returned: for type netgraph
      type: str
      sample: ngeth1000
    manual:
      description: Whether it is used as it is.
      type: bool
    uplink:
      description: The declared uplink, V('') if there is none. What V(auto) has chosen is here.
      type: str
      sample: em0
    uplink_address:
      description: V(move) when the bridge has the addresses of the uplink, else V(keep).
      type: str
      sample: keep
    vlan:
      description: The declared VLAN, V('') if there is none.
      type: str
      sample: "82"
    nat:
      description: How its guests reach the outside, V({}) if they do not. What V(auto) has chosen is here.
      type: dict
      sample: {interface: em0, firewall: pf}
    forward:
      description: The ports of the outside that lead to guests.
      type: list
      elements: dict
      sample: [{port: 2222, to: "10.10.0.11:22", proto: tcp}]
    dhcp_guard:
      description: Whether DHCP is kept from crossing the uplink.
      type: bool
      sample: false
    members:
      description:
        - The interfaces that are in the bridge, guests' taps included. Of a netgraph bridge the nodes that it is
          connected to; those of guests are called C(apiary1000) and up.
      type: list
      elements: str
      sample: [em0.82, tap1000]
    addresses:
      description: The bridge's addresses, but for link-local ones.
      type: list
      elements: str
      sample: [10.10.0.1/24]
    mtu:
      description: The bridge's MTU, V(0) if there is no such interface.
      type: int
      sample: 1500
    mac:
      description: The bridge's MAC address.
      type: str
      sample: 5a:8c:11:0e:74:20
    host_stack:
      description: Whether the host goes on using the uplink.
      returned: for type vale
      type: bool
    stp:
      description: Whether the uplink takes part in the spanning tree protocol.
      type: bool
    vlan_filter:
      description: Whether the bridge filters VLANs.
      type: bool
    uplink_untagged:
      description: The VLAN of the uplink's frames without a tag where the bridge filters VLANs, V('') if there is none.
      type: str
      sample: "1"
    uplink_tagged:
      description: The VLANs of the uplink with their tags where the bridge filters VLANs.
      type: list
      elements: str
      sample: [10-20]
    vxlan:
      description: The declared VXLAN, V({}) if there is none.
      type: dict
      sample: {id: 42, local: 192.0.2.1, remote: 192.0.2.2, port: 4789}
    up:
      description: Whether the bridge is up.
      type: bool
    description:
      description: The bridge's description, by which it is known for what it is.
      type: str
      sample: apiary:lan
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
move:
  description:
    - A move of addresses that waits for its confirmation, and is put back without. A task never ends with it, for its
      action plugin confirms.
  returned: when the module is run without its action plugin, and addresses have to move
  type: dict
  contains:
    id:
      description: What O(move_confirm) has to be.
      type: str
    timeout:
      description: How many seconds it waits.
      type: int
failures:
  description: The switches that failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 2
"""

from functools import partial
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
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.steps import step_of


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    users = partial(switch_users, host)
    report = manage(host, elements_of(module.params), users, module.check_mode, step_of(module.params))
    for warning in report.warnings:
        module.warn(warning)
    return result_of(host, report, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

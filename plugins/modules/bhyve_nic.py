#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_nic
short_description: Attach, change, move and remove NICs of bhyve guests
version_added: 0.2.0
description:
  - Manages the NICs of guests that exist, one by O(vm) and O(name) or many, of any guests, by O(nics).
  - The options are those of C(nics) in M(apiary.bhyve.bhyve_vm), and the way from them to the host is the same.
  - An option that is left out keeps what is there; its default counts once, when the NIC is made.
  - Everything is checked for the whole task before the first change.
  - The NIC of a running guest moves from one bridge to another at once. What the guest has to boot for is reported as
    RV(pending).
extends_documentation_fragment:
  - apiary.bhyve.nic
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role).
seealso:
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.bhyve_switch
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: The guest has a second NIC from its next boot on
  apiary.bhyve.bhyve_nic:
    vm: web1
    name: dmz
    switch: dmz
    model: virtio-net

- name: The NIC is on another bridge, at once
  apiary.bhyve.bhyve_nic:
    vm: web1
    name: dmz
    switch: quarantine

- name: The guests of many customers reach the uplink and not each other
  apiary.bhyve.bhyve_nic:
    nics:
      - {vm: shop1, name: wan, switch: customers, private: true}
      - {vm: shop2, name: wan, switch: customers, private: true}

- name: On FreeBSD 15, one NIC in a VLAN and one that carries several, of a bridge that filters them
  apiary.bhyve.bhyve_nic:
    nics:
      - {vm: desk1, name: lan, switch: campus, vlan: 82}
      - {vm: router1, name: trunk, switch: campus, tagged: [10-20, "82"]}

- name: A router and the host are the two ends of a wire, and the host reaches a network behind it
  apiary.bhyve.bhyve_nic:
    vm: router1
    name: p2p
    switch: none
    host_address: 10.1.1.1/30
    route: ["10.2.0.0/24 via 10.1.1.2"]
    restart: if_needed

- name: The guest gets this address from the host's DHCP server, and by that a boot file
  apiary.bhyve.bhyve_nic:
    vm: web1
    name: lab
    switch: lab
    ip: 10.10.0.11
    dhcp: {filename: boot.ipxe, next_server: 10.10.0.1}

- name: The NIC keeps the place and the address that a licence is bound to
  apiary.bhyve.bhyve_nic:
    vm: win1
    name: lan
    slot: 5
    mac: "5a:00:00:00:00:01"

- name: The NIC is unplugged, as if somebody had pulled the cable
  apiary.bhyve.bhyve_nic:
    vm: web1
    name: dmz
    switch: ""

- name: The guest has it no longer
  apiary.bhyve.bhyve_nic:
    vm: web1
    name: dmz
    state: absent
"""

RETURN = r"""
nics:
  description:
    - The NICs of the task, in its order, as they are now, or would be in check mode.
    - Each has the options of this module and what is listed here.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    vm:
      description: The guest.
      type: str
      sample: web1
    name:
      description: The NIC's name.
      type: str
      sample: dmz
    state:
      description: V(present) or V(absent).
      type: str
      sample: present
    mac:
      description: The MAC address that it has.
      type: str
      sample: "5a:8c:11:0e:74:20"
    port:
      description: What the kernel calls its end, a tap, a port of a VALE switch or a link of a netgraph bridge.
      type: str
      sample: tap1000
    pci_address:
      description: Where the guest sees it, bus, slot and function.
      type: str
      sample: 0.5.0
    reservation:
      description: What the host's own DHCP server has for it, with the address that V(auto) has become, or none.
      type: dict
      sample: {ip: 10.10.0.11, ip6: "", hostname: web1}
    pending:
      description: What waits for the guest's next boot, by key of bhyve_config(5), or C(nic.NAME.OPTION) for its tap.
      type: dict
      sample: {pci.0.5.0.backend: {running: "", next: tap1001}}
changes:
  description: What was done, in order, by guest.
  returned: when the options are right
  type: dict
  sample: {web1: [move tap1001 from bridge1000 to bridge1001]}
pending:
  description: What waits for the next boot of a guest, by guest and NIC.
  returned: when the options are right
  type: dict
  sample: {web1: {dmz: {pci.0.5.0.backend: {running: "", next: tap1001}}}}
reservations:
  description: What was done about the host's own DHCP server, in order.
  returned: when the options are right
  type: list
  elements: str
  sample: [write /usr/local/etc/apiary/dhcpd.hosts, restart isc-dhcpd]
failures:
  description: The guests that failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 6
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.manage import manage
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.tasks import NICS, nics_result
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    tasks = NICS.tasks_of(module.params)
    report = manage(host, NICS.requests_of(tasks, module.params["restart"]), module.check_mode)
    for warning in report.plan.warnings:
        module.warn(warning)
    return nics_result(host, report, tasks, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(NICS.module_options(), body)


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_vm_info
short_description: Tell about the bhyve guests of a host
version_added: 0.1.0
description:
  - Returns all guests of a FreeBSD host, or those that are named, with the options of M(apiary.bhyve.bhyve_vm) and
    how they run.
  - The run state comes from the kernel. Guests of other tools that run on the host are told as well, marked as foreign.
extends_documentation_fragment:
  - apiary.bhyve.attributes.info
  - apiary.bhyve.attributes.action_group
options:
  names:
    description: The guests to tell about. By default all. A name that no guest has gives nothing.
    type: list
    elements: str
notes:
  - RV(vms) is valid input for O(apiary.bhyve.bhyve_vm#module:vms). VNC passwords are left out, which as input keeps
    them.
seealso:
  - module: apiary.bhyve.bhyve_vm
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: All guests of the host are known
  apiary.bhyve.bhyve_vm_info:
  register: guests

- name: Names and states are shown
  ansible.builtin.debug:
    msg: "{{ dict(guests.vms | map(attribute='name') | zip(guests.vms | map(attribute='status.run_state'))) }}"

- name: One guest is known
  apiary.bhyve.bhyve_vm_info:
    names: [web1]
  register: web1
"""

RETURN = r"""
vms:
  description: The guests, ours in alphabetical order, then foreign ones.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The guest's name. Beside it stand all options of M(apiary.bhyve.bhyve_vm), for guests of ours.
      type: str
      sample: web1
    state:
      description: V(started) or V(stopped).
      type: str
      sample: started
    memory:
      description: Its memory.
      type: str
      sample: 4G
    disks:
      description: Its disks, with the sizes that they have on the host; given ones in C(status.disk_sizes).
      type: list
      elements: dict
      sample: [{name: root, state: present, backing: zvol, size: 20G, controller: virtio-blk}]
    nics:
      description: Its NICs.
      type: list
      elements: dict
      sample: [{name: lan, model: virtio-net, switch: bridge0, mac: "5a:1c:2d:3e:4f:50"}]
    status:
      description:
        - What can be told of it and not asked for, as RV(apiary.bhyve.bhyve_vm#module:vms[].status). For guests of
          other tools it has C(run_state), C(foreign), C(pid) and C(uptime); for one whose record cannot be read it has
          C(run_state), which is V(unknown) then, C(foreign) and C(message).
      type: dict
      sample:
        run_state: running
        foreign: false
        message: ""
        pid: 4711
        uptime: 86400
        boot: boot.7
        consoles: {com1: /dev/nmdm-web1.1B}
        taps: {lan: tap1000}
        vnc: 127.0.0.1:5900
        disk_sizes: {data: 100G}
        pending: {memory.size: {running: 4G, next: 8G}}
        exit: 0
        stage: acpi
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 4
"""

import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.info import entries
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.paths import add_sizes
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Tell about the guests."""
    vms = entries(observe(host), module.params["names"], time.time())
    add_sizes(host, vms)
    return {"changed": False, "vms": vms}


def main() -> None:
    """Run the module."""
    run_module({"names": {"type": "list", "elements": "str"}}, body)


if __name__ == "__main__":
    main()

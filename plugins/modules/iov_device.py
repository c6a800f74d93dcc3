#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iov_device
short_description: Make virtual functions of a PCI device for guests (SR-IOV)
version_added: 0.2.0
description:
  - Makes virtual functions of devices of a FreeBSD host that can have some (SR-IOV), one device by O(device), many by
    O(devices). All of them are for guests, which have them passed through
    (O(apiary.bhyve.bhyve_vm#module:passthru)); ppt(4) has them from the start, so they need no
    M(apiary.bhyve.ppt_device).
  - They are made now by iovctl(8), and at each boot by C(/etc/iov/DEVICE.conf), which is listed in C(iovctl_files) of
    rc.conf. Other files that are listed there stay.
  - FreeBSD cannot change virtual functions that are there. Another number of them, or other parameters, means that all
    are destroyed and made anew, which is refused while guests have one in their C(passthru); they are named.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  device:
    description: &device
      - The device that has them, by its driver's name, such as V(ix0). It has to have SR-IOV (pciconf -lc).
    type: str
  state:
    description: &state
      - V(present), it has O(num_vfs) virtual functions. This is the default.
      - V(absent), it has none, now and at boot.
    type: str
    choices: [present, absent]
  num_vfs:
    description: &num_vfs
      - How many; at most what the device can have. Needed, but for O(state=absent).
    type: int
  parameters:
    description: &parameters
      - What its driver takes for each of them, such as C(allow-set-mac), see C(iovctl -S -d DEVICE) and the driver's
        manual page. C(passthrough) is always true.
    type: dict
  devices:
    description:
      - Many devices, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first change.
    type: list
    elements: dict
    suboptions:
      device:
        description: *device
        type: str
        required: true
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
      num_vfs:
        description: *num_vfs
        type: int
      parameters:
        description: *parameters
        type: dict
notes:
  - The kernel needs vmm(4) before the virtual functions are made. M(apiary.bhyve.bhyve_host) has it in C(kld_list),
    which is read before.
  - Some drivers interrupt the link of the device for a moment when virtual functions come and go.
seealso:
  - module: apiary.bhyve.ppt_device
  - module: apiary.bhyve.bhyve_vm
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Four virtual functions of the card, which guests may give MAC addresses of their own
  apiary.bhyve.iov_device:
    device: ix0
    num_vfs: 4
    parameters: {allow-set-mac: true}
  register: card

- name: A guest has the first of them
  apiary.bhyve.bhyve_vm:
    name: router1
    memory: 2G
    passthru:
      - {name: wan, selector: "{{ card.devices[0].vfs[0].selector }}"}

- name: None any more
  apiary.bhyve.iov_device:
    device: ix0
    state: absent
"""

RETURN = r"""
devices:
  description: The devices of the task, in its order, as they are now or would be in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    device:
      description: The device's name.
      type: str
      sample: ix0
    selector:
      description: The device as pciconf(8) names it, V('') if there is none.
      type: str
      sample: pci0:4:0:0
    num_vfs:
      description: How many virtual functions it has.
      type: int
      sample: 4
    max_vfs:
      description: How many it can have.
      type: int
      sample: 63
    vfs:
      description: The virtual functions, each as pciconf(8) and as bhyve(8) name it, with the guests that have it.
      type: list
      elements: dict
      sample: [{selector: "pci0:4:0:128", pptdev: 4/0/128, vms: [guest router1]}]
    changed:
      description: Whether virtual functions were made or destroyed now.
      type: bool
    changes:
      description: What was done for it now, in order.
      type: list
      elements: str
    failed:
      description: Why it failed.
      type: str
      returned: when it failed
changes:
  description: What was done, or in check mode would be, by device and file.
  returned: always
  type: dict
  sample: {ix0: [make 4 virtual functions of ix0]}
failures:
  description: What failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 8
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.passthru.device_users import device_users
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.iov_manage import manage, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.iov_options import module_options, requests_of


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    report = manage(host, requests_of(module.params), device_users, module.check_mode)
    return result_of(host, report, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

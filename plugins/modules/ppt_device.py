#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ppt_device
short_description: Reserve PCI devices of the host for guests
version_added: 0.2.0
description:
  - Gives PCI devices of a FreeBSD host to the driver ppt(4), so that guests can have them passed through
    (O(apiary.bhyve.bhyve_vm#module:passthru)), and back to the host. One by O(selector), many by O(devices).
  - At boot a device is reserved by C(pptdevs), C(pptdevs2) and C(pptdevs3) of loader.conf, with C(vmm_load), and on AMD
    C(hw.vmm.amdvi.enable), without which they count for nothing; what stands there already stays. Now it is reserved by
    devctl(8).
  - A device that the host itself uses is never taken, the error names what uses it. That is a network card with an
    address, in a bridge, with VLANs or a lagg on it, with virtual functions (M(apiary.bhyve.iov_device)), or declared
    as the uplink of a switch; a controller with a disk that is mounted, in a ZFS pool or open in any other way; the
    display of the console.
  - What is not in use but cannot be taken from its driver safely while the host runs (a USB controller with a keyboard,
    a display with a graphics driver), or without vmm(4) in the kernel, waits for the next boot, see
    RV(devices[].pending).
  - Without O(selector) and O(devices) it changes nothing and returns all PCI devices of the host.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  selector:
    description: &selector
      - The device, as pciconf(8) has it (V(pci0:4:0:0)), or as bhyve(8) and C(pptdevs) do (V(4/0/0)). It has to be in
        PCI domain 0, the only one that they know.
      - A bridge, a device without any capability (bhyve has no interrupts of it to give to a guest), and on a host
        without an IOMMU any device is refused.
    type: str
  state:
    description: &state
      - V(present), the device is reserved. This is the default.
      - V(absent), it is the host's own. Refused while guests have it in their C(passthru); they are named.
    type: str
    choices: [present, absent]
  when:
    description: &when
      - V(both), now and at every boot. This is the default. What cannot be done now waits for the next boot.
      - V(boot), from the next boot on; nothing happens now.
      - V(now), until the next boot; what cannot be done now is an error.
      - A device that the host got as reserved at its boot is given back at the next one.
    type: str
    choices: [both, boot, now]
  devices:
    description:
      - Many devices, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first change. Then a device that fails does not keep the others from being taken.
    type: list
    elements: dict
    suboptions:
      selector:
        description: *selector
        type: str
        required: true
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
      when:
        description: *when
        type: str
        choices: [both, boot, now]
        default: both
notes:
  - FreeBSD knows no IOMMU groups. A device with several functions, a display with its audio for instance, is best
    reserved and passed through as a whole; the module warns when a part of it stays with the host.
  - The host's addresses of devices change when cards are moved or added. Look at RV(devices[].device).
  - C(kldunload vmm) with a device at ppt(4) fails and takes the driver out of the kernel all the same, until the next
    boot.
seealso:
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.iov_device
  - module: apiary.bhyve.bhyve_host
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: What is there
  apiary.bhyve.ppt_device:
  register: pci

- name: The second network card is for guests, now and after every boot
  apiary.bhyve.ppt_device:
    selector: pci0:4:0:0

- name: The graphics card with its audio is for guests
  apiary.bhyve.ppt_device:
    devices:
      - {selector: 1/0/0, when: boot}
      - {selector: 1/0/1, when: boot}
  register: reserved

- name: Boot the host if that has to wait for it
  ansible.builtin.reboot:
  when: reserved.pending | length > 0

- name: The host has its card back
  apiary.bhyve.ppt_device:
    selector: pci0:4:0:0
    state: absent
"""

RETURN = r"""
devices:
  description:
    - The devices of the task, in its order, as they are now or would be in check mode. Those of the host, if the task
      names none.
  returned: always
  type: list
  elements: dict
  contains:
    selector:
      description: The device as pciconf(8) names it.
      type: str
      sample: pci0:4:0:0
    pptdev:
      description: The device as bhyve(8) and C(pptdevs) name it.
      type: str
      sample: 4/0/0
    vendor:
      description: Who made it, V('') if pciconf(8) does not know.
      type: str
      sample: Intel Corporation
    device:
      description: What it is.
      type: str
      sample: Ethernet Controller 10-Gigabit X540-AT2
    vendor_id:
      description: The number of its maker.
      type: str
      sample: "0x8086"
    device_id:
      description: The maker's number of it.
      type: str
      sample: "0x1528"
    class:
      description: The kind of device.
      type: str
      sample: network
    subclass:
      description: The kind, more closely.
      type: str
      sample: ethernet
    driver:
      description: The driver that has it, V('') for none, or if that is known only after the change.
      type: str
      sample: ppt
    name:
      description: The driver's device, V('') for none, or if that is known only after the change.
      type: str
      sample: ppt0
    reserved_now:
      description: Whether ppt(4) has it.
      type: bool
      sample: true
    reserved_at_boot:
      description: Whether loader.conf gives it to ppt(4) at boot.
      type: bool
      sample: true
    pending:
      description: V(reboot) if the next boot makes it otherwise than it is now, else V('').
      type: str
      sample: ""
    sr_iov:
      description: Whether it can have virtual functions (SR-IOV).
      type: bool
      sample: false
    used_by:
      description: What of the host uses it, so that it cannot be reserved.
      type: list
      elements: str
      sample: [em0 has the address 192.0.2.10/24]
    vms:
      description: The guests that have it in their C(passthru).
      type: list
      elements: str
      sample: [guest web1]
    changed:
      description: Whether anything was changed for it, now or in loader.conf.
      type: bool
      returned: for devices of the task
    changes:
      description: What was done for it now, in order.
      type: list
      elements: str
      returned: for devices of the task
    failed:
      description: Why it failed.
      type: str
      returned: when it failed
pending:
  description: The selectors of the devices for which something waits for the next boot.
  returned: always
  type: list
  elements: str
  sample: []
changes:
  description: What was done, or in check mode would be, by device and file.
  returned: always
  type: dict
  sample: {"/boot/loader.conf": ["set pptdevs=4/0/0 in /boot/loader.conf"]}
failures:
  description: What failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 14
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.passthru.device_users import device_users
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.manage import manage, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.options import module_options, requests_of


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    report = manage(host, requests_of(module.params), device_users, module.check_mode)
    for warning in report.warnings:
        module.warn(warning)
    return result_of(host, report, device_users, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

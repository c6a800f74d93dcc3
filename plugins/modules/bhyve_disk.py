#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_disk
short_description: Attach, change, grow, detach and remove disks of bhyve guests
version_added: 0.2.0
description:
  - Manages disks and CD drives of guests that exist, one by O(vm) and O(name) or many, of any guests, by O(disks).
  - The options are those of C(disks) in M(apiary.bhyve.bhyve_vm), and the way from them to the host is the same.
  - An option that is left out keeps what is there; its default counts once, when the disk is made.
  - Everything is checked for the whole task before the first change, the space for all of it included.
  - What a running guest cannot take waits for its next boot and is reported as RV(pending). A disk that somebody has
    open is never destroyed or given to another guest.
extends_documentation_fragment:
  - apiary.bhyve.disk
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role).
  - A task with a O(size) such as V(+10G) grows the disk each time that it is run.
seealso:
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.bhyve_image
  - module: apiary.bhyve.bhyve_snapshot
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: The guest has a second disk, compressed, from its next boot on
  apiary.bhyve.bhyve_disk:
    vm: db1
    name: data
    size: 100G
    controller: nvme
    properties: {compression: zstd, primarycache: metadata}

- name: The disk is larger; a guest that runs sees it at once
  apiary.bhyve.bhyve_disk:
    vm: db1
    name: data
    size: 200G

- name: Disks of many guests, and the guests that need it are restarted
  apiary.bhyve.bhyve_disk:
    restart: if_needed
    disks:
      - {vm: web1, name: logs, size: 20G, backing: sparse-zvol}
      - {vm: web2, name: logs, size: 20G, backing: sparse-zvol}
      - {vm: web2, name: scratch, size: 8G, backing: sparse-file, sector_size: 512/4096}

- name: Another CD is in the drive
  apiary.bhyve.bhyve_disk:
    vm: win1
    name: cd
    controller: ahci-cd
    path: /apiary/.images/virtio-win.iso

- name: The drive is empty
  apiary.bhyve.bhyve_disk:
    vm: win1
    name: cd
    path: ""

- name: The firmware boots from the second disk first
  apiary.bhyve.bhyve_disk:
    disks:
      - {vm: web1, name: new, boot_order: 1}
      - {vm: web1, name: root, boot_order: 2}

- name: The units of a CTL port are SCSI disks of the guest
  apiary.bhyve.bhyve_disk:
    vm: db1
    name: san
    controller: virtio-scsi
    path: /dev/cam/ctl1.0

- name: The guest does not see the disk any more; it can be attached again
  apiary.bhyve.bhyve_disk:
    vm: db1
    name: data
    state: detached

- name: The disk and its data are gone
  apiary.bhyve.bhyve_disk:
    vm: db1
    name: data
    state: absent
    destroy: true
"""

RETURN = r"""
disks:
  description:
    - The disks of the task, in its order, as they are now, or would be in check mode.
    - Each has the options of this module and what is listed here.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    vm:
      description: The guest.
      type: str
      sample: db1
    name:
      description: The disk's name.
      type: str
      sample: data
    state:
      description: V(present), V(detached) or V(absent).
      type: str
      sample: present
    size:
      description: The size on the host.
      type: str
      sample: 100G
    serial:
      description: The serial number that the guest sees.
      type: str
      sample: 5E884898DA280471
    host_path:
      description: Where its data is on the host, a device or a file; C('') for an empty drive.
      type: str
      sample: /dev/zvol/zroot/apiary/db1/data
    pending:
      description: What waits for the guest's next boot, by key of bhyve_config(5).
      type: dict
      sample: {pci.0.4.0.path: {running: "", next: /dev/zvol/zroot/apiary/db1/data}}
changes:
  description: What was done, in order, by guest.
  returned: when the options are right
  type: dict
  sample: {db1: [create volume zroot/apiary/db1/data of 100G]}
pending:
  description: What waits for the next boot of a guest, by guest and disk.
  returned: when the options are right
  type: dict
  sample: {db1: {data: {pci.0.4.0.path: {running: "", next: /dev/zvol/zroot/apiary/db1/data}}}}
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
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.tasks import DISKS, disks_result
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.manage import manage
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    tasks = DISKS.tasks_of(module.params)
    report = manage(host, DISKS.requests_of(tasks, module.params["restart"]), module.check_mode)
    for warning in report.plan.warnings:
        module.warn(warning)
    return disks_result(host, report, tasks, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(DISKS.module_options(), body)


if __name__ == "__main__":
    main()

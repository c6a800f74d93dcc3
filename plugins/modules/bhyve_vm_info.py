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
  snapshots:
    description:
      - Whether to tell each guest's snapshots as well. They are read with one command, whatever their number.
    type: bool
    default: false
  checkpoints:
    description:
      - Whether to tell each guest's checkpoints (M(apiary.bhyve.checkpoint)) as well. Their checksums are not verified,
        which takes as long as they are large.
    type: bool
    default: false
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

- name: An import that another task does in the background has come to its end
  apiary.bhyve.bhyve_vm_info:
    names: [web2]
  register: web2
  until: web2.work == []
  retries: 100
  delay: 30

- name: The guest's snapshots are known
  apiary.bhyve.bhyve_vm_info:
    names: [web1]
    snapshots: true
  register: web1

- name: All checkpoints can be restored with the guest as it is declared today
  apiary.bhyve.bhyve_vm_info:
    names: [web1]
    checkpoints: true
  register: web1
  failed_when: web1.vms[0].checkpoints | rejectattr('fits') | list != []
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
      description: V(started) or V(stopped). The C(run_state) of one that will be resumed is V(suspended).
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
    passthru:
      description: The PCI devices of the host that it has.
      type: list
      elements: dict
      sample: [{name: wan, state: present, selector: "pci0:4:0:0", slot: "", rom: ""}]
    pxe:
      description: How it boots from the network, none if it does not.
      type: dict
      sample: {state: present, image: ipxe, nic: "", script: installer, when: once}
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
        ports: {}
        reservations: {lab: {ip: 10.10.0.11, ip6: "", hostname: web1}}
        vnc: 127.0.0.1:5900
        disk_sizes: {data: 100G}
        pending: {memory.size: {running: 4G, next: 8G}}
        exit: 0
        stage: acpi
        origin: {clone_from: web0, clone_mode: clone, complete: true}
    snapshots:
      description:
        - Its snapshots, oldest first, also those that others took. Not part of what M(apiary.bhyve.bhyve_vm) takes.
      type: list
      elements: dict
      returned: with O(snapshots=true), for guests of ours
      contains:
        name:
          description: Its name, which stands behind the C(@).
          type: str
          sample: daily-2026-11-21
        created:
          description: When it was taken, in seconds since 1970.
          type: int
          sample: 1795229131
        used:
          description: Bytes that only it holds, which come free when it goes.
          type: int
          sample: 12288
        referenced:
          description: Bytes that can be read in it.
          type: int
          sample: 4229120
        consistency:
          description:
            - V(stopped), the guest was off; V(crash_consistent), it ran. None when it was not taken by
              M(apiary.bhyve.bhyve_snapshot).
          type: str
        complete:
          description: Whether the guest's record is in it, without which it cannot be rolled back to.
          type: bool
        disks:
          description: The disks in it that are volumes. Those that are files are in it with the record.
          type: list
          elements: str
          sample: [root]
        clones:
          description: The datasets that were cloned from it.
          type: list
          elements: str
        held:
          description: Whether somebody holds it (zfs-hold(8)).
          type: bool
    checkpoints:
      description:
        - Its checkpoints, oldest first; of those that cannot be read RV(ignore:name), RV(ignore:fits) and
          RV(ignore:problem). Not part of what M(apiary.bhyve.bhyve_vm) takes.
      type: list
      elements: dict
      returned: with O(checkpoints=true), for guests of ours
      contains:
        name:
          description: Its name.
          type: str
          sample: before-upgrade
        kind:
          description: V(checkpoint), the guest ran on; V(suspended), it was stopped.
          type: str
        created:
          description: When it was made, in seconds since 1970.
          type: int
          sample: 1795229131
        size:
          description: Bytes of what bhyve has saved.
          type: int
          sample: 4295053874
        path:
          description: Its directory.
          type: str
          sample: /apiary/.checkpoints/web1/before-upgrade
        snapshot:
          description: The snapshot of the disks of that moment, empty if there is none.
          type: str
          sample: zroot/apiary/web1@checkpoint-before-upgrade
        fits:
          description: Whether it can be restored on this host with the guest as it is declared today.
          type: bool
        differs:
          description: What is other today, each with both values.
          type: list
          elements: str
          sample: ["memory.size: 4G in the checkpoint, 8G today"]
        void:
          description: Whether the guest was resumed from it and has run on, and its disks cannot go back.
          type: bool
        resumes:
          description: Whether the guest's next boot resumes from it.
          type: bool
        problem:
          description: What is wrong with it, empty if nothing is.
          type: str
work:
  description:
    - What tasks are doing with guests at this moment that may take long, exports by M(apiary.bhyve.bhyve_export) and
      imports by M(apiary.bhyve.bhyve_import). Of O(names) those that are named, which need not be there yet.
  returned: success
  type: list
  elements: dict
  sample: [{vm: web1, task: export, path: /backup/web1.apiary, phase: writing, progress: 42}]
  contains:
    vm:
      description: The guest.
      type: str
    task:
      description: V(export) or V(import).
      type: str
    path:
      description: The file.
      type: str
    phase:
      description: V(writing) for an export; V(verifying), then V(making), for an import.
      type: str
    progress:
      description:
        - How much of that is done, in percent. For an export, of what the disks hold; what is written is compressed, so
          it leaps forward at the end of a disk.
      type: int
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 4
"""

import time
from dataclasses import asdict
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.info import add_checkpoints
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.given import add_sizes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.work import read_work
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.info import entries
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.info import add_snapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Tell about the guests."""
    observed = observe(host)
    vms = entries(observed, module.params["names"], time.time())
    add_sizes(host, vms)
    if module.params["snapshots"]:
        add_snapshots(host, observed, vms)
    if module.params["checkpoints"]:
        add_checkpoints(host, observed, vms)
    names = module.params["names"]
    work = [asdict(note) for note in read_work(host) if names is None or note.vm in names]
    return {"changed": False, "vms": vms, "work": work}


def main() -> None:
    """Run the module."""
    more = {name: {"type": "bool", "default": False} for name in ("snapshots", "checkpoints")}
    run_module({"names": {"type": "list", "elements": "str"}, **more}, body)


if __name__ == "__main__":
    main()

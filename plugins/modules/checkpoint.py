#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: checkpoint
short_description: Save the memory and the disks of running bhyve guests, suspend guests, and bring them back
version_added: 0.1.0
description:
  - Manages checkpoints of bhyve guests, one by its own options or many by O(checkpoints). A checkpoint is a guest's
    memory with the state of its CPUs and devices, as bhyve saves it, and a ZFS snapshot of its disks of the same
    moment.
  - bhyve itself hardly checks anything, when it saves a guest and when it restores one. This module does, for the whole
    task before the first change. A guest that cannot be saved runs on as if nothing had been, and no checkpoint is
    there unless it is whole.
  - It needs a FreeBSD that was built for it, with C(WITH_BHYVE_SNAPSHOT=yes) in src.conf(5) and C(options
    BHYVE_SNAPSHOT) in the kernel's configuration. FreeBSD's own releases are not.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  vm:
    description: The guest. Needed unless O(checkpoints) is given.
    type: str
  name: &name
    description:
      - The checkpoint's name. 1 to 116 letters, digits, C(_), C(.), C(:) and C(-), not beginning with a sign other than
        C(_); not V(resume) or V(resuming), which the runtime calls its own. bhyve cuts the paths of its files, so the
        directory's name must not be too long either; what is too long is refused with the number.
      - V(all) with O(state=absent), every checkpoint of the guest.
    type: str
  state: &state
    description:
      - V(present), the checkpoint is there. One that is there already is kept as it is, whatever the guest does now.
        Else the guest has to run; it is paused while its memory is written, and runs on.
      - V(suspended), the checkpoint is made and the guest is off. Its next start, by M(apiary.bhyve.bhyve_vm), by hand
        or at the host's boot, resumes it where it was. A checkpoint of that name from which the guest was resumed
        before gives way to the new one.
      - V(restored), the guest's disks, and what was declared of it, go back by the rules of
        M(apiary.bhyve.bhyve_snapshot), and it runs on from the checkpoint. It is refused while the guest runs (see
        O(restart)), when the checkpoint's files are not what was saved, and when its memory, CPUs, devices, the host's
        bhyve, kernel or CPU are others today; each difference is named. Since a restored guest runs, the same task once
        more is an error, or restores it again.
      - V(absent), the checkpoint and its disks' snapshot are gone. A guest that was suspended to it boots as ever.
      - The default is V(present).
    type: str
    choices: [present, suspended, restored, absent]
  keep: &keep
    description:
      - With O(state=present) and O(state=suspended), how many checkpoints of the guest stay. Beyond that the oldest
        ones go; never the one of this task, and never one that the guest is to be resumed from.
      - One whose disks' snapshot has clones or is held stays, with a warning.
    type: int
  disks: &disks
    description:
      - With O(state=present) and O(state=suspended), whether the disks are snapshotted at the same moment. The snapshot
        is called C(checkpoint-NAME). Disks that are given by a path are not in it; a warning names those that the guest
        writes to.
      - Without, a checkpoint can be restored with O(force) only. A guest that was suspended can be resumed once in any
        case, for its disks stay as they are until then.
      - The default is V(true). On a host without ZFS it has to be V(false) with O(state=present), and it is with
        O(state=suspended).
    type: bool
  force: &force
    description:
      - With O(state=restored), whether the memory is restored over disks of another moment. That is a checkpoint
        without its disks, one whose disks' snapshot is gone, one that is void because the guest was resumed from it
        already, and a guest with disks given by a path. It is also what gives up the memory of a guest that is
        suspended to another checkpoint. File systems may be destroyed by it.
      - What was saved of another machine is refused all the same.
      - The default is V(false).
    type: bool
  destroy_newer: &destroy_newer
    description:
      - With O(state=restored), whether snapshots and bookmarks of the disks that are newer may be destroyed, which a
        rollback of ZFS cannot do without. Newer checkpoints go with their disks' snapshots. The default is V(false), it
        is refused and they are named.
    type: bool
  restart: &restart
    description:
      - With O(state=restored), V(if_needed) powers the guest off if it runs; it is not asked, for what it would still
        write goes back anyway.
      - The default is V(never), a running guest is an error.
    type: str
    choices: [never, if_needed]
  checkpoints:
    description: Many checkpoints, each with the options above. Cannot be mixed with them.
    type: list
    elements: dict
    suboptions:
      vm:
        description: The guest.
        type: str
        required: true
      name:
        <<: *name
        required: true
      state: *state
      keep: *keep
      disks: *disks
      force: *force
      destroy_newer: *destroy_newer
      restart: *restart
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role), which finds out what its bhyve can save.
    Of devices that it cannot save an older bhyve says nothing; guests that have such devices are refused.
  - A checkpoint needs as much space as the guest has memory, below C(.checkpoints) in the directory of the guests. It
    belongs to this host, this build of FreeBSD and this CPU.
  - After a guest was resumed, its clock is behind; C(hooks/postrestore) in its directory is run then, and may set it.
    Until its next boot the power button would end it at once, for bhyve forgets that the guest has one; so a graceful
    stop of it is refused, unless C(hooks/prestop) asks it in another way, for example by ssh.
  - A guest with checkpoints cannot be renamed, and one that is suspended cannot be rolled back by
    M(apiary.bhyve.bhyve_snapshot). Its checkpoints go with it when its data are destroyed.
  - Checkpoints are told by M(apiary.bhyve.bhyve_vm_info) with O(apiary.bhyve.bhyve_vm_info#module:checkpoints).
seealso:
  - module: apiary.bhyve.bhyve_snapshot
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.bhyve_vm_info
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: The guest as it is now can be brought back, programs that run included
  apiary.bhyve.checkpoint:
    vm: web1
    name: before-upgrade

- name: The guest goes on from there
  apiary.bhyve.checkpoint:
    vm: web1
    name: before-upgrade
    state: restored
    restart: if_needed

- name: The guest is off, and will go on where it is now
  apiary.bhyve.checkpoint:
    vm: web1
    name: weekend
    state: suspended

- name: It goes on
  apiary.bhyve.bhyve_vm:
    name: web1
    state: started

- name: A checkpoint a day of several guests, three of them
  apiary.bhyve.checkpoint:
    checkpoints:
      - {vm: app1, name: "daily-{{ now(fmt='%Y-%m-%d') }}", keep: 3}
      - {vm: db1, name: "daily-{{ now(fmt='%Y-%m-%d') }}", keep: 3}

- name: The memory alone is saved, of a guest that has no disk of its own
  apiary.bhyve.checkpoint:
    vm: live1
    name: set-up
    disks: false

- name: It is brought back
  apiary.bhyve.checkpoint:
    vm: live1
    name: set-up
    state: restored
    restart: if_needed
    force: true

- name: The guest has no checkpoints
  apiary.bhyve.checkpoint:
    vm: web1
    name: all
    state: absent
"""

RETURN = r"""
checkpoints:
  description: What became of each element of the task, in its order, or would in check mode.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    vm:
      description: The guest.
      type: str
      sample: web1
    name:
      description: The checkpoint's name, or V(all).
      type: str
      sample: before-upgrade
    state:
      description: V(present), V(suspended), V(restored) or V(absent).
      type: str
      sample: present
    changed:
      description: Whether anything was changed for this element.
      type: bool
    changes:
      description: What was done, in order.
      type: list
      elements: str
      sample:
        - >-
          take checkpoint /apiary/.checkpoints/web1/before-upgrade with the disks in
          zroot/apiary/web1@checkpoint-before-upgrade
    path:
      description: The directory of the checkpoint.
      returned: unless O(state=absent)
      type: str
      sample: /apiary/.checkpoints/web1/before-upgrade
    kind:
      description: V(checkpoint), the guest ran on; V(suspended), it was stopped.
      returned: unless O(state=absent)
      type: str
      sample: checkpoint
    snapshot:
      description: The snapshot of its disks, empty if there is none.
      returned: unless O(state=absent)
      type: str
      sample: zroot/apiary/web1@checkpoint-before-upgrade
    not_included:
      description: The disks that the guest writes to and that are not in it, for they are given by a path.
      returned: when the checkpoint was made
      type: list
      elements: str
    pruned:
      description: The checkpoints that went because of O(keep).
      returned: with O(keep)
      type: list
      elements: str
      sample: [daily-2026-11-18]
    not_pruned:
      description: The checkpoints that should have gone and could not, each with the reason.
      returned: with O(keep)
      type: dict
    destroyed:
      description: The newer snapshots and bookmarks that the rollback of the disks destroyed.
      returned: with O(state=restored)
      type: list
      elements: str
    detached:
      description: The disks that the snapshot does not have. They stay, detached.
      returned: with O(state=restored)
      type: list
      elements: str
    gone:
      description: The disks that the guest had then and that were destroyed since.
      returned: with O(state=restored)
      type: list
      elements: str
    failed:
      description: Why it failed.
      returned: when it failed
      type: str
failures:
  description: The guests that failed, each with the reason and what was and was not done.
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
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manage import (
    manage,
    result_of,
    warnings_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import module_options, wanted_of
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    report = manage(host, wanted_of(module.params), module.check_mode)
    for warning in warnings_of(report):
        module.warn(warning)
    return result_of(report, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

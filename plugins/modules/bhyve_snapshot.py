#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_snapshot
short_description: Take, prune and destroy snapshots of bhyve guests, and roll guests back
version_added: 0.2.0
description:
  - Manages the ZFS snapshots of bhyve guests, one by its own options or many by O(snapshots).
  - A snapshot of a guest is taken of all its disks and of its record at one moment. Disks that are given by a path are
    not in it; the result names them.
  - Destroying a snapshot never destroys a clone, nor does rolling back. What stands in the way is named.
  - Everything is checked for the whole task before the first change.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  vm:
    description: The guest. Needed unless O(snapshots) is given.
    type: str
  name: &name
    description:
      - The snapshot's name, which stands behind the C(@) of zfs(8). 1 to 128 letters, digits, C(_), C(.), C(:) and
        C(-), not beginning with a sign other than C(_).
      - Needed except with O(state=absent) and O(match).
    type: str
  state: &state
    description:
      - V(present), the snapshot is there. One that is there already is kept as it is, whatever it holds.
      - V(absent), the snapshot of that name is gone, whoever took it. Or, with O(match), those that the pattern fits
        and that this module took, as far as O(keep) and O(older_than) say.
      - V(rolled_back), the guest is what it was when the snapshot was taken. Its disks, its firmware variables and what
        was declared of it go back; its UUID, MAC addresses, PCI addresses and serials, and what the host gave it since,
        stay. Disks that the snapshot does not have stay as they are, detached.
      - A rollback is refused while the guest runs (see O(restart)) or is suspended (M(apiary.bhyve.checkpoint)), while
        any process has one of the disks open, when it is protected, and when something newer would be destroyed (see
        O(destroy_newer)).
      - After a rollback that was interrupted, the guest cannot be started or changed until the same task has run again.
      - A guest to which nothing was written since the snapshot is left alone.
      - The default is V(present).
    type: str
    choices: [present, absent, rolled_back]
  match: &match
    description:
      - Which snapshots O(keep) and O(older_than) are about, as a shell pattern for the whole name. Only snapshots that
        this module took count and go; those of an administrator or of a replication tool are left alone.
      - With O(state=present) the pruning comes after the new snapshot is taken, and never takes that one.
      - A snapshot that has clones or is held stays, with a warning.
    type: str
  keep: &keep
    description:
      - How many of the newest snapshots stay. The one that O(state=present) names is counted if O(match) fits it.
      - With O(older_than) as well, only those go that are neither among the newest nor young enough.
    type: int
  older_than: &older_than
    description: How old snapshots have to be to go, such as V(12h), V(7d) or V(4w); also C(s) and C(m).
    type: str
  destroy_newer: &destroy_newer
    description:
      - With O(state=rolled_back), whether snapshots and bookmarks that are newer may be destroyed, which a rollback of
        ZFS cannot do without; and disks in files that are younger than the snapshot. The default is V(false), it is
        refused and they are named.
      - Clones of newer snapshots are never destroyed.
    type: bool
  restart: &restart
    description:
      - With O(state=rolled_back), V(if_needed) stops the guest if it runs, and starts it again when it is rolled back.
      - The default is V(never), a running guest is an error.
    type: str
    choices: [never, if_needed]
  snapshots:
    description: Many snapshots, each with the options above. Cannot be mixed with them.
    type: list
    elements: dict
    suboptions:
      vm:
        description: The guest.
        type: str
        required: true
      name: *name
      state: *state
      match: *match
      keep: *keep
      older_than: *older_than
      destroy_newer: *destroy_newer
      restart: *restart
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role), and keep its guests on ZFS.
  - Of a guest that runs, a snapshot is what a power failure would leave. File systems and databases with a journal come
    back from that; for more, stop the guest first.
  - The snapshots of all guests of a task that are in the same run state are taken by one command, at one moment.
  - A snapshot of a volume that is not sparse needs room for what was written to it, for the volume's reservation has to
    fit beside the snapshot.
  - Snapshots are told by M(apiary.bhyve.bhyve_vm_info) with O(apiary.bhyve.bhyve_vm_info#module:snapshots).
seealso:
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.bhyve_vm_info
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: A snapshot is there before the upgrade
  apiary.bhyve.bhyve_snapshot:
    vm: web1
    name: before-upgrade

- name: The guest is as it was before the upgrade, and runs again if it ran
  apiary.bhyve.bhyve_snapshot:
    vm: web1
    name: before-upgrade
    state: rolled_back
    restart: if_needed

- name: A snapshot a day, a week of them
  apiary.bhyve.bhyve_snapshot:
    vm: web1
    name: "daily-{{ now(fmt='%Y-%m-%d') }}"
    match: daily-*
    keep: 7

- name: What is older than four weeks goes, but the three newest stay
  apiary.bhyve.bhyve_snapshot:
    vm: web1
    state: absent
    match: daily-*
    keep: 3
    older_than: 4w

- name: Several guests at one moment
  apiary.bhyve.bhyve_snapshot:
    snapshots:
      - {vm: app1, name: release-42}
      - {vm: db1, name: release-42}

- name: The snapshot is gone
  apiary.bhyve.bhyve_snapshot:
    vm: web1
    name: before-upgrade
    state: absent
"""

RETURN = r"""
snapshots:
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
      description: The snapshot's name.
      type: str
      sample: before-upgrade
    state:
      description: V(present), V(absent) or V(rolled_back).
      type: str
      sample: present
    changed:
      description: Whether anything was changed for this element.
      type: bool
    changes:
      description: What was done, in order.
      type: list
      elements: str
      sample: [take snapshot zroot/apiary/web1@before-upgrade (stopped)]
    consistency:
      description:
        - V(stopped), the guest was off when the snapshot was taken; V(crash_consistent), it ran, and its disks are what
          a power failure would leave. None when the snapshot was not taken by this module.
      returned: with O(state=present) and O(state=rolled_back)
      type: str
      sample: crash_consistent
    disks:
      description: The disks in it that are volumes. Those that are files are in it with the record.
      returned: with O(state=present) and O(state=rolled_back)
      type: list
      elements: str
      sample: [root, data]
    not_included:
      description: The guest's disks that are not in it, for they are given by a path.
      returned: with O(state=present) and O(state=rolled_back)
      type: list
      elements: str
      sample: [install]
    pruned:
      description: The snapshots that went because of O(keep) and O(older_than).
      returned: with O(match)
      type: list
      elements: str
      sample: [daily-2026-11-14]
    not_pruned:
      description: The snapshots that should have gone and could not, each with the reason.
      returned: with O(match)
      type: dict
    destroyed:
      description: The newer snapshots and bookmarks that the rollback destroyed.
      returned: with O(state=rolled_back)
      type: list
      elements: str
    detached:
      description: The disks that the snapshot does not have. They stay, detached.
      returned: with O(state=rolled_back)
      type: list
      elements: str
    gone:
      description: The disks that the guest had then and that were destroyed since.
      returned: with O(state=rolled_back)
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
  sample: 8
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.manage import (
    manage,
    result_of,
    warnings_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import module_options, wanted_of
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

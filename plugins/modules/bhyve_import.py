#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_import
short_description: Make bhyve guests from exports
version_added: 0.2.0
description:
  - Makes a guest from a file that M(apiary.bhyve.bhyve_export) has written, under any name, on any host.
  - All of the file is verified by its checksums before anything is made, also in check mode.
  - The guest is made under a hidden name and seen when it is whole. What an import leaves that was interrupted, the
    next one of the same name removes.
  - It belongs to this host then, is off, and has taps and a VNC port of this host.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  path:
    description: The absolute path of the file on the host. Needed unless O(imports) is given.
    type: path
  name: &name
    description:
      - The name of the guest that is made. The default is the name that the guest had when it was exported.
      - A guest of that name that came from this very export is left alone, whatever became of it since. Any other is an
        error.
    type: str
  keep_identity: &keep_identity
    description:
      - Whether the guest keeps its UUID and its MAC addresses. If another guest of this host has one of them, that is
        an error. The default is V(true).
      - With V(false) it gets new ones, also in place of MAC addresses that were declared, and its NICs have no C(ip),
        but for V(auto), no C(ip6) and no C(hostname).
      - PCI addresses and serial numbers of disks stay in any case, so that the firmware finds what it boots.
    type: bool
  backing: &backing
    description:
      - What holds the guest's disks here. A disk that is a stream of ZFS in the export can only become a volume.
      - The default is what the guest had. On a host without ZFS, volumes become files.
    type: str
    choices: [zvol, sparse-zvol, file, sparse-file]
  imports:
    description: Many imports, each with the options above. Cannot be mixed with them.
    type: list
    elements: dict
    suboptions:
      path:
        description: The absolute path of the file on the host.
        type: path
        required: true
      name: *name
      keep_identity: *keep_identity
      backing: *backing
notes:
  - Where the host serves DHCP itself (M(apiary.bhyve.dhcp_server)), it has the reservations of the guest's NICs in the
    end. Addresses that are in none of its subnets are left out, with a warning.
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role).
  - Large guests take long. With C(async) and C(poll) the connection need not last, and M(apiary.bhyve.bhyve_vm_info)
    tells from another task how far it is.
  - A NIC's bridge has to be there, as with M(apiary.bhyve.bhyve_vm).
  - What only the other host had is left out, with a warning. Disks that are given by a path come detached, but for
    media that this host has at the same path; guests to start after that this host does not have are no longer waited
    for; a VNC port that is taken here becomes another one. PCI devices (C(passthru)) do not come along.
  - A guest that boots from the network (C(pxe)) keeps that; the task warns where this host has not the image or the
    script that it boots by.
seealso:
  - module: apiary.bhyve.bhyve_export
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.bhyve_vm_info
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: The guest is here, as it was exported
  apiary.bhyve.bhyve_import:
    path: /backup/web1.apiary

- name: A second one beside it, with a UUID and MAC addresses of its own
  apiary.bhyve.bhyve_import:
    path: /backup/web1.apiary
    name: web2
    keep_identity: false

- name: From one host to another, through the controller
  block:
    - name: Export it there
      apiary.bhyve.bhyve_export:
        vm: web1
        path: /var/tmp/web1.apiary
      delegate_to: hive1

    - name: Bring the file to the controller, or to this host by any other means
      ansible.builtin.fetch:
        src: /var/tmp/web1.apiary
        dest: /var/tmp/web1.apiary
        flat: true
      delegate_to: hive1

    - name: And here
      ansible.builtin.copy:
        src: /var/tmp/web1.apiary
        dest: /var/tmp/web1.apiary
        mode: "0600"

    - name: Import it
      apiary.bhyve.bhyve_import:
        path: /var/tmp/web1.apiary
"""

RETURN = r"""
imports:
  description: What became of each element of the task, in its order, or would in check mode.
  returned: when the options and the files are right
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
      sample: /backup/web1.apiary
    name:
      description: The guest.
      type: str
      sample: web2
    exported_as:
      description: The name that the guest had when it was exported.
      type: str
      sample: web1
    id:
      description: What tells this export from all others.
      type: str
      sample: 6c9ab4ac-8ae1-4a36-8cf8-9a1e8bb9b1d6
    consistency:
      description: V(stopped) if the guest was off when it was exported, else V(crash_consistent).
      type: str
      sample: stopped
    changed:
      description: Whether anything was changed for this element.
      type: bool
    changes:
      description: What was done, in order.
      type: list
      elements: str
      sample: [make disk root (zvol) from /backup/web1.apiary, write record /apiary/web2/guest.json, show guest web2]
    disks:
      description: The disks that were made, each with C(name) and C(backing).
      type: list
      elements: dict
      sample: [{name: root, backing: zvol}]
    vm:
      description: The guest, as M(apiary.bhyve.bhyve_vm) returns it.
      type: dict
    failed:
      description: Why it failed.
      returned: when it failed
      type: str
failures:
  description: The guests that could not be made, each with the reason and what was and was not done. Nothing of
    them is left.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 20
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.importing import manage, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import import_options, imports_of
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    report = manage(host, imports_of(module.params), module.check_mode)
    for warning in report.warnings:
        module.warn(warning)
    return result_of(host, report, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(import_options(), body)


if __name__ == "__main__":
    main()

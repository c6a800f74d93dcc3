#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_export
short_description: Export bhyve guests, each into one file
version_added: 0.2.0
description:
  - Writes a guest into one file on the host, with its record, its firmware variables, its hooks and all its disks, from
    which M(apiary.bhyve.bhyve_import) makes it again, here or on another host.
  - The file is a C(tar) archive whose disks are compressed by C(zstd), so that it can be unpacked by hand. Its form is
    described in C(docs/export-format.md) of this collection.
  - The file never has its final name before all of it is on the disk.
  - On a host with ZFS the export is made of a snapshot, which goes afterwards, so that the guest may run or be started.
    Without ZFS the guest has to be off, and cannot be started as long as it takes.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  vm:
    description: The guest. Needed unless O(exports) is given.
    type: str
  path:
    description:
      - The absolute path of the file on the host. Its directory has to exist. Only root can read the file, for the
        password of the guest's VNC server is in it.
      - An export of the same guest that is there already is left alone if nothing was written to the guest since, or if
        it is of the same O(snapshot). That cannot be told of a guest that runs.
      - Needed unless O(exports) is given.
    type: path
  snapshot: &snapshot
    description:
      - The snapshot of the guest that is exported, as M(apiary.bhyve.bhyve_snapshot) takes it. With it the file is the
        same whenever it is made.
      - The default is the guest as it is.
    type: str
  format: &format
    description:
      - V(auto), disks on ZFS volumes are streams of C(zfs send), disks in files are images. Streams are fast, keep
        holes and need ZFS where they are imported.
      - V(image), all disks are images, which any host can import.
      - V(stream), the same as V(auto), and a disk that is a file is an error.
      - The default is V(auto).
    type: str
    choices: [auto, stream, image]
  force: &force
    description:
      - Whether a file that is there may be replaced, although it is no export, one of another guest, or one of another
        time. The default is V(false), it is an error.
    type: bool
  skip_paths: &skip_paths
    description:
      - Whether the guest may be exported without those of its disks that are given by a path and that it writes to. The
        default is V(false), they are an error. They come detached when the export is imported.
      - Media that the guest only reads, such as an ISO image in a CD drive, are never in the file, which names them.
    type: bool
  exports:
    description: Many exports, each with the options above. Cannot be mixed with them.
    type: list
    elements: dict
    suboptions:
      vm:
        description: The guest.
        type: str
        required: true
      path:
        description: The absolute path of the file on the host.
        type: path
        required: true
      snapshot: *snapshot
      format: *format
      force: *force
      skip_paths: *skip_paths
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role).
  - Large guests take long. With C(async) and C(poll) the connection need not last, and M(apiary.bhyve.bhyve_vm_info)
    tells from another task how far it is.
  - Of a guest that runs, an export is what a power failure would leave. File systems and databases with a journal come
    back from that; for more, stop the guest first.
  - As much room as the disks hold has to be free where the file goes, though C(zstd) makes it smaller.
  - With ZFS, a bookmark named C(apiary-export) stays on every exported volume. It takes no space, and is how ZFS tells
    what was written since.
seealso:
  - module: apiary.bhyve.bhyve_import
  - module: apiary.bhyve.bhyve_snapshot
  - module: apiary.bhyve.bhyve_vm_info
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: The guest is in a file
  apiary.bhyve.bhyve_export:
    vm: web1
    path: /backup/web1.apiary

- name: A copy of last night, whatever was written since
  apiary.bhyve.bhyve_export:
    vm: web1
    path: /backup/web1-2026-11-20.apiary
    snapshot: daily-2026-11-20

- name: A large guest is exported in the background
  apiary.bhyve.bhyve_export:
    vm: db1
    path: /backup/db1.apiary
  async: 36000
  poll: 30

- name: Two guests for a host without ZFS
  apiary.bhyve.bhyve_export:
    exports:
      - {vm: app1, path: /backup/app1.apiary, format: image}
      - {vm: db1, path: /backup/db1.apiary, format: image}
"""

RETURN = r"""
exports:
  description: What became of each element of the task, in its order, or would in check mode.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    vm:
      description: The guest.
      type: str
      sample: web1
    path:
      description: The file.
      type: str
      sample: /backup/web1.apiary
    id:
      description: What tells this export from all others. None before it is written.
      type: str
      sample: 6c9ab4ac-8ae1-4a36-8cf8-9a1e8bb9b1d6
    changed:
      description: Whether anything was changed for this element.
      type: bool
    changes:
      description: What was done, in order.
      type: list
      elements: str
      sample: [write /backup/web1.apiary with root as stream]
    snapshot:
      description: The snapshot that was asked for.
      type: str
    consistency:
      description:
        - V(stopped), the guest was off; V(crash_consistent), it ran, and its disks are what a power failure would
          leave.
      type: str
      sample: stopped
    disks:
      description: The disks in the file, each with C(name), C(format) (stream or image) and C(size) in bytes.
      type: list
      elements: dict
      sample: [{name: root, format: stream, size: 21474836480}]
    not_included:
      description: The disks that are not in the file, each with C(name) and C(path), for they are given by that.
      type: list
      elements: dict
      sample: [{name: install, path: /iso/debian.iso}]
    failed:
      description: Why it failed.
      returned: when it failed
      type: str
failures:
  description: The files that could not be written, each by its path, with the reason and what was and was not
    done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 12
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.exporting import manage, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import export_options, exports_of
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    return result_of(manage(host, exports_of(module.params), module.check_mode), bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(export_options(), body)


if __name__ == "__main__":
    main()

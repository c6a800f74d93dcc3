#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_export
short_description: Directories exported by NFS, lines of exports(5)
version_added: 0.1.0
description:
  - Manages lines of C(/etc/exports). One by O(name), many by O(exports). A line of ours has a comment with its name
    before it; everything else in the file stays.
  - What mountd(8) would only tell syslogd(8), and then not export, is an error before anything changes. That is a
    directory which is missing or behind a symbolic link, two lines for one file system and the same clients, a user who
    does not exist, C(-alldirs) on what is no mount point.
  - A running mountd is told once, by a reload, and then looked at until C(showmount -e) has all directories of the
    task. What it says of them to syslogd(8) makes the task fail.
  - Datasets with C(sharenfs) are in another file, C(/etc/zfs/exports), which is left to zfs(8). A dataset must not be
    in both.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - What you call it. Letters, digits, and after the first also C(.), C(_) and C(-).
    type: str
  paths:
    description: &paths
      - The directories, of one file system. Required unless O(state=absent).
    type: list
    elements: str
  network:
    description: &network
      - The network of the clients, such as V(10.10.0.0/24). Not beside O(clients); without both it is everybody.
    type: str
  clients:
    description: &clients
      - Addresses and names of clients.
    type: list
    elements: str
  read_only:
    description: &read_only
      - Whether clients can only read. V(true) is the default.
    type: bool
  maproot:
    description: &maproot
      - Who C(root) of a client is here, V(root) for a root directory of machines without disks. Without it, nobody.
    type: str
  mapall:
    description: &mapall
      - Who everybody of a client is here. Not beside O(maproot).
    type: str
  alldirs:
    description: &alldirs
      - Whether clients can mount any directory of the file system. O(paths) is its mount point then.
      - V(false) is the default.
    type: bool
  state:
    description: &state
      - V(present), it is exported. This is the default.
      - V(absent), its line is not there.
    type: str
    choices: [present, absent]
  exports:
    description:
      - Many exports, each with the options that one has by itself, which cannot be given beside it. Others stay.
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      paths:
        description: *paths
        type: list
        elements: str
      network:
        description: *network
        type: str
      clients:
        description: *clients
        type: list
        elements: str
      read_only:
        description: *read_only
        type: bool
        default: true
      maproot:
        description: *maproot
        type: str
      mapall:
        description: *mapall
        type: str
      alldirs:
        description: *alldirs
        type: bool
        default: false
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
  enabled:
    description:
      - V(true), nfsd(8), mountd(8) and rpcbind(8) run, now and after a boot (C(nfs_server_enable), C(mountd_enable),
        C(rpcbind_enable) of rc.conf). V(false), nfsd and mountd do not.
      - Without it that stays as it is.
    type: bool
seealso:
  - name: exports(5)
    description: What the lines mean.
    link: https://man.freebsd.org/exports/5
  - module: apiary.bhyve.boot_tree
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: The root of machines without disks, to be read by those on the switch lab
  apiary.bhyve.nfs_export:
    name: diskless
    paths: [/tftpboot/freebsd-15]
    network: 10.10.0.0/24
    maproot: root
    enabled: true

- name: Homes for two machines, nothing of the old export
  apiary.bhyve.nfs_export:
    exports:
      - {name: homes, paths: [/usr/home], clients: [10.10.0.11, 10.10.0.12], read_only: false}
      - {name: old, state: absent}
"""

RETURN = r"""
exports:
  description: The exports of the task.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: What you call it.
      type: str
      sample: diskless
    state:
      description: Whether it is in the file after the task, or would be in check mode.
      type: str
      sample: present
    line:
      description: Its line, V('') if it is absent.
      type: str
      sample: /tftpboot/freebsd-15 -ro -maproot=root -network 10.10.0.0/24
changes:
  description: What was done, or would be in check mode, by file and server.
  returned: always
  type: dict
  sample: {"/etc/exports": ["add diskless in /etc/exports"], "nfsd": ["reload mountd"]}
failures:
  description: What failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 4
"""

from typing import Any, Dict, List

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.exports.manage import plan
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.exports.options import Task, module_options, task_of
from ansible_collections.apiary.bhyve.plugins.module_utils.module import declaring, run_module


def told(task: Task) -> List[Dict[str, Any]]:
    """The exports of a task, as they are after it."""
    return [
        {
            "name": one.name,
            "state": "present" if one.present else "absent",
            "line": one.line if one.present else "",
        }
        for one in task.exports
    ]


def main() -> None:
    """Run the module."""
    run_module(module_options(), declaring("exports", task_of, plan, told))


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: chainload_script
short_description: iPXE scripts that machines boot by, each by its host name
version_added: 0.1.0
description:
  - Manages scripts in the C(chainload) directory of a TFTP or web server, from where iPXE takes
    C(chainload/HOSTNAME.ipxe) (see role C(apiary.bhyve.pxe_server)). One
    by O(name), many by O(scripts); 1000 need as many commands on the host as one, none.
  - A script is for the host that has its name, for those that O(hosts) names, which get links to it, and for guests
    of this host that name it themselves. Such links are never touched, and a script that guests boot by is not removed.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The script, with or without C(.ipxe).
    type: str
  content:
    description: &content
      - Its text, whose first line is C(#!ipxe). Required unless O(state=absent).
    type: str
  hosts:
    description: &hosts
      - The hosts that boot by it. V([]) for none but the one with its name.
      - Without it the links to the script stay as they are.
    type: list
    elements: str
  files:
    description: &files
      - Files below O(root) that the script boots. They have to be there, and everybody has to be allowed to read them.
    type: list
    elements: str
  state:
    description: &state
      - V(present), the script is there. This is the default.
      - V(absent), neither the script nor the links of O(hosts) are.
    type: str
    choices: [present, absent]
  scripts:
    description:
      - Many scripts, each with the options that one has by itself, which cannot be given beside it. Scripts that are
        not in the list stay.
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      content:
        description: *content
        type: str
      hosts:
        description: *hosts
        type: list
        elements: str
      files:
        description: *files
        type: list
        elements: str
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
  root:
    description:
      - What clients see as C(/).
    type: path
    default: /tftpboot
  directory:
    description:
      - Where the scripts are, C(chainload) in O(root) by default. It is made.
    type: path
seealso:
  - module: apiary.bhyve.boot_tree
  - module: apiary.bhyve.inetd_service
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Three machines install Debian, one boots from its disk
  apiary.bhyve.chainload_script:
    scripts:
      - name: debian
        hosts: [web1, web2, web3]
        files: [debian-13/linux, debian-13/initrd.gz]
        content: |
          #!ipxe
          kernel tftp://${next-server}/debian-13/linux auto=true priority=critical
          initrd tftp://${next-server}/debian-13/initrd.gz
          boot
      - name: db1
        content: |
          #!ipxe
          exit
"""

RETURN = r"""
scripts:
  description: The scripts of the task.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The script, without C(.ipxe).
      type: str
      sample: debian
    path:
      description: Its file.
      type: str
      sample: /tftpboot/chainload/debian.ipxe
    state:
      description: Whether it is there after the task, or would be in check mode.
      type: str
      sample: present
changes:
  description: What was done, or would be in check mode, by file.
  returned: always
  type: dict
  sample: {"/tftpboot/chainload/debian.ipxe": ["create /tftpboot/chainload/debian.ipxe"]}
failures:
  description: The files that could not be written, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 0
"""

from typing import Any, Dict, List

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.chainload.manage import plan
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.chainload.options import Task, module_options, task_of
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import SUFFIX
from ansible_collections.apiary.bhyve.plugins.module_utils.module import declaring, run_module


def told(task: Task) -> List[Dict[str, Any]]:
    """The scripts of a task, as they are after it."""
    return [
        {
            "name": one.file[: -len(SUFFIX)],
            "path": f"{task.directory}/{one.file}",
            "state": "present" if one.present else "absent",
        }
        for one in task.scripts
    ]


def main() -> None:
    """Run the module."""
    run_module(module_options(), declaring("scripts", task_of, plan, told))


if __name__ == "__main__":
    main()

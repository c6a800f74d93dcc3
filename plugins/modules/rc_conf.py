#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rc_conf
short_description: Set, remove and extend many rc.conf variables at once
version_added: 0.1.0
description:
  - Manages variables of rc.conf(5) with the semantics of sysrc(8), any number of them with one read and one write of
    each file.
  - A value is what sh(1) reads, after the defaults and all files. What has the wanted value already is left as it is
    spelt.
  - A change goes to the last file that sets the variable, otherwise to the first of C(rc_conf_files), which is
    C(/etc/rc.conf). Comments and other shell code stay. The edited text is tried in a shell before it is written.
  - Other than with sysrc(8) a value is literal. Quotes, C($) and backslashes in it are written so that sh(1) reads
    exactly them.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The variable. Letters, digits and C(_), no digit first.
    type: str
  value:
    description: &value
      - The value, required unless O(state=absent). The empty string is a value.
      - V(true) and V(false) are written C(YES) and C(NO), a list as its items with blanks between them.
      - With O(state=append) and O(state=remove), the items. As with sysrc(8) their first character separates them if it
        is neither a blank nor a letter, a digit, C(.) or C(/), otherwise blanks do.
    type: raw
  state:
    description: &state
      - V(present), the variable has the value. This is the default.
      - V(absent), no file sets the variable; what the defaults say holds.
      - V(append), the list has the items, as C(name+=items) of sysrc(8).
      - V(remove), the list has none of the items, as C(name-=items) of sysrc(8).
    type: str
    choices: [present, absent, append, remove]
  vars:
    description:
      - Variables, each with the options that one has by itself.
      - A variable may occur more than once only with O(vars[].state=append) and O(vars[].state=remove).
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      value:
        description: *value
        type: raw
      state:
        description: *state
        type: str
        choices: [present, absent, append, remove]
        default: present
  values:
    description:
      - Variables and their values, in short for as many O(vars) with O(vars[].state=present).
    type: dict
  path:
    description:
      - A file of choice, an absolute path without blanks. It is made if it does not exist.
      - Only this file counts then, neither the defaults nor other files.
    type: path
seealso:
  - name: sysrc(8)
    description: FreeBSD's own command.
    link: https://man.freebsd.org/sysrc/8
  - module: apiary.bhyve.bhyve_host
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: sshd is on and the host has a name
  apiary.bhyve.rc_conf:
    values:
      sshd_enable: true
      hostname: hive1.example.org

- name: Modules are loaded at boot, an old setting is gone
  apiary.bhyve.rc_conf:
    vars:
      - {name: kld_list, value: [vmm, nmdm], state: append}
      - {name: vm_enable, state: absent}

- name: The cron daemon is off
  apiary.bhyve.rc_conf:
    name: cron_enable
    value: false

- name: Periodic mail goes to a file
  apiary.bhyve.rc_conf:
    path: /etc/periodic.conf
    values:
      daily_output: /var/log/daily.log
"""

RETURN = r"""
vars:
  description: The variables as they are after the task, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The variable.
      type: str
      sample: kld_list
    value:
      description: Its value as sh(1) reads it, V(none) if nothing sets it.
      type: str
      sample: vmm nmdm
    path:
      description: The last file that sets it, V(none) if none does.
      type: str
      sample: /etc/rc.conf
changes:
  description: What was done, or would be in check mode, by file.
  returned: always
  type: dict
  sample:
    /etc/rc.conf:
      - set kld_list to 'vmm nmdm' in /etc/rc.conf
failures:
  description: The files that could not be written, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 1
"""

from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import carry_out, run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.rc import STATES, Wanted, plan_variables, rc_value

VARIABLE: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "value": {"type": "raw"},
    "state": {"type": "str", "choices": list(STATES), "default": "present"},
}

ARGUMENTS: Dict[str, Any] = {
    **Form("vars", "variable", VARIABLE).spec(),
    "values": {"type": "dict"},
    "path": {"type": "path"},
}


def wanted_of(params: Dict[str, Any]) -> List[Wanted]:
    """The variables of all three forms, which may stand together, in one list. BadInput."""
    items: List[Dict[str, Any]] = []
    if params["name"] is not None:
        items.append({**{key: params[key] for key in VARIABLE}, "state": params["state"] or "present"})
    else:
        stray = [key for key in ("value", "state") if params[key] is not None]
        if stray:
            raise BadInput(f"{' and '.join(stray)}: of which variable? It stands with name, or in an element of vars")
    items += [{"name": name, "value": value, "state": "present"} for name, value in (params["values"] or {}).items()]
    items += params["vars"] or []
    for item in items:
        if item["value"] is None and item["state"] != "absent":
            raise BadInput(f"{item['name']}: state {item['state']} needs a value; the empty one is ''")
    return [Wanted(item["name"], rc_value(item["value"], item["name"]), item["state"]) for item in items]


def converge(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Read, plan, apply."""
    plan = Plan()
    variables = plan_variables(host, plan, wanted_of(module.params), module.params["path"])
    result = carry_out(module, host, plan)
    result["vars"] = [{"name": item.name, "value": item.value, "path": item.path} for item in variables]
    return result


def main() -> None:
    run_module(ARGUMENTS, converge, required_one_of=[["name", "vars", "values"]])


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_host
short_description: Prepare a FreeBSD host for bhyve guests
version_added: 0.1.0
description:
  - Makes a FreeBSD host ready for guests, in one task with one plan. Kernel modules and kernel variables, now and at
    boot; loader and rc variables; the dataset or directory that guests live in; the runtime with its rc.d scripts and
    its entry for newsyslog(8); and what this host's bhyve can do, kept for the other modules.
  - Refuses hosts that cannot run guests. They need FreeBSD 14 or 15 on amd64, and a CPU with Intel VT-x and EPT or AMD
    SVM and nested paging.
  - Normally called by the role P(apiary.bhyve.bhyve_host#role), which has the texts of the runtime.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
notes:
  - Whether this host can save running guests (checkpoints) is looked up as well, and kept in RV(host.capabilities) and
    for the runtime. FreeBSD's releases cannot, kernel and world have to be built for it, with C(options BHYVE_SNAPSHOT)
    and C(WITH_BHYVE_SNAPSHOT=yes) in src.conf(5). C(checkpoints.missing) names those of C(kernel), C(bhyve) and
    C(bhyvectl) that were not.
  - The kernel modules vmm, nmdm and if_bridge and the kernel variable C(net.link.tap.up_on_open=1) are always seen to.
    The modules are added to C(kld_list) in rc.conf, the variables to C(/etc/sysctl.conf), the loader variables to
    C(/boot/loader.conf).
  - What is changed in files of the system is noted in C(/var/db/apiary/made.json), so that O(state=absent) can take it
    back.
options:
  state:
    description:
      - V(present), the host is ready for guests.
      - V(absent), what this module made is gone, and lines that it changed in files of the system are as before unless
        somebody changed them since. Refused while there are guests or switches. The dataset goes only if this module
        made it and nothing is in it. Loaded modules and set kernel variables stay until the next boot.
    type: str
    choices: [present, absent]
    default: present
  root:
    description:
      - The directory that guests live in, the mount point of O(dataset) if there is one.
      - On a host that is new the default is V(/apiary); else it stays as it is.
    type: path
  dataset:
    description:
      - The ZFS dataset that guests live in. It is made if it does not exist, with C(volmode=dev).
      - The empty string means that O(root) is a plain directory, on a host without ZFS.
      - On a host that is new the default is V(zroot/apiary); else it stays as it is.
    type: str
  dataset_properties:
    description:
      - ZFS properties of O(dataset), which guests' datasets inherit. Those that are left out stay as they are.
    type: dict
  firmware_code:
    description:
      - The UEFI firmware that guests get when they name none.
      - On a host that is new the default is V(/usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd), from the package
        edk2-bhyve; else it stays as it is.
    type: path
  firmware_vars:
    description:
      - The template for each guest's own UEFI variables.
      - On a host that is new the default is V(/usr/local/share/uefi-firmware/BHYVE_UEFI_VARS.fd); else it stays as it
        is.
    type: path
  kernel_modules:
    description:
      - Further kernel modules to have, now and at boot.
      - One that an earlier task listed and this one does not is not loaded at boot any more.
    type: list
    elements: str
  sysctls:
    description:
      - Kernel variables to have, now and at boot. The empty string removes one from C(/etc/sysctl.conf).
    type: dict
  loader_variables:
    description:
      - Variables of C(/boot/loader.conf), which count from the next boot on. The empty string removes one.
    type: dict
  rc_variables:
    description:
      - Variables of rc.conf, with the semantics of M(apiary.bhyve.rc_conf). V(true) and V(false) are written C(YES) and
        C(NO).
    type: dict
  shutdown_seconds:
    description:
      - Seconds that rc.shutdown(8) has to give at least when the host shuts down, for its guests to stop. Where
        C(rcshutdown_timeout) in rc.conf is less, it is raised to this, and C(kern.init_shutdown_timeout), now and at
        boot, to half a minute more. Larger values stay.
    type: int
  runtime:
    description:
      - The texts of the program that starts, watches and stops guests, by the names of its files in
        C(/usr/local/libexec). These are V(apiary), to which C(/usr/local/sbin/apiary) is a link, V(apiary.subr),
        V(apiary.checkpoint), V(apiary.supervisor), and V(apiary.network), which makes of switches what rc.conf cannot.
        All are needed.
      - Left out, the files stay as they are.
    type: dict
  rc_script:
    description:
      - The text of its rc.d script, for C(/usr/local/etc/rc.d/apiary).
    type: str
  network_rc_script:
    description:
      - The text of the rc.d script that makes switches at boot, for C(/usr/local/etc/rc.d/apiary_network).
    type: str
    version_added: 0.2.0
  newsyslog:
    description:
      - The text for C(/usr/local/etc/newsyslog.conf.d/apiary.conf).
    type: str
seealso:
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.rc_conf
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: The host is ready for guests in a pool of its own
  apiary.bhyve.bhyve_host:
    dataset: tank/apiary
    dataset_properties:
      compression: zstd
    sysctls:
      net.link.bridge.pfil_member: 0

- name: The host is ready for guests without ZFS
  apiary.bhyve.bhyve_host:
    root: /vm
    dataset: ""

- name: Two devices can be passed through after the next boot
  apiary.bhyve.bhyve_host:
    loader_variables:
      vmm_load: "YES"
      pptdevs: 2/0/0 2/0/1

- name: The host is as it was before
  apiary.bhyve.bhyve_host:
    state: absent
"""

RETURN = r"""
host:
  description: The host as it is after the task, or would be in check mode.
  returned: success, when O(state=present)
  type: dict
  contains:
    root:
      description: The directory that guests live in.
      type: str
      sample: /apiary
    dataset:
      description: The dataset that guests live in, empty without ZFS.
      type: str
      sample: zroot/apiary
    firmware_code:
      description: The UEFI firmware that guests get when they name none.
      type: str
      sample: /usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd
    firmware_vars:
      description: The template for guests' UEFI variables.
      type: str
      sample: /usr/local/share/uefi-firmware/BHYVE_UEFI_VARS.fd
    capabilities:
      description: What the host is and what its bhyve can do, as in C(/var/db/apiary/capabilities.json).
      type: dict
      sample:
        osreldate: 1403000
        release: 14.3-RELEASE
        machine: amd64
        ncpu: 8
        maxcpu: 8
        snapshot: true
        checkpoints:
          missing: []
          devices: [hostbridge, lpc, virtio-blk, virtio-net, fbuf, xhci]
          several: true
          source: "usr.sbin/bhyve of 1403000: pe_snapshot of its pci_*.c, by slot"
changes:
  description: What was done, or would be in check mode, by file, module, variable or dataset.
  returned: always
  type: dict
  sample:
    vmm:
      - load the kernel module vmm now
failures:
  description: What failed, each with the reason and what was and was not done.
  returned: when something failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 9
"""

from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.module import carry_out, run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import rc_value
from ansible_collections.apiary.bhyve.plugins.module_utils.system.prepare import (
    Files,
    Prepared,
    Wish,
    plan_prepared,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.remove import plan_removed

ARGUMENTS: Dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "root": {"type": "path"},
    "dataset": {"type": "str"},
    "dataset_properties": {"type": "dict"},
    "firmware_code": {"type": "path"},
    "firmware_vars": {"type": "path"},
    "kernel_modules": {"type": "list", "elements": "str"},
    "sysctls": {"type": "dict"},
    "loader_variables": {"type": "dict"},
    "rc_variables": {"type": "dict"},
    "shutdown_seconds": {"type": "int"},
    "runtime": {"type": "dict"},
    "rc_script": {"type": "str"},
    "network_rc_script": {"type": "str"},
    "newsyslog": {"type": "str"},
}


def wish_of(params: Dict[str, Any]) -> Wish:
    """The options, with YAML's values as the text that the tools take."""
    return Wish(
        root=params["root"],
        dataset=params["dataset"],
        dataset_properties=_texts(params["dataset_properties"], "on", "off"),
        firmware_code=params["firmware_code"],
        firmware_vars=params["firmware_vars"],
        kernel_modules=None if params["kernel_modules"] is None else tuple(params["kernel_modules"]),
        sysctls=_texts(params["sysctls"], "1", "0"),
        loader_variables=_texts(params["loader_variables"], "YES", "NO"),
        rc_variables={name: rc_value(value, name) for name, value in (params["rc_variables"] or {}).items()},
        shutdown_seconds=params["shutdown_seconds"],
        files=Files(params["runtime"], params["rc_script"], params["network_rc_script"], params["newsyslog"]),
    )


def _texts(values: Optional[Dict[str, Any]], true: str, false: str) -> Dict[str, str]:
    booleans: Dict[Any, str] = {True: true, False: false}
    return {
        name: booleans[value] if isinstance(value, bool) else str("" if value is None else value)
        for name, value in (values or {}).items()
    }


def converge(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Read, plan, apply; under the host's lock unless in check mode, which leaves nothing behind."""
    with host_lock_unless(module.check_mode, host):
        plan = Plan()
        prepared: Optional[Prepared] = None
        if module.params["state"] == "present":
            prepared = plan_prepared(host, plan, wish_of(module.params))
        else:
            plan_removed(host, plan)
        result = carry_out(module, host, plan)
    if prepared is not None:
        result["host"] = {
            **{key[len("apiary_") :]: value for key, value in prepared.conf.items()},
            "capabilities": prepared.capabilities,
        }
    return result


def main() -> None:
    run_module(ARGUMENTS, converge)


if __name__ == "__main__":
    main()

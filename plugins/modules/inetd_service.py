#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: inetd_service
short_description: Services that inetd(8) starts on demand, such as tftpd(8)
version_added: 0.1.0
description:
  - Manages lines of inetd.conf(5). A service is known by O(name) and O(protocol), one by its own options, many by
    O(services). All else in the file stays as it is, samples in comments included.
  - The whole file is checked first, for inetd(8) does not survive a reload with a line that is too short.
  - A running inetd is told once, by a reload, and then looked at until it listens at every port of the task.
    Otherwise the task fails with what inetd has said to syslogd(8). It is told too when the file is right and inetd
    does not serve what is in it.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The service, as services(5) has it.
      - inetd(8) takes C(ADDRESS:tftp) for another service that it does not know, so this is refused; see O(address).
    type: str
  protocol:
    description: &protocol
      - What it is served over. FreeBSD's C(udp) is IPv4 alone, C(udp6) IPv6 alone, so a service for both has two lines,
        or one with C(udp46).
      - Services over UDP are C(dgram) and C(wait), those over TCP C(stream) and C(nowait).
      - V(udp) is the default.
    type: str
    choices: [tcp, tcp4, tcp6, tcp46, udp, udp4, udp6, udp46]
  user:
    description: &user
      - Who runs the program. V(root) is the default, which tftpd(8) needs to go into its directory.
    type: str
  program:
    description: &program
      - The program, an absolute path. Required unless O(state=absent). It has to be on the host.
    type: str
  arguments:
    description: &arguments
      - Its arguments, without the program's name. inetd.conf(5) knows no words with blanks.
    type: list
    elements: str
  state:
    description: &state
      - V(present), the service is in the file. This is the default.
      - V(absent), it is not. A sample of it in a comment stays.
    type: str
    choices: [present, absent]
  services:
    description:
      - Many services, each with the options that one has by itself, which cannot be given beside it.
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      protocol:
        description: *protocol
        type: str
        choices: [tcp, tcp4, tcp6, tcp46, udp, udp4, udp6, udp46]
        default: udp
      user:
        description: *user
        type: str
        default: root
      program:
        description: *program
        type: str
      arguments:
        description: *arguments
        type: list
        elements: str
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
  enabled:
    description:
      - V(true), inetd runs, now and after a boot (C(inetd_enable) of rc.conf). V(false), it does not.
      - Without it that stays as it is.
    type: bool
  address:
    description:
      - The one address at which inetd listens for all its services (C(-a) in C(inetd_flags)), V('') for all of the
        host's. The other flags stay. When it changes, inetd is restarted.
      - inetd then leaves services of the other family out, so a task with such a service is refused.
      - Without it that stays as it is.
    type: str
  path:
    description:
      - The file.
    type: path
    default: /etc/inetd.conf
seealso:
  - name: inetd(8)
    description: The server, and its file.
    link: https://man.freebsd.org/inetd/8
  - module: apiary.bhyve.rc_conf
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Files for machines that boot by network, to all who ask at 10.10.0.1
  apiary.bhyve.inetd_service:
    name: tftp
    program: /usr/libexec/tftpd
    arguments: [-l, -s, /tftpboot]
    address: 10.10.0.1
    enabled: true

- name: The same over IPv4 and IPv6, wherever the host is asked
  apiary.bhyve.inetd_service:
    enabled: true
    address: ""
    services:
      - {name: tftp, protocol: udp, program: /usr/libexec/tftpd, arguments: [-l, -s, /tftpboot]}
      - {name: tftp, protocol: udp6, program: /usr/libexec/tftpd, arguments: [-l, -s, /tftpboot]}

- name: No files any more
  apiary.bhyve.inetd_service:
    name: tftp
    state: absent
"""

RETURN = r"""
services:
  description: The services of the task, as they are after it or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The service.
      type: str
      sample: tftp
    protocol:
      description: What it is served over.
      type: str
      sample: udp
    state:
      description: Whether it is in the file.
      type: str
      sample: present
    line:
      description: Its line, V('') if it is absent.
      type: str
      sample: "tftp\tdgram\tudp\twait\troot\t/usr/libexec/tftpd\ttftpd -l -s /tftpboot"
changes:
  description: What was done, or would be in check mode, by file and daemon.
  returned: always
  type: dict
  sample: {"/etc/inetd.conf": ["add tftp/udp in /etc/inetd.conf"], "inetd": ["reload inetd"]}
failures:
  description: What failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 3
"""

from typing import Any, Dict, List

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.inetd.manage import plan
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.inetd.options import Task, module_options, task_of
from ansible_collections.apiary.bhyve.plugins.module_utils.module import declaring, run_module


def told(task: Task) -> List[Dict[str, Any]]:
    """The services of a task, as they are after it."""
    return [
        {
            "name": one.name,
            "protocol": one.protocol,
            "state": "present" if one.present else "absent",
            "line": one.line if one.present else "",
        }
        for one in task.services
    ]


def main() -> None:
    """Run the module."""
    run_module(module_options(), declaring("services", task_of, plan, told))


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_vm
short_description: Make, change, start, stop and remove bhyve guests
version_added: 0.1.0
description:
  - Manages the bhyve guests of a FreeBSD host, one by its own options or many by O(vms).
  - An option that is left out keeps what is there; its default counts once, when the guest is made. The empty value
    unsets.
  - UUID, MAC addresses, PCI slots and disk serials are given once and kept. Adding a disk moves no other device.
  - Everything is checked for the whole task before the first change.
  - What a running guest cannot take waits for its next boot and is reported as RV(pending).
  - Where the host serves DHCP itself, the addresses of the guests' NICs are reserved in the same task, see C(ip) of
    O(nics). The server is tried with them before anything changes, and told once, before the first guest starts.
extends_documentation_fragment:
  - apiary.bhyve.guest
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role).
  - VNC passwords are kept in files that only root can read, and shown nowhere.
seealso:
  - module: apiary.bhyve.bhyve_disk
  - module: apiary.bhyve.bhyve_nic
  - module: apiary.bhyve.bhyve_switch
  - module: apiary.bhyve.dhcp_server
  - module: apiary.bhyve.bhyve_image
  - module: apiary.bhyve.ipxe_image
  - module: apiary.bhyve.bhyve_vm_info
  - module: apiary.bhyve.bhyve_host
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: A FreeBSD guest with a disk and a NIC runs, and comes back with the host
  apiary.bhyve.bhyve_vm:
    name: web1
    state: started
    os: freebsd
    cpus: 2
    memory: 4G
    disks:
      - {name: root, size: 20G}
      - {name: install, controller: ahci-cd, path: /apiary/.images/freebsd.iso, until_installed: true}
    nics:
      - {name: lan, switch: bridge0}
    vnc: {wait: true}
    boot: {autostart: true, order: 10}

- name: A guest boots from a clone of an image (apiary.bhyve.bhyve_image), grown to its size
  apiary.bhyve.bhyve_vm:
    name: web2
    state: started
    os: freebsd
    memory: 4G
    disks: [{name: root, size: 20G, image: freebsd-14.3}]

- name: A guest has a network card of the host, which apiary.bhyve.ppt_device has reserved
  apiary.bhyve.bhyve_vm:
    name: router1
    state: started
    os: freebsd
    memory: 2G
    disks: [{name: root, size: 20G, image: freebsd-14.3}]
    passthru:
      - {name: wan, selector: "pci0:4:0:0"}

- name: A guest installs itself from the network, by a script of this host's TFTP server, and then boots from its disk
  apiary.bhyve.bhyve_vm:
    name: node7
    state: started
    os: linux
    memory: 8G
    disks: [{name: root, size: 80G}]
    nics: [{name: lab, switch: lab, ip: 10.10.0.17}]
    pxe: {script: ubuntu-autoinstall}

- name: A guest without a disk boots from the network each time
  apiary.bhyve.bhyve_vm:
    name: thin1
    state: started
    memory: 2G
    nics: [{name: lab, switch: lab, ip: auto}]
    pxe: {script: freebsd-diskless, when: always}

- name: A graphics card with its audio, in one slot of the guest
  apiary.bhyve.bhyve_vm:
    name: win1
    restart: if_needed
    passthru:
      - {name: display, selector: 1/0/0, slot: "6:0", rom: /usr/local/share/apiary/rtx4000.rom}
      - {name: audio, selector: 1/0/1, slot: "6:1"}

- name: Guests of a host, all in one task
  apiary.bhyve.bhyve_vm:
    vms:
      - name: db1
        state: started
        os: linux
        memory: 8G
        disks: [{name: root, size: 40G, controller: nvme}]
        nics: [{name: lan, switch: bridge0, mac: "5a:00:00:00:00:01"}]
        boot: {autostart: true, order: 10, ready: {address: 10.0.0.5, tcp: 5432, timeout: 120}}
      - name: app1
        state: started
        os: linux
        memory: 2G
        disks: [{name: root, size: 20G, backing: sparse-zvol}]
        nics: [{name: lan, switch: bridge0}]
        boot: {autostart: true, order: 20, after: [db1]}

- name: When the host shuts down its memory is saved, when it boots again it goes on where it was
  apiary.bhyve.bhyve_vm:
    name: build1
    boot: {shutdown: suspend}

- name: The guest has more memory, now
  apiary.bhyve.bhyve_vm:
    name: web1
    memory: 8G
    restart: if_needed

- name: The disk is larger; the guest sees it at once
  apiary.bhyve.bhyve_vm:
    name: web1
    disks:
      - {name: root, size: 40G}

- name: A guest that reaches the uplink and not its neighbours, and that the host manages over a wire of its own
  apiary.bhyve.bhyve_vm:
    name: shop1
    nics:
      - {name: wan, switch: customers, private: true}
      - {name: manage, switch: none, host_address: 10.1.1.1/30}

- name: The guest has its address by DHCP, any of those that are kept for such on the other switch
  apiary.bhyve.bhyve_vm:
    name: web1
    nics:
      - {name: lab, switch: lab, ip: 10.10.0.11}
      - {name: dmz, switch: dmz, ip: auto, hostname: www}

- name: The guest answers on port 5901 with a German keyboard, and has a debug port
  apiary.bhyve.bhyve_vm:
    name: web1
    vnc: {port: "5901", keyboard: de_noacc, password: "{{ vault_vnc }}"}
    options: {gdb.port: "5555"}

- name: Two guests like web1, which is off; their disks share what they do not change
  apiary.bhyve.bhyve_vm:
    vms:
      - {name: web2, clone_from: web1, state: started}
      - {name: web3, clone_from: web1, memory: 8G, disks: [{name: root, size: 60G}]}

- name: A guest as web1 was last night, though that runs, and independent of it
  apiary.bhyve.bhyve_vm:
    name: test1
    clone_from: web1@daily-2026-11-20
    clone_mode: copy

- name: The clone takes over, so that the guest that it was made from can go
  apiary.bhyve.bhyve_vm:
    name: web2
    clone_from: web1
    promote: true

- name: The guest has another name, and is still itself
  apiary.bhyve.bhyve_vm:
    name: shop1
    rename_from: web3

- name: The guest is off
  apiary.bhyve.bhyve_vm:
    name: web1
    state: stopped

- name: The guest is gone, and its disks with it
  apiary.bhyve.bhyve_vm:
    name: web1
    state: absent
    destroy: true

- name: A guest that boots from a directory of the host, without a disk
  apiary.bhyve.bhyve_vm:
    name: tiny
    state: started
    memory: 64M
    firmware: bhyveload
    loader: {host_path: /tiny, env: {mode: acpi}}
    rng: false
"""

RETURN = r"""
vms:
  description:
    - The guests of the task as they are now, or would be in check mode. Each has the options of this module.
    - What only apply can know, such as a new UUID, is C(to be allocated) in check mode.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    name:
      description: The guest's name.
      type: str
      sample: web1
    state:
      description: V(started), V(stopped) or V(absent).
      type: str
      sample: started
    changed:
      description: Whether anything was changed for this guest.
      type: bool
    changes:
      description: What was done for it, in order.
      type: list
      elements: str
      sample: [create volume zroot/apiary/web1/root of 20G, start]
    stopped_by:
      description:
        - What ended it, when it was stopped. C(acpi), it powered off; C(signal), it had no ACPI yet; C(loader), it was
          still being loaded; C(poweroff) and C(kill), it had to be forced.
      type: str
      returned: when it was stopped
    failed:
      description: Why it failed.
      type: str
      returned: when it failed
    status:
      description: What can be told of it and not asked for.
      type: dict
      contains:
        run_state:
          description: V(running), V(starting), V(stopping), V(stopped), V(suspended), V(failed) or V(preserved).
          type: str
        message:
          description: Why, in the words of the runtime.
          type: str
        pid:
          description: The process of its bhyve.
          type: int
        uptime:
          description: Seconds since that was started.
          type: int
        boot:
          description: The boot generation that runs, or is next.
          type: str
          sample: boot.7
        consoles:
          description: The devices for C(cu -l), by serial port.
          type: dict
          sample: {com1: /dev/nmdm-web1.1B}
        taps:
          description: The tap of each NIC.
          type: dict
          sample: {lan: tap1000}
        ports:
          description: The port of each NIC on a VALE switch, or its link on a netgraph bridge.
          type: dict
          sample: {tenant: "vale0:1000"}
        reservations:
          description:
            - What the host's own DHCP server has for each NIC, with the addresses that V(auto) has become. NICs without
              a reservation are not in it.
          type: dict
          sample: {lab: {ip: 10.10.0.11, ip6: "", hostname: web1}}
        vnc:
          description: Where VNC listens.
          type: str
          sample: 127.0.0.1:5900
        disk_sizes:
          description: How large the disks are that were given by path.
          type: dict
          sample: {data: 100G}
        pending:
          description: What waits for its next boot, by key of bhyve_config(5), variable of C(guest.rc), or for the tap
            of a NIC C(nic.NAME.OPTION).
          type: dict
          sample: {memory.size: {running: 4G, next: 8G}}
        exit:
          description: The last exit status of bhyve.
          type: int
        stage:
          description: What ended it when it was last stopped, as in RV(vms[].stopped_by).
          type: str
        foreign:
          description: Whether it is another tool's.
          type: bool
        origin:
          description:
            - Whose clone it is, with C(clone_from) and C(clone_mode) as they were given. Not C(complete) as long as
              disks are missing.
          type: dict
          sample: {clone_from: web1, clone_mode: clone, complete: true}
pending:
  description: The guests for which something waits for their next boot, with what differs.
  returned: when the options are right
  type: dict
  sample: {web1: {memory.size: {running: 4G, next: 8G}}}
reservations:
  description: What was done about the host's own DHCP server, in order.
  returned: when the options are right
  type: list
  elements: str
  sample: [write /usr/local/etc/apiary/dhcpd.hosts, restart isc-dhcpd]
shutdown_seconds:
  description: Seconds that all guests of the host may need to stop when it shuts down.
  returned: when the options are right
  type: int
  sample: 120
failures:
  description: The guests that failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 4
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.manage import manage, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.options import module_options, requests_of
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    report = manage(host, requests_of(module.params), module.check_mode)
    for warning in report.plan.warnings:
        module.warn(warning)
    return result_of(host, report, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcpd_host
short_description: Make and remove reservations of a DHCP server
version_added: 0.1.0
description:
  - Manages what the DHCP server of a FreeBSD host gives to a network card, addresses, host name, boot file and further
    options, for one card by the module's own options or for many by O(hosts).
  - Reservations are in a file of their own in the server's own syntax, which is hooked into the server's configuration
    once. Neither it nor that configuration is replaced before the server itself has tried both together.
  - The server is restarted once at most in a task, and not at all when nothing has changed. One that does not run stays
    off, which the task warns about.
  - What servers do not mind is refused, a MAC or IP address that is there twice, in the task, in other reservations or
    in the administrator's own entries, an address in no subnet of the server, in a dynamic range, of a router, of the
    network itself or of its broadcasts, and host names that are none.
  - Which server there is, says the note that M(apiary.bhyve.dhcp_server) leaves on the host. Without it, and for an
    administrator's own server, say it by O(backend) and O(conf).
  - Reservations of guests (their NICs' C(ip)) are made by M(apiary.bhyve.bhyve_vm) and left alone.
  - What is left out stays as it was declared; C('') and V([]) unset.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The name of the reservation, letters, digits, C(_), C(-), and single dots between them. For dhcpd it is the name
        of the host declaration.
    type: str
  state:
    description: &state
      - V(present), the card has the reservation. This is the default.
      - V(absent), it has none; its addresses are free again.
    type: str
    choices: [present, absent]
  mac:
    description: &mac
      - The card's MAC address. It is needed for a new reservation.
    type: str
  ip:
    description: &ip
      - The IPv4 address, or several, one for each subnet that the card may be in.
      - V(auto) is the one that the reservation has, or else the first that is free in O(auto_range). It is kept until
        the reservation goes.
      - Without any the card gets an address of a dynamic range and the other options.
    type: list
    elements: str
  ip6:
    description: &ip6
      - The same for IPv6. With V(isc) and V(kea) that is another daemon, see O(inet6).
    type: list
    elements: str
  hostname:
    description: &hostname
      - The host name that the card's machine is told. By default the reservation's name where it is a host name (labels
        of letters, digits and hyphens, with dots between them).
    type: str
  filename:
    description: &filename
      - The file that the machine boots over the network. When this host's own TFTP server (role
        C(apiary.bhyve.pxe_server)) is to serve it and does not have it, the task warns.
    type: str
  next_server:
    description: &next_server
      - The server that it gets the file from, an IPv4 address or a host name.
    type: str
  server_name:
    description: &server_name
      - The name of that server, as text (C(sname)).
    type: str
  root_path:
    description: &root_path
      - The root file system of a diskless machine, such as V(10.10.0.1:/diskless).
    type: str
  default_lease_time:
    description: &default_lease_time
      - Seconds that an address is given for when the client asks for no time. V(0), the default, is the server's own.
    type: int
  max_lease_time:
    description: &max_lease_time
      - Seconds that it is given for at most.
    type: int
  options:
    description: &options
      - Further options of DHCP by their names in dhcp-options(5), such as C(domain-name-servers), each with a text, a
        number, V(true) or V(false), or a list.
      - Texts are quoted where the option is a text. The value of an option that the server's own configuration defines
        stands as it is given.
      - Replaces those that are there.
    type: dict
  statements:
    description: &statements
      - Statements of the server's own configuration language, each whole, with its semicolon or block where the
        language has them.
      - Replaces those that are there.
    type: list
    elements: str
  publish_arp:
    description: &publish_arp
      - Whether the host answers ARP for the IPv4 addresses with the card's MAC address (C(arp -s IP MAC pub)), now and
        after it has booted (C(static_arp_pairs) in rc.conf). The default is V(false).
      - The host has to have an interface in the address's subnet.
    type: bool
  hosts:
    description:
      - Many reservations, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first change, and made together or not at all.
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
      mac:
        description: *mac
        type: str
      ip:
        description: *ip
        type: list
        elements: str
      ip6:
        description: *ip6
        type: list
        elements: str
      hostname:
        description: *hostname
        type: str
      filename:
        description: *filename
        type: str
      next_server:
        description: *next_server
        type: str
      server_name:
        description: *server_name
        type: str
      root_path:
        description: *root_path
        type: str
      default_lease_time:
        description: *default_lease_time
        type: int
      max_lease_time:
        description: *max_lease_time
        type: int
      options:
        description: *options
        type: dict
      statements:
        description: *statements
        type: list
        elements: str
      publish_arp:
        description: *publish_arp
        type: bool
  group:
    description:
      - What the reservations belong to, letters, digits, C(.), C(_) and C(-). One of another group, or of none, is left
        to it, which is an error.
      - So that tasks for several hosts, each with its own O(purge), share a server.
    type: str
  purge:
    description:
      - Whether reservations that this module has made on this server, for the same O(group) or without one, and that
        are not in O(hosts) go. Those of other groups, of guests and of the administrator stay.
    type: bool
    default: false
  adopt:
    description:
      - Whether the hosts in O(conf) that CBSD's hook has written (marked C(# CBSD-AUTO-NAME)) become reservations of
        this module, with all their statements. They leave O(conf) in the same change. Only for V(isc).
      - It may stand without O(name) and O(hosts).
    type: bool
    default: false
  auto_range:
    description:
      - Where addresses for V(auto) come from, ranges as V(10.10.0.20-10.10.0.99). By default from those of the subnets
        that M(apiary.bhyve.dhcp_server) has noted.
    type: list
    elements: str
  backend:
    description:
      - The DHCP server. V(isc) is ISC's dhcpd, V(kea) ISC's Kea, V(dnsmasq) dnsmasq.
      - Kea goes on while it takes its reservations, by C(config-reload) through its unix control socket, or only those
        that differ where it has the commands of C(host_cmds). They are global reservations (C(reservations-global)), in
        whose place there can be none of others. It has no lease times of reservations, and one IPv4 address for a card.
      - dnsmasq goes on while it reads its reservations again (C(SIGHUP)). It is restarted when its configuration does
        not know of them yet, and when a card has options (O(filename), O(next_server), O(server_name), O(root_path),
        O(options)) that had none; leases outlive that. It has one lease time, of 120 seconds at least.
      - Neither knows O(statements), host names in O(next_server), nor other O(options) than those of dhcp-options(5).
      - By default that of the host's note, or V(isc).
    type: str
    choices: [isc, kea, dnsmasq]
  conf:
    description:
      - The server's configuration, which must exist. By default that of the note, or C(/usr/local/etc/dhcpd.conf),
        C(/usr/local/etc/kea/kea-dhcp4.conf), C(/usr/local/etc/dnsmasq.conf).
      - One other than the service reads, by rc.conf, is refused, and so are C(dnsmasq_flags) that name one.
      - In a chroot (C(dhcpd_chroot_enable)) ISC's dhcpd finds O(hosts_file) only if C(dhcpd_includedir) is its
        directory or one above; other settings are refused.
    type: path
  hosts_file:
    description:
      - The file of the reservations, which is this module's alone. Edits by hand are set right. By default that of the
        note, or C(/usr/local/etc/apiary/dhcpd.hosts), C(/usr/local/etc/apiary/kea-dhcp4.reservations),
        C(/usr/local/etc/apiary/dnsmasq.hosts).
    type: path
  service:
    description:
      - The server's rc script. By default that of the note, or C(isc-dhcpd).
    type: str
  socket:
    description:
      - The unix control socket of Kea. By default the one in its configuration.
    type: path
  inet6:
    description:
      - The daemon for IPv6, where it is one of its own; V({}) is the one with the default files
        (C(/usr/local/etc/dhcpd6.conf) and C(isc-dhcpd6), C(/usr/local/etc/kea/kea-dhcp6.conf)). It knows a card by the
        MAC address in its DUID. Not for dnsmasq, which is one daemon for both.
      - By default that of the note. Without one O(ip6) is refused.
    type: dict
    suboptions:
      conf:
        description: As O(conf).
        type: path
      hosts_file:
        description: As O(hosts_file). By default C(dhcpd6.hosts), C(kea-dhcp6.reservations) there.
        type: path
      service:
        description: As O(service).
        type: str
      socket:
        description: As O(socket).
        type: path
seealso:
  - module: apiary.bhyve.bhyve_vm
  - name: dhcpd.conf(5)
    description: ISC's server.
    link: https://man.freebsd.org/dhcpd.conf/5
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: A printer has its address
  apiary.bhyve.dhcpd_host:
    name: printer
    mac: 00:80:77:31:01:07
    ip: 10.10.0.9

- name: These machines, and no others that were declared here before
  apiary.bhyve.dhcpd_host:
    hosts:
      - {name: db1, mac: 5a:00:00:00:00:01, ip: auto}
      - name: node7
        mac: 5a:00:00:00:00:07
        ip: 10.10.0.17
        filename: ipxe.efi
        next_server: 10.10.0.1
        options:
          domain-name-servers: [10.10.0.1, 10.10.0.2]
    purge: true
    auto_range: [10.10.0.20-10.10.0.99]

- name: A server that several hosts share has of this one what its guests declare
  apiary.bhyve.dhcpd_host:
    hosts: "{{ guests.vms | apiary.bhyve.reservations }}"
    group: "{{ inventory_hostname }}"
    purge: true
  delegate_to: router1

- name: What CBSD's hook wrote into the configuration is ours from now on
  apiary.bhyve.dhcpd_host:
    adopt: true
    conf: /root/etc/dhcpd.conf

- name: A reservation of an administrator's own Kea, of IPv4 and IPv6
  apiary.bhyve.dhcpd_host:
    backend: kea
    name: node7
    mac: 5a:00:00:00:00:07
    ip: 10.10.0.17
    ip6: fd00:10::17
    filename: ipxe.efi
    next_server: 10.10.0.1
    inet6: {}

- name: One of dnsmasq, which is one daemon for both
  apiary.bhyve.dhcpd_host:
    backend: dnsmasq
    name: node7
    mac: 5a:00:00:00:00:07
    ip: 10.10.0.17
    ip6: fd00:10::17
    default_lease_time: 3600

- name: The printer is gone
  apiary.bhyve.dhcpd_host:
    name: printer
    state: absent
"""

RETURN = r"""
hosts:
  description: The reservations of the task as they are now, or would be in check mode, and those that were taken over.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    name:
      description: The reservation's name.
      type: str
      sample: db1
    state:
      description: V(present) or V(absent). Of an absent one nothing else is told of what it is like.
      type: str
      sample: present
    mac:
      description: The MAC address.
      type: str
      sample: 5a:00:00:00:00:01
    ip:
      description: The IPv4 addresses, also those that were given by V(auto).
      type: list
      elements: str
      sample: [10.10.0.20]
    ip6:
      description: The IPv6 addresses.
      type: list
      elements: str
      sample: []
    hostname:
      description: The host name.
      type: str
      sample: db1
    changed:
      description: Whether anything was changed for this reservation.
      type: bool
server:
  description: The server, by what it is known to rc(8) and where its files are.
  returned: when the options are right
  type: dict
  sample:
    backend: isc
    conf: /usr/local/etc/dhcpd.conf
    hosts_file: /usr/local/etc/apiary/dhcpd.hosts
    service: isc-dhcpd
changes:
  description: What was done, or would be in check mode.
  returned: always
  type: dict
  sample:
    reservations:
      - note that isc-dhcpd has to take its files
      - reserve 10.10.0.20 for db1 in /var/db/apiary/reservations.json
      - write /usr/local/etc/apiary/dhcpd.hosts
      - restart isc-dhcpd
failures:
  description: What failed, with the reason and what was and was not done.
  returned: when something failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 2
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.files import missing
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.task import (
    entries,
    module_options,
    plan_task,
    task_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.module import carry_out, run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    task = task_of(module.params)
    with host_lock_unless(module.check_mode, host):
        report = plan_task(host, task)
        result = carry_out(module, host, report.plan)
    mine = [one for name, one in report.planned.reservations.items() if name in report.names]
    told = [(f"reservation {one.name}", one.filename, one.next_server) for one in mine]
    for warning in [*report.planned.warnings, *missing(host, told)]:
        module.warn(warning)
    daemon = report.book.server.daemons[0]
    result["hosts"] = entries(report)
    result["server"] = {
        "backend": report.book.server.backend,
        "conf": daemon.conf,
        "hosts_file": daemon.hosts_file,
        "service": daemon.service,
    }
    return result


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

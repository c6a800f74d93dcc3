#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_server
short_description: Have the host serve DHCP on its switches
version_added: 0.1.0
description:
  - Manages the whole configuration of the DHCP server of a FreeBSD host, subnets, dynamic ranges, options, the
    interfaces that it listens on, its variables in rc.conf(5), and whether it runs.
  - The server itself tries the configuration before it replaces the one that is there. It is restarted once at most,
    and not at all when nothing has changed.
  - A configuration that somebody else has written is not replaced unless O(replace) says so; that of the package's
    sample is.
  - Reservations are made by M(apiary.bhyve.dhcpd_host), and by M(apiary.bhyve.bhyve_vm) for the NICs of guests. For
    them the module leaves a note of the server on the host, C(/usr/local/etc/apiary/dhcp.json).
  - DHCP servers work beneath pf(4) and ipfw(4), so no rule of a firewall keeps them off a LAN. Where a switch has an
    uplink, those without a reservation get nothing by default, and nobody is told that another server's address is not
    right. Dynamic ranges are only where O(subnets[].ranges) asks for them. Servers of others are kept from crossing an
    uplink by O(apiary.bhyve.bhyve_switch#module:dhcp_guard).
  - Where C(dhcpd_chroot_enable) of rc.conf has ISC's dhcpd run in a chroot, C(dhcpd_includedir) has to be
    C(/usr/local/etc/apiary), or the reservations are not copied into it; and C(dnsmasq_flags) may name no other
    configuration. Both are said before anything changes.
  - The server's package has to be installed, which the role P(apiary.bhyve.dhcp_server#role) does.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  backend:
    description:
      - The server. V(isc) is ISC's dhcpd, of the package C(isc-dhcp44-server), V(kea) ISC's Kea, of the package C(kea),
        V(dnsmasq) dnsmasq, of the package C(dnsmasq).
      - dnsmasq also answers DNS, to the host and where O(subnets[].dns) says so; the names of machines that have a
        reserved address or a lease are then known below O(domain_name), and its clients ask it unless
        O(domain_name_servers) names others.
        Nobody else may answer DNS there.
      - Kea takes a new configuration without a restart.
    type: str
    choices: [isc, kea, dnsmasq]
    default: isc
  state:
    description:
      - V(present), the host serves DHCP, now and after it has booted.
      - V(absent), it does not. The server is stopped, its configuration, the reservations on it and the note are gone.
    type: str
    choices: [present, absent]
    default: present
  subnets:
    description:
      - The networks that are served. Needed with O(state=present), one at least of IPv4.
      - Those of IPv6 are served by a daemon of their own, C(isc-dhcpd6) or C(kea-dhcp6); dnsmasq is one for both.
        They are served from a link-local address, which a bridge has only when it was given one.
    type: list
    elements: dict
    suboptions:
      subnet:
        description: The network, such as V(10.10.0.0/24). It may not overlap another one.
        type: str
        required: true
      switch:
        description:
          - The declared switch (M(apiary.bhyve.bhyve_switch)) that its clients are on. The host must have an address of
            the network there.
        type: str
      interface:
        description: The interface in place of a switch, such as V(em1).
        type: str
      ranges:
        description:
          - Ranges of addresses that clients get without a reservation for one, as V(10.10.0.100-10.10.0.199). By
            default there are none.
        type: list
        elements: str
        default: []
      auto:
        description:
          - Ranges of addresses for reservations that ask for any (V(auto)). They may not have addresses in common with
            O(subnets[].ranges).
        type: list
        elements: str
        default: []
      routers:
        description:
          - The routers that clients are told. By default the host's own address in the network on a switch without an
            uplink, and none elsewhere. Only for IPv4.
        type: list
        elements: str
      known_only:
        description:
          - Whether addresses of O(subnets[].ranges) are only for clients that have a reservation, with or without an
            address.
          - By default V(true) on a switch with an uplink and on an interface that is no switch, V(false) elsewhere.
        type: bool
      dns:
        description:
          - Whether those who are there may ask this server for names. By default V(false) on a switch with an uplink
            and on an interface that is no switch, where they are refused, and told no name server but those of
            O(domain_name_servers); V(true) elsewhere.
          - V(true) is only for V(dnsmasq); the other servers answer no DNS. Subnets on one switch have the same.
        type: bool
      domain_name: &domain_name
        description: The domain that clients are told.
        type: str
      domain_name_servers: &domain_name_servers
        description: The name servers that clients are told.
        type: list
        elements: str
      filename: &filename
        description:
          - The file that clients boot over the network. Only for IPv4.
          - When this host's own TFTP server (role C(apiary.bhyve.pxe_server)) is to serve it and does not have it, the
            task warns.
        type: str
      next_server: &next_server
        description: The server that they get it from, an IPv4 address or a host name. Only for IPv4.
        type: str
      default_lease_time: &default_lease_time
        description: Seconds that an address is given for when a client asks for no time; V(0) is the server's own.
        type: int
      max_lease_time: &max_lease_time
        description: Seconds that an address is given for at most; V(0) is the server's own.
        type: int
      options: &options
        description:
          - Further options by their names in dhcp-options(5), each with a text, a number, V(true) or V(false), or a
            list. Those of IPv6 begin with C(dhcp6.), and are only for V(isc).
        type: dict
      statements: &statements
        description:
          - Statements of dhcpd.conf(5) for IPv4, each whole, with its semicolon or block. Only for V(isc).
        type: list
        elements: str
  authoritative:
    description:
      - Whether clients with an address of another network are told that it is not right. On a switch with an uplink it
        is never done.
    type: bool
    default: true
  boot_files:
    description:
      - Boot files by the architecture that a machine's firmware says in its request (option 93), of TFTP or as a URL.
        Who says none of these is told O(filename); a reservation's own file goes before both.
      - Subnets have no C(filename) of their own then. Only for IPv4.
    type: dict
    suboptions:
      bios:
        description: For x86 machines with a BIOS, such as V(undionly.kpxe).
        type: str
      uefi:
        description: For x86 machines of 64 bits with UEFI, as bhyve's guests are, such as V(ipxe.efi).
        type: str
      uefi_ia32:
        description: For x86 machines whose UEFI has 32 bits.
        type: str
      uefi_arm64:
        description: For Arm machines of 64 bits with UEFI.
        type: str
      ipxe:
        description:
          - For those that run iPXE already (user class C(iPXE)), whatever their architecture, such as a script. Without
            it they are told none of the others, lest iPXE load itself again and again.
        type: str
  resolver:
    description:
      - Whether the host itself asks this server for names, so that those below O(domain_name) are known on it. Only for
        V(dnsmasq).
      - A block in C(/etc/resolvconf.conf) says so to resolvconf(8), which writes C(/etc/resolv.conf) with nothing but
        the host itself, and the name servers that dnsmasq asks on into C(/usr/local/etc/apiary/dnsmasq.resolv), those
        that the host is told by DHCP and O(forwarders). The server never asks itself.
      - What a C(/etc/resolv.conf) of somebody's says, name servers, domains and options, goes into the block; the file
        is kept as C(/etc/resolv.conf.bak) by resolvconf, which puts it back when O(resolver) is V(false) again or
        O(state=absent), unless the host is told name servers by DHCP.
    type: bool
    default: false
  forwarders:
    description:
      - With O(resolver), the name servers that are asked on beside those that the host is told by DHCP. By default
        those of the C(/etc/resolv.conf) that was there. V([]) are none.
    type: list
    elements: str
  replace:
    description:
      - Whether a configuration that somebody else has written is replaced. It is kept beside it, with C(.orig) behind
        its name. Hosts in it are not taken over; M(apiary.bhyve.dhcpd_host) does that with those of CBSD (C(adopt)).
    type: bool
    default: false
  domain_name: *domain_name
  domain_name_servers: *domain_name_servers
  filename: *filename
  next_server: *next_server
  default_lease_time: *default_lease_time
  max_lease_time: *max_lease_time
  options: *options
  statements: *statements
seealso:
  - module: apiary.bhyve.dhcpd_host
  - module: apiary.bhyve.bhyve_switch
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Guests on the private switch are given addresses, those on the LAN only theirs
  apiary.bhyve.dhcp_server:
    domain_name: lab
    domain_name_servers: [10.10.0.1]
    subnets:
      - subnet: 10.10.0.0/24
        switch: lab
        ranges: [10.10.0.100-10.10.0.199]
        auto: [10.10.0.20-10.10.0.99]
        next_server: 10.10.0.1
      - subnet: 192.0.2.0/24
        switch: lan
        routers: [192.0.2.1]

- name: The same by dnsmasq; guests and the host itself know the guests by their names, such as web1.lab
  apiary.bhyve.dhcp_server:
    backend: dnsmasq
    domain_name: lab
    resolver: true
    forwarders: [192.0.2.53]
    subnets:
      - {subnet: 10.10.0.0/24, switch: lab, ranges: [10.10.0.100-10.10.0.199], auto: [10.10.0.20-10.10.0.99]}

- name: Machines without an iPXE of their own load it by TFTP, and then their script
  apiary.bhyve.dhcp_server:
    subnets:
      - {subnet: 10.10.0.0/24, switch: lab, ranges: [10.10.0.100-10.10.0.199]}
    next_server: 10.10.0.1
    boot_files:
      uefi: ipxe.efi
      bios: undionly.kpxe
      ipxe: tftp://10.10.0.1/chainload/menu.ipxe

- name: Kea, for IPv4 and IPv6
  apiary.bhyve.dhcp_server:
    backend: kea
    subnets:
      - {subnet: 10.10.0.0/24, switch: lab, auto: [10.10.0.20-10.10.0.99]}
      - {subnet: 'fd00:10::/64', switch: lab, auto: ['fd00:10::20-fd00:10::99']}

- name: The host serves no DHCP any more
  apiary.bhyve.dhcp_server:
    state: absent
"""

RETURN = r"""
server:
  description: The server, by what it is known to rc(8) and where its files are.
  returned: when the options are right and O(state=present)
  type: dict
  sample:
    backend: isc
    conf: /usr/local/etc/dhcpd.conf
    hosts_file: /usr/local/etc/apiary/dhcpd.hosts
    service: isc-dhcpd
interfaces:
  description: The interfaces that it listens on.
  returned: when the options are right
  type: list
  elements: str
  sample: [bridge1000]
changes:
  description: What was done, or would be in check mode, by subject.
  returned: always
  type: dict
  sample:
    dhcp_server:
      - note that isc-dhcpd has to take its files
      - write /usr/local/etc/apiary/dhcpd.hosts
      - write /usr/local/etc/dhcpd.conf
      - write /usr/local/etc/apiary/dhcp.json
      - start isc-dhcpd
    /etc/rc.conf:
      - set dhcpd_enable to 'YES' in /etc/rc.conf
failures:
  description: What failed, with the reason and what was and was not done.
  returned: when something failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 3
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.files import missing
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.task import module_options, plan_server
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.module import carry_out, run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    with host_lock_unless(module.check_mode, host):
        report = plan_server(host, module.params, module.check_mode)
        result = carry_out(module, host, report.plan)
    subnets = [(f"subnet {one['subnet']}", one) for one in module.params["subnets"] or []]
    whole = [("dhcp_server", module.params), *subnets]
    told = [(whose, one.get("filename") or "", one.get("next_server") or "") for whose, one in whole]
    for warning in [*report.warnings, *missing(host, told)]:
        module.warn(warning)
    result["interfaces"] = list(report.interfaces)
    if report.server is not None:
        daemon = report.server.daemons[0]
        result["server"] = {
            "backend": report.server.backend,
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

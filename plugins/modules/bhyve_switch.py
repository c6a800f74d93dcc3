#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bhyve_switch
short_description: Make and remove the switches that guests are plugged into
version_added: 0.2.0
description:
  - Manages the switches of a FreeBSD host, one by its own options or many by O(switches). A switch is a bridge, or by
    O(type) a VALE switch or a bridge node of netgraph, with an interface of the host as uplink or without one. The NICs
    of guests name it (O(apiary.bhyve.bhyve_vm#module:nics[].switch)).
  - It is brought up now, and written to rc.conf in the one form that is the same after a boot and survives C(service
    netif restart) with its addresses and with the guests' taps in it. What somebody has changed by hand, in the kernel
    or in rc.conf, shows up as a difference and is set right.
  - What is left out stays as it was declared; C('') and V([]) unset. A default counts once, when the switch is made.
  - A run that finds all as declared starts two commands.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The name of the switch, 1 to 63 letters, digits, C(_) and C(-).
    type: str
  state:
    description: &state
      - V(present), the switch is there. This is the default.
      - V(absent), it is not. Refused while guests are plugged into it, or anything else that is not the module's own;
        they are named. What goes is what the module made, the bridge, its VLAN and their lines in rc.conf. The uplink
        stays as it is, with the line that it has in rc.conf.
    type: str
    choices: [present, absent]
  type:
    description: &type
      - What the switch is made of, by default a V(bridge) (if_bridge(4)). It stays what it was made as.
      - V(vale) is a switch of netmap(4), which passes more packets per second than a bridge and does nothing else.
        M(apiary.bhyve.vale_switch) tells what its options mean.
      - V(netgraph) is a bridge node of netgraph(4) (ng_bridge(4)), to which guests are connected without taps. It has
        the options O(uplink), O(addresses), O(mtu) and O(mac). At boot it is made by C(apiary.network), which the role
        C(apiary.bhyve.bhyve_host) installs. Where its node was shut down by hand, guests that run have to be restarted
        to be on it again.
    type: str
    choices: [bridge, vale, netgraph]
  interface:
    description: &interface
      - The bridge, such as V(bridge7). By default the first free one from C(bridge1000) on, which is kept. With
        O(type=vale) the kernel's name of the switch, from V(vale0) on.
      - One that exists and is not the module's own is an error, unless O(manual=true).
    type: str
  manual:
    description: &manual
      - Whether O(interface) is a bridge of somebody else, that is used as it is. It has to exist, and is never changed
        nor removed; no option beside these two can be given.
    type: bool
  uplink:
    description: &uplink
      - The interface of the host by which the guests are on its LAN. By default and with V('') there is none, and the
        guests hear only each other and the host.
      - V(auto) is the interface of the default route when the switch gets its uplink; that stays.
      - A wireless interface, and one that is in another bridge, is refused.
      - FreeBSD 14 lets it keep its address. FreeBSD 15 lets no member of a bridge have one, so that is an error there
        unless O(uplink_address=move).
      - When the first guest joins, a bridge takes LRO, TSO and transmit checksums from its members, and many network
        cards then interrupt their link for seconds. So these are switched off before the uplink joins, now and in its
        own line in rc.conf (C(-lro -tso -txcsum -txcsum6) behind what the administrator has written).
      - One with C(mtu) in that line is refused, for FreeBSD does not set the MTU of a bridge's member, and would not
        bring it up at boot; O(mtu) does it.
      - With O(type=netgraph) its node (ng_ether(4)) is connected by two hooks, C(lower) for the LAN and C(upper) for
        the host itself, which so keeps its addresses and its routes, on FreeBSD 15 too. It may be a VLAN of the host.
    type: str
  uplink_address:
    description: &uplink_address
      - Where the addresses of the uplink are. V(keep), which is the default, leaves them on the uplink. V(move) gives
        the bridge all that rc.conf says of them - static ones, aliases, DHCP, IPv4 and static IPv6 - and the MAC
        address of the uplink as well, so that the lease of DHCP and the LAN's port security stay.
      - The host is not lost by this. A process of the host's own moves the addresses and the default route, and puts
        the old state back unless the task reaches the host again by a new connection within O(move_timeout) and
        confirms.
        Only then rc.conf is written, so a host that boots before comes up as it was. A task that cannot confirm fails.
      - By V(keep), and with O(state=absent), addresses that were moved go back in the same way.
      - Addresses that rc.conf does not know are refused, and so are those of carp(4) and IPv6 by router advertisements
        (C(accept_rtadv)). Rules of a firewall, and services, that name the uplink are not changed.
      - V(move) needs an uplink in the bridge itself, so it is refused with O(vlan) and O(vlan_filter). It is refused as
        well while another switch translates addresses to that of the uplink (O(nat)) or has a vxlan (O(vxlan)) that
        goes by it.
      - Only switches with O(type=bridge) have it.
    type: str
    choices: [keep, move]
  vlan:
    description: &vlan
      - The VLAN of the uplink that guests are in, 1 to 4094, for which C(UPLINK.VLAN) is made, such as C(em0.82).
        V(''), the default, means none.
      - The uplink itself cannot be in a bridge then, and its C(vlans_UPLINK) in rc.conf must not list that VLAN.
    type: str
  addresses:
    description: &addresses
      - The host's own addresses on the switch, IPv4 and IPv6, each with its prefix length. By default there are none.
      - One that overlaps the network of another interface is refused, and so is the loss of the one that the default
        route needs.
      - With O(type=netgraph) the host has an interface of its own on the switch while there are addresses
        (ng_eiface(4)), C(ngeth1000) and up, which is in RV(switches[].host_interface). Firewalls can name it.
    type: list
    elements: str
  mtu:
    description: &mtu
      - The MTU of the bridge and all that is in it. V(0), the default, leaves it to the uplink, or to be 1500.
      - With an uplink it has to be what that has, since all of a LAN have the same. A VLAN has 1500 at most.
      - With O(type=netgraph) it is the MTU of the host's own interface alone, 9018 at most, and refused without
        O(addresses).
    type: int
  mac:
    description: &mac
      - The bridge's MAC address. By default, and with V(''), a locally administered one that follows from the MAC
        address of the uplink, or without one of the host's first network card, and from the name of the switch.
      - It is pinned in any case. FreeBSD's own follows from the host's UUID, so hosts that were cloned from one image
        would have the same on one LAN.
      - With O(type=netgraph) it is that of the host's own interface, and refused without O(addresses).
    type: str
  host_stack:
    description: &host_stack
      - With O(type=vale), whether the host goes on using the uplink. The default is V(true). Refused as V(false) while
        the uplink has an address or a VLAN of the host.
    type: bool
  stp:
    description: &stp
      - Whether the uplink takes part in the spanning tree protocol (RSTP). The default is V(false). The guests never
        do.
    type: bool
  vlan_filter:
    description: &vlan_filter
      - Whether the bridge keeps VLANs apart, so that one bridge serves many. Each NIC is in one VLAN, or has several
        with their tags (O(apiary.bhyve.bhyve_vm#module:nics[].vlan), O(apiary.bhyve.bhyve_vm#module:nics[].tagged));
        one that is in none hears nothing. The default is V(false).
      - Needs FreeBSD 15. On FreeBSD 14 it is refused; there a switch for each VLAN does it, with O(uplink) and
        O(vlan).
      - The host itself has no part in it, so it goes with neither O(addresses) nor O(vlan).
    type: bool
  uplink_untagged:
    description: &uplink_untagged
      - With O(vlan_filter), the VLAN of the frames that have no tag on the uplink, 1 to 4094. V(''), the default,
        means that there are none.
    type: str
  uplink_tagged:
    description: &uplink_tagged
      - With O(vlan_filter), the VLANs that have their tags on the uplink, as numbers, ranges such as V(10-20), or
        V(all), which is the default. With V([]) there are none.
    type: list
    elements: str
  vxlan:
    description: &vxlan
      - A network between hosts in place of an uplink (vxlan(4)). The guests of all hosts with the same O(vxlan.id)
        are on one LAN, which goes in UDP packets over whatever connects the hosts. It is neither encrypted nor
        authenticated.
      - It is given whole each time; V({}) takes it away.
      - Its C(vxlan1000), or the first free number from there, is a member of the bridge. One with other ends gets
        another number.
      - The outer headers take 50 bytes of a packet, 70 with IPv6. So the MTU of the bridge and its guests is 1450 or
        1430 by default, or less where that of the interface that carries it is less than 1500. A larger O(mtu) is
        possible with a warning, for frames are cut in two then.
    type: dict
    suboptions: &vxlan_suboptions
      id:
        description:
          - Its network identifier, 1 to 16777215. A host has one of each.
        type: int
      local:
        description:
          - The host's address to send from and to receive at. By default the one of the way to the other hosts, with
            O(vxlan.group) the first IPv4 address of O(vxlan.dev). It may be an address of another switch.
          - With O(vxlan.remote) an IPv6 address is refused, and one by DHCP, for at boot they are not there in time.
        type: str
      remote:
        description:
          - The address of the one other host. Either this or O(vxlan.group) is needed.
        type: str
      group:
        description:
          - The multicast address by which all other hosts are reached.
        type: str
      dev:
        description:
          - The interface on which O(vxlan.group) is reached, such as V(em0). With an IPv4 group it needs an IPv4
            address, and none by DHCP, by which the group is joined.
        type: str
      port:
        description:
          - The UDP port, 1 to 65534, the same on all hosts. The default is 4789.
        type: int
  nat:
    description: &nat
      - For a switch without uplink, how its guests reach the outside, with the host as their router and by the host's
        address. By default, and with V({}), they do not.
      - It needs an IPv4 address of the host on the switch (O(addresses)), which the guests have as their gateway. IPv6
        is not translated, and not forwarded either.
      - By pf(4), the rules of a switch are in an anchor of its own, C(apiary/NAME), from a file in
        C(/usr/local/etc/apiary/pf), and loaded at boot after pf has started. The three lines that call these anchors
        are added to pf.conf (C(pf_rules) in rc.conf) where pf's order wants them, once C(pfctl -nf) takes the file with
        them. They go when the last such switch goes. States are kept, so no connection breaks.
      - What the administrator blocks by rules that are C(quick) stays blocked. The anchors are asked last, and let pass
        only what guests send to others than the host, and what is forwarded to them.
      - Where pf is not enabled it is started, unless pf.conf has rules already, since these would be in force from then
        on and might cut off whoever is connected; that is an error.
      - By ipfw(8), a switch has a number from 60 to 99, of its rules and of its translation in the kernel, and the
        rules are in set 31, which no flush empties. They are made at boot after ipfw has started. The administrator has
        to have enabled ipfw, now and in rc.conf, with C(net.inet.ip.fw.one_pass=0) so that what is translated has to
        pass the rules behind as well, and with TSO switched off on the outside interface; at boot C(apiary.network)
        sees to these two. The administrator's rules have to let guests pass. ipfw is never switched on from here, for
        without rules it lets nothing pass, and the host would be lost.
      - C(gateway_enable), C(pf_enable) and C(apiary_network_enable) are set in rc.conf, and forwarding is switched on.
        These stay when the switch goes, for others may count on them.
    type: dict
    suboptions: &nat_options
      interface:
        description:
          - The interface that leads to the outside, such as V(em0). Its address may come by DHCP.
          - V(auto) is that of the default route when the switch gets its O(nat); that stays.
        type: str
      firewall:
        description:
          - What translates, by default V(pf). It can be changed only by way of O(nat={}).
        type: str
        choices: [pf, ipfw]
  forward:
    description: &forward
      - Ports of the outside interface that lead to guests of the switch, all of them. By default, and with V([]), none.
      - One by which somebody is connected to the host by ssh is refused, and so is one that another switch has.
    type: list
    elements: dict
    suboptions: &forward_options
      port:
        description:
          - The port on the outside.
        type: int
        required: true
      to:
        description:
          - The guest's address in a network of the switch, with the port there, such as V(10.10.0.11:22). Without a
            port it is the same as outside.
        type: str
        required: true
      proto:
        description:
          - The protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
  switches:
    description:
      - Many switches, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first change. Then a switch that fails does not keep the others from being made.
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
      type:
        description: *type
        type: str
        choices: [bridge, vale, netgraph]
      interface:
        description: *interface
        type: str
      manual:
        description: *manual
        type: bool
      uplink:
        description: *uplink
        type: str
      uplink_address:
        description: *uplink_address
        type: str
        choices: [keep, move]
      vlan:
        description: *vlan
        type: str
      addresses:
        description: *addresses
        type: list
        elements: str
      mtu:
        description: *mtu
        type: int
      mac:
        description: *mac
        type: str
      host_stack:
        description: *host_stack
        type: bool
      stp:
        description: *stp
        type: bool
      vlan_filter:
        description: *vlan_filter
        type: bool
      uplink_untagged:
        description: *uplink_untagged
        type: str
      uplink_tagged:
        description: *uplink_tagged
        type: list
        elements: str
      vxlan:
        description: *vxlan
        type: dict
        suboptions: *vxlan_suboptions
      nat:
        description: *nat
        type: dict
        suboptions: *nat_options
      forward:
        description: *forward
        type: list
        elements: dict
        suboptions: *forward_options
  move_timeout:
    description:
      - How many seconds the addresses of uplinks that have moved (O(uplink_address)) wait for the confirmation, before
        the old state is put back. 5 to 3600.
    type: int
    default: 60
  move_confirm:
    description:
      - Not for tasks. By this the second step of a task says which move of addresses (RV(move.id)) it confirms. It is
        the action plugin of the module that does it.
    type: str
notes:
  - An uplink that C(ifconfig_IF_name) in rc.conf renames cannot be used, for at boot bridges are made before interfaces
    are renamed.
  - VLANs of interfaces that are themselves in a bridge get no frames, so that is refused.
  - A guest's tap that was pulled out of its bridge by hand is put back by M(apiary.bhyve.bhyve_vm).
seealso:
  - module: apiary.bhyve.vale_switch
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.rc_conf
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Guests are on the LAN of the host
  apiary.bhyve.bhyve_switch:
    name: lan
    uplink: auto

- name: The same, and the address of em0 moves to the bridge, as FreeBSD 15 needs it
  apiary.bhyve.bhyve_switch:
    name: lan
    uplink: em0
    uplink_address: move
    move_timeout: 90

- name: Private network, on which the host has addresses
  apiary.bhyve.bhyve_switch:
    name: lab
    addresses: [10.10.0.1/24, fd00:10::1/64]

- name: Guests of a private network reach the outside, and one of them is reached from there by SSH
  apiary.bhyve.bhyve_switch:
    name: lab
    addresses: [10.10.0.1/24]
    nat: {interface: auto}
    forward:
      - {port: 2222, to: "10.10.0.11:22"}

- name: The same by ipfw, which the host has enabled
  apiary.bhyve.bhyve_switch:
    name: lab2
    addresses: [10.11.0.1/24]
    nat: {interface: em0, firewall: ipfw}

- name: A network for each of two tenants, by VLANs of one uplink, and a bridge that is there already
  apiary.bhyve.bhyve_switch:
    switches:
      - {name: tenant1, uplink: em1, vlan: 82}
      - {name: tenant2, uplink: em1, vlan: 83, stp: true}
      - {name: office, interface: bridge0, manual: true}

- name: A fast switch for a tenant, which the host routes for
  apiary.bhyve.bhyve_switch:
    name: tenant3
    type: vale
    addresses: [10.30.0.1/24]

- name: Netgraph bridges, one that shares the host's network card and one of guests and the host alone
  apiary.bhyve.bhyve_switch:
    switches:
      - {name: mesh, type: netgraph, uplink: em1}
      - {name: cell, type: netgraph, addresses: [10.20.0.1/24], mtu: 9000}

- name: One bridge for the VLANs 10 to 20 of the LAN (FreeBSD 15); each guest says which one is its own
  apiary.bhyve.bhyve_switch:
    name: trunk
    uplink: em1
    vlan_filter: true
    uplink_tagged: [10-20]

- name: The guests of two hosts are on one network; on the other host local and remote change places
  apiary.bhyve.bhyve_switch:
    name: both
    vxlan: {id: 42, local: 192.0.2.1, remote: 192.0.2.2}

- name: The guests of any number of hosts are on one network
  apiary.bhyve.bhyve_switch:
    name: all
    vxlan: {id: 43, group: 239.0.0.43, dev: em0}

- name: A guest is plugged in
  apiary.bhyve.bhyve_vm:
    name: web1
    nics: [{name: lan, switch: tenant1}]

- name: A switch that nobody uses any more is gone
  apiary.bhyve.bhyve_switch:
    name: tenant2
    state: absent
"""

RETURN = r"""
switches:
  description: The switches of the task as they are now, or would be in check mode.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    name:
      description: The switch's name.
      type: str
      sample: lan
    state:
      description: V(present) or V(absent). Of an absent one nothing else is told of what it is like.
      type: str
      sample: present
    type:
      description: V(bridge), V(vale) or V(netgraph).
      type: str
      sample: bridge
    interface:
      description:
        - The bridge, of a VALE switch the kernel's name, of a netgraph bridge its node. That has the switch's name; if
          it is longer than 31 characters or another node or interface has it, it is C(ngbridge1000) and up.
      type: str
      sample: bridge1000
    host_interface:
      description: The host's own interface on the switch, V('') if there is none.
      returned: for type netgraph
      type: str
      sample: ngeth1000
    manual:
      description: Whether it is used as it is.
      type: bool
    uplink:
      description: The declared uplink, V('') if there is none. What V(auto) has chosen is here.
      type: str
      sample: em0
    uplink_address:
      description: V(move) when the bridge has the addresses of the uplink, else V(keep).
      type: str
      sample: keep
    vlan:
      description: The declared VLAN, V('') if there is none.
      type: str
      sample: "82"
    nat:
      description: How its guests reach the outside, V({}) if they do not. What V(auto) has chosen is here.
      type: dict
      sample: {interface: em0, firewall: pf}
    forward:
      description: The ports of the outside that lead to guests.
      type: list
      elements: dict
      sample: [{port: 2222, to: "10.10.0.11:22", proto: tcp}]
    members:
      description:
        - The interfaces that are in the bridge, guests' taps included. Of a netgraph bridge the nodes that it is
          connected to; those of guests are called C(apiary1000) and up.
      type: list
      elements: str
      sample: [em0.82, tap1000]
    addresses:
      description: The bridge's addresses, but for link-local ones.
      type: list
      elements: str
      sample: [10.10.0.1/24]
    mtu:
      description: The bridge's MTU, V(0) if there is no such interface.
      type: int
      sample: 1500
    mac:
      description: The bridge's MAC address.
      type: str
      sample: 5a:8c:11:0e:74:20
    host_stack:
      description: Whether the host goes on using the uplink.
      returned: for type vale
      type: bool
    stp:
      description: Whether the uplink takes part in the spanning tree protocol.
      type: bool
    vlan_filter:
      description: Whether the bridge filters VLANs.
      type: bool
    uplink_untagged:
      description: The VLAN of the uplink's frames without a tag where the bridge filters VLANs, V('') if there is none.
      type: str
      sample: "1"
    uplink_tagged:
      description: The VLANs of the uplink with their tags where the bridge filters VLANs.
      type: list
      elements: str
      sample: [10-20]
    vxlan:
      description: The declared VXLAN, V({}) if there is none.
      type: dict
      sample: {id: 42, local: 192.0.2.1, remote: 192.0.2.2, port: 4789}
    up:
      description: Whether the bridge is up.
      type: bool
    description:
      description: The bridge's description, by which it is known for what it is.
      type: str
      sample: apiary:lan
    changed:
      description: Whether anything was changed for this switch.
      type: bool
    changes:
      description: What was done for it, in order.
      type: list
      elements: str
    failed:
      description: Why it failed.
      type: str
      returned: when it failed
move:
  description:
    - A move of addresses that waits for its confirmation, and is put back without. A task never ends with it, for its
      action plugin confirms.
  returned: when the module is run without its action plugin, and addresses have to move
  type: dict
  contains:
    id:
      description: What O(move_confirm) has to be.
      type: str
    timeout:
      description: How many seconds it waits.
      type: int
failures:
  description: The switches that failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 2
"""

from functools import partial
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.switch_users import switch_users
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import run_module
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.task import (
    elements_of,
    manage,
    module_options,
    result_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.steps import step_of


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    users = partial(switch_users, host)
    report = manage(host, elements_of(module.params), users, module.check_mode, step_of(module.params))
    for warning in report.warnings:
        module.warn(warning)
    return result_of(host, report, module.check_mode, bool(module._diff))


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

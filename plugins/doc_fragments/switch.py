# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a switch, by the kinds that have them: one text for both forms of bhyve_switch."""

from __future__ import annotations

import textwrap

_NAME = r"""
name:
  description:
    - The name of the switch, 1 to 63 letters, digits, C(_) and C(-).
  type: str
"""

_STATE = r"""
state:
  description:
    - V(present), the switch is there. This is the default.
    - V(absent), it is not. Refused while guests are plugged into it, or anything else that is not the module's own;
      they are named. What goes is what the module made, the bridge, its VLAN and their lines in rc.conf. The uplink
      stays as it is, with the line that it has in rc.conf.
  type: str
  choices: [present, absent]
"""

_ANY = r"""
type:
  description:
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
  description:
    - The bridge, such as V(bridge7). By default the first free one from C(bridge1000) on, which is kept. With
      O(type=vale) the kernel's name of the switch, from V(vale0) on.
    - One that exists and is not the module's own is an error, unless O(manual=true).
  type: str
uplink:
  description:
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
addresses:
  description:
    - The host's own addresses on the switch, IPv4 and IPv6, each with its prefix length. By default there are none.
    - One that overlaps the network of another interface is refused, and so is the loss of the one that the default
      route needs.
    - With O(type=netgraph) the host has an interface of its own on the switch while there are addresses
      (ng_eiface(4)), C(ngeth1000) and up, which is in RV(switches[].host_interface). Firewalls can name it.
  type: list
  elements: str
mtu:
  description:
    - The MTU of the bridge and all that is in it. V(0), the default, leaves it to the uplink, or to be 1500.
    - With an uplink it has to be what that has, since all of a LAN have the same. A VLAN has 1500 at most.
    - With O(type=netgraph) it is the MTU of the host's own interface alone, 9018 at most, and refused without
      O(addresses).
  type: int
mac:
  description:
    - The bridge's MAC address. By default, and with V(''), a locally administered one that follows from the MAC
      address of the uplink, or without one of the host's first network card, and from the name of the switch.
    - It is pinned in any case. FreeBSD's own follows from the host's UUID, so hosts that were cloned from one image
      would have the same on one LAN.
    - With O(type=netgraph) it is that of the host's own interface, and refused without O(addresses).
  type: str
"""

_BRIDGE = r"""
manual:
  description:
    - Whether O(interface) is a bridge of somebody else, that is used as it is. It has to exist, and is never changed
      nor removed; no option beside these two can be given.
  type: bool
uplink_address:
  description:
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
  description:
    - The VLAN of the uplink that guests are in, 1 to 4094, for which C(UPLINK.VLAN) is made, such as C(em0.82).
      V(''), the default, means none.
    - The uplink itself cannot be in a bridge then, and its C(vlans_UPLINK) in rc.conf must not list that VLAN.
  type: str
stp:
  description:
    - Whether the uplink takes part in the spanning tree protocol (RSTP). The default is V(false). The guests never
      do.
  type: bool
"""

_FILTER = r"""
vlan_filter:
  description:
    - Whether the bridge keeps VLANs apart, so that one bridge serves many. Each NIC is in one VLAN, or has several
      with their tags (O(apiary.bhyve.bhyve_vm#module:nics[].vlan), O(apiary.bhyve.bhyve_vm#module:nics[].tagged));
      one that is in none hears nothing. The default is V(false).
    - Needs FreeBSD 15. On FreeBSD 14 it is refused; there a switch for each VLAN does it, with O(uplink) and
      O(vlan).
    - The host itself has no part in it, so it goes with neither O(addresses) nor O(vlan).
  type: bool
uplink_untagged:
  description:
    - With O(vlan_filter), the VLAN of the frames that have no tag on the uplink, 1 to 4094. V(''), the default,
      means that there are none.
  type: str
uplink_tagged:
  description:
    - With O(vlan_filter), the VLANs that have their tags on the uplink, as numbers, ranges such as V(10-20), or
      V(all), which is the default. With V([]) there are none.
  type: list
  elements: str
"""

_VXLAN = r"""
vxlan:
  description:
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
  suboptions:
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
"""

_NAT = r"""
nat:
  description:
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
  suboptions:
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
  description:
    - Ports of the outside interface that lead to guests of the switch, all of them. By default, and with V([]), none.
    - One by which somebody is connected to the host by ssh, or on which its sshd listens there, is refused, and so is
      one that another switch has.
  type: list
  elements: dict
  suboptions:
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
dhcp_guard:
  description:
    - For a bridge with an uplink or a vxlan, whether pf(4) keeps DHCP, of IPv4 and IPv6, from crossing that
      connection, so that a guest's own server gives the LAN no addresses, nor the LAN's server any to guests. By
      default, and with V(false), it does not.
    - That is all that it does. The host's own DHCP server is not held back, for it does not cross the bridge, and dhcpd
      and Kea work beneath pf anyway; what keeps that from strangers is M(apiary.bhyve.dhcp_server). Nor are guests of
      one switch held back from each other (C(private) of a NIC does that).
    - pf sees frames that cross a bridge only with C(net.link.bridge.pfil_member=1), which has to be set before
      (O(apiary.bhyve.bhyve_host#module:sysctls)) and is an error otherwise, for it holds for all bridges of the host.
      Each rule of pf.conf then meets the frames of all guests, by the members that they come in by and leave by, and
      frames that are neither IP nor ARP, those with the tag of a VLAN among them, are dropped unless
      C(net.link.bridge.pfil_onlyip) is V(0).
    - The rules are in an anchor as those of O(nat) are, with the same lines in pf.conf. The administrator's rules that
      are C(quick) come first. Not with O(vlan_filter), for pf does not look into frames with a tag.
  type: bool
"""

_VALE = r"""
host_stack:
  description:
    - With O(type=vale), whether the host goes on using the uplink. The default is V(true). Refused as V(false) while
      the uplink has an address or a VLAN of the host.
  type: bool
"""


def switch_text(in_list: bool) -> str:
    """The options of a switch. Not ``in_list``, they are options of the module itself: nothing is required."""
    required, default = ("  required: true\n", "  default: present\n") if in_list else ("", "")
    return f"{_NAME}{required}{_STATE}{default}{_ANY}{_BRIDGE}{_FILTER}{_VXLAN}{_NAT}{_VALE}"


class ModuleDocFragment:
    """Documentation fragments; see the modules for how they are used."""

    DOCUMENTATION: str = "options:\n" + textwrap.indent(
        switch_text(in_list=False)
        + """
switches:
  description:
    - Many switches, each with the options that one has by itself, which cannot be given beside it.
    - All are checked before the first change. Then a switch that fails does not keep the others from being made.
  type: list
  elements: dict
  suboptions:
"""
        + textwrap.indent(switch_text(in_list=True), "    "),
        "  ",
    )

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a NIC: one text, for ``nics`` of bhyve_vm and for both forms of bhyve_nic."""

from __future__ import annotations

import textwrap

# References to options of the same NIC are written O(@NAME); see nic_text().
_NAME = r"""
name:
  description: The NIC's name in its guest, letters, digits, C(_) and C(-).
  type: str
"""

_OPTIONS = r"""
state:
  description:
    - V(present), the guest has the NIC. This is the default.
    - V(absent), it has none of this name; its tap or port and its slot are free again.
  type: str
  choices: [present, absent]
  default: present
model:
  description: What the guest sees. The default depends on the C(os) of the guest.
  type: str
  choices: [virtio-net, e1000]
switch:
  description:
    - What the NIC is plugged into, a switch (M(apiary.bhyve.bhyve_switch)) or a bridge that exists on the host.
    - The tap of a running guest moves from one bridge to another at once. To or from a switch of another type it is
      another device of bhyve(8), for which the guest has to boot.
    - V(auto) is the only switch that is declared on the host; with none or several it is an error. It is looked up
      once. A NIC that is plugged into a declared switch stays there.
    - V(none) is the host itself, see O(@host_address).
    - V(''), which is the default, leaves the NIC unplugged.
  type: str
mac:
  description:
    - The MAC address. By default a locally administered one that follows from the guest's UUID and the NIC's name, and
      is kept. V('') keeps the one that the NIC has, whether it was given or not.
    - One that another guest of the host or the host itself has is an error.
  type: str
mtu:
  description:
    - The MTU of the tap, which a virtio-net driver in the guest is told as well. V(0), the default, is that of the
      bridge.
    - All members of a bridge have one MTU, so one that differs from that of the switch is an error. A running guest has
      it from its next boot on.
  type: int
private:
  description:
    - Frames are not passed between private members of a bridge, so that such guests reach the uplink and the host and
      not each other. The default is V(false).
    - It is changed at once. Only for bridges; while the NIC is unplugged it has no effect.
  type: bool
vlan:
  description:
    - The VLAN of the NIC's frames, V(1) to V(4094). The guest knows nothing of it, its frames have no tag. V(0), the
      default, is none.
    - The bridge has to filter VLANs, which those of FreeBSD 15 can. A NIC without O(@vlan) is in the VLAN that the
      bridge has for such members, or in none, and its frames do not pass.
    - It is changed at once.
  type: int
tagged:
  description:
    - VLANs and ranges of them, such as V(10-20), whose frames the guest sends and gets with their tags, as on a trunk.
    - What is said of O(@vlan) holds for them too. Replaces those that are there.
  type: list
  elements: str
slot:
  description:
    - The slot on PCI bus 0 in which the guest sees the NIC, V(1) to V(31) without V(29) and V(30). One that something
      else sits in is an error.
    - By default one that is free when the NIC is made, and is kept, as V(0) keeps what the NIC has.
  type: int
host_address:
  description:
    - With O(@switch=none), the host's address on this wire with its prefix length, such as V(10.1.1.1/30) or
      V(fd00:1::1/64). It may not overlap a network that the host is in otherwise.
    - The tap has it as long as the guest runs, and from the next boot on when it is changed. After C(service netif
      restart), which takes the addresses of all interfaces that rc.conf does not know, the guest has to be restarted.
    - V('') unsets it.
  type: str
route:
  description:
    - Networks that the host reaches through the guest, as V(10.2.0.0/24 via 10.1.1.2). Where the network of
      O(@host_address) has room for the guest's address only (V(/30), V(/31), V(/126), V(/127)), C(via) can be left out.
    - They are there as long as the guest runs, and from the next boot on when they are changed. Replaces those that are
      there.
  type: list
  elements: str
ip:
  description:
    - The IPv4 address that DHCP gives to the guest on this NIC.
    - Where the host serves DHCP on the switch itself (M(apiary.bhyve.dhcp_server)), the reservation is made, changed
      and removed with what it follows from, this option, the MAC address, the switch, the guest's name, and the guest.
      It is there before the guest starts. A server that is elsewhere gets it by the role
      P(apiary.bhyve.bhyve_guests#role). Which reservations this host has is told by C(reservations) of the result.
    - V(auto) is an address of the subnet's range for such, given once and kept as long as the NIC has it.
    - On one switch an address is one NIC's. On the host's own server it has to be in a subnet of the switch.
    - The guest has the new address when it asks the next time. V('') unsets it. A NIC that is unplugged has no
      reservation and keeps the address for when it is plugged in again, as does one on a switch that nobody serves.
    - A clone has none of its source's, but for V(auto).
  type: str
ip6:
  description:
    - The IPv6 address that DHCP gives to the guest on this NIC, otherwise as O(@ip), without V(auto).
  type: str
hostname:
  description:
    - The host name that DHCP tells to the guest, letters, digits and hyphens, perhaps with a domain.
    - The default, which V('') restores, is the guest's name if hosts can have it. It is told where O(@ip), O(@ip6) or
      O(@dhcp) is declared as well, else only when it is declared itself.
  type: str
dhcp:
  description:
    - What DHCP tells to the guest beyond that. An option that is left out keeps what is there, an empty one unsets it.
  type: dict
  suboptions:
    filename:
      description: The file that the guest boots from the network.
      type: str
    next_server:
      description: The address or name of the server that has it.
      type: str
    server_name:
      description: That server's name as the guest is told it.
      type: str
    root_path:
      description: The guest's root file system, for instance V(10.10.0.1:/diskless/web1).
      type: str
    default_lease_time:
      description: Seconds for which the guest may have its address when it asks for no time. V(0) is the server's own.
      type: int
    max_lease_time:
      description: Seconds for which it may have it at most. V(0) is the server's own.
      type: int
    options:
      description:
        - Options of DHCP by their names in dhcp-options(5), such as C(domain-name-servers), with their values; lists
          become values with commas between. Replaces those that are there.
      type: dict
    statements:
      description: Lines in the server's own language. Replaces those that are there.
      type: list
      elements: str
    publish_arp:
      description: Whether the host answers ARP for the address of O(@ip) (arp(8), C(pub)). The default is V(false).
      type: bool
"""


def nic_text(prefix: str, in_list: bool) -> str:
    """The options of a NIC; ``prefix`` is where they stand, such as ``nics[].``, for references between them.

    Not ``in_list``, they are options of the module itself: nothing is required, and defaults are said in the text only.
    """
    if in_list:
        text = f"{_NAME}  required: true{_OPTIONS}"
    else:
        text = f"{_NAME.rstrip()}{_OPTIONS}".replace("  default: present\n", "")
    return text.replace("O(@", f"O({prefix}")


_VM = r"""
vm:
  description: The guest that the NIC belongs to. It must exist.
  type: str
"""

_RESTART = r"""
restart:
  description:
    - Whether a running guest is restarted when something of it waits for its next boot.
    - V(never), the default, reports it as RV(pending).
  type: str
  choices: [never, if_needed]
"""


class ModuleDocFragment:
    """Documentation fragments; see the modules for how they are used."""

    DOCUMENTATION: str = "options:\n" + textwrap.indent(
        _VM.rstrip()
        + nic_text("", in_list=False)
        + _RESTART.lstrip("\n")
        + """
nics:
  description:
    - Many NICs, of one guest or of many, each with the options that one has by itself.
    - All are checked before the first change. Then a guest that fails does not keep the others from being done.
  type: list
  elements: dict
  suboptions:
"""
        + textwrap.indent(_VM.rstrip() + "\n  required: true" + nic_text("nics[].", in_list=True), "    "),
        "  ",
    )

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

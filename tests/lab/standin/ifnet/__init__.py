# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in kernel's network interfaces: what ifconfig(8), route(8), netstat(1) and bhyve(8) act upon.

``store.network()`` opens the state; ``Ifnet`` holds the interfaces; bridge, vlan, vxlan, addresses and routes are the
operations on them; ``dataplane`` keeps Linux devices in step, so that frames really pass.
"""

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kld.txt: zfs and the interfaces' modules are loaded, vmm is not."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"cpus": 2}


def prepare(host: StandinHost) -> None:
    """The recorder's modules, in its order."""
    host.sh("kldload if_bridge if_epair if_vxlan", check=True)

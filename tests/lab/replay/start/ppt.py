# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ppt.txt: a machine without an IOMMU and with three virtio cards; vmm is not loaded."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = {
    **_bhyve.SETTINGS,
    "iommu": False,
    "uplinks": {"vtnet0": "a", "vtnet1": "b", "vtnet2": "c"},
    "pci": [
        {
            "at": "0:8:0",
            "ids": [0x1AF4, 0x1000, 0x1AF4, 0x0001],
            "cls": 0x020000,
            "vendor": "Red Hat, Inc.",
            "name": "Virtio network device",
            "driver": "virtio_pci",
            "unit": 6,
            "children": ["vtnet2"],
            "caps": ["MSI-X"],
            "resources": "port 0xc280-0xc29f mem 0xfebd7000-0xfebd7fff,0xfe018000-0xfe01bfff irq 20",
        }
    ],
}


def prepare(host: StandinHost) -> None:
    """What the guest is loaded from."""
    _bhyve.tiny(host)

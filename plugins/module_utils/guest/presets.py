# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each guest operating system gets when the task does not say: devices, clock, MSR policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict


@dataclass(frozen=True)
class Preset:
    """Defaults that count once, when the guest (or its disk or NIC) is made."""

    disk: str
    nic: str
    rtc: str
    ignore_msr: bool
    rng: bool


PRESETS: Dict[str, Preset] = {
    "freebsd": Preset(disk="virtio-blk", nic="virtio-net", rtc="utc", ignore_msr=False, rng=True),
    # Linux and others read model specific registers that bhyve does not emulate (bhyve(8), -w).
    "linux": Preset(disk="virtio-blk", nic="virtio-net", rtc="utc", ignore_msr=True, rng=True),
    "openbsd": Preset(disk="virtio-blk", nic="virtio-net", rtc="utc", ignore_msr=True, rng=True),
    "netbsd": Preset(disk="virtio-blk", nic="virtio-net", rtc="utc", ignore_msr=True, rng=True),
    # Windows brings drivers for NVMe and for Intel's network cards, none for virtio, and keeps local time.
    "windows": Preset(disk="nvme", nic="e1000", rtc="localtime", ignore_msr=True, rng=False),
    "other": Preset(disk="ahci-hd", nic="e1000", rtc="utc", ignore_msr=True, rng=False),
}

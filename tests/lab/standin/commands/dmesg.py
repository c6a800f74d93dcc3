# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dmesg(8): what the kernel of such a machine says when it starts."""

from __future__ import annotations

import sys
from typing import Sequence

from ..pci import bus
from ..system import cli, sysctl, sysctl_values

PATHS = ("/sbin/dmesg",)
_FEATURES = {
    "intel": "  Features2=0x7ffefbff<SSE3,PCLMULQDQ,DTES64,MON,DS_CPL,VMX,EST,TM2,SSSE3,FMA,CX16,POPCNT,AESNI,AVX>",
    "amd": "  Features2=0x7ef8320b<SSE3,PCLMULQDQ,MON,SSSE3,FMA,CX16,SSE4.1,SSE4.2,MOVBE,POPCNT,AESNI,XSAVE,AVX>",
    "none": "  Features2=0x40e31d<SSE3,DTES64,MON,DS_CPL,TM2,SSSE3,CX16,xTPR,PDCM,MOVBE>",
}
_MORE = {
    "intel": [
        "  VT-x: PAT,HLT,MTF,PAUSE,EPT,UG,VPID,VID,PostIntr",
        "  TSC: P-state invariant, performance statistics",
    ],
    "amd": [
        "  AMD Features2=0x75c237ff<LAHF,CMP,SVM,ExtAPIC,CR8,ABM,SSE4A,MAS,Prefetch,OSVW,IBS,SKINIT,WDT,TCE>",
        "  SVM: NP,NRIP,VClean,AFlush,DAssist,NAsids=32768",
        "  TSC: P-state invariant, performance statistics",
    ],
    "none": ["  TSC: P-state invariant"],
}


def messages() -> str:
    """The boot's messages, as far as somebody reads them."""
    build = sysctl_values.settings()
    cpu, cpus = str(build.get("cpu", "intel")), int(build.get("cpus", 4))
    total, free = int(build.get("memory", 16 << 30)), sysctl_values.physmem(build)
    lines = [
        "---<<BOOT>>---",
        "Copyright (c) 1992-2025 The FreeBSD Project.",
        str(build.get("version", "")),
        f"CPU: {sysctl.value('hw.model')} (2000.00-MHz K8-class CPU)",
        _FEATURES[cpu],
        *_MORE[cpu],
        f"real memory  = {total} ({total >> 20} MB)",
        f"avail memory = {free} ({free >> 20} MB)",
        f"FreeBSD/SMP: Multiprocessor System Detected: {cpus} CPUs",
        f"FreeBSD/SMP: 1 package(s) x {cpus} core(s)",
        "vgapci0: Boot video device",
        "ada0 at ahcich0 bus 0 scbus0 target 0 lun 0",
        *bus.messages(),
    ]
    return "".join(line + "\n" for line in lines)


def _usage() -> int:
    print("usage: dmesg [-ac] [-M core [-N system]]", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    _options, words = cli.options_or_usage(argv, "acM:N:", _usage)
    if words:
        return _usage()
    print(messages(), end="")
    return 0

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts are refused, and what is known of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.system.capabilities import (
    check_host,
    cpu_features,
    parse_usage,
    virtualises,
)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"

HOST = {
    "kern.ostype": "FreeBSD",
    "kern.osrelease": "14.3-RELEASE",
    "kern.osreldate": "1403000",
    "hw.machine": "amd64",
    "hw.model": "Some CPU",
}
OLD_RELEASE = {"kern.osrelease": "13.5-RELEASE", "kern.osreldate": "1305000"}
NEW_RELEASE = {"kern.osrelease": "16.0-CURRENT", "kern.osreldate": "1600001"}
AMD = "CPU: AMD EPYC Processor\n  AMD Features2=0x77<LAHF,CMP,SVM,CR8,ABM,SSE4A>\n  SVM: NP,NRIP,DAssist,NAsids=16\n"
INTEL = "CPU: Intel(R) Xeon(R)\n  VT-x: PAT,HLT,MTF,PAUSE,EPT,UG,VPID,VID,PostIntr\n"
OLD = "CPU: Intel(R) Core(TM)2\n  VT-x: HLT,PAUSE\n"
NONE = "CPU: QEMU Virtual CPU\n  Features=0x1783fbfd<FPU>\n"


@pytest.mark.parametrize("release", ["14.3-RELEASE 1403000", "15.0-RELEASE 1500068"])
@pytest.mark.parametrize("dmesg", [AMD, INTEL, None])
def test_supported_hosts(release: str, dmesg: Optional[str]) -> None:
    name, date = release.split()
    check_host({**HOST, "kern.osrelease": name, "kern.osreldate": date}, dmesg)


@pytest.mark.parametrize(
    ("difference", "dmesg", "says"),
    [
        (OLD_RELEASE, AMD, "runs FreeBSD 13.5-RELEASE; supported are 14 and 15"),
        (NEW_RELEASE, AMD, "runs FreeBSD 16.0-CURRENT"),
        ({"hw.machine": "arm64"}, AMD, "arm64 machine; only amd64 is supported"),
        ({"kern.ostype": "Darwin"}, AMD, "runs Darwin"),
        ({}, NONE, r"CPU \(Some CPU\) cannot run guests"),
        ({}, OLD, "VT-x with EPT"),
        ({"hw.vmm.vmx.initialized": "0", "hw.vmm.svm.features": "0"}, INTEL, "cannot run guests"),
    ],
)
def test_other_hosts_are_refused_by_name(difference: Dict[str, str], dmesg: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        check_host({**HOST, **difference}, dmesg)


def test_the_word_of_a_loaded_vmm_counts_more_than_boot_messages() -> None:
    assert virtualises({"hw.vmm.vmx.initialized": "0", "hw.vmm.svm.features": "137"}, NONE) is True
    assert virtualises({"hw.vmm.vmx.initialized": "1", "hw.vmm.svm.features": "0"}, None) is True
    assert virtualises({"hw.vmm.vmx.initialized": "0", "hw.vmm.svm.features": "0"}, AMD) is False


def test_the_long_form_of_a_verbose_boot_tells_nothing() -> None:
    verbose = (
        "CPU: Intel(R) Xeon(R)\n  VT-x: Basic Features=0xda0400<SMM,INS/OUTS,TRUE>\n        Pin-Based Controls=0xff\n"
    )
    assert virtualises(HOST, verbose) is None


def test_boot_messages_that_were_rotated_away_tell_nothing() -> None:
    assert virtualises(HOST, "ugen0.1: <Intel XHCI root HUB>\n") is None


def test_features_as_the_kernel_prints_them() -> None:
    assert cpu_features(AMD) == {"SVM": ("NP", "NRIP", "DAssist", "NAsids=16")}
    assert "UG" in cpu_features(INTEL)["VT-x"]


def test_options_of_the_recorded_bhyve() -> None:
    letters = parse_usage((FIXTURES / "bhyve-h.txt").read_text())
    assert "".join(letters) == "ACDGHKPSUWYacehklmoprsuwx"


def test_what_is_no_usage_is_unknown() -> None:
    with pytest.raises(UnknownState, match="bhyve -h"):
        parse_usage("vm_open: No such file or directory\n")

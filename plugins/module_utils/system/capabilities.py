# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host is and what its bhyve can do; other releases, machines and CPUs are refused by name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.system.checkpoints import read_checkpoints
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import read_sysctls

SCHEMA = 1
RELEASES = (14, 15)
MACHINE = "amd64"
DMESG_BOOT = "/var/run/dmesg.boot"

#: The kernel variables that tell about the host. Those of vmm are there once it is loaded.
VARIABLES: Tuple[str, ...] = (
    "kern.ostype",
    "kern.osrelease",
    "kern.osreldate",
    "hw.machine",
    "hw.model",
    "hw.ncpu",
    "kern.smp.cores",
    "kern.smp.threads_per_core",
    "hw.vmm.maxcpu",
    "hw.vmm.vmx.initialized",
    "hw.vmm.svm.features",
)

_OPTION = re.compile(r"\s+-(?P<letter>[A-Za-z])(?::|,| )")
_CPU_HEADING = re.compile(r"^\s*(?:VT-x|SVM):", re.MULTILINE)
_CPU_FEATURES = re.compile(r"^\s*(?P<name>VT-x|SVM): (?P<features>[A-Za-z0-9_,=/ -]*)$", re.MULTILINE)


@dataclass(frozen=True)
class WriteCapabilities(Change):
    """Look again, now that vmm is loaded, and write down what the host can do; ``subject`` is the file."""

    def describe(self) -> str:
        return f"write down what this host's bhyve can do in {self.subject}"

    def apply(self, host: Host) -> None:
        variables = read_sysctls(host, VARIABLES)
        if virtualises(variables, None) is False:
            raise ApiaryError(_no_virtualisation(variables))
        host.write(self.subject, render(read_capabilities(host, variables)), mode=0o644)


def check_host(variables: Mapping[str, str], dmesg: Optional[str]) -> None:
    """BadInput for a host that cannot run our guests; says what it is and what it would have to be."""
    if variables.get("kern.ostype") != "FreeBSD":
        raise BadInput(
            f"this host runs {variables.get('kern.ostype', 'an unknown system')}; guests need FreeBSD's bhyve"
        )
    machine = variables.get("hw.machine", "")
    if machine != MACHINE:
        raise BadInput(f"this host is an {machine} machine; only {MACHINE} is supported")
    release, major = variables.get("kern.osrelease", "?"), _number(variables, "kern.osreldate") // 100000
    if major not in RELEASES:
        raise BadInput(f"this host runs FreeBSD {release}; supported are {' and '.join(map(str, RELEASES))}")
    if virtualises(variables, dmesg) is False:
        raise BadInput(_no_virtualisation(variables))


def virtualises(variables: Mapping[str, str], dmesg: Optional[str]) -> Optional[bool]:
    """Whether the CPU can run guests; None when nothing tells.

    With vmm loaded its own word counts: it initialised VMX, or found SVM. Without, the kernel's boot messages do:
    Intel's CPUs need VT-x with EPT, AMD's SVM with nested paging (vmm(4)).
    """
    if "hw.vmm.vmx.initialized" in variables or "hw.vmm.svm.features" in variables:
        return any(variables.get(name, "0") != "0" for name in ("hw.vmm.vmx.initialized", "hw.vmm.svm.features"))
    if dmesg is None or "CPU:" not in dmesg:
        return None
    features = cpu_features(dmesg)
    if features:
        return "EPT" in features.get("VT-x", ()) or "NP" in features.get("SVM", ())
    # A verbose boot describes them at length, which is not worth reading: vmm will tell.
    return None if _CPU_HEADING.search(dmesg) else False


def cpu_features(dmesg: str) -> Dict[str, Tuple[str, ...]]:
    """The virtualisation features that the kernel printed at boot, by VT-x or SVM."""
    return {match["name"]: tuple(match["features"].split(",")) for match in _CPU_FEATURES.finditer(dmesg)}


def read_capabilities(host: Host, variables: Mapping[str, str]) -> Dict[str, Any]:
    """What bhyve(8) and bhyvectl(8) say of themselves, with five commands, and what the kernel knows."""
    hint = "bhyve is part of FreeBSD's base system; with pkgbase it is the package FreeBSD-bhyve."
    usage = host.run(["bhyve", "-h"], what="cannot ask bhyve for its options", hint=hint)
    devices = host.run(["bhyve", "-s", "help"], what="cannot ask bhyve for its devices", hint=hint)
    lpc = host.run(["bhyve", "-l", "help"], what="cannot ask bhyve for its LPC devices", hint=hint)
    options = parse_usage(usage.stdout + usage.stderr)
    bhyvectl = _bhyvectl_usage(host, hint)
    return {
        "schema": SCHEMA,
        "osreldate": _number(variables, "kern.osreldate"),
        "release": variables.get("kern.osrelease", ""),
        "machine": variables.get("hw.machine", ""),
        "model": variables.get("hw.model", ""),
        "ncpu": _number(variables, "hw.ncpu"),
        "cores": _number(variables, "kern.smp.cores"),
        "threads_per_core": _number(variables, "kern.smp.threads_per_core"),
        # vmm allows a guest as many CPUs as the host has, unless the tunable says otherwise.
        "maxcpu": _number(variables, "hw.vmm.maxcpu") or _number(variables, "hw.ncpu"),
        "bhyve_options": options,
        "bhyve_devices": _words(devices.stdout, "bhyve -s help"),
        "bhyve_lpc_devices": _words(lpc.stdout, "bhyve -l help"),
        "snapshot": "--suspend=" in bhyvectl,
        "checkpoints": read_checkpoints(host, options, bhyvectl, _number(variables, "kern.osreldate")).to_json(),
    }


def _bhyvectl_usage(host: Host, hint: str) -> str:
    # Without a guest it prints its usage and exits 1.
    result = host.run(["bhyvectl"], what="cannot ask bhyvectl for its options", accept=(0, 1), hint=hint)
    text = result.stdout + result.stderr
    if "Usage: bhyvectl" not in text:
        raise UnknownState(f"`bhyvectl` did not print its usage but {text[:80]!r}")
    return text


def parse_usage(text: str) -> List[str]:
    """The option letters in the usage text of ``bhyve -h``. UnknownState when it is none."""
    letters = sorted({match["letter"] for match in map(_OPTION.match, text.splitlines()) if match is not None})
    if "Usage: bhyve" not in text or not letters:
        raise UnknownState(f"`bhyve -h` did not print its usage but {text[:80]!r}")
    return letters


def render(capabilities: Mapping[str, object]) -> str:
    """The text of capabilities.json."""
    return json.dumps(capabilities, indent=2) + "\n"


def _words(text: str, command: str) -> List[str]:
    words = text.split()
    if not words:
        raise UnknownState(f"`{command}` printed nothing")
    return words


def _number(variables: Mapping[str, str], name: str) -> int:
    value = variables.get(name, "0")
    if not value.isdigit():
        raise UnknownState(f"the kernel variable {name} is no number: {value!r}")
    return int(value)


def _no_virtualisation(variables: Mapping[str, str]) -> str:
    return (
        f"this host's CPU ({variables.get('hw.model', 'unknown')}) cannot run guests: bhyve needs Intel VT-x with EPT "
        "or AMD SVM with nested paging, switched on in the firmware set-up"
    )

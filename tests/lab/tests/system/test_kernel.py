# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sysctl(8), kenv(1), kldload(8): what the loader and rc.conf(5) set, what a CPU can do."""

from __future__ import annotations

from pathlib import Path

import pytest
from standin.host import StandinHost
from standin.settings import Settings


def test_exit_status_counts_what_is_unknown(host: StandinHost) -> None:
    done = host.run(["sysctl", "-n", "a.b", "hw.pagesize", "c.d"])
    assert (done.returncode, done.stdout) == (2, "4096\n")


def test_read_only_variable_and_tunable(host: StandinHost) -> None:
    assert host.run(["sysctl", "hw.ncpu=1"]).stderr == "sysctl: oid 'hw.ncpu' is read only\n"
    assert host.run(["sysctl", "kern.maxproc=1"]).stderr.splitlines() == [
        "sysctl: oid 'kern.maxproc' is a read only tunable",
        "sysctl: Tunable values are set in /boot/loader.conf",
    ]


def test_variables_of_a_module_come_and_go_with_it(host: StandinHost) -> None:
    host.run(["kldunload", "vmm"])  # of an attempt before
    assert host.run(["sysctl", "-n", "hw.vmm.create"]).returncode == 1
    host.run(["kldload", "vmm"], check=True)
    assert host.run(["sysctl", "-n", "hw.vmm.vmx.initialized"]).stdout == "1\n"
    host.run(["kldunload", "vmm"], check=True)
    assert host.run(["sysctl", "-n", "hw.vmm.create"]).returncode == 1


def test_boot_honours_loader_conf_and_rc_conf_and_forgets_the_rest(other: StandinHost) -> None:
    other.up()
    loader = 'vmm_load="YES"\nnosuch_load="YES"\nhw.vmm.topology.cpuid_leaf_b="0"\n'
    other.write("/boot/loader.conf", other.read("/boot/loader.conf") + loader)
    other.write("/etc/rc.conf", other.read("/etc/rc.conf") + 'kld_list="nmdm if_bridge"\n')
    other.write("/etc/sysctl.conf", "net.inet.ip.forwarding=1\nnet.link.bridge.pfil_member=1\n")
    other.sh("sysctl net.link.tap.up_on_open=1; kldload if_epair", check=True)
    assert other.run(["kldstat", "-q", "-n", "vmm"]).returncode == 1
    other.power_cut()
    other.boot()
    for module in ("vmm", "nmdm", "if_bridge", "bridgestp"):
        assert other.run(["kldstat", "-q", "-n", module]).returncode == 0
    assert other.run(["kldstat", "-q", "-n", "if_epair"]).returncode == 1
    wanted = ["hw.vmm.topology.cpuid_leaf_b", "net.inet.ip.forwarding", "net.link.bridge.pfil_member",
              "net.link.tap.up_on_open"]  # fmt: skip
    assert other.run(["sysctl", "-n", *wanted]).stdout.split() == ["0", "1", "1", "0"]
    assert other.run(["kenv", "vmm_load"]).stdout == "YES\n"


@pytest.mark.parametrize(("cpu", "variable", "text"), [("amd", "hw.vmm.svm.features", "SVM:"), ("none", "", "TM2")])
def test_cpu_decides_what_vmm_can(tmp_path: Path, cpu: str, variable: str, text: str) -> None:
    with StandinHost("cpu", str(tmp_path / "cpu"), Settings(hostname="cpu", cpu=cpu)) as machine:
        machine.run(["kldload", "vmm"], check=True)
        assert (machine.run(["kldstat", "-q", "-m", "vmm"]).returncode == 0) == (cpu == "amd")
        assert machine.run(["sysctl", "-n", "hw.vmm.vmx.initialized"]).stdout == "0\n"
        if variable:
            assert int(machine.run(["sysctl", "-n", variable]).stdout) > 0
        assert text in machine.read("/var/run/dmesg.boot")

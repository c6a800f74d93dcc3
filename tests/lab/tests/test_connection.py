# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's way into a stand-in host: what a user's playbooks do through it, with the real ansible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from standin.base import LIBRARY
from standin.host import StandinHost

ANSIBLE = Path(sys.executable).parent / "ansible"

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root"),
    pytest.mark.skipif(not ANSIBLE.exists(), reason="ansible is not beside this Python"),
]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    with StandinHost("hive1", str(tmp_path_factory.mktemp("lab") / "hive1")) as new:
        yield new


class Controller:
    def __init__(self, host: StandinHost, directory: Path, pipelining: bool) -> None:
        self.directory = directory
        self.environment = {
            **os.environ,
            "ANSIBLE_CONNECTION_PLUGINS": os.path.join(LIBRARY, "connection"),
            "ANSIBLE_PIPELINING": str(pipelining),
            "ANSIBLE_LOCAL_TEMP": str(directory / "local"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_NOCOLOR": "1",
        }
        variables = {
            "ansible_connection": "standin",
            "standin_directory": host.directory,
            "ansible_python_interpreter": "/usr/local/bin/python3.11",
        }
        (directory / "hosts.json").write_text(json.dumps({"all": {"hosts": {"hive1": variables}}}))

    def run(self, module: str, arguments: str = "") -> Dict[str, Any]:
        """One task; its result."""
        tree = self.directory / "tree"
        command = [str(ANSIBLE), "-i", str(self.directory / "hosts.json"), "hive1", "-m", module, "-a", arguments]
        done = subprocess.run(
            [*command, "--tree", str(tree)], env=self.environment, capture_output=True, text=True, check=False
        )
        assert (tree / "hive1").exists(), done.stdout + done.stderr
        result: Dict[str, Any] = json.loads((tree / "hive1").read_text())
        return result


@pytest.fixture(params=[True, False], ids=["pipelining", "files"])
def controller(host: StandinHost, tmp_path: Path, request: pytest.FixtureRequest) -> Controller:
    return Controller(host, tmp_path, request.param)


def test_ansible_sees_freebsd(host: StandinHost, tmp_path: Path) -> None:
    facts = Controller(host, tmp_path, True).run("ansible.builtin.setup")["ansible_facts"]
    seen = {
        name: facts.get("ansible_" + name)
        for name in ("system", "os_family", "distribution", "distribution_version", "pkg_mgr", "hostname", "machine")
    }
    assert seen == {
        "system": "FreeBSD",
        "os_family": "FreeBSD",
        "distribution": "FreeBSD",
        "distribution_version": "14.3",
        "pkg_mgr": "pkgng",
        "hostname": "hive1",
        "machine": "amd64",
    }


def test_files_go_there_and_back(host: StandinHost, controller: Controller, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 100)
    result = controller.run("ansible.builtin.copy", f"src={source} dest=/root/copied mode=0640 group=operator")
    assert result.get("failed") is not True, result
    assert host.read_bytes("/root/copied") == source.read_bytes()
    assert host.sh("stat -f '%Lp %Su %Sg' /root/copied").stdout == "640 root operator\n"
    controller.run("ansible.builtin.fetch", f"src=/root/copied dest={tmp_path}/fetched flat=true")
    assert (tmp_path / "fetched").read_bytes() == source.read_bytes()


def test_a_commands_status_and_output(controller: Controller) -> None:
    result = controller.run("ansible.builtin.shell", "echo out; echo err >&2; exit 3")
    assert (result["stdout"], result["stderr"], result["rc"]) == ("out", "err", 3)


def test_the_service_module_takes_its_freebsd_way(host: StandinHost, tmp_path: Path) -> None:
    controller = Controller(host, tmp_path, True)
    host.write("/usr/local/etc/rc.d/probe", PROBE, mode=0o555)
    first = controller.run("ansible.builtin.service", "name=probe state=started enabled=true")
    assert (first.get("failed"), first["changed"]) == (None, True), first
    assert 'probe_enable="YES"' in host.read("/etc/rc.conf")
    assert host.exists_in("/var/run/probe.started")
    second = controller.run("ansible.builtin.service", "name=probe state=started enabled=true")
    assert second["changed"] is False


def test_a_host_that_is_off_is_unreachable(host: StandinHost, tmp_path: Path) -> None:
    controller = Controller(host, tmp_path, True)
    off = StandinHost("off", str(tmp_path / "off"))
    inventory = (tmp_path / "hosts.json").read_text().replace(host.directory, off.directory)
    (tmp_path / "hosts.json").write_text(inventory)
    result = controller.run("ansible.builtin.ping")
    assert result["unreachable"] is True
    assert "stand-in host off is not up" in result["msg"]


PROBE = """#!/bin/sh

# PROVIDE: probe
# REQUIRE: DAEMON

. /etc/rc.subr

name=probe
rcvar=probe_enable
start_cmd="touch /var/run/probe.started"
stop_cmd="rm -f /var/run/probe.started"
status_cmd="probe_status"

probe_status()
{
\t[ -e /var/run/probe.started ] && echo "probe is running." && return 0
\techo "probe is not running."
\treturn 1
}

load_rc_config $name
: ${probe_enable:=NO}
run_rc_command "$1"
"""

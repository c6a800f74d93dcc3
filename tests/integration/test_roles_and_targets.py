# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role bhyve_host, playbook bootstrap, and the targets that run on real hosts as well, through real Ansible."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from harness import ROOT, Playbooks
from standin.host import StandinHost
from standin.settings import Settings

TARGETS = ROOT / "tests" / "integration" / "targets"
PREPARE = str(ROOT / "tests" / "integration" / "prepare.yml")
PREPARING = "apiary.bhyve.bhyve_host : Prepare the host for guests"

Maker = Callable[..., StandinHost]


@pytest.fixture
def bare(bare_host: Maker, tmp_path: Path) -> Playbooks:
    """Real Ansible against a host that nobody prepared."""
    return Playbooks(bare_host(), tmp_path)


def test_target_rc_conf(bare: Playbooks) -> None:
    """The others run as they do on a real host; this one by other releases of ansible-core as well."""
    run = bare.tasks([{"ansible.builtin.include_tasks": str(TARGETS / "rc_conf" / "tasks" / "main.yml")}])
    assert run.rc == 0, run.output


def test_role_bhyve_host_check_apply_again(bare: Playbooks) -> None:
    told = bare.play(PREPARE, check=True)
    assert told.rc == 0, told.output
    assert bare.host.sh("ls /var/db/apiary").returncode != 0
    applied = bare.play(PREPARE)
    assert applied.rc == 0, applied.output
    for key in ("changed", "changes", "host"):
        assert told.of(PREPARING)[key] == applied.of(PREPARING)[key]
    again = bare.play(PREPARE)
    assert again.stats[bare.host.name]["changed"] == 0, again.output
    assert bare.host.sh("service apiary enabled && service apiary status").returncode == 0


def test_role_bhyve_network_check_apply_again(bare: Playbooks) -> None:
    role = {
        "ansible.builtin.include_role": {"name": "apiary.bhyve.bhyve_network"},
        "vars": {"bhyve_network_switches": [{"name": "lab", "addresses": ["10.10.0.1/24"]}]},
    }
    told = bare.tasks([role], check=True)
    assert (told.rc, told.stats[bare.host.name]["changed"]) == (0, 1), told.output
    assert bare.host.sh("ls /var/db/apiary").returncode != 0 and bare.host.sh("ifconfig bridge1000").returncode != 0
    applied = bare.tasks([role])
    assert (applied.rc, applied.stats[bare.host.name]["changed"]) == (0, 1), applied.output
    assert (
        "inet 10.10.0.1 " in bare.host.sh("service netif restart > /dev/null; ifconfig bridge1000", check=True).stdout
    )
    again = bare.tasks([role])
    assert (again.rc, again.stats[bare.host.name]["changed"]) == (0, 0), again.output


def test_check_mode_of_role_bhyve_network_minds_no_host_that_is_new(bare: Playbooks) -> None:
    switch = {"name": "lab", "addresses": ["10.10.0.1/24"], "nat": {"interface": "bridge0"}}
    role = {
        "ansible.builtin.include_role": {"name": "apiary.bhyve.bhyve_network"},
        "vars": {"bhyve_network_switches": [switch]},
    }
    bare.host.sh("ifconfig bridge0 create", check=True)
    assert bare.tasks([role], check=True).rc == 0
    refused = bare.tasks([role])
    assert refused.rc != 0 and "this host is not prepared for guests" in refused.output


def test_role_bhyve_host_needs_no_repository_where_the_packages_are(bare_host: Maker, tmp_path: Path) -> None:
    bare = Playbooks(bare_host(Settings("offline1", repository=False), name="offline1"), tmp_path)
    run = bare.play(PREPARE, extra={"bhyve_host_packages": []})
    assert run.rc == 0, run.output


def test_bootstrap_installs_python_where_there_is_none(bare: Playbooks) -> None:
    bare.host.sh("pkg delete -y python311; rm -f /usr/local/bin/python3*", check=True)
    run = bare.play("apiary.bhyve.bootstrap")
    assert (run.rc, run.stats[bare.host.name]["changed"]) == (0, 1), run.output
    assert bare.host.sh("pkg info -e python311").returncode == 0


def test_bootstrap_leaves_a_host_with_python_alone(bare: Playbooks) -> None:
    bare.host.sh("pkg delete -y python311", check=True)
    run = bare.play("apiary.bhyve.bootstrap")
    assert (run.rc, run.stats[bare.host.name]["changed"]) == (0, 0), run.output
    assert bare.host.sh("pkg info -e python311").returncode == 1


def test_role_bhyve_guests_leaves_the_host_a_longer_shutdown(host: StandinHost, playbooks: Playbooks) -> None:
    guest = {"name": "web1", "memory": "64M", "firmware": "bhyveload", "loader": {"host_path": "/tiny"}}
    role = {
        "ansible.builtin.include_role": {"name": "apiary.bhyve.bhyve_guests"},
        "vars": {"bhyve_guests_vms": [dict(guest, stop_timeout=100)], "bhyve_guests_state": "present"},
    }
    asked = "sysrc -n rcshutdown_timeout; sysctl -n kern.init_shutdown_timeout"
    assert playbooks.tasks([role]).rc == 0
    assert host.sh(asked).stdout.split() == ["165", "195"]
    host.sh("sysrc rcshutdown_timeout=900; sysctl kern.init_shutdown_timeout=930", check=True)
    again = playbooks.tasks([role])
    assert (again.rc, again.stats[host.name]["changed"]) == (0, 0), again.output
    assert host.sh(asked).stdout.split() == ["900", "930"]

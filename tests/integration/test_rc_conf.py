# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rc_conf against sysrc(8): the same operation on the same files gives values that sh reads alike."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest
from harness import Modules
from standin.host import StandinHost

FILES: Dict[str, Tuple[str, str]] = {
    "plain": (
        'hostname="hive1"\nsshd_enable="YES"\t# remote\nkld_list="vmm nmdm"\ncloned_interfaces="bridge0 tap0"\n'
        # A bare empty= is left out: sysrc 7.2 writes the new value behind it without quotes.
        "single='a b'\nbare=word\nempty=''\n",
        "",
    ),
    "two files": (
        'sshd_enable="NO"\nkld_list="vmm"\nhostname=old\n',
        '# local\nsshd_enable="YES"\nkld_list="nmdm if_tap"\n',
    ),
    "shell code": (
        'base="em"\nhostname="${base}0"\nsshd_enable=`echo YES`\n'
        'if true; then\n\tkld_list="vmm"\nfi\nempty="";single=x\n',
        "",
    ),
    "nothing": ("", ""),
}

#: For each operation sysrc's argument and our variable. Names are used once, so that all go into one task.
OPERATIONS: List[Tuple[List[str], Dict[str, Any]]] = [
    (["hostname=hive2"], {"name": "hostname", "value": "hive2"}),
    (["sshd_enable=NO"], {"name": "sshd_enable", "value": False}),
    (["kld_list+=vmm if_bridge"], {"name": "kld_list", "value": ["vmm", "if_bridge"], "state": "append"}),
    (["cloned_interfaces+=,tap1"], {"name": "cloned_interfaces", "value": ",tap1", "state": "append"}),
    (["single="], {"name": "single", "value": ""}),
    (["empty=full of words"], {"name": "empty", "value": "full of words"}),
    (["-x", "bare"], {"name": "bare", "state": "absent"}),
    (["nfs_server_enable=YES"], {"name": "nfs_server_enable", "value": "YES"}),
    (["devd_flags+=/a /b"], {"name": "devd_flags", "value": "/a /b", "state": "append"}),
]
NAMES = [item["name"] for _unused, item in OPERATIONS] + ["base"]


def put(host: StandinHost, case: str) -> None:
    """Make these the host's files."""
    host.write("/etc/rc.conf", FILES[case][0])
    host.write("/etc/rc.conf.local", FILES[case][1])


def values(host: StandinHost) -> Dict[str, str]:
    """What a shell reads that starts as rc(8) does."""
    show = "".join(f'echo "{name}=${{{name}-}}";' for name in NAMES)
    text = host.sh(f". /etc/defaults/rc.conf; source_rc_confs; {show}", check=True).stdout
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture(scope="module")
def modules(template: StandinHost, shared_host: StandinHost) -> Modules:
    """Modules on one host for all cases."""
    return Modules(shared_host)


@pytest.mark.parametrize("case", FILES)
def test_sh_reads_the_same_as_after_sysrc(modules: Modules, case: str) -> None:
    host = modules.host
    put(host, case)
    for argument, _unused in OPERATIONS:
        host.run(["sysrc", *argument])
    expected = values(host)
    put(host, case)
    wanted = [item for _unused, item in OPERATIONS]
    told = modules.good("rc_conf", {"vars": wanted}, check=True)
    done = modules.good("rc_conf", {"vars": wanted})
    assert values(host) == expected
    assert (told["diff"], told["vars"], told["changes"]) == (done["diff"], done["vars"], done["changes"])
    again = modules.good("rc_conf", {"vars": wanted})
    assert not again["changed"]
    assert again["commands_started"] == 1


def test_a_file_that_sh_cannot_parse_is_left_alone(modules: Modules) -> None:
    put(modules.host, "plain")
    modules.host.write("/etc/rc.conf.local", 'oops="unterminated\n')
    refused = modules.run("rc_conf", {"name": "hostname", "value": "x"})
    assert refused["failed"] and "mend the file first" in refused["msg"] and "rc.conf.local" in refused["msg"]
    assert modules.host.read("/etc/rc.conf") == FILES["plain"][0]


def test_another_user_is_refused_in_one_line(modules: Modules) -> None:
    script = (
        "cd /var/tmp/payload && su -m nobody -c 'PYTHONPATH=. /usr/local/bin/python3.11 module_server.py alone rc_conf'"
    )
    done = modules.host.run(["sh", "-c", script], stdin='{"name": "hostname", "value": "x"}')
    assert "not root: this module changes the host itself" in done.stdout

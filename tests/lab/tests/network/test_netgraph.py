# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netgraph(4) on the stand-in host, beside what a transcript shows: modules, sockets' lives, and frames that pass."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from networklab import Kernel
from standin.host import StandinHost
from standin.settings import Settings

_CONNECT = """
import os, sys
from standin.ifnet.errors import Refused
from standin.netgraph import sockets
try:
    sockets.connect(os.getpid(), sys.argv[2] or None, sys.argv[1], "vmlink", sys.argv[3])
except Refused as error:
    print(type(error).__name__, error, flush=True)
    sys.exit(1)
print("connected", flush=True)
sys.stdin.readline()
"""


def ngctl(kernel: Kernel, *words: str) -> str:
    """ngctl(8): what it printed, on both ends."""
    done = kernel.run("ngctl", *words)
    return done.stdout + done.stderr


def bridge(kernel: Kernel, name: str) -> None:
    """A bridge node that stays."""
    assert ngctl(kernel, "mkpeer", "tap0:", "bridge", "lower", "link0") == ""
    assert ngctl(kernel, "name", "tap0:lower", name) == ngctl(kernel, "msg", f"{name}:", "setpersistent") == ""
    assert ngctl(kernel, "shutdown", "tap0:") == ""


@pytest.fixture
def lab(kernel: Kernel) -> Kernel:
    """A kernel with a tap and ng_ether."""
    kernel.ifconfig("tap0", "create")
    done = kernel.python("import sys; from standin.commands.kld import main; main(['kldload', 'ng_ether'])")
    done.communicate(timeout=30)
    return kernel


def socket(kernel: Kernel, path: str, name: str, hook: str) -> tuple[subprocess.Popen[str], str]:
    """A process that has a socket's node on that hook, and what it said."""
    process = kernel.python(_CONNECT, path, name, hook)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_without_ng_ether_interfaces_have_no_nodes(kernel: Kernel) -> None:
    kernel.ifconfig("tap0", "create")
    assert "tap0" not in ngctl(kernel, "list")
    assert ngctl(kernel, "mkpeer", "tap0:", "bridge", "lower", "link0") == (
        "ngctl: send msg: No such file or directory\n"
    )


def test_a_bridge_goes_with_its_last_hook_unless_it_is_persistent(lab: Kernel) -> None:
    ngctl(lab, "mkpeer", "tap0:", "bridge", "lower", "link0")
    ngctl(lab, "name", "tap0:lower", "short")
    ngctl(lab, "rmhook", "tap0:", "lower")
    bridge(lab, "long")
    names = ngctl(lab, "list")
    assert " short " not in names and " long " in names


def test_a_hook_is_one_sockets_and_free_when_its_process_has_died(lab: Kernel) -> None:
    bridge(lab, "lan")
    first, said = socket(lab, "lan:", "apiary1000", "link1000")
    assert said == "connected" and "apiary1000" in ngctl(lab, "show", "lan:")
    for name, hook, words in (
        ("", "link1000", "Refused File exists"),
        ("apiary1000", "link1001", "NameTaken Address already in use"),
        ("", "port1", "Refused Invalid argument"),
    ):
        second, said = socket(lab, "lan:", name, hook)
        second.communicate(timeout=10)
        assert said == words
    first.kill()
    first.communicate(timeout=10)
    assert "link1000" not in ngctl(lab, "show", "lan:") and "apiary1000" not in ngctl(lab, "list")
    third, said = socket(lab, "lan:", "apiary1000", "link1000")
    third.kill()
    third.communicate(timeout=10)
    assert said == "connected"


def test_a_tap_that_is_made_again_is_another_node(lab: Kernel) -> None:
    bridge(lab, "lan")
    ngctl(lab, "connect", "tap0:", "lan:", "lower", "link5")
    lab.ifconfig("tap0", "destroy")
    lab.ifconfig("tap0", "create")
    assert "Num hooks: 0" in ngctl(lab, "show", "tap0:") and "Num hooks: 0" in ngctl(lab, "show", "lan:")


def test_an_eiface_takes_an_mtu_up_to_a_jumbo_frames(lab: Kernel) -> None:
    bridge(lab, "lan")
    ngctl(lab, "mkpeer", "lan:", "eiface", "link2", "ether")
    lab.ifconfig("ngeth0", "mtu", "9018")
    assert "Invalid argument" in lab.refused("ngeth0", "mtu", "9019")
    assert "Invalid argument" in lab.refused("ngeth0", "destroy")


_LISTEN = "import socket\ns = socket.create_server(('0.0.0.0', 7))\nwhile True:\n    s.accept()[0].close()\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")
def test_the_wire_the_host_and_its_own_interface_hear_each_other(tmp_path: Path) -> None:
    settings = [Settings(name, zfs=False, uplinks={"em0": "wire"}) for name in ("near", "far")]
    near_host = StandinHost("near", str(tmp_path / "near"), settings[0])
    far_host = StandinHost("far", str(tmp_path / "far"), settings[1])
    with near_host as near, far_host as far:
        near.sh("kldload ng_ether && ifconfig em0 inet 10.8.0.1/24", check=True)
        far.sh("ifconfig em0 inet 10.8.0.2/24; ifconfig em0 inet 10.9.0.2/24 alias", check=True)
        listener = near.spawn(
            ["/.linux/usr/bin/python3", "-c", _LISTEN], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        reach = "for n in 1 2 3 4 5 6 7 8 9; do nc -z -w 1 {} 7 && exit; sleep 0.2; done; exit 1"
        far.sh(reach.format("10.8.0.1"), check=True)
        near.sh(
            "printf 'mkpeer em0: bridge lower link0\\nname em0:lower lan\\nconnect em0: lan: upper link1\\n"
            "mkpeer lan: eiface link2 ether\\n' | ngctl -f - && ifconfig ngeth0 inet 10.9.0.1/24",
            check=True,
        )
        assert far.sh("nc -z -w 1 10.9.0.1 7").returncode != 0, "the card would take only its own frames"
        near.sh("ngctl msg em0: setpromisc 1 && ngctl msg em0: setautosrc 0", check=True)
        far.sh(reach.format("10.9.0.1"), check=True)
        far.sh(reach.format("10.8.0.1"), check=True)
        near.sh("ngctl shutdown lan:", check=True)
        far.sh(reach.format("10.8.0.1"), check=True)
        listener.kill()
        listener.wait()

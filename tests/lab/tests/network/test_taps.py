# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tap's device: exclusive, made by being opened, closed when its opener dies."""

from __future__ import annotations

import subprocess
from typing import Tuple

from networklab import Kernel
from polls import until

_HOLD = """
import os, sys
from standin.taps import open_tap
try:
    fd = open_tap(sys.argv[1], os.getpid(), up=sys.argv[2] == "up")
except OSError as error:
    print(error.strerror, flush=True)
    sys.exit(1)
print("open", flush=True)
sys.stdin.readline()
"""
_CLOSE = """
import os, sys
from standin.taps import close_tap, open_tap
fd = open_tap(sys.argv[1], os.getpid())
os.close(fd)
close_tap(sys.argv[1], os.getpid())
"""


def hold(kernel: Kernel, name: str, up: str = "up") -> Tuple[subprocess.Popen[str], str]:
    """A process that has the tap open; what it said first."""
    process = kernel.python(_HOLD, name, up)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    """Kill it, so that it cannot close anything itself."""
    process.kill()
    process.communicate(timeout=10)


def test_only_one_process_may_have_it_open(kernel: Kernel) -> None:
    kernel.ifconfig("tap0", "create")
    first, said = hold(kernel, "tap0")
    assert said == "open"
    assert f"Opened by PID {first.pid}" in kernel.ifconfig("tap0")
    second, refusal = hold(kernel, "tap0")
    assert refusal == "Device busy"
    end(second)
    end(first)
    third, said = hold(kernel, "tap0")
    assert said == "open"
    end(third)


def test_a_killed_opener_leaves_it_down_and_bare_but_in_its_bridge(kernel: Kernel) -> None:
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("tap0", "create")
    kernel.ifconfig("bridge0", "addm", "tap0")
    process, _said = hold(kernel, "tap0")
    kernel.ifconfig("tap0", "inet", "10.1.0.1/24")
    assert "<UP,BROADCAST,RUNNING," in kernel.ifconfig("tap0")
    end(process)
    shown = kernel.ifconfig("tap0")
    assert "<BROADCAST,PROMISC,SIMPLEX,MULTICAST>" in shown
    assert "inet " not in shown
    assert "Opened by" not in shown
    assert kernel.members("bridge0") == ["tap0"]


def test_closing_does_the_same(kernel: Kernel) -> None:
    kernel.ifconfig("tap0", "create")
    process = kernel.python(_CLOSE, "tap0")
    assert process.communicate(timeout=10) == ("", "")
    assert "<BROADCAST,SIMPLEX,MULTICAST>" in kernel.ifconfig("tap0")


def test_opening_a_missing_tap_makes_an_unplugged_untagged_one(kernel: Kernel) -> None:
    process, said = hold(kernel, "tap77")
    assert said == "open"
    shown = kernel.ifconfig("tap77")
    assert "\tgroups: tap\n" in shown
    assert "description" not in shown
    end(process)
    assert "tap77" in kernel.names()


def test_cloning_can_be_switched_off(kernel: Kernel) -> None:
    kernel.sysctl(net__link__tap__devfs_cloning=0)
    process, refusal = hold(kernel, "tap77")
    assert refusal == "No such file or directory"
    end(process)
    assert kernel.names() == ["lo0"]


def test_it_goes_up_when_opened_only_if_the_host_says_so(kernel: Kernel) -> None:
    kernel.ifconfig("tap0", "create")
    process, _said = hold(kernel, "tap0", "leave")
    assert "flags=1008842<BROADCAST,RUNNING," in kernel.ifconfig("tap0")
    end(process)
    kernel.sysctl(net__link__tap__up_on_open=1)
    process, _said = hold(kernel, "tap0", "leave")
    assert "flags=1008843<UP,BROADCAST,RUNNING," in kernel.ifconfig("tap0")
    end(process)


def test_a_renamed_tap_keeps_its_device(kernel: Kernel) -> None:
    kernel.ifconfig("tap3", "create", "name", "guest3")
    process, said = hold(kernel, "tap3")
    assert said == "open"
    assert "Opened by" in kernel.ifconfig("guest3")
    end(process)


def test_destroying_an_open_tap_waits_for_the_close(kernel: Kernel) -> None:
    kernel.ifconfig("tap0", "create")
    holder, _said = hold(kernel, "tap0")
    code = "import sys; from standin.commands.ifconfig import main; sys.exit(main(['ifconfig', 'tap0', 'destroy']))"
    destroyer = kernel.python(code)
    until(lambda: destroyer.poll() is not None or waits(destroyer.pid), 10, pause=0.01)
    assert destroyer.poll() is None
    assert "tap0" in kernel.names()
    end(holder)
    assert destroyer.communicate(timeout=10) == ("", "")
    assert destroyer.returncode == 0
    assert kernel.names() == ["lo0"]


def waits(pid: int) -> bool:
    """Whether the process sleeps between two looks at the tap."""
    with open(f"/proc/{pid}/wchan", encoding="ascii") as stream:
        return "nanosleep" in stream.read()

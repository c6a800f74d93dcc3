# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the way in which bhyve ended."""

from __future__ import annotations

from functools import partial

import pytest
from runtimelab import Hive


def test_a_rebooted_guest_has_what_was_configured_meanwhile(hive: Hive) -> None:
    box = hive.box("web1").configure(memory="64M")
    box.start()
    assert box.guest.wait_booted()["memory"] == 64 << 20
    box.configure(memory="192M")
    assert hive.run_file("web1", "generation") == "boot.1\n"
    box.guest.reboot()
    seen = box.guest.wait_booted(2)
    assert seen["memory"] == 192 << 20
    assert hive.run_file("web1", "generation") == "boot.2\n"
    assert box.status()["boots"] == "2"


def test_a_guest_without_firmware_is_loaded_at_each_boot(hive: Hive) -> None:
    box = hive.box("web1").configure(memory="64M", loader="bhyveload")
    assert box.start() == "web1: running"
    assert box.guest.wait_booted()["memory"] == 64 << 20
    box.configure(memory="96M", loader="bhyveload")
    box.guest.reboot()
    assert box.guest.wait_booted(2)["memory"] == 96 << 20
    assert box.stop() == "web1: stopped (acpi)"


def test_a_loader_that_fails_is_the_reason(hive: Hive) -> None:
    box = hive.box("web1").configure(loader="bhyveload", bhyveload_args="'-m' '64M' '-d' '/nosuch'")
    assert box.start() == "web1: failed: bhyveload exited 64: bhyveload: Could not open '/nosuch'"


@pytest.mark.parametrize(
    ("does", "policy", "exit_status", "message"),
    [
        ("reset", "on_reboot", "0", "the guest rebooted"),
        ("poweroff", "on_poweroff", "1", "the guest powered off"),
        ("halt", "on_poweroff", "2", "the guest powered off"),
        ("triple", "on_crash", "3", "the guest crashed: bhyve exited 3"),
        ("signal:6", "on_crash", "134", "the guest crashed: bhyve exited 134"),
        ("exit:100", "on_crash", "100", "the guest crashed: bhyve exited 100"),
    ],
)
def test_each_end_has_its_policy(hive: Hive, does: str, policy: str, exit_status: str, message: str) -> None:
    others = {name: "restart" for name in ("on_reboot", "on_poweroff", "on_crash") if name != policy}
    box = hive.box("web1").configure(policies={**others, policy: "destroy"})
    box.start()
    box.guest.wait_booted()
    box.guest.do(does)
    status = box.wait_state("stopped")
    assert status["exit"] == exit_status
    assert status["message"].startswith(message)
    assert status["boots"] == "1"
    assert hive.sh("ls /dev/vmm", check=False) == ""


@pytest.mark.parametrize(("does", "policy"), [("poweroff", "on_poweroff"), ("triple", "on_crash")])
def test_restart_boots_it_again(hive: Hive, does: str, policy: str) -> None:
    box = hive.box("web1").configure(policies={"on_reboot": "destroy", policy: "restart"})
    box.start()
    box.guest.wait_booted()
    box.guest.do(does)
    box.guest.wait_booted(2)
    box.wait_state("running")
    assert box.status()["boots"] == "2"


def test_preserve_keeps_the_node_until_the_next_start(hive: Hive) -> None:
    box = hive.box("web1").configure(on_crash="preserve")
    box.start()
    box.guest.wait_booted()
    box.guest.crash()
    box.wait_state("preserved")
    assert hive.sh("ls /dev/vmm") == "web1\n"
    assert not box.running()
    assert box.start() == "web1: running"
    box.guest.wait_booted(2)
    box.guest.crash()
    box.wait_state("preserved")
    assert box.stop() == "web1: not running"
    assert hive.sh("ls /dev/vmm", check=False) == ""
    assert box.status()["state"] == "stopped"


def test_an_error_of_bhyve_while_it_runs_is_final(hive: Hive) -> None:
    box = hive.box("web1").configure(on_crash="restart")
    box.start()
    box.guest.wait_booted()
    box.guest.disk_error(4)
    assert box.wait_state("failed")["message"].startswith("bhyve could not start: it exited 4")


def test_a_storm_of_crashes_ends_in_failed(hive: Hive) -> None:
    box = hive.box("web1").configure(on_crash="restart", restart_limit="3")
    box.guest.behave(then="triple", after=0.3)
    hive.apiary("start", "web1")
    status = box.wait_state("failed", 60)
    assert status["message"].startswith("more than 3 restarts in 300 s; the last: the guest crashed: bhyve exited 3")
    assert status["boots"] == "4"
    # The next start counts anew.
    box.guest.behave()
    assert box.start() == "web1: running"
    assert box.status()["boots"] == "1"


def past(hive: Hive, time: int) -> bool:
    return int(hive.sh("date +%s")) > time


def test_reboots_that_are_far_apart_are_no_storm(hive: Hive) -> None:
    box = hive.box("web1").configure(restart_limit="1", restart_window="1")
    box.start()
    for boot in (2, 3, 4):
        box.guest.wait_booted(boot - 1)
        box.wait_state("running")
        last = int(hive.run_file("web1", "restarts").split()[-1]) if boot > 2 else 0
        hive.until(partial(past, hive, last + 1), "the window is over")
        box.guest.reboot()
    box.guest.wait_booted(4)
    box.wait_state("running")

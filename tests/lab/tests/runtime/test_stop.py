# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apiary stop: the stages, and guests in every state."""

from __future__ import annotations

import subprocess

from runtimelab import Hive


def test_before_acpi_sigterm_ends_the_guest_and_that_is_a_stop(hive: Hive) -> None:
    box = hive.box("web1").configure(on_crash="restart")
    box.guest.behave(acpi="never")
    box.start()
    assert box.stop() == "web1: stopped (signal)"
    assert box.status()["exit"] == "143"
    assert not box.running()


def test_a_guest_that_ignores_acpi_is_powered_off_after_its_timeout(hive: Hive) -> None:
    box = hive.box("web1").configure(stop_timeout="2")
    box.guest.behave(acpi="ignore")
    box.start()
    box.guest.wait_booted()
    assert box.stop() == "web1: stopped (poweroff)"
    assert box.status()["stage"] == "poweroff"


def test_a_timeout_of_ones_own(hive: Hive) -> None:
    box = hive.box("web1").configure(stop_timeout="600")
    box.guest.behave(acpi="ignore")
    box.start()
    box.guest.wait_booted()
    assert box.stop("-t", "1") == "web1: stopped (poweroff)"


def test_force_asks_nobody(hive: Hive) -> None:
    box = hive.box("web1").configure(stop_timeout="600")
    box.start()
    box.guest.wait_booted()
    assert box.stop("-f") == "web1: stopped (poweroff)"


def test_what_poweroff_does_not_end_is_killed(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    hive.sh(f"kill -STOP {box.pid('bhyve')}")
    hive.host.set_faults([{"match": ["bhyvectl"], "kth": 1, "mode": "fail", "exit": 1, "stderr": "no"}])
    answer = box.stop("-f")
    assert answer == "web1: stopped (kill)"
    assert box.status()["exit"] == "137"
    assert hive.sh("ls /dev/vmm", check=False) == ""


def test_stop_in_the_loader(hive: Hive) -> None:
    box = hive.box("web1").configure(loader="bhyveload")
    box.guest.behave(loader="hang")
    with hive.host.spawn(["/usr/local/libexec/apiary", "start", "web1"], stdout=subprocess.PIPE, text=True) as start:
        hive.until(lambda: box.pid("loader") > 0, "the loader")
        loader = box.pid("loader")
        assert box.stop() == "web1: stopped (loader)"
        assert start.communicate(timeout=30)[0] == "web1: ended: it was stopped\n"
    assert not hive.alive(loader)
    assert hive.sh("ls /dev/vmm", check=False) == ""


def test_stop_while_a_disk_is_waited_for(hive: Hive) -> None:
    box = hive.box("web1").configure(disks="/nosuch.img")
    with hive.host.spawn(["/usr/local/libexec/apiary", "start", "web1"], stdout=subprocess.PIPE, text=True) as start:
        box.wait_state("starting")
        assert box.stop() == "web1: stopped (loader)"
        start.communicate(timeout=30)
    assert box.status()["state"] == "stopped"


def test_a_hook_that_hangs_does_not_keep_the_guest_from_being_stopped(hive: Hive) -> None:
    box = hive.box("web1").configure()
    hive.host.write("/apiary/web1/hooks/prestart", "#!/bin/sh\nexec sleep 300\n", 0o755)
    with hive.host.spawn(["/usr/local/libexec/apiary", "start", "web1"], stdout=subprocess.DEVNULL) as start:
        hive.until(lambda: "hook prestart" in box.log(), "the hook")
        assert box.stop("-f") == "web1: stopped (loader)"
        start.wait(30)
    assert not box.running()


def test_two_stops_at_once_and_one_more(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.guest.behave(shutdown_after=1.0)
    box.start()
    box.guest.wait_booted()
    stops = [
        hive.host.spawn(["/usr/local/libexec/apiary", "stop", "web1"], stdout=subprocess.PIPE, text=True)
        for _unused in "ab"
    ]
    assert [stop.communicate(timeout=60)[0] for stop in stops] == ["web1: stopped (acpi)\n"] * 2
    done = hive.apiary("stop", "web1")
    assert (done.returncode, done.stdout) == (0, "web1: not running\n")


def test_a_guest_that_is_being_stopped_is_not_started(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.guest.behave(shutdown_after=3.0)
    box.start()
    box.guest.wait_booted()
    with hive.host.spawn(["/usr/local/libexec/apiary", "stop", "web1"], stdout=subprocess.DEVNULL) as stop:
        hive.until(lambda: box.pid("stop") > 0 and hive.host.exists_in("/var/run/apiary/web1/stop"), "it is asked for")
        assert box.start() == "web1: failed: it is being stopped"
        assert " stopping " in hive.apiary("list").stdout
        stop.wait(30)
    assert box.start() == "web1: running"


def test_after_an_interrupted_stop_start_takes_it_back(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.guest.behave(acpi="ignore")
    box.start()
    box.guest.wait_booted()
    with hive.host.spawn(["/usr/local/libexec/apiary", "stop", "-t", "600", "web1"], stdout=subprocess.DEVNULL):
        hive.until(lambda: box.pid("stop") > 0, "the stop is asked for")
        hive.kill(box.pid("stop"))
    assert box.start() == "web1: already running"
    box.guest.reboot()
    box.guest.wait_booted(2)


def test_a_guest_that_reboots_while_it_is_stopped_stays_off(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.guest.behave(acpi="ignore")
    box.start()
    box.guest.wait_booted()
    with hive.host.spawn(["/usr/local/libexec/apiary", "stop", "web1"], stdout=subprocess.PIPE, text=True) as stop:
        hive.until(lambda: hive.host.exists_in("/var/run/apiary/web1/stop"), "the stop is asked for")
        box.guest.reboot()
        assert stop.communicate(timeout=30)[0] == "web1: stopped (acpi)\n"
    assert box.status()["exit"] == "0"
    assert not box.running()


def test_several_are_stopped_in_parallel(hive: Hive) -> None:
    names = [f"g{number}" for number in range(4)]
    boxes = [hive.box(name).configure(stop_timeout="8") for name in names]
    for box in boxes:
        box.guest.behave(acpi="ignore")
    hive.apiary("start", *names)
    for box in boxes:
        box.guest.wait_booted()
    with hive.host.spawn(["/usr/local/libexec/apiary", "stop", *names], stdout=subprocess.PIPE, text=True) as stop:
        hive.until(lambda: all(box.pid("stop") for box in boxes), "all are asked while all still run")
        answer = stop.communicate(timeout=90)[0]
    assert sorted(answer.splitlines()) == [f"{name}: stopped (poweroff)" for name in names]


def test_restart(hive: Hive) -> None:
    box = hive.box("web1").configure(memory="64M")
    box.start()
    box.guest.wait_booted()
    box.configure(memory="128M")
    done = hive.apiary("restart", "web1")
    assert (done.returncode, done.stdout) == (0, "web1: stopped (acpi)\nweb1: running\n")
    assert box.guest.wait_booted(2)["memory"] == 128 << 20


def test_usage(hive: Hive) -> None:
    for words in (
        [],
        ["stop"],
        ["start"],
        ["stop", "-t", "x", "web1"],
        ["stop", "-q", "web1"],
        ["nosuch"],
        ["console"],
    ):
        done = hive.apiary(*words)
        assert done.returncode == 64, words
        assert "usage: apiary" in done.stderr

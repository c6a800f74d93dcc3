# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes between daemon and bhyve are killed, one by one and together; the guest does not notice."""

from __future__ import annotations

from typing import Callable, Dict

import pytest
from runtimelab import Box, Hive


def supervisor(box: Box) -> int:
    return box.pid("supervisor")


def lockf(box: Box) -> int:
    return int(box.hive.sh(f"ps -o ppid= -p {box.pid('supervisor')}"))


def daemon(box: Box) -> int:
    return int(box.hive.run_file(box.name, "daemon.pid"))


WHO: Dict[str, Callable[[Box], int]] = {"supervisor": supervisor, "lockf": lockf, "daemon": daemon}


def whole(box: Box) -> bool:
    """Is the chain from daemon to the noted supervisor whole?"""
    if not box.hive.alive(box.pid("supervisor") or 999999):
        return False
    parent = lockf(box)
    return parent > 1 and int(box.hive.sh(f"ps -o ppid= -p {parent}")) == daemon(box)


def adopted(box: Box) -> None:
    """Wait until the supervisor waits for the end of a bhyve that is not its child."""
    bhyve = box.pid("bhyve")
    box.hive.until(lambda: box.hive.host.waited_for(bhyve), f"pwait -v {bhyve}", now=box.hive.pids)


@pytest.mark.parametrize("who", ["supervisor", "lockf"])
def test_it_comes_back_by_itself_and_adopts_the_live_guest(hive: Hive, who: str) -> None:
    box = hive.box("web1").configure(memory="64M")
    box.start()
    box.guest.wait_booted()
    bhyve, before = box.pid("bhyve"), box.pid("supervisor")
    hive.kill(WHO[who](box))
    hive.until(lambda: box.pid("supervisor") != before and whole(box), "another supervisor", now=hive.pids)
    assert not hive.alive(before)
    assert box.pid("bhyve") == bhyve and hive.alive(bhyve)
    adopted(box)

    # A reboot from inside is noticed although bhyve is not the new supervisor's child.
    box.configure(memory="128M")
    box.guest.reboot()
    assert box.guest.wait_booted(2)["memory"] == 128 << 20
    box.wait_state("running")
    assert box.stop() == "web1: stopped (acpi)"


def test_without_its_daemon_the_guest_goes_on_and_start_gives_it_another(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    before, old = box.pid("supervisor"), daemon(box)
    hive.kill(old)
    box.guest.reboot()
    box.guest.wait_booted(2)
    box.wait_state("running")
    assert box.start() == "web1: already running"
    hive.until(lambda: daemon(box) != old and hive.alive(daemon(box)), "another daemon")
    assert box.pid("supervisor") == before
    # The new one protects: its lockf has waited for the lock.
    hive.kill(before)
    hive.until(lambda: box.pid("supervisor") != before and whole(box), "another supervisor", now=hive.pids)
    assert box.stop() == "web1: stopped (acpi)"
    hive.until(lambda: not any("web1" in title for title in hive.pids()), "nothing of web1", now=hive.pids)


def test_a_daemon_that_waits_for_the_lock_does_not_start_a_guest_that_powered_off(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    old = daemon(box)
    hive.kill(old)
    box.start()
    hive.until(lambda: daemon(box) != old, "another daemon")
    box.guest.poweroff()
    box.wait_state("stopped")
    hive.until(lambda: not any("web1" in title for title in hive.pids()), "nothing of web1", now=hive.pids)
    assert box.status()["state"] == "stopped"


def kill_all(box: Box) -> None:
    # The daemon first: it would bring the others back. lockf ends by itself when the supervisor is faster.
    box.hive.sh(f"kill -KILL {daemon(box)} {lockf(box)} {supervisor(box)}", check=False)
    box.hive.until(lambda: not box.hive.alive(box.pid("supervisor")), "the supervisor is dead")


def test_all_of_them_are_killed_and_the_next_start_adopts(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    bhyve = box.pid("bhyve")
    kill_all(box)
    assert hive.alive(bhyve)
    assert box.start() == "web1: already running"
    assert whole(box)
    assert box.pid("bhyve") == bhyve
    adopted(box)
    box.guest.reboot()
    box.guest.wait_booted(2)


def test_all_of_them_are_killed_and_stop_still_knows_how_the_guest_ended(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    kill_all(box)
    assert box.stop() == "web1: stopped (acpi)"
    assert box.status()["exit"] == "1"
    assert hive.sh("ls /dev/vmm", check=False) == ""


def test_all_of_them_and_bhyve_are_killed_and_start_starts(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    bhyve = box.pid("bhyve")
    kill_all(box)
    hive.kill(bhyve)
    assert "web1 ended" in " ".join(hive.apiary("list").stdout.split())
    assert box.start() == "web1: running"
    box.guest.wait_booted(2)


def test_all_of_them_and_bhyve_are_killed_and_stop_clears(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    bhyve = box.pid("bhyve")
    kill_all(box)
    hive.kill(bhyve)
    assert box.stop() == "web1: not running"
    assert hive.sh("ls /dev/vmm", check=False) == ""
    assert box.status()["state"] == "stopped"


@pytest.mark.parametrize(("policy", "state"), [("destroy", "stopped"), ("restart", "running")])
def test_a_guest_that_ended_while_nobody_watched_counts_as_crashed(hive: Hive, policy: str, state: str) -> None:
    box = hive.box("web1").configure(on_crash=policy, on_poweroff="destroy")
    box.start()
    box.guest.wait_booted()
    # Both at once: the supervisor that comes back after a second finds nobody to ask.
    hive.sh(f"kill -KILL {box.pid('supervisor')} {box.pid('bhyve')}")
    if state == "running":
        box.guest.wait_booted(2)
    status = box.wait_state(state)
    assert "nobody was there to see how" in box.log()
    if state == "stopped":
        assert status["exit"] == ""


def test_killed_in_the_loader_it_starts_over(hive: Hive) -> None:
    box = hive.box("web1").configure(loader="bhyveload")
    box.guest.behave(loader="hang")
    with hive.host.spawn(["/usr/local/libexec/apiary", "start", "web1"]) as start:
        hive.until(lambda: box.pid("loader") > 0, "the loader")
        loader = box.pid("loader")
        box.guest.behave()
        hive.kill(box.pid("supervisor"))
        box.wait_state("running")
        assert start.wait(30) == 0
    assert not hive.alive(loader)


def test_bhyve_is_killed_from_outside(hive: Hive) -> None:
    box = hive.box("web1").configure(on_crash="restart")
    box.start()
    box.guest.wait_booted()
    hive.kill(box.pid("bhyve"))
    box.guest.wait_booted(2)
    assert "the guest crashed: bhyve exited 137" in box.log()


def test_the_guest_is_known_by_its_title_when_the_clock_was_set(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    pid = box.pid("bhyve")
    # ps tells start times anew after a step of the clock: the noted one is another.
    hive.host.write("/var/run/apiary/web1/bhyve", f"{pid} Thu Jan  1 00:00:00 1970\n", 0o600)
    assert box.start() == "web1: already running"
    assert box.stop() == "web1: stopped (acpi)"


def test_a_recycled_pid_is_nobody(hive: Hive) -> None:
    box = hive.box("web1").configure()
    with hive.host.spawn(["/bin/sleep", "600"]) as stranger:
        hive.until(lambda: any("sleep 600" in title for title in hive.pids()), "the stranger")
        pid = next(pid for title, pid in hive.pids().items() if "sleep 600" in title)
        hive.sh("mkdir -p /var/run/apiary/web1")
        for who in ("bhyve", "loader", "supervisor"):
            hive.host.write(f"/var/run/apiary/web1/{who}", f"{pid} Thu Jan  1 00:00:00 1970\n", 0o600)
        assert box.stop() == "web1: not running"
        assert box.start() == "web1: running"
        assert stranger.poll() is None
        box.stop("-f")
        assert stranger.poll() is None
        stranger.kill()

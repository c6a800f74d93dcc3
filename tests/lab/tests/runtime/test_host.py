# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host boots, shuts down, loses power; what the administrator sees."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List

import pytest
from runtimelab import Hive
from standin.host import StandinHost


@pytest.fixture
def own_hive() -> Iterator[Hive]:
    """A host of the test's own, to be switched off and on."""
    if os.geteuid() != 0:
        pytest.skip("the stand-in host needs root")
    host = StandinHost(f"runtimeboot{os.getpid()}")
    host.up()
    try:
        hive = Hive(host)
        hive.install()
        hive.sh("sysrc apiary_enable=YES")
        yield hive
    finally:
        host.destroy()


def order_of(hive: Hive, event: str, names: List[str]) -> List[str]:
    """The guests by the time at which a line with ``event`` came into their logs."""
    times: Dict[str, str] = {}
    for name in names:
        times[name] = next(
            line for line in hive.host.read(f"/var/log/apiary/{name}.log").splitlines() if event in line
        )[:19]
    return sorted(names, key=lambda name: times[name])


def test_after_a_power_cut_the_guests_with_autostart_are_back(own_hive: Hive) -> None:
    hive = own_hive
    yes = hive.box("yes").configure(autostart="YES")
    no = hive.box("no").configure(autostart="NO")
    hive.box("foreign").configure(autostart="YES", owner="11111111-2222-3333-4444-555555555555")
    hive.apiary("start", "yes", "no")
    yes.guest.wait_booted()
    hive.host.power_cut()
    hive.host.boot()
    yes.wait_state("running")
    yes.guest.wait_booted()
    hive.until(lambda: not hive.host.exists_in("/var/run/apiary.startall.pid"), "startall is done")
    assert not no.running()
    assert hive.host.read("/var/log/apiary.log") == "yes: running\n"


def test_an_orderly_shutdown_stops_all_guests_in_reverse(own_hive: Hive) -> None:
    hive = own_hive
    names = ["first", "second", "third"]
    for name, order, after in (("first", "10", ""), ("second", "20", ""), ("third", "10", "second")):
        box = hive.box(name).configure(autostart="YES", order=order, after=after)
        box.guest.behave(shutdown_after=1.1)
    hive.host.down()
    hive.host.boot()
    for box in hive.boxes:
        box.wait_state("running")
        box.guest.wait_booted()
    hive.until(lambda: not hive.host.exists_in("/var/run/apiary.startall.pid"), "startall is done")
    assert order_of(hive, "boot 1: ", names) == names
    hive.host.down()
    hive.host.boot(rc=False)
    assert order_of(hive, "stopped (acpi)", names) == names[::-1]


def test_the_service(own_hive: Hive) -> None:
    hive = own_hive
    box = hive.box("web1").configure(autostart="YES")
    other = hive.box("other").configure()
    assert hive.host.run(["service", "apiary", "status"]).returncode == 1
    assert hive.host.run(["service", "apiary", "start"]).returncode == 0
    assert hive.host.run(["service", "apiary", "status"]).returncode == 0
    assert hive.host.run(["service", "apiary", "start"]).returncode == 1  # as other services say that they run
    box.wait_state("running")
    other.start()
    box.guest.wait_booted()
    other.guest.wait_booted()
    listed = hive.host.run(["service", "apiary", "list"]).stdout
    assert "web1" in listed and "other" in listed
    assert hive.host.run(["service", "apiary", "stop"]).returncode == 0
    assert (box.running(), other.running()) == (False, False)
    assert hive.host.run(["service", "apiary", "status"]).returncode == 1


def test_start_of_the_service_does_not_wait_for_guests(own_hive: Hive) -> None:
    hive = own_hive
    slow = hive.box("slow").configure(
        autostart="YES", order="10", ready_address="127.0.0.1", ready_tcp="9", ready_timeout="600"
    )
    later = hive.box("later").configure(autostart="YES", order="20")
    hive.sh("service apiary stop; service apiary start")
    slow.wait_state("running")
    # Stopping does not wait for startall either, and no more guests are started then.
    hive.sh("service apiary stop")
    assert (slow.running(), later.status()) == (False, {})
    assert not hive.host.exists_in("/var/run/apiary.startall.pid")


def test_a_guest_that_is_not_ready_holds_up_the_next_for_a_bounded_time(own_hive: Hive) -> None:
    hive = own_hive
    hive.box("db").configure(autostart="YES", ready_address="127.0.0.1", ready_tcp="9", ready_timeout="1")
    hive.box("bad").configure(autostart="YES", keys={"pci.0.4.0.device": "nosuch"})
    app = hive.box("app").configure(autostart="YES", after="db bad")
    done = hive.apiary("startall")
    lines = done.stdout.splitlines()
    assert lines[-1] == "app: running"
    assert "db: not ready: no answer from 127.0.0.1 port 9" in lines
    assert any(line.startswith("bad: failed: ") for line in lines)
    assert app.running()


def test_startall_starts_nobody_when_the_dataset_is_not_mounted(own_hive: Hive) -> None:
    hive = own_hive
    hive.sh("zfs create -o mountpoint=/apiary -o canmount=noauto zroot/apiary")
    hive.host.write("/usr/local/etc/apiary.conf", "apiary_root='/apiary'\napiary_dataset='zroot/apiary'\n")
    done = hive.apiary("startall")
    assert done.returncode == 1
    assert "zroot/apiary is not mounted" in done.stderr


def test_without_its_configuration_it_says_what_to_do(own_hive: Hive) -> None:
    own_hive.sh("rm /usr/local/etc/apiary.conf")
    done = own_hive.apiary("list")
    assert (done.returncode, done.stderr) == (
        1,
        "apiary: there is no /usr/local/etc/apiary.conf: run the role apiary.bhyve.bhyve_host\n",
    )


def test_the_list(hive: Hive) -> None:
    box = hive.box("web1").configure(
        memory="96M",
        autostart="YES",
        keys={"cpus": "2", "pci.0.29.0.device": "fbuf", "pci.0.29.0.rfb": "127.0.0.1:5901"},
    )
    hive.box("web10").configure()
    # A directory that is no guest is not one of them.
    hive.sh("mkdir /apiary/zz")
    box.start()
    box.guest.wait_booted()
    box.configure(memory="128M", autostart="YES")
    done = hive.apiary("list")
    hive.sh("rmdir /apiary/zz")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [
        ["NAME", "STATE", "PID", "CPUS", "MEMORY", "VNC", "AUTO", "BOOT", "PENDING"],
        ["web1", "running", str(box.pid("bhyve")), "2", "96M", "127.0.0.1:5901", "YES", "boot.1", "boot.2"],
        ["web10", "stopped", "-", "1", "64M", "-", "NO", "boot.1", "-"],
    ]


def test_the_logs_are_rotated_and_nothing_is_lost(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    box.guest.wait_booted()
    mode = hive.sh("stat -f %Lp /var/log/apiary/web1.log").strip()
    assert mode == "600"
    hive.sh("newsyslog -F /var/log/apiary/web1.log")
    assert "boot 1: " in hive.host.read("/var/log/apiary/web1.log.0")
    box.guest.reboot()
    box.guest.wait_booted(2)
    assert "boot 2: " in box.log()
    assert hive.sh("stat -f %Lp /var/log/apiary/web1.log").strip() == "600"


def test_no_console_of_a_guest_that_is_off(hive: Hive) -> None:
    hive.box("web1").configure()
    done = hive.apiary("console", "web1")
    assert (done.returncode, done.stderr) == (1, "apiary: web1 does not run: it has no console\n")

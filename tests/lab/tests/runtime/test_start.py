# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apiary start: what makes a guest run, and what keeps it from running."""

from __future__ import annotations

import subprocess

from runtimelab import FIRMWARE, Hive


def test_a_guest_runs_is_noted_and_leaves_nothing_when_it_is_stopped(hive: Hive) -> None:
    box = hive.box("web1").configure(memory="96M")
    assert box.start() == "web1: running"
    bhyve = hive.pids()["bhyve: web1 (bhyve)"]
    assert box.pid("bhyve") == bhyve
    assert hive.alive(box.pid("supervisor"))
    # The note names the process as ps does: pid and start time.
    assert hive.run_file("web1", "bhyve").strip() == hive.sh(f"ps -o pid= -o lstart= -p {bhyve}").strip()
    assert hive.run_file("web1", "generation") == "boot.1\n"
    status = box.status()
    assert (status["state"], status["boots"], status["exit"]) == ("running", "1", "")
    assert box.guest.wait_booted()["memory"] == 96 << 20

    assert box.stop() == "web1: stopped (acpi)"
    status = box.status()
    assert (status["state"], status["stage"], status["exit"]) == ("stopped", "acpi", "1")
    hive.until(lambda: not any("web1" in title for title in hive.pids()), "nothing of web1", now=hive.pids)
    assert hive.sh("ls /dev/vmm", check=False) == ""
    for note in ("bhyve", "supervisor", "wanted", "stop", "generation"):
        assert hive.run_file("web1", note) == "", note


def test_a_second_start_changes_nothing(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.start()
    before = box.pid("bhyve")
    done = hive.apiary("start", "web1")
    assert (done.returncode, done.stdout) == (0, "web1: already running\n")
    assert box.pid("bhyve") == before


def test_two_starts_at_once_make_one_guest(hive: Hive) -> None:
    box = hive.box("web1").configure()
    starts = [
        hive.host.spawn(["/usr/local/libexec/apiary", "start", "web1"], stdout=subprocess.PIPE, text=True)
        for _unused in range(3)
    ]
    answers = [start.communicate(timeout=60)[0] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert sorted(answers) == ["web1: already running\n", "web1: already running\n", "web1: running\n"]
    assert box.guest.wait_booted()["boots"] == 1
    assert [
        title for title in hive.sh("ps -axww -o command=").splitlines() if title.startswith("daemon: apiary:web1[")
    ] != []
    assert len([title for title in hive.sh("ps -axww -o command=").splitlines() if title == "bhyve: web1 (bhyve)"]) == 1


def test_names_are_compared_whole(hive: Hive) -> None:
    names = ["web1", "web10", "web.1", "web11"]
    boxes = {name: hive.box(name).configure() for name in names}
    assert sorted(hive.apiary("start", *names).stdout.splitlines()) == sorted(f"{name}: running" for name in names)
    for name in ("web1", "web.1"):
        boxes[name].guest.wait_booted()
        assert boxes[name].stop() == f"{name}: stopped (acpi)"
    assert [boxes[name].running() for name in names] == [False, True, False, True]


def test_a_guest_that_fails_keeps_no_other_from_starting(hive: Hive) -> None:
    hive.box("good").configure()
    hive.box("bad").configure(keys={"pci.0.4.0.device": "virtio-blk", "pci.0.4.0.path": "/nosuch"})
    done = hive.apiary("start", "bad", "good", "nosuch", "a/b")
    assert done.returncode == 1
    lines = sorted(done.stdout.splitlines())
    assert lines[0] == "a/b: failed: that is not the name of a guest"
    assert lines[1].startswith("bad: failed: bhyve could not start: it exited 4: ")
    assert lines[2:] == [
        "good: running",
        "nosuch: failed: no such guest: there is no /apiary/nosuch/boot/guest.rc",
    ]


def test_bhyves_own_words_are_the_reason_and_nothing_is_left(hive: Hive) -> None:
    box = hive.box("web1").configure(keys={"pci.0.4.0.device": "nosuchdevice"})
    assert 'unknown device "nosuchdevice"' in box.start()
    status = box.status()
    assert (status["state"], status["exit"]) == ("failed", "4")
    assert 'unknown device "nosuchdevice"' in status["message"]
    hive.until(lambda: not any("web1" in title for title in hive.pids()), "nothing of web1", now=hive.pids)
    assert hive.sh("ls /dev/vmm", check=False) == ""
    # Set right, it starts.
    box.configure()
    assert box.start() == "web1: running"


def test_exit_1_within_the_first_second_is_no_power_off(hive: Hive) -> None:
    box = hive.box("web1").configure(bhyve_args="'-o' 'config.dump=1'")
    assert box.start().startswith("web1: failed: bhyve could not start: it exited 1")


def test_a_guest_that_ends_by_itself_is_no_failure(hive: Hive) -> None:
    box = hive.box("web1").configure()
    box.guest.behave(then="poweroff", after=1.5)
    assert box.start() in ("web1: running", "web1: ended: the guest powered off")
    assert box.wait_state("stopped")["message"] == "the guest powered off"


def test_a_record_of_another_host_is_not_started(hive: Hive) -> None:
    box = hive.box("web1").configure(owner="11111111-2222-3333-4444-555555555555")
    assert box.start() == "web1: failed: belongs to the host '11111111-2222-3333-4444-555555555555': claim it first"
    assert not box.running()


def test_a_broken_guest_rc_is_an_error_of_that_guest(hive: Hive) -> None:
    box = hive.box("web1").configure()
    hive.host.write("/apiary/web1/boot.1/guest.rc", "schema='1'\nname='web1\n")
    assert "guest.rc cannot be read" in box.start()
    hive.host.write("/apiary/web1/boot.1/guest.rc", "schema='2'\nname='web1'\n")
    assert "schema '2'" in box.start()
    hive.host.write("/apiary/web1/boot.1/guest.rc", "schema='1'\nname='web10'\n")
    assert "belongs to the guest 'web10'" in box.start()


def test_a_node_left_by_an_earlier_boot_is_cleared(hive: Hive) -> None:
    box = hive.box("web1").configure(memory="64M")
    box.start()
    hive.kill(box.pid("bhyve"))
    box.wait_state("stopped")
    hive.sh("bhyvectl --vm=web1 --create")
    box.configure(memory="128M")
    assert box.start() == "web1: running"
    assert box.guest.wait_booted()["memory"] == 128 << 20


def test_a_strangers_guest_of_the_same_name_is_left_alone(hive: Hive) -> None:
    box = hive.box("web1").configure()
    with hive.host.spawn(["/usr/sbin/bhyve", "-k", "/apiary/web1/boot/bhyve.conf"]) as stranger:
        box.guest.wait_booted()
        pid = hive.pids()["bhyve: web1 (bhyve)"]
        assert box.start() == f"web1: failed: process {pid} is a guest of this name that was not started here"
        assert box.stop() == "web1: not running"
        assert hive.pids()["bhyve: web1 (bhyve)"] == pid
        assert " foreign " in hive.apiary("list").stdout
        hive.kill(pid)
        stranger.wait(20)


def test_a_disk_that_appears_late_is_waited_for(hive: Hive) -> None:
    box = hive.box("web1").configure(disks="/late.img")
    with hive.host.spawn(["/usr/local/libexec/apiary", "start", "web1"], stdout=subprocess.PIPE, text=True) as start:
        box.wait_state("starting")
        assert start.poll() is None
        hive.host.write("/late.img", b"\0" * 512)
        assert start.communicate(timeout=30)[0] == "web1: running\n"
    hive.sh("rm /late.img")


def test_a_disk_that_another_process_writes_to_is_refused(hive: Hive) -> None:
    hive.host.write("/shared disk.img", b"\0" * 1024)
    one = hive.box("one").configure(
        disks="/shared disk.img", keys={"pci.0.4.0.device": "virtio-blk", "pci.0.4.0.path": "/shared disk.img"}
    )
    two = hive.box("two").configure(disks=f"/shared disk.img\n{FIRMWARE}")
    assert one.start() == "one: running"
    answer = two.start()
    assert answer.startswith("two: failed: disk ") and f"in process {one.pid('bhyve')} (bhyve)" in answer
    one.stop()
    assert two.start() == "two: running"
    hive.sh("rm '/shared disk.img'")


def test_stale_sockets_go_before_the_start(hive: Hive) -> None:
    hive.sh("/.linux/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/tmp/console.sock\")'")
    hive.host.write("/tmp/no.sock", "a file")
    box = hive.box("web1").configure(sockets="/tmp/console.sock\n/tmp/no.sock\n/tmp/nosuch.sock")
    assert box.start() == "web1: running"
    assert not hive.host.exists_in("/tmp/console.sock")
    assert hive.host.exists_in("/tmp/no.sock")


def test_hooks_run_at_their_times_with_the_guests_name(hive: Hive) -> None:
    box = hive.box("web1").configure()
    for hook in ("prestart", "poststart", "poststop"):
        hive.host.write(f"/apiary/web1/hooks/{hook}", f"#!/bin/sh\necho {hook} of $1 >> /tmp/hooks\n", 0o755)
    box.start()
    hive.until(lambda: "poststart" in hive.host.read("/tmp/hooks"), "poststart")
    box.guest.reboot()
    box.guest.wait_booted(2)
    hive.until(lambda: hive.host.read("/tmp/hooks").count("poststart") == 2, "the second poststart")
    box.stop()
    ran = hive.host.read("/tmp/hooks").splitlines()
    hive.sh("rm /tmp/hooks")
    assert ran == [f"{hook} of web1" for hook in ("prestart", "poststart", "prestart", "poststart", "poststop")]


def test_a_failing_prestart_keeps_the_guest_from_starting(hive: Hive) -> None:
    box = hive.box("web1").configure()
    hive.host.write("/apiary/web1/hooks/prestart", "#!/bin/sh\necho no licence\nexit 7\n", 0o755)
    assert box.start() == "web1: failed: hook prestart exited 7"
    assert "no licence" in box.log()


def test_the_iso_is_there_until_the_disk_has_a_boot_signature(hive: Hive) -> None:
    disk = "/install.img"
    hive.host.write(disk, b"\0" * 4096)
    box = hive.box("web1").configure(
        disks=disk,
        install_disk=disk,
        install_args="'-o' 'system.product_name=with the iso'",
        bhyve_args="'-o' 'cpus=2'",
    )
    box.start()
    assert "boot 1: bhyve -k /apiary/web1/boot.1/bhyve.conf -o cpus=2 -o system.product_name=with the iso" in box.log()
    assert box.guest.wait_booted()["cpus"] == 2
    hive.host.write(disk, b"\0" * 510 + b"\x55\xaa" + b"\0" * 3584)
    box.guest.reboot()
    box.guest.wait_booted(2)
    assert "boot 2: bhyve -k /apiary/web1/boot.1/bhyve.conf -o cpus=2\n" in box.log()
    hive.sh(f"rm {disk}")


def test_what_is_for_the_first_boot_only(hive: Hive) -> None:
    box = hive.box("web1").configure(firstboot_args="'-o' 'pci.0.29.0.wait=true'", keys={"pci.0.29.0.device": "fbuf"})
    hive.host.write("/apiary/web1/firstboot", "")
    box.start()
    assert not hive.host.exists_in("/apiary/web1/firstboot")
    assert "-o pci.0.29.0.wait=true" in box.log()
    box.stop("-f")
    box.start()
    assert box.log().count("-o pci.0.29.0.wait=true") == 1

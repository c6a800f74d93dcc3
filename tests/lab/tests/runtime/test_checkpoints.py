# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apiary suspend, the boot that is a restore, and guests that were restored."""

from __future__ import annotations

import os
import subprocess
from typing import Dict, Iterator, List, Tuple

import pytest
from runtimelab import Box, Hive
from standin.host import StandinHost
from standin.settings import Settings

CHECKPOINTS = "/apiary/.checkpoints/web1"
DISK = {"pci.0.4.0.device": "virtio-blk", "pci.0.4.0.path": "/disk.img"}
SUSPEND = ["/usr/local/libexec/apiary", "suspend", "web1"]


@pytest.fixture(scope="module")
def saving_host() -> Iterator[Hive]:
    if os.geteuid() != 0:
        pytest.skip("the stand-in host needs root")
    name = f"saving{os.getpid()}"
    host = StandinHost(name, settings=Settings(hostname=name, snapshot=True))
    host.up()
    try:
        hive = Hive(host)
        hive.install(checkpoints=True)
        hive.sh("sysrc apiary_enable=YES; truncate -s 1M /disk.img /other.img")
        yield hive
    finally:
        host.destroy()


@pytest.fixture
def hive(saving_host: Hive) -> Iterator[Hive]:
    """The file's own host, which can make checkpoints."""
    saving_host.host.set_faults([])
    saving_host.conf()
    yield saving_host
    saving_host.host.set_faults([])
    saving_host.clear()


def running(hive: Hive, **rc: str) -> Box:
    """web1, with a word in its memory."""
    box = hive.box("web1").configure(keys=DISK, policies=rc)
    assert box.start() == "web1: running"
    box.guest.wait_booted()
    box.guest.keep("bees")
    return box


def suspended(hive: Hive, **rc: str) -> Tuple[Box, int]:
    """web1, suspended, and how far it had counted."""
    box = running(hive, **rc)
    count = box.guest.recall()[1]
    assert box.suspend() == "web1: suspended"
    return box, count


def goes_on(box: Box, count: int, restores: int = 1) -> None:
    """The guest has its memory back and has noticed nothing."""
    seen = box.guest.restored(restores)
    assert seen["boots"] == 1
    kept, counted = box.guest.recall()
    assert kept == ["bees"]
    assert counted >= count
    box.hive.until(lambda: box.guest.recall()[1] > counted, "its count goes on")


def files(hive: Hive, path: str = CHECKPOINTS) -> List[str]:
    return sorted(hive.sh(f"ls -A {path}", check=False).split())


def manifest(hive: Hive, name: str = "suspended") -> Dict[str, str]:
    lines = hive.host.read(f"{CHECKPOINTS}/{name}/manifest").splitlines()
    return dict(line.split("=", 1) for line in lines)


def untouched(box: Box) -> None:
    """A suspend has failed: the guest runs as before, and nothing of it is left."""
    before = box.guest.recall()[1]
    box.hive.until(lambda: box.guest.recall()[1] > before, "its count goes on")
    assert files(box.hive) == []
    assert not box.pid("stop")
    assert box.status()["state"] == "running"
    assert box.start() == "web1: already running"


def test_suspended_and_started_again(hive: Hive) -> None:
    box, count = suspended(hive)
    status = box.status()
    assert (status["state"], status["stage"], status["exit"]) == ("suspended", "suspend", "0")
    assert not box.running() and " suspended " in hive.apiary("list").stdout
    assert files(hive) == ["resume", "suspended"]
    assert hive.sh(f"readlink {CHECKPOINTS}/resume").strip() == "suspended"
    saved = [*("arguments", "bhyve.conf", "guest.rc", "manifest"), *("ram", "ram.kern", "ram.meta")]
    assert files(hive, f"{CHECKPOINTS}/suspended") == saved
    modes = hive.sh(f"stat -f %Lp {CHECKPOINTS}/suspended {CHECKPOINTS}/suspended/*").split()
    assert modes == ["700", *["600"] * len(saved)]
    told = manifest(hive)
    sums = {name: hive.sh(f"sha256 -q {CHECKPOINTS}/suspended/{name}").strip() for name in saved[-3:]}
    assert {key: told.pop(f"sha256_{key}") for key in sums} == sums
    assert int(told.pop("created")) > 0 and int(told.pop("size_ram.kern")) > 0 and int(told.pop("size_ram.meta")) > 0
    assert told.pop("bhyve") == hive.sh("sha256 -q /usr/sbin/bhyve").strip()
    assert told.pop("kernel").startswith("FreeBSD 14.3-RELEASE")
    assert told.pop("cpu") == hive.sh("sysctl -n hw.model").strip()
    assert told == {
        **{"schema": "1", "guest": "web1", "uuid": "", "name": "suspended", "kind": "suspended", "cpus": "1"},
        **{"generation": "boot.1", "memory": str(64 << 20), "size_ram": str(64 << 20), "resume_at_boot": "NO"},
        "snapshot": "",
    }

    assert box.start() == "web1: running"
    goes_on(box, count)
    assert files(hive) == ["suspended"]
    assert "used" in files(hive, f"{CHECKPOINTS}/suspended")
    assert box.hive.run_file("web1", "restored") == "suspended\n"
    assert box.hive.run_file("web1", "generation") == "boot.restored\n"
    assert " restored " in hive.apiary("list").stdout
    assert "Its clock is " in box.log()

    # A reboot from inside makes an ordinary guest of it.
    box.guest.reboot()
    box.guest.wait_booted(2)
    box.wait_state("running")
    assert box.hive.run_file("web1", "restored") == ""
    assert box.hive.run_file("web1", "generation") == "boot.1\n"
    assert box.stop() == "web1: stopped (acpi)"


def test_again_and_again_and_without_firmware(hive: Hive) -> None:
    box, count = suspended(hive, loader="bhyveload")
    for restores in (1, 2):
        assert box.start() == "web1: running"
        goes_on(box, count, restores)
        count = box.guest.recall()[1]
        assert box.suspend() == "web1: suspended"
        assert files(hive) == ["resume", "suspended"]


def test_what_the_guest_ran_with_beside_its_file_comes_back(hive: Hive) -> None:
    words = "'-o' 'pci.0.5.0.device=virtio-blk' '-o' 'pci.0.5.0.path=/other.img'"
    hive.sh("truncate -s 0 /other.img; truncate -s 1M /other.img")
    box, count = suspended(hive, install_disk="/disk.img", install_args=words)
    assert hive.host.read(f"{CHECKPOINTS}/suspended/arguments").split() == words.split()
    hive.sh(r"printf '\125\252' | dd of=/disk.img bs=1 seek=510 conv=notrunc 2>/dev/null")
    try:
        assert box.start() == "web1: running"
        goes_on(box, count)
        assert len(box.guest.seen()["disks"]) == 2
        box.guest.reboot()
        assert len(box.guest.wait_booted(2)["disks"]) == 1
    finally:
        hive.sh("truncate -s 0 /disk.img; truncate -s 1M /disk.img")


def test_what_cannot_be_suspended(hive: Hive) -> None:
    off = hive.box("off").configure()
    assert off.suspend() == "off: failed: it does not run"
    assert hive.apiary("suspend", "nosuch").stdout.startswith("nosuch: failed: no such guest")
    done = hive.apiary("suspend", "-n", "a/b", "web1")
    assert (done.returncode, done.stderr.startswith("apiary: 'a/b' is not the name of a checkpoint")) == (1, True)

    box = running(hive)
    hive.sh(f"mkdir -p {CHECKPOINTS}/mine")
    assert box.suspend("-n", "mine") == (
        "web1: failed: there is a checkpoint 'mine' already: remove it, or name another one"
    )
    hive.sh(f"rmdir {CHECKPOINTS}/mine")
    assert box.suspend("-n", "resume") == "web1: failed: a checkpoint cannot be named 'resume'"
    answer = box.suspend("-n", "n" * 60)
    assert " has 99 characters; bhyve takes 95: name the checkpoint shorter" in answer
    hive.conf(missing="kernel bhyve")
    assert "this host cannot save guests, not built for it: kernel bhyve (" in box.suspend()
    hive.host.write("/usr/local/etc/apiary.conf", "apiary_root='/apiary'\napiary_dataset=''\n")
    assert "it is not known whether this host can save guests: run the role apiary.bhyve.bhyve_host" in box.suspend()
    hive.conf()
    hive.host.set_faults([{"match": ["df"], "kth": 1, "mode": "fail", "exit": 1, "stderr": ""}])
    assert "its 64 MiB of memory need 128 MiB below /apiary/.checkpoints/web1, which has 0 MiB" in box.suspend()
    hive.sh("mv /var/run/bhyve/web1 /var/run/bhyve/moved")
    assert "its bhyve takes no requests, /var/run/bhyve/web1 is no socket: restart it first" in box.suspend()
    hive.sh("mv /var/run/bhyve/moved /var/run/bhyve/web1")
    untouched(box)


@pytest.mark.parametrize(
    ("keys", "several", "says"),
    [
        ({"pci.0.5.0.device": "nvme", "pci.0.5.0.path": "/other.img"}, "YES", "nvme (pci.0.5.0)"),
        ({"pci.0.5.0.device": "virtio-blk", "pci.0.5.0.path": "/other.img"}, "NO", "a second virtio-blk (pci.0.5.0)"),
    ],
)
def test_devices_that_bhyve_would_leave_out(hive: Hive, keys: Dict[str, str], several: str, says: str) -> None:
    hive.conf(several=several)
    box = hive.box("web1").configure(keys={**DISK, **keys})
    box.start()
    box.guest.wait_booted()
    assert box.suspend() == f"web1: failed: bhyve cannot save {says}"
    untouched(box)


def test_a_device_fails_half_way(hive: Hive) -> None:
    keys = {"pci.0.4.0.device": "ahci", "pci.0.4.0.port.0.type": "hd", "pci.0.4.0.port.0.path": "/disk.img"}
    box = hive.box("web1").configure(keys=keys)
    box.guest.behave(acpi_after=600)  # nor does it know its disks yet
    box.start()
    answer = box.suspend()
    assert answer.startswith("web1: failed: bhyve could not save it: Failed to snapshot ahci"), answer
    assert "Failed to snapshot device state." in answer
    assert files(hive) == []
    assert box.running() and not box.pid("stop")


def saving(hive: Hive) -> Tuple[Box, subprocess.Popen[str]]:
    """web1 while its memory is being written."""
    box = hive.box("web1").configure(keys=DISK)
    box.guest.behave(save=4.0)
    box.start()
    box.guest.wait_booted()
    box.guest.keep("bees")
    process = hive.host.spawn(SUSPEND, stdout=subprocess.PIPE, text=True)
    hive.until(lambda: hive.host.exists_in(f"{CHECKPOINTS}/.partial-suspended/ram"), "its memory is being written")
    return box, process


def test_bhyve_is_killed_in_the_middle(hive: Hive) -> None:
    box, process = saving(hive)
    hive.kill(box.pid("bhyve"))
    assert process.communicate(timeout=60)[0] == ("web1: failed: it ended before it was saved: bhyve exited 137\n")
    assert files(hive) == []
    assert box.status()["state"] == "stopped"
    assert box.start() == "web1: running"
    assert box.guest.wait_booted(2)["restores"] == 0


@pytest.mark.parametrize("who", ["supervisor", "suspend"])
def test_somebody_of_ours_is_killed_in_the_middle(hive: Hive, who: str) -> None:
    box, process = saving(hive)
    assert box.suspend() == "web1: failed: it is being stopped or suspended already"
    hive.kill(box.pid(who))
    answer = process.communicate(timeout=60)[0]
    box.wait_state("suspended")
    assert answer == ("web1: suspended\n" if who == "supervisor" else "")
    hive.until(lambda: not any("web1" in title for title in hive.pids()), "nothing of web1", now=hive.pids)
    assert box.start() == "web1: running"
    goes_on(box, 0)


def test_a_stop_waits_for_a_suspend(hive: Hive) -> None:
    box, process = saving(hive)
    assert box.stop() == "web1: not running"
    assert process.communicate(timeout=60)[0] == "web1: suspended\n"


def test_the_guest_powers_off_by_itself_meanwhile(hive: Hive) -> None:
    box = running(hive)
    hive.host.set_faults([{"match": ["bhyvectl"], "kth": 1, "mode": "hang"}])
    with hive.host.spawn(SUSPEND, stdout=subprocess.PIPE, text=True) as process:
        hive.until(lambda: bool(hive.host.fired_faults()), "bhyvectl hangs")
        box.guest.poweroff()
        box.wait_state("stopped")
        hive.sh("pkill bhyvectl")
        answer = process.communicate(timeout=60)[0]
    assert answer == "web1: failed: it ended before it was saved: bhyve exited 1\n"
    assert files(hive) == []


def test_what_differs_is_refused_by_name(hive: Hive) -> None:
    box, count = suspended(hive)
    box.configure(memory="128M", keys={**DISK, "cpus": "2", "pci.0.6.0.device": "virtio-rnd"})
    assert box.start() == (
        "web1: failed: it is suspended, and the checkpoint suspended does not fit what is here today: "
        "cpus was 1 and is 2; memory.size was 64M and is 128M; pci.0.6.0.device was not there and is virtio-rnd. "
        "Undo that, or remove /apiary/.checkpoints/web1/resume: then it boots without the memory that was saved"
    )
    box.configure(keys={**DISK, "pci.0.4.0.path": "/other.img"})
    assert "today: pci.0.4.0.path was /disk.img and is /other.img. Undo" in box.start()
    box.configure(keys=DISK, stop_timeout="5")  # nothing that memory depends on
    saved = f"{CHECKPOINTS}/suspended"
    for break_it, says in (
        ("sed -i '' -e 's/^bhyve=.*/bhyve=abc/' -e 's/^cpu=.*/cpu=Old CPU/' manifest", "bhyve was abc and is "),
        ("sed -i '' -e 's/^kernel=.*/kernel=FreeBSD 13.0/' manifest", "kernel was FreeBSD 13.0 and is FreeBSD 14.3"),
        ("truncate -s 1M ram", f"ram had {64 << 20} bytes and has {1 << 20}"),
        ("rm ram.kern", "bytes and has none"),
        ("sed -i '' -e 's/^guest=.*/guest=web2/' manifest", "it is the guest web2"),
        ("sed -i '' -e 's/^schema=.*/schema=2/' manifest", "its manifest has another schema than 1"),
    ):
        hive.sh(f"cp -Rp {saved} /kept && cd {saved} && {break_it}")
        answer = box.start()
        assert answer.startswith("web1: failed: it is suspended") and says in answer, answer
        assert box.status()["state"] == "failed"
        hive.sh(f"rm -rf {saved} && mv /kept {saved}")
    assert files(hive) == ["resume", "suspended"]
    assert box.start() == "web1: running"
    goes_on(box, count)


def test_bhyve_cannot_start_at_a_resume(hive: Hive) -> None:
    box, count = suspended(hive)
    hive.host.set_faults([{"match": ["bhyve"], "kth": 1, "mode": "fail", "exit": 4, "stderr": "no such disk\n"}])
    assert box.start() == "web1: failed: bhyve could not start: it exited 4: no such disk"
    assert files(hive) == ["resume", "suspended"]
    assert "used" not in files(hive, f"{CHECKPOINTS}/suspended")
    assert box.start() == "web1: running"
    goes_on(box, count)


def test_bhyve_cannot_restore_it(hive: Hive) -> None:
    box, count = suspended(hive)
    meta = f"{CHECKPOINTS}/suspended/ram.meta"
    hive.sh(f"cp -p {meta} /kept.meta && sed -i '' -e 's/virtio-blk@/virtio-blx@/' {meta}")  # of the same size
    answer = box.start()
    assert answer.startswith("web1: failed: bhyve could not start: it exited 1: "), answer
    assert "Failed to restore PCI device state." in answer
    assert files(hive) == ["resume", "suspended"]
    hive.sh(f"mv /kept.meta {meta}")
    assert box.start() == "web1: running"
    goes_on(box, count)

    # With much memory it takes bhyve longer than a second to come to that.
    hive.sh("echo 'Failed to restore VM memory.' >> /var/log/apiary/web1.log")
    box.guest.poweroff()
    assert box.wait_state("failed")["message"] == (
        "bhyve could not restore it: it exited 1: Failed to restore VM memory."
    )
    assert files(hive) == ["resume", "suspended"]
    assert "used" not in files(hive, f"{CHECKPOINTS}/suspended")


def test_without_the_link_it_boots_and_what_was_saved_is_void(hive: Hive) -> None:
    box, _count = suspended(hive)
    hive.sh(f"rm {CHECKPOINTS}/resume")
    assert box.start() == "web1: running"
    assert box.guest.wait_booted(2)["restores"] == 0
    assert "used" in files(hive, f"{CHECKPOINTS}/suspended")


def test_a_restored_guest_is_not_asked_to_power_off(hive: Hive) -> None:
    box, count = suspended(hive, stop_timeout="5")
    box.start()
    goes_on(box, count)
    answer = box.stop()
    assert answer.startswith(
        "web1: failed: it was resumed from the checkpoint suspended, and the power button would kill"
    )
    assert "/apiary/web1/hooks/prestop, or stop it by force (-f)" in answer
    assert box.running() and not box.pid("stop")
    hive.host.write("/apiary/web1/hooks/prestop", '#!/bin/sh\necho "$1 told" > /told\n', 0o755)
    assert box.stop("-t", "1") == "web1: stopped (poweroff)"  # what it told did not help
    assert hive.host.read("/told") == "web1 told\n"


def test_hooks_of_a_restored_guest(hive: Hive) -> None:
    hive.host.write("/apiary/web1/hooks/postrestore", '#!/bin/sh\necho "$1" > /restored\n', 0o755)
    box, _count = suspended(hive)
    assert not hive.host.exists_in("/restored")
    box.start()
    hive.until(lambda: hive.host.exists_in("/restored"), "hook postrestore")
    control = f"{hive.host.directory}/kernel/guests/web1.control"
    assert os.path.exists(control)
    # The guest's own way out, as ssh would be; the hook itself goes on for long.
    hive.host.write("/apiary/web1/hooks/prestop", "#!/bin/sh\n: > /asked\nexec sleep 300\n", 0o755)
    with hive.host.spawn(["/usr/local/libexec/apiary", "stop", "web1"], stdout=subprocess.PIPE, text=True) as stop:
        hive.until(lambda: hive.host.exists_in("/asked"), "hook prestop")
        box.guest.poweroff()
        assert stop.communicate(timeout=60)[0] == "web1: stopped (prestop)\n"
    hive.sh("rm -f /asked /restored")
    assert not any("sleep 300" in title for title in hive.pids())


def test_forced_stop_of_a_restored_guest(hive: Hive) -> None:
    box, _count = suspended(hive)
    box.start()
    assert box.stop("-f") == "web1: stopped (poweroff)"


def test_over_the_hosts_shutdown_and_boot(hive: Hive) -> None:
    box = running(hive, shutdown="suspend")
    count = box.guest.recall()[1]
    other = hive.box("other").configure(
        keys={"pci.0.5.0.device": "nvme", "pci.0.5.0.path": "/other.img"}, shutdown="suspend"
    )
    asked = hive.box("asked").configure()
    hive.apiary("start", "other", "asked")
    for one in (other, asked):
        one.guest.wait_booted()
    hive.host.down()
    hive.host.boot()
    box.wait_state("running")
    goes_on(box, count)
    hive.until(lambda: not hive.host.exists_in("/var/run/apiary.startall.pid"), "startall is done")
    assert hive.host.read("/var/log/apiary.log") == "web1: running\n"
    assert not other.running() and "stopped (acpi)" in other.log()
    assert not asked.running() and "stopped (acpi)" in asked.log()

    # It cannot be asked to power off now: whatever it wishes, the next shutdown suspends it, too.
    box.configure(keys=DISK)
    count = box.guest.recall()[1]
    hive.host.down()
    hive.host.boot()
    box.wait_state("running")
    goes_on(box, count)
    assert manifest(hive)["resume_at_boot"] == "YES"


def test_the_power_goes_while_it_is_suspended(hive: Hive) -> None:
    box, count = suspended(hive)
    hive.host.power_cut()
    hive.host.boot()
    hive.until(lambda: not hive.host.exists_in("/var/run/apiary.startall.pid"), "startall is done")
    assert not box.running()  # the administrator has suspended it, not the host's shutdown
    assert " suspended " in hive.apiary("list").stdout
    assert box.start() == "web1: running"
    goes_on(box, count)


def test_the_power_goes_in_the_middle_of_a_resume(hive: Hive) -> None:
    box, _count = suspended(hive)
    hive.host.set_faults([{"match": ["bhyve"], "kth": 1, "mode": "cut"}])
    with hive.host.spawn(["/usr/local/libexec/apiary", "start", "web1"], stdout=subprocess.DEVNULL) as start:
        hive.host.wait_off()
        start.wait(30)
    hive.host.set_faults([])
    hive.host.boot()
    assert files(hive) == ["resuming", "suspended"]
    assert box.start() == "web1: running"
    assert box.guest.wait_booted()["restores"] == 0
    assert "the restore from the checkpoint suspended was interrupted" in box.log()
    assert files(hive) == ["suspended"]
    assert "used" in files(hive, f"{CHECKPOINTS}/suspended")


#: What "apiary suspend" and the supervisor's end run, and which of the calls fails.
OF_SUSPEND = [("cp", 1), ("bhyvectl", 1), ("fsync", 1), ("sha256", 2), ("stat", 1), ("mv", 2)]


@pytest.mark.parametrize(("command", "kth"), OF_SUSPEND)
def test_a_command_of_suspend_fails(hive: Hive, command: str, kth: int) -> None:
    box = running(hive)
    hive.host.set_faults([{"match": [command], "kth": kth, "mode": "fail", "exit": 1, "stderr": "no\n"}])
    done = hive.apiary("suspend", "web1")
    assert hive.host.fired_faults(), "the fault was not hit"
    hive.host.set_faults([])
    assert box.running() == (done.stdout != "web1: suspended\n"), done.stdout
    if box.running():
        untouched(box)
        assert box.suspend() == "web1: suspended"
    assert box.start() == "web1: running"
    goes_on(box, 0)


@pytest.mark.parametrize(("command", "kth"), [("cp", 1), ("sha256", 1), ("fsync", 1)])
def test_a_command_of_a_resume_fails(hive: Hive, command: str, kth: int) -> None:
    box, count = suspended(hive)
    hive.host.set_faults([{"match": [command], "kth": kth, "mode": "fail", "exit": 1, "stderr": "no\n"}])
    hive.apiary("start", "web1")
    assert hive.host.fired_faults(), "the fault was not hit"
    hive.host.set_faults([])
    assert box.start() in ("web1: running", "web1: already running")
    goes_on(box, count)

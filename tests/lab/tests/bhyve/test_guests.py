# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve, bhyvectl and bhyveload on the stand-in host: what a supervisor of guests relies on.

Texts and statuses are held to the transcripts by ``test_replay``; here is what a transcript cannot show: guests that
misbehave, what a guest saw when it booted, many at once.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
from polls import until
from standin.base import LIBRARY
from standin.guests.behaviour import make_sector
from standin.guests.control import Guest
from standin.host import StandinHost

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")

_FIRMWARE = "/vm/CODE.fd"
_OVMF = "/usr/share/OVMF/OVMF_{}_4M.fd"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    with StandinHost("bhyve1", str(tmp_path_factory.mktemp("lab") / "bhyve1")) as running:
        running.sh("kldload vmm nmdm; mkdir -p /vm /tiny/boot/lua", check=True)
        running.write(_FIRMWARE, b"\0" * 8192)
        running.write("/vm/vars.fd", b"\0" * 4096)
        yield running


@pytest.fixture
def clean(host: StandinHost) -> Iterator[StandinHost]:
    """The host without machines, before and after."""
    yield host
    host.sh("pkill -KILL -x bhyve; pkill -KILL -x bhyveload")
    host.sh("for vm in $(ls /dev/vmm); do bhyvectl --vm=$vm --destroy; done")


class Run:
    """One bhyve in the background."""

    def __init__(self, host: StandinHost, name: str, *arguments: str) -> None:
        self.host, self.name = host, name
        self.guest = Guest(host.directory, name)
        self.before = self.guest.boots()
        self.process = host.spawn(
            ["bhyve", *arguments, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )

    def booted(self, timeout: float = 20.0) -> Dict[str, Any]:
        """Wait until the guest's system is up; what it found."""
        return self.guest.wait_booted(self.before + 1, timeout)

    def end(self, timeout: float = 20.0) -> int:
        """The exit status; minus the signal when one ended it."""
        return self.process.wait(timeout)

    def output(self) -> str:
        assert self.process.stdout is not None
        return bytes(self.process.stdout.read()).decode()

    def term(self) -> None:
        self.host.sh("pkill -TERM -x bhyve", check=True)


def _config(name: str, *lines: str) -> str:
    base = [
        f"name={name}",
        "cpus=2",
        "memory.size=256M",
        "acpi_tables=true",
        "x86.vmexit_on_hlt=true",
        "pci.0.0.0.device=hostbridge",
        "pci.0.31.0.device=lpc",
        f"lpc.bootrom={_FIRMWARE}",
        "lpc.bootvars=/vm/vars.fd",
    ]
    return "\n".join([*base, *lines]) + "\n"


def _start(host: StandinHost, name: str, *lines: str, **behaviour: object) -> Run:
    """A guest with firmware, which behaves as told."""
    Guest(host.directory, name).behave(**behaviour)
    host.write(f"/vm/{name}.conf", _config(name, *lines))
    return Run(host, name, "-k", f"/vm/{name}.conf")


def _poll(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    assert until(condition, timeout), "it did not happen in time"


def _nodes(host: StandinHost) -> List[str]:
    return host.sh("ls /dev/vmm").stdout.split()


def test_the_power_button_ends_a_guest_that_has_acpi(clean: StandinHost) -> None:
    run = _start(clean, "web1")
    run.booted()
    run.term()
    assert run.end() == 1
    assert _nodes(clean) == ["web1"], "the machine stays until it is destroyed"


def test_before_acpi_sigterm_kills_bhyve(clean: StandinHost) -> None:
    run = _start(clean, "web1", acpi="never")
    run.booted()
    run.term()
    assert run.end() in (-15, 143)
    again = _start(clean, "web1")
    assert again.end() == 4
    assert again.output() == "vm_reinit: Device busy\n"


def test_a_guest_may_ignore_the_power_button(clean: StandinHost) -> None:
    run = _start(clean, "web1", acpi="ignore")
    run.booted()
    run.term()
    run.term()
    clean.sh("bhyvectl --vm=web1 --force-poweroff", check=True)
    assert run.end() == 1


@pytest.mark.parametrize(
    ("what", "status"), [("reset", 0), ("poweroff", 1), ("halt", 2), ("triple", 3), ("exit:4", 4), ("signal:11", -11)]
)
def test_each_end_of_a_guest_has_its_exit_status(clean: StandinHost, what: str, status: int) -> None:
    run = _start(clean, "web1")
    run.booted()
    run.guest.do(what)
    assert run.end() in (status, 128 - status if status < 0 else status)


def test_a_guest_can_be_destroyed_from_outside(clean: StandinHost) -> None:
    run = _start(clean, "web1")
    run.booted()
    clean.sh("bhyvectl --vm=web1 --destroy", check=True)
    assert run.end() == 1
    assert run.output() == "vm_run error -1, errno 6\n"
    assert _nodes(clean) == []


def test_new_memory_needs_a_new_machine(clean: StandinHost) -> None:
    first = _start(clean, "memory1", then="reset", times=1)
    assert first.end() == 0
    second = Run(clean, "memory1", "-k", "/vm/memory1.conf", "-o", "memory.size=512M")
    assert (second.end(), second.output()) == (4, "Unable to setup memory (22)\n")
    clean.sh("bhyvectl --vm=memory1 --destroy", check=True)
    third = Run(clean, "memory1", "-k", "/vm/memory1.conf", "-o", "memory.size=512M")
    assert third.booted()["memory"] == 512 << 20


def test_a_storm_ends_when_its_time_is_over(clean: StandinHost) -> None:
    Guest(clean.directory, "storm").behave(then="reset", times=3)
    before = Guest(clean.directory, "storm").boots()
    clean.write("/vm/storm.conf", _config("storm"))
    clean.write("/vm/loop", "while bhyve -k /vm/storm.conf; do :; done\n")
    loop = clean.spawn(["sh", "/vm/loop"], stdin=subprocess.DEVNULL)
    guest = Guest(clean.directory, "storm")
    assert guest.wait_booted(before + 4)["boots"] == before + 4
    guest.poweroff()
    assert loop.wait(20) == 0


def test_the_report_says_what_the_guest_found(clean: StandinHost) -> None:
    clean.sh("truncate -s 8m /vm/root.img; mkdir -p /vm/boot.3; ln -sfn boot.3 /vm/boot", check=True)
    clean.write("/vm/boot.3/bhyve.conf", _config(
        "web1",
        "uuid=01234567-89ab-cdef-0123-456789abcdef",
        "rtc.use_localtime=false",
        "pci.0.4.0.device=nvme",
        "pci.0.4.0.path=/vm/root.img",
        "pci.0.5.0.device=virtio-net",
        "pci.0.5.0.backend=tap1000",
        "pci.0.5.0.mac=5A:00:00:00:00:01",
        "lpc.com1.path=/dev/nmdm-web1.1A",
    ))  # fmt: skip
    Guest(clean.directory, "web1").behave()
    run = Run(clean, "web1", "-k", "/vm/boot/bhyve.conf")
    seen = run.booted()
    assert seen["kind"] == "light"
    assert (seen["memory"], seen["cpus"], seen["utc"]) == (256 << 20, 2, True)
    assert seen["files"] == ["/vm/boot.3/bhyve.conf"], "the generation that runs, not the link"
    assert [(disk["slot"], disk["path"], disk["ro"]) for disk in seen["disks"]] == [("0.4.0", "/vm/root.img", False)]
    assert [(nic["backend"], nic["mac"]) for nic in seen["nics"]] == [("tap1000", "5a:00:00:00:00:01")]
    ps = clean.sh("ps -axww -o command").stdout.splitlines()
    assert ps.count("bhyve: web1 (bhyve)") == 1


def test_a_misspelt_key_is_an_error(clean: StandinHost) -> None:
    run = _start(clean, "web1", "pci.0.4.0.device=virtio-blk", "pci.0.4.0.pth=/vm/root.img", "memory.wird=true")
    assert run.end() == 4
    assert "memory.wird" in run.output()
    assert _nodes(clean) == []


def test_the_console_carries_both_ways_and_outlives_the_guest(clean: StandinHost) -> None:
    run = _start(clean, "web1", "lpc.com1.path=/dev/nmdm-web1.1A", acpi_after=0.5)
    _poll(lambda: clean.exists_in("/dev/nmdm-web1.1B"))
    clean.spawn(["sh", "-c", "exec < /dev/nmdm-web1.1B > /tmp/con; stty raw -echo; exec cat"], stdin=subprocess.DEVNULL)
    run.booted()
    _poll(lambda: "login: " in clean.read("/tmp/con"))
    # Until stty had its turn the terminal sent back what the guest wrote: an empty line ends that.
    clean.sh("printf '\\n' > /dev/nmdm-web1.1B", check=True)
    _poll(lambda: "# " in clean.read("/tmp/con"))
    clean.sh("printf 'reboot\\n' > /dev/nmdm-web1.1B", check=True)
    assert run.end() == 0
    again = Run(clean, "web1", "-k", "/vm/web1.conf")
    again.booted()
    _poll(lambda: clean.read("/tmp/con").count("login: ") == 2)
    again.guest.poweroff()
    assert again.end() == 1
    assert clean.exists_in("/dev/nmdm-web1.1B"), "somebody has it open"
    clean.sh("pkill -x cat", check=True)
    _poll(lambda: not clean.exists_in("/dev/nmdm-web1.1B"))


def test_wait_holds_the_guest_until_somebody_looks(clean: StandinHost) -> None:
    run = _start(clean, "web1", "pci.0.29.0.device=fbuf", "pci.0.29.0.tcp=127.0.0.1:5907", "pci.0.29.0.wait=true")
    _poll(lambda: clean.sh("sockstat -4l").stdout.count("127.0.0.1:5907") == 1)
    assert run.guest.wait(lambda seen: seen["boots"] > run.before)["up"] is False
    viewer = "import socket; s = socket.create_connection(('127.0.0.1', 5907)); print(s.recv(12).decode(), end='')"
    assert clean.run(["/.linux/usr/bin/python3", "-c", viewer]).stdout == "RFB 003.008\n"
    run.booted()


def test_a_vnc_port_that_is_taken_is_refused(clean: StandinHost) -> None:
    lines = ("pci.0.29.0.device=fbuf", "pci.0.29.0.tcp=127.0.0.1:5908")
    first = _start(clean, "web1", *lines)
    first.booted()
    second = _start(clean, "web2", *lines)
    assert second.end() == 4
    assert second.output().startswith("bind: Address already in use\n")


def test_a_disk_in_the_hosts_pool_is_opened_read_only_without_a_word(clean: StandinHost) -> None:
    device = json.loads(clean.read("/.standin/disk/zpool.json"))["pools"].popitem()[1]["vdevs"][0]["path"]
    run = _start(clean, "web1", "pci.0.4.0.device=virtio-blk", f"pci.0.4.0.path={device}")
    assert run.booted()["disks"][0]["ro"] is True


def test_two_guests_may_open_one_disk_but_not_one_tap(clean: StandinHost) -> None:
    clean.sh("truncate -s 8m /vm/shared.img", check=True)
    disk = ("pci.0.4.0.device=virtio-blk", "pci.0.4.0.path=/vm/shared.img")
    tap = ("pci.0.5.0.device=virtio-net", "pci.0.5.0.backend=tap1001")
    first = _start(clean, "web1", *disk, *tap)
    first.booted()
    second = _start(clean, "web2", *disk)
    assert second.booted()["disks"][0]["ro"] is False
    third = _start(clean, "web3", *tap)
    assert third.end() == 4
    assert "open of tap device /dev/tap1001 failed" in third.output()


def test_the_first_sector_of_a_disk_can_say_how_its_guest_behaves(clean: StandinHost) -> None:
    clean.write("/vm/behaves.img", make_sector({"then": "halt", "after": 0.1}) + bytes(8192))
    run = _start(clean, "sector", "pci.0.4.0.device=virtio-blk", "pci.0.4.0.path=/vm/behaves.img")
    assert run.end() == 2


def test_a_loader_that_hangs_can_be_killed_and_leaves_the_machine(clean: StandinHost) -> None:
    Guest(clean.directory, "slow").behave(loader="hang")
    loader = clean.spawn(["bhyveload", "-m", "64M", "-h", "/tiny", "slow"], stdout=subprocess.DEVNULL)
    _poll(lambda: _nodes(clean) == ["slow"])
    clean.sh("pkill -TERM -x bhyveload", check=True)
    assert loader.wait(20) in (-15, 143)
    assert _nodes(clean) == ["slow"]


@pytest.fixture(scope="module")
def tiny(host: StandinHost, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny guest's directory in the host."""
    work = tmp_path_factory.mktemp("tiny")
    subprocess.run(["sh", os.path.join(LIBRARY, "tiny-guest", "build.sh"), str(work)], check=True)
    for path in sorted(Path(work).rglob("*")):
        if path.is_file():
            host.write(f"/tiny/{path.relative_to(work)}", path.read_bytes())
    return "/tiny"


@pytest.mark.parametrize(
    ("mode", "status"), [("reboot", 0), ("kbdreset", 0), ("poweroff", 1), ("halt", 2), ("triple", 3), ("idle", None)]
)
def test_the_tiny_guest_ends_as_its_mode_says(clean: StandinHost, tiny: str, mode: str, status: Optional[int]) -> None:
    loaded = clean.run(["bhyveload", "-m", "64M", "-h", tiny, "-e", f"mode={mode}", "t0"])
    assert (loaded.returncode, loaded.stderr) == (0, "")
    run = Run(clean, "t0", "-c", "1", "-m", "64M", "-A", "-H", "-P", "-s", "0,hostbridge", "-s", "31,lpc")
    if status is None:
        run.guest.wait(lambda seen: seen["boots"] > run.before)
        assert run.process.poll() is None
    else:
        assert run.end() == status


def test_without_a_new_load_the_machine_cannot_be_used_again(clean: StandinHost, tiny: str) -> None:
    clean.run(["bhyveload", "-m", "64M", "-h", tiny, "-e", "mode=reboot", "t0"])
    arguments = ("-c", "1", "-m", "64M", "-A", "-H", "-s", "0,hostbridge", "-s", "31,lpc")
    assert Run(clean, "t0", *arguments).end() == 0
    again = Run(clean, "t0", *arguments)
    assert (again.end(), again.output()) == (71, "bhyve: could not activate CPU 0: Device busy\n")


def test_fifty_guests_run_at_once(clean: StandinHost) -> None:
    names = [f"many{number}" for number in range(50)]
    runs = [_start(clean, name) for name in names]
    for run in runs:
        run.booted(60.0)
    assert sorted(_nodes(clean)) == sorted(names)
    clean.sh("pkill -TERM -x bhyve", check=True)
    assert [run.end(60.0) for run in runs] == [1] * len(runs)


def test_a_power_cut_takes_the_guests_and_a_boot_finds_no_machine(host: StandinHost) -> None:
    run = _start(host, "web1")
    run.booted()
    host.power_cut()
    host.boot()
    assert host.sh("ls /dev/vmm").returncode == 1
    host.sh("kldload vmm nmdm")

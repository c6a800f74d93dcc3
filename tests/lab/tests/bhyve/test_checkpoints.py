# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of a light guest: what a later release than the transcript's does, and what a transcript cannot show."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Iterator, List, Optional

import pytest
from polls import until
from standin import paths, vmm
from standin.commands.bhyvectl import control
from standin.guests.control import Guest
from standin.host import StandinHost
from standin.settings import Settings

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")

#: Every bhyve that was started: a host ends when all of them have been waited for.
_RUNNING: List[subprocess.Popen[str]] = []
_CONFIG = """name=web1
cpus=2
memory.size=64M
acpi_tables=true
x86.vmexit_on_hlt=true
pci.0.0.0.device=hostbridge
pci.0.31.0.device=lpc
lpc.bootrom=/vm/CODE.fd
pci.0.4.0.device=virtio-blk
pci.0.4.0.path=/vm/one.img
pci.0.4.0.ser=one
pci.0.5.0.device=virtio-blk
pci.0.5.0.path=/vm/two.img
pci.0.5.0.ser=two
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    top = tmp_path_factory.mktemp("lab") / "saving"
    with StandinHost("saving", str(top), Settings("saving", snapshot=True)) as running:
        running.sh("kldload vmm nmdm; mkdir -p /vm /ck", check=True)
        running.write("/vm/CODE.fd", b"\0" * 8192)
        yield running


@pytest.fixture
def clean(host: StandinHost) -> Iterator[StandinHost]:
    """The host with fresh disks and without machines and checkpoints."""
    host.sh("mkdir -p /var/run/bhyve; rm -rf /ck/* /vm/*.img; truncate -s 2M /vm/one.img /vm/two.img", check=True)
    host.write("/vm/web1.conf", _CONFIG)
    Guest(host.directory, "web1").behave()
    yield host
    host.sh("pkill -KILL -x bhyve; for vm in $(ls /dev/vmm); do bhyvectl --vm=$vm --destroy; done")
    while _RUNNING:
        _RUNNING.pop().wait(20)


class Run:
    """One bhyve in the background, with what it says."""

    def __init__(self, host: StandinHost, restore: Optional[str] = None, config: str = _CONFIG) -> None:
        self.host = host
        self.guest = Guest(host.directory, "web1")
        boots, restores = self.guest.boots(), int(self.guest.seen().get("restores", 0))
        host.write("/vm/web1.conf", config)
        words = ["bhyve", "-k", "/vm/web1.conf", *(["-r", restore] if restore else []), "web1"]
        self.process = host.spawn(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        _RUNNING.append(self.process)
        self.boots = boots if restore else boots + 1
        self.restores = restores + 1 if restore else restores

    def ready(self) -> Guest:
        """The guest, when it is up or has been restored."""
        self.guest.restored(self.restores)
        self.guest.wait_booted(self.boots)
        return self.guest

    def end(self) -> int:
        return self.process.wait(20)

    def errors(self) -> str:
        return str(self.process.communicate(timeout=20)[1])


def _whole(host: StandinHost, name: str) -> bool:
    try:
        json.loads(host.read(f"/ck/{name}.meta"))
    except (FileNotFoundError, ValueError):
        return False
    return True


def _checkpoint(host: StandinHost, name: str, option: str = "checkpoint") -> None:
    """Ask for a checkpoint and wait until it is whole."""
    asked = host.sh(f"bhyvectl --vm=web1 --{option}=/ck/{name}")
    assert (asked.returncode, asked.stdout, asked.stderr) == (64, "", "")
    assert until(lambda: _whole(host, name))


def test_memory_and_disks_go_back_together(clean: StandinHost) -> None:
    run = Run(clean)
    guest = run.ready()
    guest.keep("before")
    guest.write_pattern("before")
    counted = guest.recall()[1]
    _checkpoint(clean, "a")
    clean.sh("mkdir /ck/disks; cp /vm/*.img /ck/disks", check=True)
    guest.keep("after")
    guest.write_pattern("after")
    assert until(lambda: guest.recall()[1] > counted + 3)
    gone_on = guest.recall()[1]
    clean.sh("pkill -KILL -x bhyve; bhyvectl --vm=web1 --destroy; cp /ck/disks/*.img /vm", check=True)
    run.process.wait(20)
    again = Run(clean, "/ck/a").ready()
    words, count = again.recall()
    assert words == ["before"]
    assert counted <= count < gone_on
    assert again.check_pattern("before") == {"one": True, "two": True}
    assert again.boots() == 1, "a restore is no boot"


def test_a_suspended_guest_is_over_and_goes_on_from_its_files(clean: StandinHost) -> None:
    run = Run(clean)
    run.ready().keep("word")
    _checkpoint(clean, "s", "suspend")
    assert (run.end(), run.errors()) == (0, "")
    assert clean.sh("ls /dev/vmm").stdout == ""
    again = Run(clean, "/ck/s")
    assert again.ready().recall()[0] == ["word"]
    assert again.guest.seen()["up"]
    clean.sh("pkill -TERM -x bhyve", check=True)
    assert again.end() in (-15, 143), "ACPI is on, but SIGTERM is no power button after a restore"


def test_a_stopped_bhyve_holds_the_checkpoint_and_the_guest(clean: StandinHost) -> None:
    Guest(clean.directory, "web1").behave(save=0.5)
    run = Run(clean)
    guest = run.ready()
    began, counted = time.monotonic(), guest.recall()[1]
    clean.sh("bhyvectl --vm=web1 --checkpoint=/ck/a")
    assert until(lambda: clean.sh("stat -f %z /ck/a").stdout.strip() not in ("", "0"))
    clean.sh("pkill -STOP -x bhyve", check=True)
    assert clean.sh("cat /ck/a.meta; stat -f %Sp /ck/a /ck/a.kern /ck/a.meta").stdout.split() == ["-rwx------"] * 3
    assert not _whole(clean, "a"), "what comes last is not there yet"
    stopped = time.monotonic()
    time.sleep(1)  # what the guest must not notice
    stopped = time.monotonic() - stopped
    clean.sh("pkill -CONT -x bhyve", check=True)
    os.kill(run.process.pid, signal.SIGCONT)  # what started it in the host stops with it
    assert until(lambda: _whole(clean, "a"))
    passed, noticed = time.monotonic() - began, guest.recall()[1] - counted
    assert noticed <= (passed - stopped) * 10 + 3, "the guest has not counted while it stood still"
    assert clean.sh("stat -f %z /ck/a").stdout == f"{64 << 20}\n"
    document = json.loads(clean.read("/ck/a.meta"))
    assert document["basic metadata"] == {"ncpus": 2, "vmname": "web1", "memsize": 64 << 20, "memflags": 0}
    assert [one["device"] for one in document["devices"]] == [
        *("hostbridge@pci.0.0.0", "virtio-blk@pci.0.4.0", "virtio-blk@pci.0.5.0", "lpc@pci.0.31.0", "atkbdc"),
    ]


def test_a_device_that_cannot_be_saved_fails_the_checkpoint_and_the_guest_goes_on(clean: StandinHost) -> None:
    run = Run(clean, config=_CONFIG + "pci.0.6.0.device=nvme\npci.0.6.0.path=/vm/two.img\n")
    guest = run.ready()
    assert clean.sh("bhyvectl --vm=web1 --suspend=/ck/a").returncode == 64
    guest.keep("goes on")
    assert (clean.read("/ck/a.meta"), clean.sh("ls /ck").stdout.split()) == ("", ["a", "a.kern", "a.meta"])
    clean.sh("pkill -TERM -x bhyve", check=True)
    assert run.end() == 1, "the power button works as before"
    assert run.errors() == "Failed to snapshot nvme@pci.0.6.0; ret=45\nFailed to snapshot device state.\n"


def test_an_ahci_controller_is_saved_once_its_driver_has_set_it_up(clean: StandinHost) -> None:
    config = _CONFIG + "pci.0.6.0.device=ahci\npci.0.6.0.port.0.type=hd\npci.0.6.0.port.0.path=/vm/two.img\n"
    Guest(clean.directory, "web1").behave(acpi_after=3600)
    run = Run(clean, config=config)
    run.guest.wait(lambda seen: seen["boots"] >= run.boots)
    run.guest.keep("is there")
    clean.sh("bhyvectl --vm=web1 --checkpoint=/ck/a")
    run.guest.keep("goes on")
    assert clean.read("/ck/a.meta") == ""
    clean.sh("pkill -KILL -x bhyve; bhyvectl --vm=web1 --destroy", check=True)
    said = run.errors()
    assert said == (
        "pci_ahci_snapshot: invalid address: port->cmd_lst\nFailed to snapshot ahci@pci.0.6.0; ret=14\n"
        "Failed to snapshot device state.\n"
    )
    Guest(clean.directory, "web1").behave()
    again = Run(clean, config=config)
    again.ready()
    _checkpoint(clean, "b")


def test_where_a_checkpoint_goes(clean: StandinHost) -> None:
    run = Run(clean)
    guest = run.ready()
    nowhere = clean.sh("bhyvectl --vm=web1 --checkpoint=/nosuch/a")
    assert (nowhere.returncode, nowhere.stderr) == (2, ""), "bhyvectl opens the directory, and says nothing"
    clean.sh("cd /ck && bhyvectl --vm=web1 --checkpoint=here")
    assert until(lambda: _whole(clean, "here"))
    clean.sh(f"mkdir /ck/folder; for name in {'n' * 251} folder; do bhyvectl --vm=web1 --checkpoint=/ck/$name; done")
    guest.keep("after both")
    clean.sh("pkill -KILL -x bhyve")
    assert run.errors() == (
        "Filename exceeds maximum length.\nFailed to construct kernel data filename.\n"
        "Failed to create checkpoint file: Is a directory\n"
    )
    dead = clean.sh("bhyvectl --vm=web1 --checkpoint=/ck/a")
    assert (dead.returncode, dead.stderr) == (61, "connect() failed: Connection refused\n")
    clean.sh("bhyvectl --vm=web1 --destroy; rm -r /var/run/bhyve", check=True)
    without = Run(clean)
    assert without.end() == 71
    assert without.errors() == (
        'Failed to bind socket "/var/run/bhyve/web1": No such file or directory\n\n'
        "bhyve: Failed to start checkpoint thread\n"
    )


_MORE = _CONFIG + "pci.0.6.0.device=virtio-rnd\n"
_READ = "Failed to read checkpoint info from file: '/ck/a'.\n"


@pytest.mark.parametrize(
    ("damage", "config", "status", "words"),
    [
        ("truncate -s 60M /ck/a", _CONFIG, 1, "vm_snapshot_mem: mem size mismatch: 67108864 vs 62914560"),
        (": > /ck/a", _CONFIG, 1, "Restore file is empty.\nFailed to load guest RAM file.\n" + _READ),
        ("rm /ck/a", _CONFIG, 1, "Failed to open restore file: No such file or directory\n"),
        ("rm /ck/a.kern", _CONFIG, 1, "Failed to open kernel data file: No such file or directory\n"),
        (": > /ck/a.kern", _CONFIG, 1, "Kernel data file is empty.\nFailed to load guest kernel data file.\n" + _READ),
        ("truncate -s 80000 /ck/a.kern", _CONFIG, 134, "Assertion failed: (file_offset + size <= rstate->kdata_len)"),
        ("truncate -s 700 /ck/a.meta", _CONFIG, 1, "Failed to parse metadata file: '/ck/a.meta'\n"),
        (": > /ck/a.meta", _CONFIG, 1, "Failed to find 'basic metadata' object.\n"),
        ("true", _MORE, 1, "Failed to lookup dev: virtio-rnd@pci.0.6.0\nFailed to restore PCI device state.\n"),
    ],
)
def test_what_cannot_be_restored(saved: StandinHost, damage: str, config: str, status: int, words: str) -> None:
    saved.sh(damage, check=True)
    run = Run(saved, "/ck/a", config)
    assert run.end() in (status, 128 - status)
    assert words in run.errors().replace("\r", "")


@pytest.fixture(scope="module")
def kept(host: StandinHost) -> StandinHost:
    """The host with a suspended guest's files put aside."""
    host.sh("mkdir -p /var/run/bhyve /kept; truncate -s 2M /vm/one.img /vm/two.img", check=True)
    run = Run(host)
    run.ready().keep("word")
    _checkpoint(host, "a", "suspend")
    assert run.end() == 0
    host.sh("mv /ck/a* /kept", check=True)
    return host


@pytest.fixture
def saved(kept: StandinHost, clean: StandinHost) -> StandinHost:
    """The host with these files, whole, in their place."""
    clean.sh("cp /kept/* /ck", check=True)
    return clean


def test_memory_and_cpus_are_those_of_the_checkpoint_and_a_device_less_is_not_noticed(saved: StandinHost) -> None:
    other = _CONFIG.replace("memory.size=64M", "memory.size=128M").replace("cpus=2", "cpus=1")
    run = Run(saved, "/ck/a", other.partition("pci.0.5.0")[0])
    guest = run.ready()
    assert guest.recall()[0] == ["word"]
    seen = guest.seen()
    assert (seen["memory"], seen["cpus"], len(seen["disks"])) == (64 << 20, 2, 1)


def test_a_memory_that_is_none_runs_and_does_nothing(saved: StandinHost) -> None:
    saved.sh("printf garbage | dd of=/ck/a conv=notrunc 2>/dev/null", check=True)
    run = Run(saved, "/ck/a")
    seen = run.guest.wait(lambda found: found["pid"] and not found["ended"] and not found["up"])
    assert (seen["restores"] > 0, run.process.poll()) == (True, None)


@pytest.mark.parametrize(
    ("osreldate", "status", "sent", "folders"),
    [(1400063, 64, "sub/name", 0), (1403000, 64, "name", 1), (1500068, 0, "name", 1)],
)
def test_what_bhyvectl_asks_for(
    osreldate: int, status: int, sent: str, folders: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = vmm.Hardware(osreldate, "amd64", 4, 16 << 30, True, ("kernel", "bhyve", "bhyvectl"), True)
    monkeypatch.setattr(vmm, "hardware", lambda: hardware)
    monkeypatch.setattr(vmm, "get", lambda name: {"active": [0]})
    monkeypatch.setattr(paths, "root", lambda path: f"{tmp_path}/{os.path.basename(path)}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "web1"))
        listener.listen()
        assert control.run(["--vm=web1", "--suspend", "sub/name"]) == status
        with listener.accept()[0] as connection:
            message, found, _flags, _address = socket.recv_fds(connection, 4096, 4)
    for fd in found:
        assert os.path.samestat(os.fstat(fd), os.stat(tmp_path / "sub"))
        os.close(fd)
    assert json.loads(message) == {"cmd": "checkpoint", "filename": sent, "suspend": True}
    assert len(found) == folders


def test_no_space_ends_the_checkpoint_and_not_the_guest(clean: StandinHost) -> None:
    run = Run(clean)
    guest = run.ready()
    small = ["/.linux/usr/bin/mount", "-t", "tmpfs", "-o", "size=20m", "small", "/ck"]
    assert clean.run(small).returncode == 0
    try:
        clean.sh("bhyvectl --vm=web1 --suspend=/ck/a")
        guest.keep("goes on")
        assert clean.read("/ck/a.meta") == ""
    finally:
        clean.run(["/.linux/usr/bin/umount", "/ck"], check=True)
    clean.sh("pkill -KILL -x bhyve")
    assert run.errors() == (
        "Failed to write in file: No space left on device\nvm_snapshot_mem: Could not write lowmem\n"
        "Could not write guest memory to file: No space left on device\n"
    )


def test_each_part_may_lack_support(host: StandinHost, clean: StandinHost) -> None:
    def looks() -> List[bool]:
        texts = clean.sh("sysctl -n kern.conftxt; bhyve -h 2>&1; bhyvectl 2>&1").stdout
        return [word in texts for word in ("BHYVE_SNAPSHOT", "-r: path to checkpoint file", "--suspend=")]

    assert looks() == [True, True, True]
    host.power_cut()
    host.rebuild(snapshot_missing=["bhyve", "bhyvectl"])
    host.boot()
    assert looks() == [True, False, False]
    host.power_cut()
    host.rebuild(snapshot_missing=["kernel"])
    host.boot()
    assert looks() == [False, True, True]
    clean.sh("kldload vmm nmdm; mkdir -p /var/run/bhyve", check=True)
    run = Run(clean)
    guest = run.ready()
    clean.sh("bhyvectl --vm=web1 --checkpoint=/ck/a")
    guest.keep("goes on")
    clean.sh("pkill -KILL -x bhyve", check=True)
    assert run.errors() == (
        "vm_save_kern_struct: Failed to snapshot struct vhpet\nFailed to snapshot vm kernel data.\n"
    )
    host.power_cut()
    host.rebuild(snapshot_missing=[])
    host.boot()
    host.sh("kldload vmm nmdm", check=True)

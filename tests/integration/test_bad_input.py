# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one clear error that names what is wrong and what is allowed; nothing changed, nothing half-made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import pytest
from guests import tiny
from harness import PAYLOAD, PYTHON, Modules
from standin.host import StandinHost
from standin.settings import Settings

Maker = Callable[..., StandinHost]

#: The address of db1's NIC.
MAC = "5a:00:00:00:00:01"


def disk(path: str, **options: Any) -> Dict[str, Any]:
    """A new guest with somebody's disk."""
    return tiny("new1", disks=[{"name": "data", "path": path, **options}])


def nic(**options: Any) -> Dict[str, Any]:
    """A new guest with a NIC."""
    return tiny("new1", nics=[{"name": "lan", **options}])


# Debian's own tools, which are ten times as fast as stand-ins: this runs after every test.
FILES = """
PATH=/.linux/usr/bin:/.linux/bin
cd /
find apiary var/db/apiary var/log/apiary var/disks usr/local etc boot -printf '%p %m %l\\n'
ls dev/vmm dev/zvol/zroot dev/zvol/zroot/apiary 2> /dev/null
find apiary var/db/apiary usr/local etc boot -type f -exec md5sum {} +
ls /var/run/apiary | grep -v host.lock
"""
STATE = (
    "zfs get -Hp -r all zroot | grep -v -e used -e avail -e refer -e creat -e writt;"
    " ifconfig -a; kldstat; ps -axww -o pid,command"
)


def everything(host: StandinHost) -> List[str]:
    """All of the host that a task could have changed: files, links, datasets, interfaces, modules, processes.

    The file that tasks lock is none of it.
    """
    files = host.run(["/.linux/usr/bin/dash", "-c", FILES]).stdout.splitlines()
    state = host.sh(STATE).stdout.splitlines()
    # Those that look are no change. Stripped, for ps gives its column of pids the width of the largest.
    return sorted([*files, *(line.strip() for line in state if "ps -axww" not in line and "grep -v" not in line)])


def refused(
    modules: Modules, module: str, task: Dict[str, Any], says: Sequence[str], before: Optional[List[str]] = None
) -> None:
    """Run a task that must fail, in check mode and for good: one line that says all of ``says``, nothing changed."""
    before = before or everything(modules.host)
    predicted = modules.run(module, task, check=True)
    result = modules.run(module, task)
    message = result["msg"]
    assert result.get("failed") and not result.get("changed"), json.dumps(result, indent=1)[:3000]
    assert [word for word in says if word not in message] == [], message
    assert "\n" not in message.strip() and "Traceback" not in message and len(message) < 500, message
    assert predicted.get("failed") and predicted["msg"] == message
    assert everything(modules.host) == before


@dataclass(frozen=True)
class Inhabited:
    """A host with guests, disks and strangers that listen, as it was before the first test."""

    modules: Modules
    before: List[str]


@pytest.fixture(scope="module")
def inhabited(shared_host: StandinHost) -> Iterator[Inhabited]:
    """All tests that it is for leave it as it was."""
    modules = Modules(shared_host)
    shared_host.sh("mkdir /var/disks && truncate -s 4M /var/disks/shared.img /var/disks/free.img", check=True)
    shared_host.sh("zfs create -V 4M zroot/foreign", check=True)
    nics = [{"name": "lan", "switch": "bridge0", "mac": MAC}]
    disks = [
        {"name": "root", "size": "16M"},
        {"name": "file", "size": "16M", "backing": "sparse-file"},
        {"name": "shared", "path": "/var/disks/shared.img"},
    ]
    vms = [
        tiny("db1", state="started", nics=nics, disks=disks, vnc={"port": "5950"}),
        tiny("web1", state="present", boot={"after": ["db1"]}),
        tiny("app1", state="present", boot={"after": ["web1"]}),
    ]
    modules.good("bhyve_vm", {"vms": vms})
    stranger = (
        "import signal, socket, sys\n"
        "kept = [socket.create_server((address, int(port))) for address, port in\n"
        "        (word.split(',') for word in sys.argv[1:])]\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    argv = [PYTHON, "-c", stranger, "127.0.0.1,5970", "0.0.0.0,5971"]
    listening = shared_host.spawn(argv, stdin=-3, stdout=-1, text=True)
    assert listening.stdout is not None and listening.stdout.readline() == "ready\n"
    yield Inhabited(modules, everything(shared_host))
    listening.kill()
    listening.wait()


GUESTS: List[Any] = [
    pytest.param({"name": "new1", "memory": "4X"}, ["guest new1: memory", "'4X'", "'X'", "K, M, G"], id="unknown unit"),
    pytest.param(
        tiny("new1", disks=[{"name": "root", "size": "20Q"}]), ["disk root: size", "'20Q'"], id="unknown unit of a disk"
    ),
    pytest.param({"name": "new1", "memory": 8}, ["memory", "'8'", "has no unit", "8G"], id="memory 8"),
    pytest.param(
        tiny("new1", cpus=4, sockets=3, cores=2),
        ["guest new1: cpus: 4", "sockets x cores x threads = 3 x 2 x 1"],
        id="cpus are not sockets x cores x threads",
    ),
    *(
        pytest.param(tiny(name), ["name: ", repr(name), "1 to 63 letters, digits"], id=f"name {why}")
        for name, why in (
            ("x" * 64, "too long"),
            ("a/b", "with a slash"),
            ("a b", "with a space"),
            ("-a", "with a leading dash"),
        )
    ),
    pytest.param(
        {"vms": [tiny("new1"), tiny("new2"), tiny("new1")]},
        ["vms: new1 is there twice", "element 1", "element 3"],
        id="the same name twice",
    ),
    pytest.param(
        {"vms": [dict(nic(mac="5a:00:00:00:00:02")), dict(nic(mac="5A-0-0-0-0-2"), name="new2")]},
        ["guest new2: nic lan: mac: 5a:00:00:00:00:02", "guest new1"],
        id="the same MAC twice in a list",
    ),
    pytest.param(nic(mac=MAC), [f"guest new1: nic lan: mac: {MAC}", "guest db1"], id="the MAC of another guest"),
    pytest.param(nic(mac="01:00:5e:00:00:01"), ["nic lan: mac", "01:00:5e:00:00:01", "multicast"], id="multicast MAC"),
    pytest.param(
        {"vms": [tiny("new1", vnc={"port": "5960"}), tiny("new2", vnc={"port": "5960"})]},
        ["guest new2: vnc.port: 5960", "guest new1", "auto"],
        id="two VNC guests of a list on one port",
    ),
    pytest.param(
        tiny("new1", vnc={"port": "5950"}),
        ["guest new1: vnc.port: 5950", "guest db1", "auto"],
        id="the VNC port of another guest",
    ),
    pytest.param(
        tiny("new1", vnc={"port": "5970"}),
        ["guest new1: vnc.port: 5970", "127.0.0.1:5970", "auto"],
        id="the port of a stranger",
    ),
    pytest.param(
        tiny("new1", vnc={"port": "5971"}),
        ["guest new1: vnc.port: 5971", "*:5971", "auto"],
        id="the port of a stranger that listens on every address",
    ),
    pytest.param(
        tiny("new1", vnc={"password": "ninechars"}), ["vnc.password", "longer than 8"], id="long VNC password"
    ),
    pytest.param(tiny("new1", vnc={"password": "a%b"}), ["vnc.password", "'%'"], id="VNC password with %"),
    pytest.param(
        disk("/var/disks/no.img"), ["disk data: path", "/var/disks/no.img does not exist"], id="disk path missing"
    ),
    pytest.param(disk("/var/disks"), ["disk data: path", "/var/disks is a directory"], id="a directory as a disk"),
    pytest.param(
        disk("/dev/ada0p4"), ["disk data: path", "/dev/ada0p4 is part of the ZFS pool zroot"], id="a disk of a pool"
    ),
    pytest.param(
        disk("/dev/ada0"), ["disk data: path", "/dev/ada0 is part of", "zroot"], id="the whole of a disk of a pool"
    ),
    pytest.param(
        disk("/var/disks/shared.img"),
        ["disk data: ", "/var/disks/shared.img is in use by guest db1"],
        id="a file that another running guest uses",
    ),
    pytest.param(
        disk("/dev/zvol/zroot/apiary/db1/root"),
        ["disk data: ", "is in use by guest db1"],
        id="the volume of another running guest",
    ),
    pytest.param(
        tiny("new1", disks=[{"name": "cd", "controller": "ahci-cd", "path": "/var/disks/no.iso"}]),
        ["disk cd: path", "ISO image /var/disks/no.iso does not exist"],
        id="ISO missing",
    ),
    pytest.param(
        nic(switch="bridge9"),
        ["nic lan: switch", "bridge9", "does not exist on this host", "(bridge0)"],
        id="bridge missing",
    ),
    pytest.param(
        dict(tiny("new1"), loader={"host_path": "/nowhere"}),
        ["guest new1: loader.host_path", "/nowhere does not exist"],
        id="a directory to load from that is missing",
    ),
    pytest.param(
        tiny("new1", disks=[{"name": "root", "size": "99T"}]),
        ["guest new1: disk root", "zroot/apiary has", "GiB free", "sparse"],
        id="more than there is space for",
    ),
    pytest.param(nic(switch="lo0"), ["nic lan: switch", "lo0 is not a bridge"], id="a switch that is no bridge"),
    pytest.param(
        {"name": "db1", "disks": [{"name": "root", "size": "8M"}]},
        ["guest db1: disk root: size", "16M", "8M", "shrink"],
        id="shrinking a volume",
    ),
    pytest.param(
        {"name": "db1", "disks": [{"name": "file", "size": "8M"}]},
        ["guest db1: disk file: size", "16M", "8M", "shrink"],
        id="shrinking a file",
    ),
    pytest.param(
        tiny("new1", options={"pci.0.31.0.device": "virtio-rnd"}),
        ["guest new1: options: pci.0.31.0", "lpc"],
        id="slot clash by options",
    ),
    pytest.param(tiny("new1", memmory="4G"), ["memmory", "Unsupported parameters", "memory"], id="unknown option"),
    pytest.param(
        tiny("new1", disks=[{"name": "root", "size": "1G", "bus": "ide"}]),
        ["disks.bus", "Unsupported parameters", "controller"],
        id="unknown option of a disk",
    ),
    pytest.param(
        tiny("new1", state="started", memory="15G", wired=True),
        ["guest new1: wired", "15G", "vm.max_user_wired", "sysctls of bhyve_host"],
        id="more wired memory than the kernel allows",
    ),
    pytest.param(
        tiny("new1", boot={"after": ["nobody"]}),
        ["guest new1: boot.after", "there is no guest nobody"],
        id="after nobody",
    ),
    pytest.param(
        {"name": "web1", "boot": {"after": ["app1"]}},
        ["guest web1: boot.after", "web1 -> app1 -> web1"],
        id="after in a circle",
    ),
]


@pytest.mark.parametrize(("task", "says"), GUESTS)
def test_a_guest_that_cannot_be(inhabited: Inhabited, task: Dict[str, Any], says: List[str]) -> None:
    refused(inhabited.modules, "bhyve_vm", task, says, inhabited.before)


def test_one_bad_guest_keeps_the_whole_list_from_being_begun(inhabited: Inhabited) -> None:
    task = {"vms": [tiny("new1", state="started"), dict(tiny("new2"), memory="8")]}
    refused(inhabited.modules, "bhyve_vm", task, ["guest new2: memory"], inhabited.before)


def test_a_disk_that_is_mounted(bare_host: Maker) -> None:
    """The host without ZFS lives on a UFS disk."""
    host = bare_host(Settings("plain1", zfs=False), name="plain1")
    modules = Modules(host).install()
    modules.good("bhyve_host", {"root": "/vm", "dataset": ""})
    assert "/dev/gpt/rootfs" in host.sh("mount -p").stdout
    host.sh("mkdir -p /tiny/boot")
    host.write("/dev/gpt/rootfs", b"\0" * 4096)
    # By its label, by the partition's own name, and by the disk that it is a part of.
    for path in ("/dev/gpt/rootfs", "/dev/ada0p4", "/dev/ada0"):
        says = ["guest new1: disk data: path", f"{path} is mounted on this host (/dev/gpt/rootfs on /)"]
        refused(modules, "bhyve_vm", disk(path), says)


@pytest.mark.parametrize("module", ["bhyve_vm", "bhyve_vm_info", "bhyve_host", "rc_conf"])
def test_not_root(inhabited: Inhabited, module: str) -> None:
    tasks: Dict[str, Dict[str, Any]] = {"bhyve_vm": tiny("new1"), "rc_conf": {"name": "a", "value": "b"}}
    done = inhabited.modules.host.run(
        ["su", "-m", "nobody", "-c", f"{PYTHON} {PAYLOAD}/module_server.py alone {module}"],
        stdin=json.dumps(tasks.get(module, {})),
    )
    result = json.loads(done.stdout)
    assert result["failed"] and "not root" in result["msg"] and "become: true" in result["msg"], result
    assert everything(inhabited.modules.host) == inhabited.before


@pytest.mark.parametrize(("module", "task"), [("bhyve_vm", tiny("new1")), ("bhyve_vm_info", {})])
def test_a_host_that_is_not_prepared(bare_host: Maker, module: str, task: Dict[str, Any]) -> None:
    modules = Modules(bare_host()).install()
    refused(modules, module, task, ["this host is not prepared", "role apiary.bhyve.bhyve_host"])


def test_an_arm64_host(bare_host: Maker) -> None:
    modules = Modules(bare_host(Settings("arm1", machine="arm64"), name="arm1")).install()
    refused(modules, "bhyve_host", {}, ["arm64", "only amd64 is supported"])


def test_the_root_dataset_is_not_mounted(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web1", state="present"))
    host.sh("zfs unmount zroot/apiary/web1 && zfs unmount zroot/apiary", check=True)
    says = ["the dataset zroot/apiary is not mounted", "zfs mount zroot/apiary"]
    for task in (tiny("new1"), {"name": "web1", "state": "absent"}):
        refused(modules, "bhyve_vm", task, says)
    refused(modules, "bhyve_vm_info", {}, says)


def test_the_dataset_of_the_guest_is_not_mounted(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web1", state="present"))
    host.sh("zfs unmount zroot/apiary/web1", check=True)
    for task in (tiny("web1"), {"name": "web1", "state": "absent", "destroy": True}):
        refused(modules, "bhyve_vm", task, ["the dataset zroot/apiary/web1 is not mounted", "guest web1"])


def edited(modules: Modules, **values: Any) -> None:
    """Change the record of web1 by hand."""
    path = "/apiary/web1/guest.json"
    record = json.loads(modules.host.read(path))
    modules.host.write(path, json.dumps({**record, **values}), mode=0o600)


STATES = ["present", "started", "stopped", "restarted", "absent"]


def test_a_record_of_another_host(modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web1", state="present"))
    edited(modules, owner="11111111-2222-3333-4444-555555555555")
    for state in STATES:
        says = ["guest web1", "belongs to the host", "11111111-2222-3333-4444-555555555555"]
        refused(modules, "bhyve_vm", {"name": "web1", "state": state}, says)


def test_a_record_of_a_newer_schema(modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web1", state="present"))
    edited(modules, schema=2)
    for state in STATES:
        says = ["/apiary/web1/guest.json has schema 2", "update the collection"]
        refused(modules, "bhyve_vm", {"name": "web1", "state": state}, says)


def test_a_new_address_beside_a_record_that_cannot_be_read(modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web1", state="present"))
    edited(modules, schema=2)
    says = ["guest new1: nic lan", "guest web1 cannot be read", "/apiary/web1/guest.json has schema 2"]
    refused(modules, "bhyve_vm", nic(switch="bridge0"), says)


@pytest.mark.parametrize("prints", ["nothing", "rubbish"])
@pytest.mark.parametrize("command", ["zfs", "ifconfig", "ps", "sysctl"])
def test_output_that_cannot_be_parsed(host: StandinHost, modules: Modules, command: str, prints: str) -> None:
    modules.good("bhyve_vm", tiny("web1", state="present", nics=[{"name": "lan", "switch": "bridge0"}]))
    before = everything(host)
    path = host.sh(f"command -v {command}").stdout.strip()
    kept = host.read_bytes(path)
    host.write(path, f"#!/bin/sh\n{'echo apiary test: broken' if prints == 'rubbish' else 'exit 0'}\n", mode=0o555)
    for task in (tiny("new1"), {"name": "web1", "state": "absent"}, {"name": "web1", "nics": []}):
        result = modules.run("bhyve_vm", task)
        assert result.get("failed") and not result.get("changed"), json.dumps(result)[:2000]
        assert f"`{command} " in result["msg"] and "\n" not in result["msg"], result["msg"]
    host.write(path, kept, mode=0o555)
    assert everything(host) == before

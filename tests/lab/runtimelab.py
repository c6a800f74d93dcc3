# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in host with the runtime installed and guests made by hand: no Ansible, no module."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional

from standin.guests.control import Guest
from standin.host import StandinHost

FILES = Path(__file__).resolve().parents[2] / "roles" / "bhyve_host" / "files"
FIRMWARE = "/firmware.fd"
BRIDGE = "bridge1000"
#: A disk that bhyveload boots from.
BOOTABLE = "/bootable.img"

#: Every variable of guest.rc, with what it has unless a test says otherwise.
DEFAULTS: Dict[str, str] = {
    "schema": "1",
    "name": "",
    "owner": "",
    "uuid": "",
    "loader": "uefi",
    "bhyveload_args": "",
    "bhyve_args": "",
    "install_disk": "",
    "install_args": "",
    "install_bhyveload_args": "",
    "firstboot_args": "",
    "nics": "",
    "switches": "",
    "disks": "",
    "sockets": "",
    "on_reboot": "restart",
    "on_poweroff": "destroy",
    "on_crash": "destroy",
    "restart_limit": "5",
    "restart_window": "300",
    "stop_timeout": "20",
    "autostart": "NO",
    "order": "50",
    "delay": "0",
    "after": "",
    "ready_address": "",
    "ready_tcp": "",
    "ready_timeout": "5",
    "shutdown": "stop",
}


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


class Box:
    """One guest on the hive: its files on the host, its processes, and what the light guest behind it saw."""

    def __init__(self, hive: Hive, name: str) -> None:
        self.hive = hive
        self.name = name
        self.guest = Guest(hive.host.directory, name)
        self.dir = f"/apiary/{name}"
        self.generation = 0

    def configure(
        self,
        memory: str = "64M",
        keys: Optional[Mapping[str, str]] = None,
        policies: Optional[Mapping[str, str]] = None,
        **rc: str,
    ) -> Box:
        """Write the next generation and switch the boot link to it: keys of bhyve.conf, variables of guest.rc."""
        rc = {**rc, **(policies or {})}
        self.generation += 1
        folder = f"{self.dir}/boot.{self.generation}"
        config = {
            "name": self.name,
            "cpus": "1",
            "memory.size": memory,
            "acpi_tables": "true",
            "x86.vmexit_on_hlt": "true",
            "pci.0.0.0.device": "hostbridge",
            "pci.0.31.0.device": "lpc",
            **(keys or {}),
        }
        if rc.get("loader") == "bhyveload":
            rc.setdefault("bhyveload_args", f"'-m' '{memory}' '-d' '{BOOTABLE}'")
        else:
            config["lpc.bootrom"] = FIRMWARE
        unknown = set(rc) - set(DEFAULTS)
        assert not unknown, unknown
        values = {**DEFAULTS, "name": self.name, "owner": self.hive.uuid, **rc}
        self.hive.host.write(
            f"{folder}/bhyve.conf", "".join(f"{key}={value}\n" for key, value in config.items()), 0o600
        )
        self.hive.host.write(
            f"{folder}/guest.rc", "".join(f"{key}={_quote(value)}\n" for key, value in values.items()), 0o600
        )
        self.hive.sh(
            f"ln -s boot.{self.generation} {self.dir}/boot.new && mv -f -h {self.dir}/boot.new {self.dir}/boot"
        )
        return self

    def start(self) -> str:
        return self.hive.apiary("start", self.name).stdout.strip()

    def stop(self, *options: str) -> str:
        return self.hive.apiary("stop", *options, self.name).stdout.strip()

    def suspend(self, *options: str) -> str:
        return self.hive.apiary("suspend", *options, self.name).stdout.strip()

    def status(self) -> Dict[str, str]:
        """The status file; empty when there is none."""
        text = self.hive.run_file(self.name, "status")
        return dict(line.split("=", 1) for line in text.splitlines())

    def pid(self, who: str) -> int:
        """The process noted as bhyve, loader or supervisor; 0 without a note."""
        text = self.hive.run_file(self.name, who)
        return int(text.split()[0]) if text else 0

    def running(self) -> bool:
        return self.hive.pids().get(f"bhyve: {self.name} (bhyve)") is not None

    def log(self) -> str:
        """The guest's log; empty when there is none yet."""
        try:
            return self.hive.host.read(f"/var/log/apiary/{self.name}.log")
        except FileNotFoundError:
            return ""

    def wait_state(self, state: str, timeout: float = 20.0) -> Dict[str, str]:
        self.hive.until(lambda: self.status().get("state") == state, f"{self.name} {state}", timeout, self.status)
        return self.status()


class Hive:
    """The host, the runtime on it, and its guests."""

    def __init__(self, host: StandinHost) -> None:
        self.host = host
        self.uuid = host.run(["sysctl", "-n", "kern.hostuuid"], check=True).stdout.strip()
        self.boxes: List[Box] = []

    def install(self, checkpoints: bool = False) -> None:
        """What the role bhyve_host leaves on a host, which may be one that can make checkpoints."""
        for source, path, mode in (
            ("apiary", "/usr/local/libexec/apiary", 0o755),
            ("apiary.subr", "/usr/local/libexec/apiary.subr", 0o644),
            ("apiary.checkpoint", "/usr/local/libexec/apiary.checkpoint", 0o644),
            ("apiary.supervisor", "/usr/local/libexec/apiary.supervisor", 0o644),
            ("apiary.network", "/usr/local/libexec/apiary.network", 0o755),
            ("apiary.rc", "/usr/local/etc/rc.d/apiary", 0o755),
            ("apiary_network.rc", "/usr/local/etc/rc.d/apiary_network", 0o755),
            ("apiary.newsyslog", "/usr/local/etc/newsyslog.conf.d/apiary.conf", 0o644),
        ):
            self.host.write(path, (FILES / source).read_bytes(), mode)
        self.conf(missing="" if checkpoints else "kernel bhyve bhyvectl")
        self.host.write(FIRMWARE, b"\0" * 4096)
        self.host.write(BOOTABLE, b"\0" * 510 + b"\x55\xaa")
        Path(self.host.directory, "disk", "guests.json").write_text('{"guest": "light"}')
        self.sh("mkdir -p /apiary /var/log/apiary")

    def conf(self, missing: str = "", several: str = "YES") -> None:
        """apiary.conf, with what is known of checkpoints."""
        values = {
            "apiary_root": "/apiary",
            "apiary_dataset": "",
            "apiary_checkpoint_missing": missing,
            "apiary_checkpoint_devices": "" if missing else "hostbridge lpc virtio-blk virtio-net ahci",
            "apiary_checkpoint_several": several,
        }
        text = "".join(f"{key}={_quote(value)}\n" for key, value in values.items())
        self.host.write("/usr/local/etc/apiary.conf", text)

    def box(self, name: str) -> Box:
        made = Box(self, name)
        self.boxes.append(made)
        return made

    def sh(self, script: str, check: bool = True) -> str:
        return self.host.sh(script, check=check).stdout

    def apiary(self, *words: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        return self.host.run(["/usr/local/libexec/apiary", *words], timeout=timeout)

    def run_file(self, name: str, file: str) -> str:
        """A file of the guest's runtime directory; empty when there is none."""
        try:
            return self.host.read(f"/var/run/apiary/{name}/{file}")
        except FileNotFoundError:
            return ""

    def pids(self) -> Dict[str, int]:
        """Command line or title -> pid, as ps tells."""
        found: Dict[str, int] = {}
        for line in self.sh("ps -axww -o pid= -o command=").splitlines():
            pid, _unused, command = line.strip().partition(" ")
            found[command.strip()] = int(pid)
        return found

    def kill(self, pid: int, signal: str = "KILL") -> None:
        assert pid > 1
        self.sh(f"kill -{signal} {pid}", check=False)

    def alive(self, pid: int) -> bool:
        return self.host.sh(f"kill -0 {pid}").returncode == 0

    def until(
        self, condition: Callable[[], bool], what: str, timeout: float = 20.0, now: Callable[[], object] = lambda: ""
    ) -> None:
        """Wait until the condition holds."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout} s: {what}; it is {now()}")
            time.sleep(0.05)

    def clear(self) -> None:
        """Everything of the guests goes, by force."""
        for box in self.boxes:
            self.apiary("stop", "-f", box.name)
            for title, pid in self.pids().items():  # of a test that failed half-way
                if box.name in title and not title.startswith(("ps ", "/bin/sh -c")):
                    self.kill(pid)
            self.sh(f"bhyvectl --vm={box.name} --destroy", check=False)
            gone = f"{box.dir} /apiary/.checkpoints/{box.name} /var/run/apiary/{box.name}"
            self.sh(f"rm -rf {gone} /var/log/apiary/{box.name}.log*")
            for memory in ("disk", "kernel"):  # how it behaves, what it saw
                Path(self.host.directory, memory, "guests", f"{box.name}.json").unlink(missing_ok=True)
        self.boxes.clear()

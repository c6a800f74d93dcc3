# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run modules and playbooks on a stand-in host.

Two ways: `Playbooks` is real Ansible, as a user has it. `Modules` runs the same module files inside the host with the
same arguments but without a controller, in a fifth of a second: for tests that need hundreds of runs (a fault at every
command) or several at once.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import ansible.module_utils
from standin.host import StandinHost

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / "build" / "collections"
ANSIBLE_BIN = Path(sys.executable).parent
PYTHON = "/usr/local/bin/python3.11"
PAYLOAD = "/var/tmp/payload"
_FILES = ROOT / "roles" / "bhyve_host" / "files"
#: What role bhyve_host asks of the module bhyve_host.
PREPARED: Dict[str, Any] = {
    "runtime": {
        name: (_FILES / name).read_text()
        for name in ("apiary", "apiary.subr", "apiary.checkpoint", "apiary.supervisor", "apiary.network")
    },
    "rc_script": (_FILES / "apiary.rc").read_text(),
    "network_rc_script": (_FILES / "apiary_network.rc").read_text(),
    "newsyslog": (_FILES / "apiary.newsyslog").read_text(),
    "rc_variables": {"apiary_enable": True, "apiary_network_enable": True},
}


def tiny_guest() -> Path:
    """The directory of the guest of five kilobytes, built when it is missing; workers take turns."""
    built = ROOT / "build" / "cache" / "tiny"
    built.parent.mkdir(parents=True, exist_ok=True)
    with open(built.parent / "tiny.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built / "boot" / "lua" / "loader.lua").is_file():
            subprocess.run([str(ROOT / "tests/lab/tiny-guest/build.sh"), str(built)], check=True, capture_output=True)
    return built


def bring_tiny_guest(host: StandinHost) -> None:
    """Put the guest of five kilobytes under /tiny, as bhyveload's -h wants it."""
    built = tiny_guest()
    for path in sorted(built.rglob("*")):
        if path.is_file():
            host.write(f"/tiny/{path.relative_to(built)}", path.read_bytes())


def _payload() -> bytes:
    """A tar of what a module may import on the host: Ansible's module_utils and this collection's plugins."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        utils = Path(next(iter(ansible.module_utils.__path__)))
        tar.add(utils.parent / "release.py", "ansible/release.py")
        tar.add(utils, "ansible/module_utils", filter=_no_bytecode)
        tar.add(ROOT / "plugins", "ansible_collections/apiary/bhyve/plugins", filter=_no_bytecode)
        tar.addfile(tarfile.TarInfo("ansible/__init__.py"))
        for name in ("runner.py", "module_server.py"):
            tar.add(Path(__file__).with_name(name), name)
        tar.add(_runner(), "runner")
    return buffer.getvalue()


def _runner() -> Path:
    """The program that asks the server for a run; workers take turns to build it."""
    source, built = Path(__file__).with_name("runner.c"), ROOT / "build" / "cache" / "runner"
    built.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{built}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists() or built.stat().st_mtime_ns < source.stat().st_mtime_ns:
            subprocess.run(["gcc", "-O2", "-static", "-o", str(built), str(source)], check=True)
    return built


def _no_bytecode(member: tarfile.TarInfo) -> Optional[tarfile.TarInfo]:
    return None if "__pycache__" in member.name else member


class Modules:
    """Runs modules of this collection inside a host without a controller."""

    def __init__(self, host: StandinHost) -> None:
        self.host = host
        if host.exists_in(PAYLOAD):
            self._ready()

    def _ready(self) -> None:
        # Now, so that it is among the processes of the host before a test looks at them.
        done = self.host.run([PYTHON, PAYLOAD + "/runner.py", "ready"])
        assert done.returncode == 0, done.stderr

    def install(self) -> Modules:
        """Put the modules onto the host. Once per host: they stay on its disk."""
        code = (
            "import io, sys, tarfile;"
            f" tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())).extractall({PAYLOAD!r})"
        )
        done = self.host.run([PYTHON, "-c", code], stdin=_payload())
        assert done.returncode == 0, done.stderr
        self._ready()
        return self

    def start(self, module: str, args: Mapping[str, Any], check: bool = False) -> subprocess.Popen[str]:
        """Start a module in the background; `finish` collects it."""
        process = self.host.spawn(
            [PAYLOAD + "/runner", module, PYTHON, PAYLOAD + "/runner.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        wire = dict(args, _ansible_check_mode=check, _ansible_diff=True, _ansible_verbosity=2)
        process.stdin.write(json.dumps(wire))
        process.stdin.close()
        process.stdin = None
        return process

    @staticmethod
    def finish(process: subprocess.Popen[str], timeout: float = 180) -> Dict[str, Any]:
        """The module's result, as Ansible would see it."""
        out, err = process.communicate(timeout=timeout)
        try:
            result: Dict[str, Any] = json.loads(out)
        except ValueError:
            raise AssertionError(f"no result from the module\nstdout: {out}\nstderr: {err}") from None
        return result

    def run(self, module: str, args: Mapping[str, Any], check: bool = False) -> Dict[str, Any]:
        """The result of a module that may fail: look at `failed`."""
        return self.finish(self.start(module, args, check))

    def good(self, module: str, args: Mapping[str, Any], check: bool = False) -> Dict[str, Any]:
        """The result of a module that must not fail."""
        result = self.run(module, args, check)
        assert not result.get("failed"), json.dumps(result, indent=1)[:4000]
        return result


@dataclass
class PlaybookRun:
    """What one ansible-playbook did."""

    rc: int
    output: str
    results: List[Dict[str, Any]] = field(default_factory=list)
    stats: Dict[str, Dict[str, int]] = field(default_factory=dict)

    def of(self, task: str) -> Dict[str, Any]:
        """The result of the task of that name on the (only) host."""
        found = [entry["result"] for entry in self.results if entry["task"] == task]
        assert found, "no task {!r} among {}".format(task, [entry["task"] for entry in self.results])
        result: Dict[str, Any] = found[-1]
        return result


def environment() -> Dict[str, str]:
    """What Ansible needs to find this checkout, the stand-in connection and nothing of the developer's own."""
    return dict(
        os.environ,
        ANSIBLE_CONFIG=str(ROOT / "tests" / "integration" / "ansible.cfg"),
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        ANSIBLE_CONNECTION_PLUGINS=str(ROOT / "tests" / "lab" / "connection"),
        ANSIBLE_HOME=str(ROOT / "build" / "ansible"),
        PYTHONPATH=str(ROOT / "tests" / "lab"),
    )


class Playbooks:
    """Runs real Ansible against a host."""

    def __init__(self, host: StandinHost, scratch: Path) -> None:
        self.host = host
        self.scratch = scratch

    def inventory(self, variables: Optional[Mapping[str, Any]] = None) -> Path:
        """An inventory with this one host in group `hives`."""
        hostvars = {
            "ansible_connection": "standin",
            "standin_directory": str(self.host.directory),
            "ansible_python_interpreter": PYTHON,
        }
        tree = {"all": {"children": {"hives": {"hosts": {self.host.name: dict(hostvars, **(variables or {}))}}}}}
        path = self.scratch / "hosts.json"
        path.write_text(json.dumps(tree))
        return path

    def play(
        self,
        playbook: str,
        variables: Optional[Mapping[str, Any]] = None,
        check: bool = False,
        extra: Optional[Mapping[str, Any]] = None,
    ) -> PlaybookRun:
        """Run a playbook (a path, or a name such as `apiary.bhyve.site`); its results by task."""
        argv = [str(ANSIBLE_BIN / "ansible-playbook"), "-i", str(self.inventory(variables)), playbook, "--diff"]
        argv += ["--check"] if check else []
        argv += ["-e", json.dumps(dict(extra))] if extra else []
        record = self.scratch / "record.jsonl"
        record.unlink(missing_ok=True)
        env = dict(environment(), APIARY_RECORD=str(record))
        done = subprocess.run(argv, env=env, capture_output=True, text=True, cwd=str(ROOT), check=False, timeout=900)
        return _read_record(done, record)

    def tasks(self, tasks: List[Dict[str, Any]], check: bool = False) -> PlaybookRun:
        """Run a play of these tasks, without facts."""
        play = [{"hosts": "hives", "gather_facts": False, "tasks": tasks}]
        path = self.scratch / "play.json"
        path.write_text(json.dumps(play))
        return self.play(str(path), check=check)


def _read_record(done: subprocess.CompletedProcess[str], record: Path) -> PlaybookRun:
    run = PlaybookRun(rc=done.returncode, output=done.stdout + done.stderr)
    if record.exists():
        for line in record.read_text().splitlines():
            entry = json.loads(line)
            if "stats" in entry:
                run.stats = entry["stats"]
            else:
                run.results.append(entry)
    return run

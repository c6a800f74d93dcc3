# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in hosts for the tests.

A host is prepared once by the project's own role, then shut down; every test (or file of tests) gets a copy of its disk
and boots it, which takes less than a second.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable, Iterator, Optional

import pytest
from harness import Modules, Playbooks, tiny_guest
from imagelab import Mirror
from standin.host import StandinHost
from standin.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def bring_tiny_guest(host: StandinHost) -> None:
    """Put the guest of five kilobytes under /tiny, as bhyveload's -h wants it."""
    built = tiny_guest()
    for path in sorted(built.rglob("*")):
        if path.is_file():
            host.write(f"/tiny/{path.relative_to(built)}", path.read_bytes())


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    """A prepared host, shut down: role bhyve_host has run, bridge0 is in rc.conf, the modules lie ready."""
    lab = tmp_path_factory.mktemp("lab")
    host = StandinHost("hive1", str(lab / "hive1"))
    host.up()
    try:
        host.sh("sysrc cloned_interfaces=bridge0 ifconfig_bridge0=up && service netif start bridge0", check=True)
        bring_tiny_guest(host)
        Modules(host).install()
        run = Playbooks(host, lab).play(str(ROOT / "tests" / "integration" / "prepare.yml"))
        assert run.rc == 0, run.output
        host.down()
        yield host
    finally:
        host.destroy()


def _copy(template: StandinHost, directory: Path) -> StandinHost:
    # cp, for the host's disks are files with a terabyte of holes.
    directory.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--sparse=always", str(template.directory), str(directory)], check=True)
    return StandinHost("hive1", str(directory))


@pytest.fixture
def host(template: StandinHost, tmp_path: Path) -> Iterator[StandinHost]:
    """A prepared host of this test's own, booted."""
    copy = _copy(template, tmp_path / "lab" / "hive1")
    try:
        yield copy.up()
    finally:
        copy.destroy()


@pytest.fixture(scope="module")
def shared_host(template: StandinHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    """A prepared host for a whole file of tests, each of which leaves it as it found it."""
    copy = _copy(template, tmp_path_factory.mktemp("shared") / "hive1")
    try:
        yield copy.up()
    finally:
        copy.destroy()


@pytest.fixture
def modules(host: StandinHost) -> Modules:
    """Modules on this test's own host."""
    return Modules(host)


@pytest.fixture
def playbooks(host: StandinHost, tmp_path: Path) -> Playbooks:
    """Real Ansible against this test's own host."""
    return Playbooks(host, tmp_path)


@pytest.fixture
def bare_host(tmp_path: Path) -> Iterator[Callable[..., StandinHost]]:
    """Make hosts that nobody prepared: `bare_host(settings)`."""
    made = []

    def make(settings: Optional[Settings] = None, name: str = "bare1") -> StandinHost:
        host = StandinHost(name, str(tmp_path / "bare" / name), settings)
        made.append(host)
        return host.up()

    try:
        yield make
    finally:
        for host in made:
            host.destroy()


@pytest.fixture
def mirror(host: StandinHost) -> Iterator[Mirror]:
    """A mirror on this test's own host."""
    made = Mirror(host)
    try:
        yield made
    finally:
        made.stop()

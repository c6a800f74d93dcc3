# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in hosts for the tests.

A host is prepared once by the project's own role, then shut down; every test (or file of tests) gets a copy of its disk
and boots it, which takes less than a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator, List, Mapping, Optional

import pytest
from harness import PREPARED, Modules, Playbooks, bring_tiny_guest
from images import Mirror
from spread import spread
from standin.host import StandinHost
from standin.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """What takes long begins first."""
    spread(items)


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all workers of a run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _lab(common: Path, directory: Path) -> Path:
    """A directory for hosts. The tree below their roots is the same for all hosts of a run, and made once."""
    directory.mkdir(parents=True, exist_ok=True)
    trees = common / "trees"
    trees.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (directory / ".base").symlink_to(trees)
    return directory


def _template(common: Path, name: str, settings: Optional[Settings], variables: Mapping[str, Any]) -> StandinHost:
    """A prepared host, shut down: role bhyve_host has run, bridge0 is in rc.conf, the modules lie ready.

    The worker that comes first makes it, the others wait.
    """
    lab = _lab(common, common / "templates")
    ready = lab / name
    with open(lab / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            making = _lab(common, lab / f"making-{name}")
            host = StandinHost(name, str(making / name), settings)
            try:
                _prepare(host, making, variables)
                os.rename(host.directory, ready)
            finally:
                host.destroy()
    return StandinHost(name, str(ready))


def _prepare(host: StandinHost, scratch: Path, variables: Mapping[str, Any]) -> None:
    host.up()
    host.sh("sysrc cloned_interfaces=bridge0 ifconfig_bridge0=up && service netif start bridge0", check=True)
    bring_tiny_guest(host)
    Modules(host).install()
    run = Playbooks(host, scratch).play(str(ROOT / "tests" / "integration" / "prepare.yml"), extra=variables)
    assert run.rc == 0, run.output
    host.down()


@pytest.fixture(scope="session")
def template(common: Path) -> StandinHost:
    """A prepared host with ZFS, to be copied."""
    return _template(common, "hive1", None, {})


@contextlib.contextmanager
def _copy(common: Path, template: StandinHost, lab: Path, **hardware: Any) -> Iterator[StandinHost]:
    """A copy of a prepared host, booted, with other hardware if any is given (`Settings`)."""
    directory = _lab(common, lab) / template.name
    # cp, for the host's disks are files with a terabyte of holes.
    subprocess.run(["cp", "-a", "--sparse=always", str(template.directory), str(directory)], check=True)
    host = StandinHost(template.name, str(directory))
    try:
        if hardware:
            host.rebuild(**hardware)
        yield host.up()
    finally:
        host.destroy()


@pytest.fixture
def host(common: Path, template: StandinHost, tmp_path: Path) -> Iterator[StandinHost]:
    """A prepared host of this test's own, booted."""
    with _copy(common, template, tmp_path / "lab") as copy:
        yield copy


@pytest.fixture(scope="module")
def shared_host(common: Path, template: StandinHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    """A prepared host for a whole file of tests, each of which leaves it as it found it."""
    with _copy(common, template, tmp_path_factory.mktemp("shared")) as copy:
        yield copy


@pytest.fixture(scope="module")
def shared_lan_host(
    common: Path, template: StandinHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandinHost]:
    """The same with a network card, which is on a LAN."""
    with _copy(common, template, tmp_path_factory.mktemp("shared"), uplinks={"em0": "lan"}) as copy:
        yield copy


@pytest.fixture(scope="module")
def saving_host(common: Path, template: StandinHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    """A prepared host that was built with BHYVE_SNAPSHOT, for a whole file of tests."""
    with _copy(common, template, tmp_path_factory.mktemp("saving"), snapshot=True) as copy:
        Modules(copy).good("bhyve_host", PREPARED)
        yield copy


@pytest.fixture
def plain_host(common: Path, tmp_path: Path) -> Iterator[StandinHost]:
    """A prepared host without ZFS, of this test's own, booted."""
    template = _template(common, "plain1", Settings("plain1", zfs=False), {"bhyve_host_dataset": ""})
    with _copy(common, template, tmp_path / "lab") as copy:
        yield copy


@pytest.fixture
def cards_host(common: Path, tmp_path: Path) -> Iterator[StandinHost]:
    """A prepared host with three network cards, of this test's own, booted."""
    cards = {"em0": "office", "em1": "dmz", "em2": "spare"}
    template = _template(common, "cards1", Settings("cards1", uplinks=cards), {})
    with _copy(common, template, tmp_path / "lab") as copy:
        yield copy


@pytest.fixture
def iov_host(common: Path, template: StandinHost, tmp_path: Path) -> Iterator[StandinHost]:
    """A prepared host into which a card was put that can have virtual functions, of this test's own, booted."""
    with _copy(common, template, tmp_path / "lab", uplinks={"ix0": "spare"}) as copy:
        yield copy


@pytest.fixture
def modules(host: StandinHost) -> Modules:
    """Modules on this test's own host."""
    return Modules(host)


@pytest.fixture
def playbooks(host: StandinHost, tmp_path: Path) -> Playbooks:
    """Real Ansible against this test's own host."""
    return Playbooks(host, tmp_path)


@pytest.fixture
def mirror(host: StandinHost) -> Iterator[Mirror]:
    """A mirror on this test's own host."""
    made = Mirror(host)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def bare_host(common: Path, tmp_path: Path) -> Iterator[Callable[..., StandinHost]]:
    """Make hosts that nobody prepared: `bare_host(settings)`."""
    made = []

    def make(settings: Optional[Settings] = None, name: str = "bare1") -> StandinHost:
        host = StandinHost(name, str(_lab(common, tmp_path / "bare") / name), settings)
        made.append(host)
        return host.up()

    try:
        yield make
    finally:
        for host in made:
            host.destroy()

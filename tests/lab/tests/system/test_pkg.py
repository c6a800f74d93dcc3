# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg(8): packages come from the repository, with their files."""

from __future__ import annotations

from pathlib import Path

from standin.host import StandinHost
from standin.settings import Settings

_FIRMWARE = "/usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd"


def test_install_brings_the_files_and_delete_takes_them(host: StandinHost) -> None:
    host.run(["pkg", "delete", "-y", "edk2-bhyve"])  # of an attempt before
    assert host.run(["pkg", "info", "-e", "edk2-bhyve"]).returncode == 1
    host.run(["pkg", "install", "-y", "edk2-bhyve"], check=True)
    assert len(host.read_bytes(_FIRMWARE)) > 1 << 20
    assert host.run(["pkg", "query", "%n-%v", "edk2-bhyve"]).stdout == "edk2-bhyve-g202308_6\n"
    again = host.run(["pkg", "install", "-y", "edk2-bhyve"])
    assert again.returncode == 0
    assert "The most recent versions of packages are already installed" in again.stdout
    host.run(["pkg", "delete", "-y", "edk2-bhyve"], check=True)
    assert not host.exists_in(_FIRMWARE)
    assert host.run(["pkg", "info", "-e", "edk2-bhyve"]).returncode == 1


def test_unknown_package_is_named(host: StandinHost) -> None:
    done = host.run(["pkg", "install", "-U", "-y", "nosuch"])
    assert done.returncode == 1
    assert "No packages available to install matching 'nosuch'" in done.stderr


def test_host_without_a_repository_refuses(tmp_path: Path) -> None:
    with StandinHost("alone", str(tmp_path / "alone"), Settings(hostname="alone", repository=False)) as machine:
        assert machine.run(["pkg", "update"]).returncode == 1
        assert machine.run(["pkg", "install", "-y", "edk2-bhyve"]).returncode == 1
        assert not machine.exists_in(_FIRMWARE)

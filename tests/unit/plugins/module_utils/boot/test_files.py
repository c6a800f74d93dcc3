# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot files that machines are told of by DHCP, and that are not on the TFTP server."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot import files
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import Note, dump
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The TFTP root of a host with a note."""
    monkeypatch.setattr(files, "NOTE", str(tmp_path / "pxe.json"))
    (tmp_path / "pxe.json").write_text(dump(Note(str(tmp_path), f"{tmp_path}/chainload")))
    (tmp_path / "ipxe.efi").write_text("x")
    (tmp_path / "ipxe.efi").chmod(0o644)
    (tmp_path / "secret.efi").write_text("x")
    (tmp_path / "secret.efi").chmod(0o600)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "server", "says"),
    [
        ("", "", []),
        ("ipxe.efi", "", []),
        ("/ipxe.efi", "127.0.0.1", []),
        ("nosuch.efi", "", ["web1: filename: {}/nosuch.efi, the boot file on this host's TFTP server, is missing"]),
        (
            "chainload",
            "127.0.0.1",
            ["web1: filename: {}/chainload, the boot file on this host's TFTP server, is missing"],
        ),
        ("secret.efi", "", ["web1: filename: {}/secret.efi cannot be read by everybody, so it is not served by TFTP"]),
        ("nosuch.efi", "192.0.2.77", []),
        ("nosuch.efi", "localhost", []),
        ("http://192.0.2.77/boot.efi", "", []),
    ],
)
def test_what_is_missing_is_told(root: Path, name: str, server: str, says: List[str]) -> None:
    host = Host()
    assert files.missing(host, [("web1", name, server)]) == [text.format(root) for text in says]
    assert not host.commands


def test_nothing_is_said_where_nobody_knows_of_a_tftp_server(root: Path) -> None:
    (root / "pxe.json").unlink()
    assert files.missing(Host(), [("web1", "nosuch.efi", "")]) == []

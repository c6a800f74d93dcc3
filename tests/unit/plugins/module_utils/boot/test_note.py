# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pxe.json, what a host serves for PXE boots."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot import note
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import Note
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

WHOLE = Note("/tftpboot", "/tftpboot/chainload", "/tftpboot/root", "/tftpboot", "http://10.10.0.1")


@pytest.mark.parametrize("one", [WHOLE, Note("/tftpboot", "/tftpboot/chainload")])
def test_what_is_written_is_read_again(one: Note) -> None:
    assert note.load(note.dump(one)) == one


def test_without_a_note_there_is_none() -> None:
    assert note.load(None) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 2, "tftp_root": "/t"}', "{"])
def test_what_cannot_be_read_is_not_absent(text: str) -> None:
    with pytest.raises(UnknownState, match="/usr/local/etc/apiary/pxe.json"):
        note.load(text)


@pytest.mark.parametrize("name", ["web1", "web1.ipxe"])
def test_a_script_is_named_with_or_without_its_suffix(name: str) -> None:
    assert WHOLE.script(name) == "/tftpboot/chainload/web1.ipxe"


@pytest.mark.parametrize("name", ["", ".ipxe", "..", "../x", "a/b", "/etc/passwd", "a\nb", ".hidden"])
def test_a_path_is_no_name_of_a_script(name: str) -> None:
    with pytest.raises(BadInput, match="chainload script"):
        note.script_name(name)

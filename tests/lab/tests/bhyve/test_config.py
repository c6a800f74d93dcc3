# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve_config(5) as the stand-in reads it: order, references, errors, and what the strict mode knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from standin.commands.bhyve.errors import Exit
from standin.commands.bhyve.keys import unknown
from standin.commands.bhyve.machine import parse_memory, topology
from standin.commands.bhyve.tree import Config


def _config(*lines: str) -> Config:
    config = Config()
    for line in lines:
        assert config.parse_option(line)
    return config


def test_a_variable_that_is_set_again_moves_to_the_end_of_its_node() -> None:
    config = _config("name=a", "memory.size=1G", "cpus=1", "memory.wired=true", "name=b", "memory.size=2G")
    assert list(config.items()) == [("memory.wired", "true"), ("memory.size", "2G"), ("cpus", "1"), ("name", "b")]


def test_references_are_replaced_and_percent_is_a_hazard() -> None:
    config = _config("dir=/vm", "name=web1", "path=%(dir)/%(name).img", "password=50%", "escaped=50\\%")
    assert config.get("path") == "/vm/web1.img"
    assert config.get("password") == "50%"
    assert config.get("escaped") == "50%"
    assert config.raw("path") == "%(dir)/%(name).img"


def test_a_missing_reference_is_empty_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert _config("a=%(nosuch)x").get("a") == "x"
    assert capsys.readouterr().err == "bhyve: Failed to fetch referenced configuration variable nosuch\n"


def test_a_value_cannot_be_a_node(capsys: pytest.CaptureFixture[str]) -> None:
    config = _config("pci.0.4.0.device=nvme")
    with pytest.raises(Exit) as end:
        config.set("pci.0.4", "x")
    assert end.value.status == 4
    assert capsys.readouterr().err == "bhyve: Attempting to add value x to existing node pci.0.4\n"


def test_a_line_without_value_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.conf"
    path.write_text("# comment\n\ncpus=1\nname=\n")
    with pytest.raises(Exit) as end:
        Config().parse_file(str(path))
    assert end.value.status == 4
    assert capsys.readouterr().err == f"bhyve: {path} line 4: invalid config option 'name='\n"


@pytest.mark.parametrize(
    ("text", "size"),
    [("256M", 256 << 20), ("1g", 1 << 30), ("8", 8 << 20), ("1048576", 1 << 20), ("64K", 65536), ("abc", None)],
)
def test_memory_sizes(text: str, size: int) -> None:
    assert parse_memory(text) == size


def test_cpus_have_to_be_the_product(capsys: pytest.CaptureFixture[str]) -> None:
    assert topology(_config("cpus=4", "sockets=2", "cores=2")) == (4, (2, 2, 1))
    assert topology(_config("cpus=3")) == (3, (3, 1, 1))
    with pytest.raises(Exit):
        topology(_config("cpus=4", "sockets=3"))
    expected = "bhyve: Topology (3 sockets, 1 cores, 1 threads) does not match 4 vCPUs\n"
    assert capsys.readouterr().err == expected


def test_the_strict_mode_knows_each_devices_keys() -> None:
    good = (
        "name=web1",
        "pci.0.4.0.device=virtio-blk",
        "pci.0.4.0.path=/vm/a",
        "pci.0.5.0.device=ahci",
        "pci.0.5.0.port.0.type=cd",
        "pci.0.5.0.port.0.path=/vm/b",
        "lpc.com1.path=/dev/nmdm0A",
        "vcpu.0.cpuset=1",
    )
    assert unknown(_config(*good)) == []
    bad = (
        "memory.sise=1G",
        "pci.0.4.0.mac=5a:00:00:00:00:01",
        "pci.0.5.0.path=/vm/c",
        "pci.0.6.0.path=/vm/d",
        "vmdir=/vm",
    )
    assert unknown(_config(*good, *bad)) == [
        "pci.0.4.0.mac",
        "pci.0.5.0.path",
        "pci.0.6.0.path",
        "memory.sise",
        "vmdir",
    ]

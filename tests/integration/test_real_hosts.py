# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test-host` runs on a real host, here on a stand-in: all targets, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List

import pytest
import yaml
from harness import ROOT, Playbooks, tiny_guest
from standin.host import StandinHost
from standin.settings import Settings

REAL = str(ROOT / "tests" / "integration" / "real.yml")
#: All targets one after the other would keep one worker busy when the others are done, and each part prepares a host.
PARTS = 2
#: A card that can have virtual functions.
CARD = "ix0"


def everything(host: StandinHost) -> str:
    """What a test on somebody's host might leave behind."""
    return host.sh(
        "find /etc /boot /usr/local /var/db /var/log/apiary /apiary-test /var/tmp | grep -v __pycache__ | sort;"
        " cat /etc/rc.conf /etc/sysctl.conf /boot/loader.conf; zfs list -H -o name; ifconfig -l; ls /dev/vmm;"
        " ps -axww -o command | grep -v -e grep -e 'ps -axww'"
    ).stdout


def all_targets() -> List[str]:
    """The targets that run on a real host when nobody chooses among them."""
    play = yaml.safe_load(Path(REAL).read_text())[0]
    return [str(target) for target in play["vars"]["apiary_test_targets"]]


@pytest.mark.early
@pytest.mark.parametrize("part", range(PARTS))
def test_all_targets_pass_and_nothing_is_left(bare_host: Callable[..., StandinHost], tmp_path: Path, part: int) -> None:
    tiny_guest()
    host = bare_host(Settings("bare1", uplinks={CARD: "spare"}, snapshot=True))
    before = everything(host)
    targets = all_targets()[part::PARTS]
    extra = {"apiary_test_targets": targets, "apiary_test_iov_device": CARD}
    run = Playbooks(host, tmp_path).play(REAL, extra=extra)
    assert run.rc == 0, run.output
    # Nobody has given a disk image.
    assert run.output.count("SKIPPED: ") == targets.count("disk_image"), run.output
    assert everything(host) == before


def test_a_host_that_is_in_use_is_left_alone(host: StandinHost, playbooks: Playbooks) -> None:
    run = playbooks.play(REAL)
    assert run.rc != 0 and "is prepared for guests already" in run.output
    assert host.exists_in("/usr/local/etc/apiary.conf")


def test_everything_goes_also_after_a_failure(bare_host: Callable[..., StandinHost], tmp_path: Path) -> None:
    tiny_guest()
    host = bare_host()
    before = everything(host)
    host.set_faults([{"match": ["bhyve"], "kth": 4, "mode": "fail", "exit": 4, "stderr": "it failed"}])
    run = Playbooks(host, tmp_path).play(REAL, extra={"apiary_test_targets": ["bhyve_vm"]})
    assert run.rc != 0 and host.fired_faults()
    assert everything(host) == before

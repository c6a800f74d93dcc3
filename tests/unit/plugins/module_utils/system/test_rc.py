# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rc.conf variables: values as sh reads them, changes where sysrc(8) makes them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Dict, List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Variable, Wanted

pytestmark = pytest.mark.usefixtures("files_of_anybody")
RC_CONF = """\
hostname="bhyve0"
sshd_enable="YES"\t# needed
ifconfig_em0='SYNCDHCP'
if [ -r /nonexistent ]; then
\tnever="1"
fi
"""


class Etc:
    """A directory with defaults, rc.conf and rc.conf.local in place of /etc."""

    def __init__(self, directory: Path) -> None:
        self.defaults = directory / "defaults"
        self.conf = directory / "rc.conf"
        self.local = directory / "rc.conf.local"
        self.defaults.write_text(
            f'rc_conf_files="{self.conf} {self.local}"\nsshd_enable="NO"\nkld_list=""\nsyslogd_flags="-s"\n'
        )
        self.conf.write_text(RC_CONF)
        self.host = Host()

    def plan(self, *wanted: Wanted, path: Optional[Path] = None) -> Plan:
        plan = Plan()
        self.variables = rc.plan_variables(self.host, plan, wanted, None if path is None else str(path))
        return plan

    def apply(self, *wanted: Wanted, path: Optional[Path] = None) -> List[str]:
        outcome = self.plan(*wanted, path=path).apply(self.host)
        assert not outcome.failed
        return list(outcome.done)

    def value(self, name: str) -> Optional[str]:
        """What a shell that starts at the defaults reads: an independent look."""
        script = (
            f'. {self.defaults}; for f in $rc_conf_files; do [ -r $f ] && . $f; done; printf %s "${{{name}-unset}}"'
        )
        return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Etc:
    etc = Etc(tmp_path)
    monkeypatch.setattr(rc, "DEFAULTS", str(etc.defaults))
    return etc


def test_a_new_variable_goes_to_the_end_of_the_first_file(etc: Etc) -> None:
    assert etc.apply(Wanted("foo_enable", "YES")) == [str(etc.conf)]
    assert etc.conf.read_text() == RC_CONF + 'foo_enable="YES"\n'
    assert etc.variables == [Variable("foo_enable", "YES", str(etc.conf))]


def test_a_change_goes_to_the_last_file_that_sets_it_and_keeps_everything_else(etc: Etc) -> None:
    etc.local.write_text("hostname=other # local\n")
    assert etc.apply(Wanted("hostname", "hive1"), Wanted("sshd_enable", "NO"), Wanted("ifconfig_em0", "DHCP")) == [
        str(etc.conf),
        str(etc.local),
    ]
    assert etc.local.read_text() == 'hostname="hive1" # local\n'
    assert etc.conf.read_text() == RC_CONF.replace('"YES"\t', '"NO"\t').replace("SYNCDHCP", "DHCP")


def test_what_sh_reads_already_is_no_change_however_it_is_spelt_and_wherever_it_stands(etc: Etc) -> None:
    etc.local.write_text('base=em\nx="$base"0\nexport y=1\n')
    plan = etc.plan(Wanted("x", "em0"), Wanted("y", "1"), Wanted("syslogd_flags", "-s"), Wanted("sshd_enable", "YES"))
    assert not plan.changed
    assert len(etc.host.commands) == 1


def test_the_empty_value_is_a_value_and_differs_from_none(etc: Etc) -> None:
    assert etc.apply(Wanted("vm_list", "")) == [str(etc.conf)]
    assert etc.apply(Wanted("vm_list", "")) == []
    assert etc.value("vm_list") == ""


@pytest.mark.parametrize(
    "value",
    ['inet 10.0.0.1/24 descr "x y" up', "it's $HOME and `date` and a \\ backslash", "a\tb", "#x", "a;b&c|d", "%"],
)
def test_a_value_is_literal(etc: Etc, value: str) -> None:
    etc.apply(Wanted("quoted", value), Wanted("ifconfig_em0", value))
    assert etc.value("quoted") == value
    assert etc.value("ifconfig_em0") == value
    assert etc.apply(Wanted("quoted", value), Wanted("ifconfig_em0", value)) == []


def test_many_variables_cost_one_read_one_trial_and_one_write_for_each_file(etc: Etc) -> None:
    etc.local.write_text("hostname=other\n")
    wanted = [Wanted("hostname", "new"), *(Wanted(f"v{number}", "1") for number in range(50))]
    plan = etc.plan(*wanted)
    assert len(plan.changes) == 2
    assert len(etc.host.commands) == 2


@pytest.mark.parametrize(
    ("before", "state", "items", "after"),
    [
        # sysrc(8) as recorded on FreeBSD
        ("", "append", "vmm", "vmm"),
        ("vmm", "append", "vmm", "vmm"),
        ("vmm", "append", "vmm nmdm if_bridge", "vmm nmdm if_bridge"),
        ("vmm nmdm if_bridge", "append", " if_tap", "vmm nmdm if_bridge if_tap"),
        ("vmm nmdm if_bridge if_tap", "remove", "nmdm", "vmm if_bridge if_tap"),
        ("vmm if_bridge if_tap", "remove", "nmdm", "vmm if_bridge if_tap"),
        ("bridge0 tap0", "append", ",tap1", "bridge0 tap0,tap1"),
        ("bridge0 tap0,tap1", "remove", "bridge0", "tap0,tap1"),
        ("vmm if_bridge if_tap", "remove", "vmm if_bridge if_tap", ""),
        # what follows from its source
        ("a,b", "append", ",b,c", "a,b,c"),
        ("a,,b", "remove", ",a", "b"),
        ("vmm  nmdm", "append", "vmm", "vmm  nmdm"),
        ("em0", "append", "em0.10", "em0 em0.10"),
        ("a", "append", "b b", "a b"),
    ],
)
def test_list_edits(before: str, state: str, items: str, after: str) -> None:
    assert rc.edit_list(before, items, remove=state == "remove") == after


def test_items_are_added_to_and_taken_from_what_sh_reads(etc: Etc) -> None:
    assert etc.apply(Wanted("kld_list", "vmm nmdm", "append")) == [str(etc.conf)]
    assert etc.apply(Wanted("kld_list", "vmm", "append")) == []
    assert etc.apply(Wanted("kld_list", "vmm", "remove"), Wanted("kld_list", "if_tap", "append")) == [str(etc.conf)]
    assert etc.value("kld_list") == "nmdm if_tap"
    assert etc.apply(Wanted("nosuch", "x", "remove")) == []


def test_absent_removes_every_assignment_in_every_file_and_never_the_default(etc: Etc) -> None:
    etc.local.write_text("sshd_enable=YES\nkeep=1\n")
    etc.conf.write_text(RC_CONF + "sshd_enable=NO\n")
    assert etc.apply(Wanted("sshd_enable", state="absent")) == [str(etc.conf), str(etc.local)]
    assert "sshd_enable" not in etc.conf.read_text() + etc.local.read_text()
    assert etc.local.read_text() == "keep=1\n"
    assert etc.value("sshd_enable") == "NO"
    assert etc.apply(Wanted("sshd_enable", state="absent"), Wanted("nosuch", state="absent")) == []


def test_a_file_of_choice_stands_alone(etc: Etc, tmp_path: Path) -> None:
    path = tmp_path / "periodic.conf"
    assert etc.apply(Wanted("syslogd_flags", "-s"), Wanted("hostname", "x"), path=path) == [str(path)]
    assert path.read_text() == 'syslogd_flags="-s"\nhostname="x"\n'
    assert path.stat().st_mode & 0o777 == 0o644
    assert etc.apply(Wanted("hostname", "x"), path=path) == []
    assert etc.conf.read_text() == RC_CONF


def test_mode_and_symbolic_link_are_kept(etc: Etc, tmp_path: Path) -> None:
    real = tmp_path / "repository"
    etc.conf.rename(real)
    real.chmod(0o640)
    etc.conf.symlink_to(real)
    etc.apply(Wanted("a", "1"))
    assert etc.conf.is_symlink()
    assert real.read_text().endswith('a="1"\n')
    assert real.stat().st_mode & 0o777 == 0o640


def test_computed_values_stay_and_are_overruled(etc: Etc) -> None:
    etc.conf.write_text("a=`echo x`\nb=$(echo y)\n")
    etc.apply(Wanted("a", "1"), Wanted("b", "2"))
    assert etc.conf.read_text() == 'a=`echo x`\nb=$(echo y)\na="1"\nb="2"\n'
    assert (etc.value("a"), etc.value("b")) == ("1", "2")


def test_rc_conf_may_name_other_files(etc: Etc, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.write_text("where=site\n")
    etc.conf.write_text(RC_CONF + f'rc_conf_files="{etc.conf} {site}"\n')
    etc.apply(Wanted("where", "here"))
    assert site.read_text() == 'where="here"\n'


def test_what_shell_code_decides_is_refused_and_nothing_is_written(etc: Etc) -> None:
    text = RC_CONF + "[ -r / ] && never=2\n"
    etc.conf.write_text(text)
    with pytest.raises(UnknownState, match="cannot change never to '3' .*sh would still read '2'"):
        etc.plan(Wanted("never", "3"))
    assert etc.conf.read_text() == text


@pytest.mark.parametrize("broken", ['oops="unterminated\n', "if true; then\n", "exit 0\n"])
def test_a_file_that_sh_cannot_read_to_its_end_is_an_error(etc: Etc, broken: str) -> None:
    etc.local.write_text(broken)
    with pytest.raises(UnknownState, match=r"cannot read the variables of rc\.conf"):
        etc.plan(Wanted("a", "1"))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ([Wanted("bad-name", "1")], "'bad-name' is not a variable's name"),
        ([Wanted("1name", "1")], "'1name' is not"),
        ([Wanted("hw.vmm.maxcpu", "1")], "is not a variable's name"),
        ([Wanted("", "1")], "'' is not"),
        ([Wanted("a", "x\ny")], "does not fit in one line"),
        ([Wanted("a", "1"), Wanted("a", "2")], "a is given 2 times"),
        ([Wanted("a", "1", "append"), Wanted("a", "", "absent")], "a is given 2 times"),
        ([Wanted("a", "1", "gone")], "unknown state 'gone'"),
    ],
)
def test_bad_input_is_one_clear_error(wanted: List[Wanted], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        rc.check(wanted)


@pytest.mark.parametrize("path", ["rc.conf", "/etc/rc conf", ""])
def test_a_path_is_absolute_and_has_no_blanks(path: str) -> None:
    with pytest.raises(BadInput, match="path"):
        rc.check([Wanted("a", "1")], path)


def test_the_diff_shows_the_files(etc: Etc) -> None:
    parts: List[Dict[str, str]] = etc.plan(Wanted("a", "1")).diff()
    assert [part["before_header"] for part in parts] == [str(etc.conf)]
    assert parts[0]["before"] == RC_CONF
    assert parts[0]["after"] == RC_CONF + 'a="1"\n'

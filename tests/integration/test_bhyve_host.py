# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user of bhyve_host relies on, on stand-in hosts that nobody prepared."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Tuple

import pytest
from harness import PREPARED, Modules
from standin.host import StandinHost
from standin.settings import Settings

WISH: Dict[str, Any] = {**PREPARED, "loader_variables": {"pptdevs": "2/0/0"}}
SYSTEM_FILES = ("/etc/rc.conf", "/etc/sysctl.conf", "/boot/loader.conf")

Maker = Callable[..., StandinHost]


def everything(host: StandinHost) -> str:
    """All that preparing could have touched."""
    return host.sh(
        "cat /etc/rc.conf /etc/sysctl.conf /boot/loader.conf; find /usr/local /var/db /var/log /apiary /vm; kldstat;"
        " sysctl net.link; zfs list -H -o name"
    ).stdout


def comparable(result: Dict[str, Any]) -> Dict[str, Any]:
    """A result without what only says how it was come by."""
    return {key: value for key, value in result.items() if key not in ("commands", "commands_started", "invocation")}


@pytest.fixture
def bare(bare_host: Maker) -> Modules:
    """Modules on an unprepared host with ZFS."""
    return Modules(bare_host()).install()


def test_check_changes_nothing_and_tells_what_apply_does(bare: Modules) -> None:
    before = everything(bare.host)
    told = bare.good("bhyve_host", WISH, check=True)
    assert everything(bare.host) == before
    assert comparable(bare.good("bhyve_host", WISH)) == comparable(told)
    again = bare.good("bhyve_host", WISH)
    assert (again["changed"], again["changes"], again["diff"]) == (False, {}, [])


def test_a_run_that_changes_nothing_starts_few_commands(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    bare.host.clear_commands()
    again = bare.good("bhyve_host", WISH)
    assert again["commands_started"] <= 10
    assert again["commands_started"] == len(again["commands"])


def test_the_host_is_ready_without_ansible_after_a_power_cut(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    bare.host.power_cut()
    bare.host.boot()
    assert bare.host.sh("kldstat -q -m vmm && kldstat -q -m nmdm && sysctl -n net.link.tap.up_on_open").stdout == "1\n"
    assert bare.host.sh("zfs get -H -o value mounted,volmode zroot/apiary").stdout.split() == ["yes", "dev"]
    assert bare.host.sh("service apiary status").returncode == 0
    assert not bare.good("bhyve_host", WISH)["changed"]


def test_a_tunable_counts_from_the_next_boot_on(bare: Modules) -> None:
    wish = dict(WISH, loader_variables={"hw.vmm.maxcpu": 16})
    assert bare.good("bhyve_host", wish)["host"]["capabilities"]["maxcpu"] == 4
    bare.host.power_cut()
    bare.host.boot()
    assert bare.good("bhyve_host", wish)["host"]["capabilities"]["maxcpu"] == 16
    assert not bare.good("bhyve_host", wish)["changed"]


SHUTDOWN = "sysrc -n rcshutdown_timeout; sysctl -n kern.init_shutdown_timeout; grep -h shutdown /etc/sysctl.conf"


def test_the_time_to_shut_down_is_only_raised(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    assert not bare.good("bhyve_host", {"shutdown_seconds": 90})["changed"]
    told = bare.good("bhyve_host", {"shutdown_seconds": 155}, check=True)
    assert comparable(bare.good("bhyve_host", {"shutdown_seconds": 155})) == comparable(told)
    assert bare.host.sh(SHUTDOWN).stdout.split() == ["155", "185", "kern.init_shutdown_timeout=185"]
    bare.host.sh("sysrc rcshutdown_timeout=600; sysctl kern.init_shutdown_timeout=700", check=True)
    bare.host.sh("sed -i '' s/185/700/ /etc/sysctl.conf", check=True)
    assert not bare.good("bhyve_host", {"shutdown_seconds": 300})["changed"]
    assert bare.host.sh(SHUTDOWN).stdout.split() == ["600", "700", "kern.init_shutdown_timeout=700"]


def test_a_kernel_module_that_cannot_be_loaded_is_not_promised_for_the_next_boot(bare: Modules) -> None:
    broken = bare.run("bhyve_host", dict(WISH, kernel_modules=["nosuch"]))
    assert broken["failed"] and "cannot load the kernel module nosuch" in broken["msg"]
    assert "nosuch" not in bare.host.read("/etc/rc.conf")
    bare.good("bhyve_host", WISH)
    assert not bare.good("bhyve_host", WISH)["changed"]


def test_a_kernel_variable_that_is_unknown_is_not_promised_for_the_next_boot(bare: Modules) -> None:
    broken = bare.run("bhyve_host", dict(WISH, sysctls={"kern.nosuch": 1}))
    assert broken["failed"] and "cannot set the kernel variable kern.nosuch" in broken["msg"]
    assert "nosuch" not in bare.host.read("/etc/sysctl.conf")


def test_a_kernel_module_that_is_nowhere_is_refused_before_anything_is_done(bare: Modules) -> None:
    bare.host.sh("touch /boot/kernel/vmm.ko /boot/kernel/nmdm.ko /boot/kernel/if_bridge.ko", check=True)
    before = everything(bare.host)
    refused = bare.run("bhyve_host", dict(WISH, kernel_modules=["nosuch"]))
    assert refused["failed"] and "there is no nosuch.ko in /boot/kernel" in refused["msg"]
    assert everything(bare.host) == before


def test_what_somebody_changed_shows_up_and_is_set_right(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    bare.host.sh(
        "chmod 644 /usr/local/libexec/apiary; echo >> /usr/local/libexec/apiary.subr; sysctl net.link.tap.up_on_open=0",
        check=True,
    )
    bare.host.sh("echo hello >> /usr/local/etc/rc.d/apiary; rm /var/db/apiary/capabilities.json", check=True)
    changes = bare.good("bhyve_host", WISH)["changes"]
    assert sorted(changes) == [
        "/usr/local/etc/rc.d/apiary",
        "/usr/local/libexec/apiary",
        "/usr/local/libexec/apiary.subr",
        "/var/db/apiary/capabilities.json",
        "net.link.tap.up_on_open",
    ]
    assert not bare.good("bhyve_host", WISH)["changed"]


def test_a_part_of_the_runtime_alone_is_refused(bare: Modules) -> None:
    for runtime in ({"apiary": "exit 1"}, {**WISH["runtime"], "apiary.sh": ""}):
        result = bare.run("bhyve_host", dict(WISH, runtime=runtime))
        assert result["failed"] and "needed are apiary, apiary.subr, apiary.checkpoint" in result["msg"]
    assert not bare.host.exists_in("/usr/local/libexec/apiary")


def test_capabilities_are_kept_for_the_other_modules(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    kept = json.loads(bare.host.read("/var/db/apiary/capabilities.json"))
    assert (kept["release"], kept["machine"], kept["snapshot"]) == ("14.3-RELEASE", "amd64", False)
    assert {"virtio-blk", "nvme", "e1000"} <= set(kept["bhyve_devices"])
    assert kept["maxcpu"] == 4


def test_absent_leaves_the_host_as_it_was_and_may_be_repeated(bare: Modules) -> None:
    system = {path: bare.host.read(path) for path in SYSTEM_FILES}
    bare.good("bhyve_host", WISH)
    gone = bare.good("bhyve_host", {"state": "absent"})
    assert gone["changed"]
    assert {path: bare.host.read(path) for path in SYSTEM_FILES} == system
    found = bare.host.sh(
        "ls -d /usr/local/libexec/apiary* /usr/local/etc/apiary.conf /var/db/apiary; zfs list -H -o name"
    ).stdout
    assert "apiary" not in found
    assert not bare.good("bhyve_host", {"state": "absent"})["changed"]


def test_absent_takes_back_what_was_there_before_and_leaves_what_others_changed_since(bare: Modules) -> None:
    bare.host.sh("sysrc kld_list=if_bridge; echo kern.coredump=0 >> /etc/sysctl.conf", check=True)
    bare.good("bhyve_host", dict(WISH, sysctls={"kern.coredump": 1}))
    bare.host.sh("sysrc apiary_enable=NO", check=True)
    bare.good("bhyve_host", {"state": "absent"})
    assert bare.host.sh("sysrc -n kld_list apiary_enable").stdout.split() == ["if_bridge", "NO"]
    assert "kern.coredump=0\n" in bare.host.read("/etc/sysctl.conf")


def test_absent_is_refused_while_there_are_guests_and_never_takes_data(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    bare.host.sh("zfs create zroot/apiary/web1 && echo '{}' > /apiary/web1/guest.json", check=True)
    before = everything(bare.host)
    refused = bare.run("bhyve_host", {"state": "absent"})
    assert refused["failed"] and "still has guests (web1)" in refused["msg"]
    assert everything(bare.host) == before
    bare.host.sh("rm /apiary/web1/guest.json && echo data > /apiary/web1/root.img", check=True)
    bare.good("bhyve_host", {"state": "absent"})
    assert bare.host.read("/apiary/web1/root.img") == "data\n"


def test_guests_are_not_left_behind(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    bare.host.sh("mkdir /apiary/web1 && echo '{}' > /apiary/web1/guest.json", check=True)
    refused = bare.run("bhyve_host", dict(WISH, root="/vm", dataset="zroot/vm"))
    assert refused["failed"] and "web1" in refused["msg"] and not refused["changed"]


def test_a_host_without_zfs_has_a_plain_directory(bare_host: Maker) -> None:
    modules = Modules(bare_host(Settings("plain1", zfs=False), name="plain1")).install()
    wish = dict(WISH, root="/vm", dataset="")
    told = modules.good("bhyve_host", wish, check=True)
    assert comparable(modules.good("bhyve_host", wish)) == comparable(told)
    assert modules.host.sh("test -d /vm").returncode == 0
    assert not modules.good("bhyve_host", {})["changed"]
    modules.good("bhyve_host", {"state": "absent"})
    assert modules.host.sh("test -d /vm").returncode == 1


@pytest.mark.parametrize(
    ("settings", "wish", "says"),
    [
        (Settings("odd1", machine="arm64"), {}, "arm64 machine; only amd64 is supported"),
        (Settings("odd1", release="13.5-RELEASE"), {}, "FreeBSD 13.5-RELEASE; supported are 14 and 15"),
        (Settings("odd1", cpu="none"), {}, "cannot run guests"),
        (Settings("odd1", zfs=False), {}, "'zroot/apiary' is not in a pool of this host"),
        (Settings("odd1"), {"dataset": "zroot/var/log", "root": "/logs"}, "a filesystem mounted on /var/log"),
        (Settings("odd1"), {"dataset": "zroot/usr/new", "root": "/etc"}, "/etc is not empty"),
    ],
)  # fmt: skip
def test_hosts_and_places_that_cannot_be_are_refused_and_left_alone(
    bare_host: Maker, settings: Settings, wish: Dict[str, Any], says: str
) -> None:
    modules = Modules(bare_host(settings, name="odd1")).install()
    before = everything(modules.host)
    refused = modules.run("bhyve_host", dict(WISH, **wish))
    assert refused["failed"] and says in refused["msg"] and not refused["changed"]
    assert everything(modules.host) == before


def test_an_amd_host_with_freebsd_15_is_ready_as_well(bare_host: Maker) -> None:
    modules = Modules(bare_host(Settings("amd1", cpu="amd", release="15.0-RELEASE"), name="amd1")).install()
    modules.good("bhyve_host", WISH)
    assert not modules.good("bhyve_host", WISH)["changed"]


def test_a_dataset_that_is_not_mounted_is_mounted(bare: Modules) -> None:
    bare.good("bhyve_host", WISH)
    bare.host.sh("zfs unmount zroot/apiary", check=True)
    assert bare.good("bhyve_host", WISH)["changes"] == {"zroot/apiary": ["mount zroot/apiary on /apiary"]}
    assert bare.host.sh("zfs get -H -o value mounted zroot/apiary").stdout == "yes\n"


def test_a_read_that_fails_is_reported_and_nothing_is_changed(bare: Modules) -> None:
    # sh(1) is no stand-in, so no fault can be put into it.
    started = [argv[0] for argv in bare.good("bhyve_host", WISH, check=True)["commands"]]
    before = everything(bare.host)
    for name, kth in occurrences(started):
        broken = with_fault(bare, name, kth)
        assert broken["failed"] and not broken["changed"], f"{name} {kth}: {broken}"
        assert "broken" in broken["msg"]
    assert everything(bare.host) == before


def test_a_change_that_fails_is_reported_and_put_right_by_the_same_task(bare: Modules) -> None:
    reads = [argv[0] for argv in bare.good("bhyve_host", WISH, check=True)["commands"]]
    started = [argv[0] for argv in bare.good("bhyve_host", WISH)["commands"]]
    for name, kth in occurrences(started)[len(occurrences(reads)) :]:
        bare.good("bhyve_host", {"state": "absent"})
        bare.host.sh("kldunload nmdm; kldunload if_bridge; kldunload vmm; sysctl net.link.tap.up_on_open=0")
        broken = with_fault(bare, name, kth)
        assert broken["failed"] and "broken" in broken["msg"], f"{name} {kth}: {broken}"
        bare.good("bhyve_host", WISH)
        assert not bare.good("bhyve_host", WISH)["changed"], f"{name} {kth}"


@pytest.mark.parametrize(("name", "kth"), [("kldload", 2), ("zfs", 3)])
def test_a_power_cut_in_the_middle_is_put_right_by_the_same_task(bare: Modules, name: str, kth: int) -> None:
    bare.host.set_faults([{"match": [name], "kth": kth, "mode": "cut"}])
    process = bare.start("bhyve_host", WISH)
    process.communicate(timeout=60)
    bare.host.wait_off()
    assert bare.host.fired_faults()
    bare.host.set_faults([])
    bare.host.boot()
    bare.good("bhyve_host", WISH)
    assert not bare.good("bhyve_host", WISH)["changed"]
    bare.good("bhyve_host", {"state": "absent"})
    assert "apiary" not in bare.host.sh("zfs list -H -o name; cat /etc/rc.conf /etc/sysctl.conf").stdout


def occurrences(names: List[str]) -> List[Tuple[str, int]]:
    """Each command with the number of times that its name has come so far."""
    return [(name, names[: at + 1].count(name)) for at, name in enumerate(names) if name != "sh"]


def with_fault(modules: Modules, name: str, kth: int) -> Dict[str, Any]:
    """The result when the k-th command of that name fails."""
    rule = {"match": [name], "kth": kth, "mode": "fail", "exit": 1, "stderr": "apiary test: broken\n"}
    modules.host.set_faults([rule])
    result = modules.run("bhyve_host", WISH)
    assert modules.host.fired_faults(), f"{name} {kth} was not hit"
    modules.host.set_faults([])
    return result

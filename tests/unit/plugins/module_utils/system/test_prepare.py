# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no host can be, and the file that other parts rely on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.system.checkpoints import Checkpoints
from ansible_collections.apiary.bhyve.plugins.module_utils.system.prepare import Wish, check_wish, render_conf
from ansible_collections.apiary.bhyve.plugins.modules.bhyve_host import ARGUMENTS, wish_of

CONF = {
    "apiary_root": "/apiary",
    "apiary_dataset": "",
    "apiary_firmware_code": "/usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd",
    "apiary_firmware_vars": "/usr/local/share/uefi-firmware/BHYVE_UEFI_VARS.fd",
}
CHECKPOINTS = Checkpoints((), ("lpc", "virtio-blk"), True, "snapshot.c")


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Wish(root="vm"), "root: 'vm' is not an absolute path"),
        (Wish(root="/v m"), "root"),
        (Wish(root="/vm/"), "root"),
        (Wish(firmware_code="/a'b"), "firmware_code"),
        (Wish(dataset="zroot"), "dataset: 'zroot' is not the name of a dataset below a pool"),
        (Wish(dataset="/zroot/vm"), "dataset"),
        (Wish(dataset="zroot/vm@now"), "dataset"),
        (Wish(dataset_properties={"volmode": "geom"}), "volmode is always dev"),
        (Wish(dataset_properties={"mountpoint": "/x"}), "mountpoint is set by root"),
        (Wish(kernel_modules=("../vmm",)), "kernel_modules"),
        (Wish(shutdown_seconds=0), "shutdown_seconds: 0; allowed are 1 to 86400"),
        (Wish(sysctls={"tap": "1"}), "sysctls: 'tap' is not the name of a kernel variable"),
        (Wish(sysctls={"net.link.tap.up_on_open": '"1"'}), "has a quote"),
        (Wish(loader_variables={"vmm load": "YES"}), "loader_variables"),
        (Wish(loader_variables={"vmm_load": "YES # x"}), "has a quote, a # or a newline"),
    ],
)
def test_bad_input_names_option_and_value(wish: Wish, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        check_wish(wish)


def test_good_input() -> None:
    check_wish(
        Wish(
            root="/vm",
            dataset="tank/vm.guests-1/x",
            dataset_properties={"compression": "zstd"},
            kernel_modules=("if_epair",),
            sysctls={"net.link.bridge.pfil_member": "0", "kern.coredump": ""},
            loader_variables={"vmm_load": "YES", "hw.vmm.maxcpu": "32", "pptdevs": "2/0/0 2/0/1"},
        )
    )
    check_wish(Wish(dataset=""))


def test_sh_reads_apiary_conf(tmp_path: Path) -> None:
    path = tmp_path / "apiary.conf"
    path.write_text(render_conf(CONF, CHECKPOINTS))
    script = (
        f'. {path}; printf "%s\\n" "$apiary_root" "$apiary_dataset" "$apiary_firmware_code" "$apiary_firmware_vars" '
        '"$apiary_checkpoint_missing" "$apiary_checkpoint_devices" "$apiary_checkpoint_several"'
    )
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == [*CONF.values(), "", "lpc virtio-blk", "YES"]


def test_yaml_values_become_the_tools_words() -> None:
    params: Dict[str, Any] = dict.fromkeys(ARGUMENTS)
    params["dataset_properties"] = {"atime": False}
    params["sysctls"] = {"net.link.tap.up_on_open": True, "kern.coredump": ""}
    params["loader_variables"] = {"vmm_load": True, "kern.hz": 100}
    params["rc_variables"] = {"apiary_enable": True, "kld_list": ["a", "b"]}
    wish = wish_of(params)
    assert wish.dataset_properties == {"atime": "off"}
    assert wish.sysctls == {"net.link.tap.up_on_open": "1", "kern.coredump": ""}
    assert wish.loader_variables == {"vmm_load": "YES", "kern.hz": "100"}
    assert wish.rc_variables == {"apiary_enable": "YES", "kld_list": "a b"}
    assert wish.kernel_modules is None

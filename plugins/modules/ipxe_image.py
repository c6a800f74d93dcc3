#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipxe_image
short_description: Make and remove the images by which guests boot from the network
version_added: 0.2.0
description:
  - Manages disk images with iPXE, one by its own options or many by O(images). A guest that has one first in its boot
    order asks for an address by DHCP and loads what it boots from the network, see
    O(apiary.bhyve.bhyve_vm#module:pxe). It needs nothing of the firmware but that it starts from disks.
  - An image is an EFI system partition with iPXE as C(EFI/BOOT/BOOTX64.EFI) and a script C(autoexec.ipxe). It is
    built on the host by makefs(8) and mkimg(1); nothing is mounted.
  - What it is made of is compared by content. The same iPXE and the same script give the same image, byte for byte, on
    every host, and it is made anew only when one of them has changed, or its file is gone or of another size.
  - One image does for all guests of a host, read-only. A guest that runs keeps the one that it was started with.
  - An option that is left out keeps what the image has; the defaults count when it is made.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  name:
    description: &name
      - The image's name, 1 to 63 letters, digits, C(.), C(_) and C(-), without the ending of a file. The name that
        O(apiary.bhyve.bhyve_vm#module:pxe.image) takes by default is V(ipxe).
    type: str
  state:
    description: &state
      - V(present), the image is there. This is the default.
      - V(absent), it is not. Refused while guests use it; they are named.
    type: str
    choices: [present, absent]
  program:
    description: &program
      - The absolute path of iPXE on the host, an EFI program for amd64 that reads C(autoexec.ipxe), as iPXE does since
        2021.
      - The default is C(/usr/local/share/ipxe/ipxe.efi-x86_64), which is in the package C(ipxe).
    type: path
  script:
    description: &script
      - The script C(autoexec.ipxe), whose first line is C(#!ipxe). V('') is the collection's own.
      - The collection's own asks for an address by DHCP, O(attempts) times, and then runs the script
        C(chainload/HOSTNAME.ipxe) of the TFTP server, with the host name and the server (C(next-server), else the DHCP
        server itself) that DHCP tells. If that ends without an error the firmware goes on with the next disk.
      - If it is missing or fails, or there is no answer to DHCP, the console shows a menu, to try again, to boot from
        the next disk, or for iPXE's shell.
    type: str
  script_file:
    description: &script_file
      - The absolute path of a file on the host with that script, in place of O(script).
    type: path
  attempts:
    description: &attempts
      - How often the collection's own script asks for an address before it shows the menu, V(1) to V(1000). The default
        is V(5).
    type: int
  prompt_timeout:
    description: &prompt_timeout
      - Seconds after which the menu takes O(fallback) by itself, V(0) to V(3600). With V(0) it waits for a key. The
        default is V(30).
    type: int
  fallback:
    description: &fallback
      - What the menu takes by itself. V(retry), all again, which is the default, so that a guest boots once its script
        is there; V(local), the next disk in boot order; V(shell), iPXE's shell.
    type: str
    choices: [retry, local, shell]
  images:
    description:
      - Many images, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first change. Then an image that fails does not keep the others from being made.
    type: list
    elements: dict
    suboptions:
      name:
        description: *name
        type: str
        required: true
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
      program:
        description: *program
        type: path
      script:
        description: *script
        type: str
      script_file:
        description: *script_file
        type: path
      attempts:
        description: *attempts
        type: int
      prompt_timeout:
        description: *prompt_timeout
        type: int
      fallback:
        description: *fallback
        type: str
        choices: [retry, local, shell]
notes:
  - The host has to be prepared by the role P(apiary.bhyve.bhyve_host#role).
  - The image is among those of M(apiary.bhyve.bhyve_image_info), and takes two to four MiB.
seealso:
  - module: apiary.bhyve.bhyve_vm
  - module: apiary.bhyve.bhyve_image_info
  - name: iPXE's commands
    description: What a script can do.
    link: https://ipxe.org/cmd
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: iPXE is on the host
  ansible.builtin.package:
    name: ipxe

- name: Guests can boot from the network
  apiary.bhyve.ipxe_image:
    name: ipxe

- name: A guest installs itself from there as long as its disk is empty
  apiary.bhyve.bhyve_vm:
    name: node7
    state: started
    memory: 8G
    disks: [{name: root, size: 80G}]
    nics: [{name: lab, switch: lab, ip: 10.10.0.17}]
    pxe: {script: ubuntu-autoinstall}

- name: Two images, one that goes on with the disk when the network does not answer, and one with a script of one's own
  apiary.bhyve.ipxe_image:
    images:
      - name: ipxe-or-disk
        attempts: 2
        prompt_timeout: 10
        fallback: local
      - name: ipxe-http
        script: |
          #!ipxe
          dhcp || shell
          chain http://boot.example.org/${uuid}.ipxe || shell

- name: An image that no guest uses is gone
  apiary.bhyve.ipxe_image:
    name: ipxe-http
    state: absent
"""

RETURN = r"""
images:
  description: The images of the task as they are now, or would be in check mode.
  returned: when the options are right
  type: list
  elements: dict
  contains:
    name:
      description: The image's name.
      type: str
      sample: ipxe
    state:
      description:
        - V(present) or V(absent). V(making), a task is at it; V(interrupted), one that was has ended; V(broken), its
          file is missing. The last three when something failed.
      type: str
      sample: present
    path:
      description: Its file.
      type: str
      sample: /apiary/.images/ipxe.img
    size:
      description: Its size in bytes.
      type: int
      sample: 2082816
    made:
      description: When it was made, in seconds since 1970.
      type: int
      sample: 1763730000
    users:
      description: Guests that boot by it.
      type: list
      elements: str
      sample: [guest node7 pxe]
    program:
      description: The path of the iPXE that it was made of.
      type: str
      sample: /usr/local/share/ipxe/ipxe.efi-x86_64
    program_sha256:
      description: The SHA-256 digest of that file.
      type: str
    script:
      description: The script of one's own, V('') for the collection's own.
      type: str
    autoexec_sha256:
      description: The SHA-256 digest of C(autoexec.ipxe).
      type: str
    attempts:
      description: See O(attempts).
      type: int
      returned: with the collection's own script
    prompt_timeout:
      description: See O(prompt_timeout).
      type: int
      returned: with the collection's own script
    fallback:
      description: See O(fallback).
      type: str
      returned: with the collection's own script
    changed:
      description: Whether anything was changed for this image.
      type: bool
    changes:
      description: What was done for it, in order.
      type: list
      elements: str
    failed:
      description: Why it failed.
      type: str
      returned: when it failed
failures:
  description: The images that failed, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 2
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.options import module_options, requests_of
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.plan import plan_ipxe, results
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.image_store import carry_out, see
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import result_of, run_module


def body(module: AnsibleModule, host: Host) -> Dict[str, Any]:
    """Do what the task asks for."""
    requests = requests_of(module.params)
    seen = see(host)
    plan = plan_ipxe(host, requests, seen)
    outcome, after = carry_out(host, plan, seen, module.check_mode)
    result = result_of(plan, outcome, with_diff=bool(module._diff))
    del result["changes"]
    result["images"] = results([request.name for request in requests], seen, plan, outcome, after)
    return result


def main() -> None:
    """Run the module."""
    run_module(module_options(), body)


if __name__ == "__main__":
    main()

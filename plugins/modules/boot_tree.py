#!/usr/bin/python

# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_tree
short_description: Directories extracted from installation media, to be served for PXE boots
version_added: 0.1.0
description:
  - Extracts an ISO image, or another archive that FreeBSD's tar(1) reads, into a directory, from where a TFTP, NFS or
    web server hands it out. One tree by O(path), many by O(trees).
  - The archive is downloaded or taken from the host, verified, and extracted beside the directory, which it then
    replaces as a whole. So the directory is complete or not there. C(.apiary-boot-tree.json) in it says what it was
    made from; it is made anew only when that is something else.
  - A directory without that file is never touched, unless it is empty.
extends_documentation_fragment:
  - apiary.bhyve.attributes
  - apiary.bhyve.attributes.action_group
options:
  path:
    description: &path
      - The directory, an absolute path. Its parents are made.
    type: path
  source:
    description: &source
      - A URL (http, https), or the absolute path of a file on the host, for instance of an image of
        M(apiary.bhyve.bhyve_image). Required unless O(state=absent).
    type: str
  checksum:
    description: &checksum
      - C(sha256:) or C(sha512:) and the digest, or the URL or path on the host of a file of digests such as
        C(SHA256SUMS).
      - Required for a download, for machines run what is in it; V(none) says that one does without.
      - Without it, a file of the host counts as another one when its size or time changes.
    type: str
  paths:
    description: &paths
      - The files and directories in the archive that are extracted, all of it by default.
    type: list
    elements: str
  keep_modes:
    description: &keep_modes
      - Whether modes and owners are those of the archive. That is for a root directory for NFS.
      - By default everything belongs to C(root) and everybody can read it, which tftpd(8) asks for. V(false) is the
        default.
    type: bool
  state:
    description: &state
      - V(present), the tree is there. This is the default.
      - V(absent), it is not, nor what it was replaced by. What is no boot tree is refused.
    type: str
    choices: [present, absent]
  trees:
    description:
      - Many trees, each with the options that one has by itself, which cannot be given beside it.
      - All are checked before the first is made. Then one that fails does not keep the others from being made.
    type: list
    elements: dict
    suboptions:
      path:
        description: *path
        type: path
        required: true
      source:
        description: *source
        type: str
      checksum:
        description: *checksum
        type: str
      paths:
        description: *paths
        type: list
        elements: str
      keep_modes:
        description: *keep_modes
        type: bool
        default: false
      state:
        description: *state
        type: str
        choices: [present, absent]
        default: present
seealso:
  - module: apiary.bhyve.bhyve_image
  - name: tar(1)
    description: FreeBSD's tar reads ISO images.
    link: https://man.freebsd.org/bsdtar/1
author:
  - Apiary contributors (@apiary)
"""

EXAMPLES = r"""
- name: Kernel and installer of Debian
  apiary.bhyve.boot_tree:
    path: /tftpboot/debian-13
    source: https://deb.debian.org/debian/dists/trixie/main/installer-amd64/current/images/netboot/netboot.tar.gz
    checksum: sha256:https://deb.debian.org/debian/dists/trixie/main/installer-amd64/current/images/SHA256SUMS
    paths: [./debian-installer/amd64/linux, ./debian-installer/amd64/initrd.gz]

- name: An ISO of AlmaLinux that is an image already, and the root of machines without disks
  apiary.bhyve.boot_tree:
    trees:
      - {path: /tftpboot/alma-10, source: /apiary/.images/alma-10.iso}
      - path: /tftpboot/freebsd-15
        source: /apiary/.images/freebsd-15-disc1.iso
        keep_modes: true

- name: A tree that is not wanted any more
  apiary.bhyve.boot_tree:
    path: /tftpboot/debian-12
    state: absent
"""

RETURN = r"""
trees:
  description: The trees of the task.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The directory.
      type: str
      sample: /tftpboot/alma-10
    state:
      description: Whether it is there after the task, or would be in check mode.
      type: str
      sample: present
    source:
      description: What it is made from, V('') if it is absent.
      type: str
      sample: /apiary/.images/alma-10.iso
changes:
  description: What was done, or would be in check mode, by tree.
  returned: always
  type: dict
  sample: {"/tftpboot/alma-10": ["make /tftpboot/alma-10 from /apiary/.images/alma-10.iso"]}
failures:
  description: The trees that could not be made, each with the reason and what was and was not done.
  returned: when some failed
  type: list
  elements: dict
commands_started:
  description: How many commands were started on the host. With C(-vv) they are in RV(ignore:commands).
  returned: always
  type: int
  sample: 0
"""

from typing import Any, Dict, List

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.trees.manage import lock, plan
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.trees.options import Tree, module_options, trees_of
from ansible_collections.apiary.bhyve.plugins.module_utils.module import declaring, run_module


def told(trees: List[Tree]) -> List[Dict[str, Any]]:
    """The trees of a task, as they are after it."""
    return [
        {
            "path": tree.path,
            "state": "absent" if tree.made is None else "present",
            "source": "" if tree.made is None else tree.made.source,
        }
        for tree in trees
    ]


def main() -> None:
    """Run the module."""
    run_module(module_options(), declaring("trees", trees_of, plan, told, lock))


if __name__ == "__main__":
    main()

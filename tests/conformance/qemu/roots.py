# SPDX-License-Identifier: MIT
"""The QEMUs."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import debian  # noqa: E402


def qemu_root(name):
    """10 is Debian 12's newest; 11, which knows nested translation, is for Debian 13 and brings its own C library."""
    if name == 'qemu10':
        return debian.root(name, ['bookworm', 'bookworm-backports'], ['qemu-system-x86', 'qemu-utils'])
    return debian.root(name, ['trixie', 'trixie-backports'], ['qemu-system-x86'])

# SPDX-License-Identifier: MIT
"""The guest: Debian's cloud kernel, which has the NVMe driver built in, and an initrd with busybox and one script."""
import gzip
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import debian  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
APPLETS = ('sh', 'cat', 'cut', 'dd', 'dmesg', 'grep', 'ls', 'md5sum', 'mount', 'poweroff', 'printf', 'readlink', 'sleep', 'sort', 'sync', 'tr')


def entry(number, name, mode, data=b''):
    """One file of a cpio archive in the `newc` format: a header of hexadecimal fields, the name, the bytes, each padded to 4."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b'070701' + b''.join(b'%08X' % field for field in fields) + name.encode() + b'\0'
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def archive(files):
    """files: (name, mode, bytes)."""
    return b''.join(entry(number, *file) for number, file in enumerate(files, 1)) + entry(0, 'TRAILER!!!', 0)


def content(path):
    with open(path, 'rb') as file:
        return file.read()


def initrd(busybox, script):
    files = [(name, 0o40755, b'') for name in ('bin', 'dev', 'proc', 'sys')]
    files += [('bin/busybox', 0o100755, content(busybox)), ('init', 0o100755, content(script))]
    files += [(f'bin/{name}', 0o120777, b'busybox') for name in APPLETS]
    return gzip.compress(archive(files), 1)


def fetch():
    """(path of the kernel, bytes of the initrd)."""
    root = debian.root('guest', ['bookworm'], ['busybox-static', 'linux-image-cloud-amd64'],
                       ('busybox-static', 'linux-image-*-cloud-amd64'))
    kernel = next(name for name in os.listdir(f'{root}/boot') if name.startswith('vmlinuz-'))
    return f'{root}/boot/{kernel}', initrd(f'{root}/bin/busybox', f'{HERE}/init')

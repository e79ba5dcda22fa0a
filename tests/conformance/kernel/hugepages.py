# SPDX-License-Identifier: MIT
"""Real 2 MiB pages for the tests that map them: reserved while they run if this user may, as before afterwards."""
import contextlib

POOL = '/sys/kernel/mm/hugepages/hugepages-2048kB'
NEEDED = 80  # the largest test holds 64, and a few live beside it


def read(name):
    try:
        with open(f'{POOL}/{name}', encoding='ascii') as file:
            return int(file.read())
    except OSError:
        return 0


def write(value):
    with open(f'{POOL}/nr_hugepages', 'w', encoding='ascii') as file:
        file.write(str(value))


@contextlib.contextmanager
def reserved():
    """True inside if there are enough."""
    before, lacking = read('nr_hugepages'), NEEDED - read('free_hugepages')
    if lacking <= 0:
        yield True
        return
    try:
        write(before + lacking)
    except OSError:
        yield False
        return
    try:
        yield read('free_hugepages') >= NEEDED
    finally:
        write(before)

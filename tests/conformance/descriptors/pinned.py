# SPDX-License-Identifier: MIT
"""
What is pinned stays readable for devices when its process goes, however it goes; the rest doesn't. Under the shim, with
the real machine and its mock device.

usage: as descriptors.py
"""
import ctypes
import errno
import fcntl
import mmap
import os
import signal
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run  # noqa: E402
from toy import *  # noqa: E402,F403

IOAS_ALLOC, IOAS_MAP, IOAS_UNMAP, TEST = 0x3B81, 0x3B85, 0x3B86, 0x3BA0
MOCK_DOMAIN, CREATE_ACCESS, ACCESS_RW = 2, 5, 8
IOVA = 1 << 24
PAGE = 4096


class Context:
    """An IOAS with a mock device attached and an access."""

    def __init__(self, device=True):
        self.fd = os.open("/dev/iommu", os.O_RDWR)
        buf = bytearray(struct.pack("3I", 12, 0, 0))
        fcntl.ioctl(self.fd, IOAS_ALLOC, buf)
        self.ioas = struct.unpack("3I", buf)[2]
        if device:
            self.test(MOCK_DOMAIN, self.ioas)
        self.access = struct.unpack_from("I", self.test(CREATE_ACCESS, self.ioas), 16)[0]

    def test(self, op, number, *args):
        buf = bytearray(72)
        struct.pack_into("4I", buf, 0, 72, op, number, 0)
        struct.pack_into("6Q", buf, 16, *(args + (0,) * (6 - len(args))))
        fcntl.ioctl(self.fd, TEST, buf)
        return buf

    def map(self, address, length, iova=IOVA):
        fcntl.ioctl(self.fd, IOAS_MAP, struct.pack("4I3Q", 40, 7, self.ioas, 0, address, length, iova))

    def unmap(self, iova, length):
        fcntl.ioctl(self.fd, IOAS_UNMAP, struct.pack("2I2Q", 24, self.ioas, iova, length))

    def read(self, iova, length):
        """As the device sees it."""
        into = ctypes.create_string_buffer(length)
        self.test(ACCESS_RW, self.access, iova, length, ctypes.addressof(into), 0)
        return into.raw

    def read_pinned(self, iova, length):
        """The pages themselves, whatever is at the mapper's addresses by now: with another page, for one alone is taken by its address."""
        start = iova - PAGE if iova > IOVA else iova
        into = ctypes.create_string_buffer(PAGE + length)
        self.test(ACCESS_RW, self.access, start, PAGE + length, ctypes.addressof(into), 4)
        return into.raw[iova - start:iova - start + length]

    def write(self, iova, data):
        self.test(ACCESS_RW, self.access, iova, len(data), ctypes.addressof(ctypes.create_string_buffer(data)), 1)


def memory(pages, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
    area = mmap.mmap(-1, pages * PAGE, flags)
    return area, ctypes.addressof(ctypes.c_char.from_buffer(area))


def test_in_one_process():
    context = Context()
    area, address = memory(2)
    area[0:5] = b"hello"
    context.map(address, 2 * PAGE)
    assert context.read(IOVA, 5) == b"hello"
    context.write(IOVA + PAGE, b"there")
    assert area[PAGE:PAGE + 5] == b"there"


libc = ctypes.CDLL(None, use_errno=True)
PUNCH = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
MADV_REMOVE, F_ADD_SEALS, F_SEAL_SHRINK = 9, 1033, 2


def file_loses(how):
    """Devices go on seeing pages of a file that goes without them; the program sees zeros."""
    context = Context()
    fd = os.memfd_create("lost", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 4 * PAGE)
    area = mmap.mmap(fd, 4 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    area[PAGE:PAGE + 4] = b"kept"
    area[3 * PAGE:3 * PAGE + 4] = b"file"
    context.map(address, 4 * PAGE)
    how(fd, address)
    os.ftruncate(fd, 4 * PAGE)
    assert area[PAGE:PAGE + 4] == bytes(4)
    assert context.read_pinned(IOVA + PAGE, 4) == b"kept"
    area[PAGE:PAGE + 4] = b"newer"[:4]
    assert context.read_pinned(IOVA + PAGE, 4) == b"kept"


def test_files_that_are_cut():
    file_loses(lambda fd, address: os.ftruncate(fd, PAGE))


def test_files_with_holes():
    file_loses(lambda fd, address: libc.fallocate(fd, PUNCH, ctypes.c_long(PAGE), ctypes.c_long(2 * PAGE)))


def test_memory_that_is_removed():
    file_loses(lambda fd, address: libc.madvise(ctypes.c_void_p(address + PAGE), PAGE, MADV_REMOVE))


def test_removal_passes_holes():
    """However large they are."""
    context = Context()
    fd = os.memfd_create("lost")
    os.ftruncate(fd, 2 * PAGE)
    libc.mmap.restype = ctypes.c_void_p
    address = libc.mmap(ctypes.c_void_p(1 << 36), ctypes.c_size_t(2 * PAGE), 3, 0x100001,  # MAP_SHARED | MAP_FIXED_NOREPLACE
                        fd, ctypes.c_long(0))
    assert address == 1 << 36
    ctypes.memmove(address, b"kept", 4)
    context.map(address, 2 * PAGE)
    libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(1 << 45), MADV_REMOVE)
    assert ctypes.string_at(address, 4) == bytes(4)
    assert context.read_pinned(IOVA, 4) == b"kept"


def test_calls_that_fail_take_nothing():
    """Devices and the program go on sharing the memory."""
    context = Context()
    fd = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 2 * PAGE)
    area = mmap.mmap(fd, 2 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    context.map(address, 2 * PAGE)
    fcntl.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)
    assert error_of(os.ftruncate, fd, 0) == errno.EPERM
    libc.mremap.restype = ctypes.c_void_p
    for old, new in ((address, address + PAGE), (address + 1, address), (0x10000, address)):
        assert libc.mremap(ctypes.c_void_p(old), ctypes.c_size_t(2 * PAGE), ctypes.c_size_t(2 * PAGE), 3,
                           ctypes.c_void_p(new)) == 2**64 - 1
    assert libc.munmap(ctypes.c_void_p(address + 1), PAGE) == -1
    area[0:4] = b"both"
    assert context.read_pinned(IOVA, 4) == b"both"
    context.write(IOVA + PAGE, b"ways")
    assert area[PAGE:PAGE + 4] == b"ways"


def test_moves_with_holes():
    """What lies opposite a hole stays the program's and the device's."""
    context = Context()
    target, to = memory(2)
    source, address = memory(2)
    context.map(to, 2 * PAGE)
    target[0:4] = b"gone"
    libc.munmap(ctypes.c_void_p(address + PAGE), PAGE)
    libc.mremap.restype = ctypes.c_void_p
    moved = libc.mremap(ctypes.c_void_p(address), ctypes.c_size_t(2 * PAGE), ctypes.c_size_t(2 * PAGE), 3, ctypes.c_void_p(to))
    if moved == to:  # Linux before 6.17 moves one area alone
        assert context.read_pinned(IOVA, 4) == b"gone"
        target[PAGE:PAGE + 4] = b"both"
        assert context.read_pinned(IOVA + PAGE, 4) == b"both"


def host_goes(flags, how):
    gate, done = Gate(), Gate()
    wait(fork(host, gate, done, flags, how), signal.SIGKILL if how == "kill" else 0)
    os.close(done.write_end)
    gate.open()
    assert os.read(done.read_end, 8) == b"good"


def host(gate, done, flags, how):
    context = Context()
    area, address = memory(2, flags)
    area[0:4] = b"host"
    area[PAGE:PAGE + 4] = b"more"
    context.map(address, 2 * PAGE)
    lazy = Context(device=False)
    lazy.map(address, PAGE)
    child = fork(after_the_host, gate, done, context, lazy)
    area[0:4] = b"HOST"
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exec":
        os.execl("/bin/true", "true")
    assert child


def after_the_host(gate, done, context, lazy):
    gate.pass_through()
    assert context.read(IOVA, 4) == b"HOST"
    assert context.read(IOVA + PAGE, 4) == b"more"
    context.write(IOVA + PAGE, b"MORE")
    assert context.read(IOVA + PAGE, 4) == b"MORE"
    assert error_of(lazy.read, IOVA, 4) == errno.EFAULT
    context.unmap(IOVA, 2 * PAGE)
    assert error_of(context.read, IOVA, 4) == errno.ENOENT
    area, address = memory(1)
    area[0:5] = b"child"
    context.map(address, PAGE)
    assert context.read(IOVA, 5) == b"child"
    os.write(done.write_end, b"good")


def test_private_memory_of_a_host_that_exits():
    host_goes(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, "exit")


def test_private_memory_of_a_host_that_is_killed():
    host_goes(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, "kill")


def test_private_memory_of_a_host_that_executes():
    host_goes(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, "exec")


def test_shared_memory_of_a_host_that_executes():
    host_goes(mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, "exec")


def client_goes(flags):
    context = Context()
    gate, sock = Gate(), os.pipe()
    child = fork(client, gate, sock[1], context, flags)
    assert os.read(sock[0], 1) == b"x"
    assert context.read(IOVA, 6) == b"client"
    gate.open()
    wait(child)
    assert context.read(IOVA, 6) == b"CLIENT"
    context.write(IOVA, b"device")
    assert context.read(IOVA, 6) == b"device"
    context.unmap(IOVA, PAGE)


def client(gate, pipe, context, flags):
    area, address = memory(1, flags)
    area[0:6] = b"client"
    context.map(address, PAGE)
    os.write(pipe, b"x")
    gate.pass_through()
    area[0:6] = b"CLIENT"


def test_private_memory_of_a_client_that_exits():
    client_goes(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def test_shared_memory_of_a_client_that_exits():
    client_goes(mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)


def test_unmapped_memory_stays_with_the_device():
    context = Context()
    area, address = memory(1)
    area[0:4] = b"stay"
    context.map(address, PAGE)
    libc = ctypes.CDLL(None)
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    before = area[0:4]
    assert before == b"stay" and libc.munmap(address, PAGE) == 0
    other = Context(device=False)
    assert error_of(other.map, address, PAGE) == 0  # lazily
    assert error_of(other.read, IOVA, 4) == errno.EFAULT
    os._exit(0)  # the mmap object would unmap what isn't there


if __name__ == "__main__":
    run.main(globals(), __file__)

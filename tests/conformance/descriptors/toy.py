# SPDX-License-Identifier: MIT
"""The calls of tests/unit/frontend/toy.h, and small helpers for tests with several processes."""
import array
import fcntl
import os
import select
import socket
import struct
import sys
import traceback

GET, SET, NEW, LIVE, HOST, FD, READABLE, EVENT, NATIVE = (ord(";") << 8 | n for n in range(1, 10))


def open_toy(flags=os.O_RDWR | os.O_CLOEXEC):
    return os.open("/dev/iommu", flags)


def get(fd):
    buf = bytearray(8)
    fcntl.ioctl(fd, GET, buf)
    return struct.unpack("Q", buf)[0]


def put(fd, number):
    fcntl.ioctl(fd, SET, struct.pack("Q", number))


def call(fd, cmd, arg=0):
    return fcntl.ioctl(fd, cmd, arg)


def live(fd):
    return call(fd, LIVE)


def error_of(function, *args):
    """The errno that it fails with, or 0."""
    try:
        function(*args)
        return 0
    except OSError as error:
        return error.errno


def poll(fd, events=0x1ff):
    poller = select.poll()
    poller.register(fd, events)
    ready = poller.poll(0)
    return ready[0][1] if ready else 0


def descriptors():
    """The open numbers, but for those that the shim keeps for itself and the listing's own."""
    numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    return sorted(n for n in numbers if n < 300 and os.path.exists(f"/proc/self/fd/{n}"))


def fork(function, *args):
    """Runs it in a child; wait() says whether it came to its end."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        function(*args)
        status = 0
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def wait(pid, status=0):
    got = os.waitpid(pid, 0)[1]
    assert got == status, f"child ended with {got:#x}"


def in_child(function, *args):
    wait(fork(function, *args))


class Gate:
    """Processes wait here until one opens it."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()

    def open(self):
        os.close(self.write_end)

    def pass_through(self):
        os.close(self.write_end)
        os.read(self.read_end, 1)


def send_fd(sock, fd):
    sock.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


def receive_fd(sock):
    control = sock.recvmsg(1, 64)[1]
    return array.array("i", control[0][2])[0]

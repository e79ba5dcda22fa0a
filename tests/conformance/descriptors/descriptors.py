# SPDX-License-Identifier: MIT
"""
Descriptors as real programs use them, under the shim, with a toy behind it that counts its live files.

usage: descriptors.py SHIM     runs all tests, each in a process of its own (TAP)
       descriptors.py NAME     runs one, in this process
"""
import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run  # noqa: E402
from toy import *  # noqa: E402,F403

HERE = os.path.abspath(__file__)


def test_use():
    fd = open_toy()
    put(fd, 77)
    assert get(fd) == 77
    assert call(fd, HOST) == os.getpid()
    assert error_of(call, fd, GET, 1) == errno.EFAULT
    assert error_of(call, fd, 0x1234) == errno.ENOTTY
    assert error_of(call, 0, GET) == errno.ENOTTY
    assert error_of(call, 99, GET) == errno.EBADF


def test_the_number_is_the_lowest():
    before = descriptors()
    fd = open_toy()
    put(fd, 1)
    assert fd == len(before)
    assert call(fd, NEW) == fd + 1
    assert descriptors() == before + [fd, fd + 1]


def test_last_close():
    fd = open_toy()
    other = call(fd, NEW)
    assert live(fd) == 2
    os.close(other)
    assert live(fd) == 1
    other = call(fd, NEW)
    copy = os.dup(other)
    os.close(other)
    assert live(fd) == 2 and get(copy) == 0
    os.dup2(0, copy)
    assert live(fd) == 1
    other = call(fd, NEW)
    os.closerange(other, 10000)
    assert live(fd) == 1
    other = call(fd, NEW)
    copy = fcntl.fcntl(other, fcntl.F_DUPFD, 50)
    os.dup2(fd, other)
    assert copy == 50 and live(fd) == 2 and live(other) == 2
    os.close(copy)
    assert live(fd) == 1


def test_a_copy_that_fails_closes_nothing():
    fd = open_toy()
    other = call(fd, NEW)
    assert error_of(os.dup2, 9999, other) == errno.EBADF
    assert get(other) == 0 and live(fd) == 2
    os.close(other)
    assert live(fd) == 1


def test_closed_by_a_stream():
    fd = open_toy()
    other = call(fd, NEW)
    libc = ctypes_libc()
    stream = libc.fdopen(other, b"r")
    libc.fclose(stream)
    assert live(fd) == 1


def ctypes_libc():
    import ctypes

    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    libc.fclose.argtypes = [ctypes.c_void_p]
    return libc


def test_nothing_is_left():
    keep = open_toy()
    put(keep, 1)
    before = descriptors()
    for _ in range(100):
        fd = open_toy()
        assert live(fd) == 2
        os.close(call(fd, NEW))
        os.close(fd)
    assert live(keep) == 1
    assert descriptors() == before
    assert os.listdir("/proc/self/task") == [str(os.getpid())]
    assert error_of(os.wait) == errno.ECHILD


def test_unused_leaves_nothing():
    for _ in range(100):
        os.close(open_toy())
    assert not children()


def children():
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return file.read().split()


def test_like_the_device():
    fd = open_toy(os.O_RDONLY)
    assert poll(fd) == 0x145
    assert error_of(os.read, fd, 8) == errno.EINVAL
    assert error_of(os.write, fd, b"x") == errno.EINVAL
    assert error_of(os.lseek, fd, 0, 0) == errno.ESPIPE
    assert poll(fd) == 0x145
    assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    os.close(fd)
    fd = open_toy()
    assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    assert fcntl.fcntl(fd, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
    call(fd, 0x5450)  # FIONCLEX
    assert fcntl.fcntl(fd, fcntl.F_GETFD) == 0


def test_readiness():
    fd = open_toy()
    event = call(fd, EVENT)
    assert poll(event) == 0x104
    for _ in range(3):
        call(event, READABLE, 1)
        assert poll(event) == 0x145
        assert os.read(event, 16) == b"event"
        assert os.read(event, 16) == b""
        assert poll(event) == 0x104
    call(event, READABLE, 1)
    call(event, READABLE, 0)
    assert poll(event) == 0x104
    in_child(readiness_elsewhere, event)
    assert poll(event) == 0x104


def readiness_elsewhere(event):
    call(event, READABLE, 1)
    assert poll(event) == 0x145
    assert os.read(event, 16) == b"event"
    assert poll(event) == 0x104


def test_no_descriptor_left():
    fd = open_toy()
    put(fd, 1)
    limit_descriptors(fd + 1)
    assert error_of(call, fd, NEW) == errno.EMFILE
    assert live(fd) == 1
    assert error_of(open_toy) == errno.EMFILE
    limit_descriptors(fd + 2)
    os.close(call(fd, NEW))
    assert live(fd) == 1


def limit_descriptors(number):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


def test_the_shim_steps_aside():
    fd = open_toy()
    put(fd, 5)
    for number in range(900, min(1100, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 8)):
        os.dup2(0, number)
    other = call(fd, NEW)
    assert live(fd) == 2
    os.closerange(other, 1 << 20)
    assert live(fd) == 1 and get(fd) == 5
    os.closerange(3, 1 << 20)
    assert descriptors() == [0, 1, 2]
    assert live(open_toy()) == 1


def test_a_child_uses_it():
    fd = open_toy()
    put(fd, 5)
    in_child(use_in_child, fd)
    assert get(fd) == 6 and live(fd) == 1


def use_in_child(fd):
    before = descriptors()
    assert get(fd) == 5
    put(fd, 6)
    assert error_of(call, fd, GET, 1) == errno.EFAULT
    other = call(fd, NEW)
    assert descriptors() == before + [other]
    assert live(fd) == 2 and call(fd, FD, other) == 1 and call(fd, FD, 0) == 0
    assert error_of(call, fd, FD, 99) == errno.EBADF
    os.close(other)
    assert live(fd) == 1
    read_end, write_end = os.pipe()
    assert call(fd, NATIVE, write_end) == 3
    assert os.read(read_end, 8) == b"toy"
    os.closerange(fd + 1, 900)
    limit_descriptors(fd + 1)
    assert error_of(call, fd, NEW) == errno.EMFILE
    assert live(fd) == 1


def test_an_unclaimed_one_as_an_argument():
    fd = open_toy()
    put(fd, 1)
    in_child(lambda: use_unclaimed(fd, open_toy()))
    assert live(fd) == 1


def use_unclaimed(fd, unclaimed):
    assert call(fd, FD, unclaimed) == 1
    assert live(fd) == 2 and live(unclaimed) == 2
    os.close(unclaimed)
    assert live(fd) == 1


def test_the_first_user_is_the_host():
    fd = open_toy()
    in_child(put, fd, 9)
    assert get(fd) == 9
    assert call(fd, HOST) != os.getpid()
    assert live(fd) == 1


def outlive(how):
    """A host that goes while a child of its has the descriptor."""
    gate, done = Gate(), Gate()
    host = fork(host_and_go, gate, done, how)
    wait(host, signal.SIGKILL if how == "kill" else 0)
    os.close(done.write_end)
    gate.open()
    assert os.read(done.read_end, 8) == b"good"


def host_and_go(gate, done, how):
    fd = open_toy()
    put(fd, 42)
    fork(after_the_host, gate, done, fd)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exec":
        os.execl("/bin/true", "true")


def after_the_host(gate, done, fd):
    gate.pass_through()
    assert get(fd) == 42
    put(fd, 43)
    other = call(fd, NEW)
    assert get(fd) == 43 and live(fd) == 2
    os.close(other)
    assert live(fd) == 1
    os.write(done.write_end, b"good")


def test_outlives_an_exit():
    outlive("exit")


def test_outlives_a_kill():
    outlive("kill")


def test_outlives_an_exec():
    outlive("exec")


def test_exec_keeps_it():
    fd = open_toy(os.O_RDWR)
    os.set_inheritable(fd, True)
    put(fd, 7)
    os.execv(sys.executable, [sys.executable, HERE, "after_exec", str(fd)])


def after_exec(fd):
    fd = int(fd)
    assert get(fd) == 7
    put(fd, 8)
    assert get(fd) == 8 and live(fd) == 1
    assert call(fd, HOST) != os.getpid()


def test_close_on_exec():
    fd = open_toy()
    put(fd, 1)
    code = f"import os, errno\ntry: os.fstat({fd})\nexcept OSError as e: assert e.errno == 9\nelse: assert 0"
    subprocess.run([sys.executable, "-c", code], close_fds=False, check=True)
    assert live(fd) == 1


def test_a_shell_opens_it():
    script = f'exec 30<>/dev/iommu; exec "{sys.executable}" "{HERE}" shell_child'
    subprocess.run(["bash", "-c", script], check=True)


def shell_child():
    put(30, 3)
    assert get(30) == 3 and call(30, HOST) == os.getpid()


def test_sent_to_a_stranger():
    fd = open_toy()
    put(fd, 11)
    ours, theirs = socket.socketpair()
    stranger = subprocess.Popen([sys.executable, HERE, "stranger"], stdin=theirs)
    send_fd(ours, fd)
    unused = open_toy()
    send_fd(ours, unused)
    assert stranger.wait() == 0
    assert get(fd) == 12 and live(fd) == 1


def stranger():
    sock = socket.socket(fileno=0)
    fd = receive_fd(sock)
    assert get(fd) == 11
    put(fd, 12)
    unused = receive_fd(sock)
    assert live(unused) == 1 and call(unused, HOST) == os.getpid()


def test_a_number_changes_hands():
    """A number that was known to be foreign comes back as one of ours."""
    fd = open_toy()
    put(fd, 13)
    ours, theirs = socket.socketpair()
    send_fd(ours, fd)
    number = os.dup(0)
    error_of(call, number, 0x5413)
    os.close(number)
    got = receive_fd(theirs)
    assert got == number and get(got) == 13
    assert error_of(os.read, got, 8) == errno.EINVAL


def test_last_close_in_a_child():
    fd = open_toy()
    other = call(fd, NEW)
    gate, ours = Gate(), socket.socketpair()
    child = fork(close_last, gate, ours[1], other)
    os.close(other)
    assert live(fd) == 2
    gate.open()
    assert ours[0].recv(1) == b"x"
    assert live(fd) == 1
    wait(child)


def close_last(gate, sock, other):
    gate.pass_through()
    os.close(other)
    sock.send(b"x")


def test_exit_is_a_last_close():
    """... that open() waits for."""
    fd = open_toy()
    put(fd, 1)
    other = call(fd, NEW)
    gate = Gate()
    child = fork(gate.pass_through)
    os.close(other)
    gate.open()
    wait(child)
    assert live(open_toy()) == 2


def test_vfork():
    """subprocess uses vfork, and closes all descriptors in the child, in memory that is the parent's."""
    fd = open_toy()
    put(fd, 21)
    for _ in range(5):
        subprocess.run(["/bin/true"], close_fds=True, check=True)
        assert get(fd) == 21 and live(fd) == 1
    assert call(fd, HOST) == os.getpid()


def test_many_claim_at_once():
    for _ in range(10):
        fd, gate = open_toy(), Gate()
        pids = [fork(claim_and_count, gate, fd) for _ in range(6)]
        gate.open()
        for pid in pids:
            wait(pid)
        assert live(fd) == 1
        os.close(fd)


def claim_and_count(gate, fd):
    gate.pass_through()
    put(fd, os.getpid())
    assert get(fd) != 0 and live(fd) == 1


def test_threads_claim_at_once():
    for _ in range(20):
        fd, barrier, results = open_toy(), threading.Barrier(4), []

        def use():
            barrier.wait()
            results.append(live(fd))

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [1] * 4
        os.close(fd)


def test_threads_of_a_client():
    fd = open_toy()
    put(fd, 1)
    in_child(client_threads, fd)
    assert live(fd) == 1


def client_threads(fd):
    def use():
        for _ in range(50):
            os.close(call(fd, NEW))
            assert get(fd) == 1

    threads = [threading.Thread(target=use) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def eventually(condition):
    """What another process's death brings comes when it comes; a minute is for ever."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_kill_of_a_client():
    fd = open_toy()
    put(fd, 1)
    gate = Gate()
    child = fork(install_and_die, fd)
    wait(child, signal.SIGKILL)
    eventually(lambda: live(fd) == 1)


def install_and_die(fd):
    call(fd, NEW)
    os.kill(os.getpid(), signal.SIGKILL)


def test_kill_of_the_service():
    fd = open_toy()
    put(fd, 1)
    gate = Gate()
    child = fork(use_without_service, gate, fd)
    (service,) = [pid for pid in children() if pid != str(child)]
    os.kill(int(service), signal.SIGKILL)
    os.waitpid(int(service), -0x80000000)  # __WCLONE
    gate.open()
    wait(child)


def use_without_service(gate, fd):
    gate.pass_through()
    assert error_of(get, fd) == errno.EIO


if __name__ == "__main__":
    run.main(globals(), __file__)

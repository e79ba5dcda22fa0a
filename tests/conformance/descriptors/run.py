# SPDX-License-Identifier: MIT
"""Runs the test_* functions of a script, each in a process of its own under a shim, and looks what they leave."""
import os
import subprocess
import sys
import time


def processes_of(mark):
    """All that carry this mark in their environment, as everything that a test starts does."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark.encode() in file.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def run_test(script, shim, name):
    """What went wrong, or an empty string."""
    mark = f"DESCRIPTORS_TEST={os.getpid()}-{name}-{time.monotonic_ns()}"
    try:
        done = subprocess.run(["env", mark, f"LD_PRELOAD={shim}", sys.executable, script, name],
                              capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode:
        return f"{done.stdout}{done.stderr}ended with {done.returncode}"
    deadline = time.monotonic() + 60
    while left := processes_of(mark):
        if time.monotonic() > deadline:
            return f"processes are left: {left}"
        time.sleep(0.005)
    return ""


def run_all(functions, script, shim):
    names = [name for name in functions if name.startswith("test_")]
    print(f"1..{len(names)}")
    failed = 0
    for number, name in enumerate(names, 1):
        wrong = run_test(script, shim, name)
        failed += bool(wrong)
        print("not ok" if wrong else "ok", number, "-", name, flush=True)
        print("".join(f"# {line}\n" for line in wrong.splitlines()), end="")
    return failed != 0


def main(functions, script):
    if sys.argv[1].startswith("/"):
        sys.exit(run_all(functions, os.path.abspath(script), sys.argv[1]))
    functions[sys.argv[1]](*sys.argv[2:])

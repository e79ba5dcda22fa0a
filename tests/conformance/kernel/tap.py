# SPDX-License-Identifier: MIT
"""Runs a program of the kernel's selftest harness and reads its TAP.

The harness runs each test in a child of its own, with a time limit. What takes the whole program along (a crash, a hang of the
harness itself) costs only the test that was running: the rest is run again in a new process.
"""
import dataclasses
import os
import re
import selectors
import signal
import subprocess
import time

SILENCE = 60  # seconds without a word: the harness's own limit for a test is 30
START = re.compile(r'#  RUN           (\S+) \.\.\.$')
END = re.compile(r'(ok|not ok) \d+ ([^\s#]+)(?:\s*#\s*(SKIP)?\s*(.*))?$')
VERDICT = re.compile(r'#\s+(OK|FAIL|SKIP)\s')


@dataclasses.dataclass
class Result:
    status: str  # ok, fail, skip
    messages: list = dataclasses.field(default_factory=list)
    lost: str = ''  # why the program never came to this test

    def text(self):
        """What the test itself says, in a line."""
        return '; '.join(self.messages[-3:])


def names(program, tail=()):
    """All test instances of a program, in its order: `-l` prints a block for each fixture, of its variants and tests."""
    out = subprocess.run([*program, '-l', *tail], capture_output=True, text=True, check=False)
    found = []
    for block in re.split(r'^-+$', out.stdout + out.stderr, flags=re.M)[1:]:
        fixture, variants, tests = '', [], []
        for line in block.splitlines():
            match = re.match(r'(\S*)', line)
            fixture = match[1] or fixture
            rest = line[max(20, len(match[1])) + 1:]  # columns of 20 and 25, which long names overflow
            words = rest.split()
            if rest and not rest[0].isspace():
                variants.append(words.pop(0))
            tests += words
        found += ['.'.join(part for part in (fixture, variant, test) if part)
                  for variant in variants or [''] for test in tests]
    return found


class Reader:
    """Turns the lines of one run into results."""

    def __init__(self, results):
        self.results = results
        self.running = None
        self.notes = []

    def line(self, text):
        if match := START.match(text):
            self.running, self.notes = match[1], []
        elif match := END.match(text):
            status = {'ok': 'skip' if match[3] else 'ok', 'not ok': 'fail'}[match[1]]
            notes = self.notes + ([match[4]] if match[3] and match[4] else [])
            self.results[match[2]] = Result(status, notes)
            self.running, self.notes = None, []
        elif self.running and not VERDICT.match(text) and text.strip('# '):
            self.notes.append(text.strip('# '))

    def died(self, why):
        """The program is gone: the test that ran then, if any, has failed."""
        if self.running:
            self.results[self.running] = Result('fail', self.notes + [why])
            self.running = None


def lines(process, silence):
    """The output's lines, until its end; TimeoutError after too long a silence."""
    rest, last = b'', time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0, last + silence - time.monotonic())):
                raise TimeoutError
            data = os.read(process.stdout.fileno(), 65536)
            last = time.monotonic()
            *full, rest = (rest + data).split(b'\n')
            yield from (line.decode(errors='replace').rstrip() for line in full)
            if not data:
                if rest:
                    yield rest.decode(errors='replace')
                return


def run_once(command, results, silence, log):
    """One process; why it ended too early, or None."""
    reader = Reader(results)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        last = ''
        try:
            for text in lines(process, silence):
                log.write(text + '\n')
                reader.line(text)
                last = text or last
            status = process.wait(silence)
            why = f'killed by {signal.Signals(-status).name}' if status < 0 else f'exit status {status}'
        except (TimeoutError, subprocess.TimeoutExpired):
            why = f'silent for {silence} s'
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    reader.died(f'the whole program: {why}')
    return f'{why}: {last}'


def run(program, wanted, log, tail=(), silence=SILENCE):
    """{name: Result} for each of the wanted instances, whatever happens. A command is `program`, what selects instances, and `tail`."""
    results, left, everything = {}, list(wanted), names(program, tail)
    while left:
        select = [] if left == everything else [part for name in left for part in ('-r', name)]
        why = run_once([*program, *select, *tail], results, silence, log)
        remaining = [name for name in left if name not in results]
        if len(remaining) == len(left):  # no step forward: it will not come
            results.update({name: Result('fail', [], f'{os.path.basename(program[-1])}: {why}') for name in left})
            break
        left = remaining
    return {name: results[name] for name in wanted}

# SPDX-License-Identifier: MIT
"""The list of expected results, and what is said about a run.

A line of the list is `ok NAME`, `skip NAME # reason` or `fail NAME # reason`. It is held in both directions: a test that fails
against it is a regression, one that passes against it has a wrong line.
"""
import collections
import re

LINE = re.compile(r'(ok|skip|fail)\s+(\S+)\s*(?:#\s*(.*))?$')


class ListError(Exception):
    """The list itself is wrong; the text is for a maintainer."""


def load(path):
    """{name: (status, reason)}, in the file's order."""
    expected = {}
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            match = LINE.match(line)
            if not match or match[2] in expected or (match[1] != 'ok' and not match[3]):
                raise ListError(f'{path}:{number}: one status, a new name, and a reason if it is not ok')
            expected[match[2]] = (match[1], match[3] or '')
    return expected


def save(path, expected, results):
    """Makes the results the expected ones, keeping the reasons of those that stay as they were."""
    with open(path, encoding='utf-8') as file:
        head = [line for line in file if line.startswith('#')]
    with open(path, 'w', encoding='utf-8') as file:
        file.writelines(head)
        for name in list(expected) + [name for name in results if name not in expected]:
            status, reason = expected.get(name, ('', ''))
            if name in results and results[name].status != status:
                status, reason = results[name].status, f'WHY? {results[name].text()}'
            file.write(f'{status:4} {name}' + (f'  # {reason}' if status != 'ok' else '') + '\n')


def differences(expected, results):
    """{name: line} of each result that is not the expected one, with the test's own message; one line for all that one lost
    program took along."""
    lost = collections.Counter()
    words = {'ok': 'pass', 'fail': 'fail', 'skip': 'be skipped', '': 'be known'}
    got = {'ok': 'passed', 'fail': 'failed', 'skip': 'was skipped'}
    found = {}
    for name, result in results.items():
        status = expected.get(name, ('', ''))[0]
        if result.lost:
            lost[result.lost] += 1
            found[name] = f'{name} (and perhaps others) was not reached: {result.lost}' if lost[result.lost] == 1 else ''
        elif result.status != status:
            note = f': {result.text()}' if result.messages else ''
            found[name] = f'{name} {got[result.status]}, was expected to {words[status]}{note}'
    return found


def by_fixture(results):
    """{fixture: Counter of statuses}."""
    table = collections.OrderedDict()
    for name, result in results.items():
        table.setdefault(name.split('.')[0], collections.Counter())[result.status] += 1
    return table


def summary(results):
    """The table for newcomers."""
    yield f'{"fixture":28}{"passed":>8}{"failed":>8}{"skipped":>8}'
    for fixture, count in by_fixture(results).items():
        yield f'{fixture:28}{count["ok"]:8}{count["fail"]:8}{count["skip"]:8}'


def totals(expected, results, wrong):
    """passed, failed, skipped: what differs from the list has failed; a failure that the list knows counts as skipped."""
    count = collections.Counter(result.status for name, result in results.items() if name not in wrong)
    return count['ok'], len(wrong), count['skip'] + count['fail']

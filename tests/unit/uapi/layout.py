#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the uAPI headers' sizes, offsets and values against the kernel's.

    layout.py show HEADER [CFLAG...]            print the layout of HEADER as the compiler has it
    layout.py check HEADER LAYOUT [CFLAG...]    compare it with the checked-in LAYOUT
    layout.py against HEADER LAYOUT [CFLAG...]  hold LAYOUT against a kernel's HEADER (what that one lacks: a failure,
                                                unless --older is given; what LAYOUT lacks: with --complete)

What to look at is read from the header itself, so that nothing is forgotten: every struct, every field of it (through
unnamed unions too), every enumerator and every constant macro. The compiler ($CC, cc) does the measuring. LAYOUT files are
its output: facts, in text that can be reviewed.
"""
import os
import re
import subprocess
import sys
import tempfile


def strip(text):
    """The header without comments."""
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


def macros(text):
    """Names of the object-like macros that have a value."""
    text = text.replace('\\\n', ' ')
    names = re.findall(r'^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)[ \t]+(\S.*)$', text, re.M)
    return [name for name, value in names if not value.startswith('"')]


def enumerators(text):
    names = []
    for body in re.findall(r'\benum\b\s*\w*\s*{(.*?)}', text, re.S):
        names += re.findall(r'(?:^|,)\s*([A-Za-z_]\w*)', body)
    return names


def closing(text, start):
    """The index of the brace that closes the one at start."""
    depth = 0
    for at in range(start, len(text)):
        depth += {'{': 1, '}': -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError('unbalanced braces')


def fields(body, prefix=''):
    """Paths of the members of a struct's body, depth first."""
    found, at = [], 0
    while match := re.compile(r'\s*([^;{]*)([;{])').match(body, at):
        at = match.end()
        if match[2] == '{':
            end = closing(body, at - 1)
            rest = re.compile(r'\s*(\w*)\s*;').match(body, end + 1)
            found += [prefix + rest[1]] if rest[1] else []
            found += fields(body[at:end], prefix + rest[1] + '.' if rest[1] else prefix)
            at = rest.end()
        elif name := re.search(r'(\w+)\s*((?:\[\w*\])?)\s*(?:__counted_by\(\w+\))?$', match[1]):
            found.append(prefix + name[1] + ('[]' if name[2] == '[]' else ''))
    return found


def structs(text):
    """{struct: its members}, of the header's top level."""
    text = re.sub(r'^[ \t]*#(?:.*\\\n)*.*$', '', text, flags=re.M)
    found, at = {}, 0
    while match := re.compile(r'\bstruct\s+(\w+)\s*{').search(text, at):
        end = closing(text, match.end() - 1)
        found[match[1]] = fields(text[match.end():end])
        at = end
    return found


def program(header, text):
    """A C program that prints the layout."""
    yield '#include <stddef.h>\n#include <stdio.h>\n#define __user\n#include "%s"' % os.path.abspath(header)
    yield '#define SIZE(s, f) sizeof(((struct s *)0)->f)'
    yield 'int main(void)\n{'
    for name in dict.fromkeys(enumerators(text) + macros(text)):
        yield f'\tprintf("const {name} %#llx\\n", (unsigned long long)({name}));'
    for struct, members in structs(text).items():
        yield f'\tprintf("struct {struct} %zu\\n", sizeof(struct {struct}));'
        for member in members:
            size = '0' if member.endswith('[]') else f'SIZE({struct}, {member})'
            plain = member.removesuffix('[]')
            yield (f'\tprintf("field {struct}.{plain} %zu:%zu\\n", '
                   f'offsetof(struct {struct}, {plain}), (size_t){size});')
    yield '\treturn 0;\n}'


def measure(header, cflags):
    """{name: value} of a header, in its own order."""
    with open(header, encoding='utf-8') as file:
        text = strip(file.read())
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, 'layout.c'), os.path.join(folder, 'layout')
        with open(source, 'w', encoding='utf-8') as file:
            file.write('\n'.join(program(header, text)) + '\n')
        compiler = os.environ.get('CC', 'cc').split()
        subprocess.run([*compiler, '-w', *cflags, '-o', binary, source], check=True)
        out = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    return parse(out)


def parse(text):
    lines = [line.split() for line in text.splitlines() if line and not line.startswith('#')]
    return {f'{kind} {name}': value for kind, name, value in lines}


def differences(want, got):
    """One line for each name whose value differs; and how many were compared."""
    both = [name for name in want if name in got]
    return [f'{name}: {want[name]} expected, {got[name]} found'
            for name in both if want[name] != got[name]], len(both)


def compare(mode, options, measured, layout):
    """Prints what is wrong; the number of faults."""
    faults, compared = differences(layout, measured)
    if '--older' in options:  # structs grow: their fields are compared, their size can't be
        faults = [fault for fault in faults if not fault.startswith('struct ')]
    lacking = [name for name in layout if name not in measured]
    extra = [name for name in measured if name not in layout]
    if mode == 'check' or '--older' not in options:
        faults += [f'{name}: not in the header' for name in lacking]
    if mode == 'check' or '--complete' in options:
        faults += [f'{name}: not in the layout' for name in extra]
    for fault in faults:
        print(fault)
    if '--older' in options and lacking:
        print(f'{len(lacking)} names are newer than this header')
    print(f'{compared} sizes, offsets and values compared')
    if not compared:
        print('nothing was compared')
    return len(faults) + (not compared)


def main(args):
    options = {arg for arg in args if arg in ('--older', '--complete')}
    args = [arg for arg in args if arg not in options]
    if len(args) < 2 or args[0] not in ('show', 'check', 'against'):
        sys.exit(__doc__)
    mode, header = args[:2]
    if mode == 'show':
        for name, value in measure(header, args[2:]).items():
            print(name, value)
        return 0
    with open(args[2], encoding='utf-8') as file:
        layout = parse(file.read())
    return 1 if compare(mode, options, measure(header, args[3:]), layout) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

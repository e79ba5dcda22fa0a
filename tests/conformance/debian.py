# SPDX-License-Identifier: MIT
"""Gets Debian's packages of any suite, without installing any.

They come from the same Debian server that this machine uses already, through an apt state of our own: the system's lists, sources and
packages are left as they are, and no privilege is needed. What was fetched stays in $XDG_CACHE_HOME/uiommufd (~/.cache/uiommufd), and
is used again without asking anyone; nothing of it ever goes into this tree.
"""
import contextlib
import fcntl
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys

KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'


class DebianError(Exception):
    """A package can't be had; the text is for the user."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def cache_folder():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    folder = os.path.join(base, 'uiommufd')
    os.makedirs(folder, exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(folder):
    """One run at a time fetches, unpacks and builds."""
    with open(os.path.join(folder, 'lock'), 'w', encoding='utf-8') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sources():
    """(URI, keyring) of each Debian archive in the machine's own apt sources, both formats."""
    for path in sorted(glob.glob('/etc/apt/sources.list.d/*.sources')):
        for stanza in re.split(r'\n\s*\n', open(path, encoding='utf-8').read()):
            field = dict(re.findall(r'^([A-Za-z-]+):[ \t]*(.*)$', stanza, re.M))
            if 'deb' in field.get('Types', '').split() and field.get('URIs'):
                keyring = field.get('Signed-By', '')
                yield field['URIs'].split()[0], keyring if keyring.startswith('/') else KEYRING
    for path in ['/etc/apt/sources.list', *sorted(glob.glob('/etc/apt/sources.list.d/*.list'))]:
        if os.path.exists(path):
            for options, uri in re.findall(r'^deb\s+(\[[^]]*\]\s+)?(\S+)', open(path, encoding='utf-8').read(), re.M):
                keyring = re.search(r'signed-by=([^\s\]]+)', options)
                yield uri, keyring[1] if keyring else KEYRING


def archive():
    """The archive that has the suites: not the one of security updates."""
    found = [(uri, keyring) for uri, keyring in sources() if uri.rstrip('/').endswith('/debian')]
    if not found:
        raise DebianError('there is no Debian archive in /etc/apt')
    return found[0]


def apt_options(folder, suites, status='/var/lib/dpkg/status'):
    """An apt that knows these suites alone; its state is in `folder`."""
    for name in ('state/lists/partial', 'cache/archives/partial'):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    uri, keyring = archive()
    with open(os.path.join(folder, 'list'), 'w', encoding='utf-8') as file:
        file.writelines(f'deb [signed-by={keyring}] {uri} {suite} main\n' for suite in suites)
    settings = {
        'Dir::Etc::SourceList': f'{folder}/list', 'Dir::Etc::SourceParts': '-', 'Dir::Etc::Preferences': '/dev/null',
        'Dir::Etc::PreferencesParts': '/dev/null', 'Dir::State': f'{folder}/state', 'Dir::Cache': f'{folder}/cache',
        'Dir::State::Status': status, 'APT::Sandbox::User': 'root',
    }
    return [part for name, value in settings.items() for part in ('-o', f'{name}={value}')]


def fetch(folder, suites, packages):
    """Downloads the packages and all that they need, as if nothing were installed. The last suite is preferred."""
    if not shutil.which('apt-get'):
        raise DebianError('there is no apt-get here')
    status = os.path.join(folder, 'status')
    os.makedirs(folder, exist_ok=True)
    open(status, 'w', encoding='utf-8').close()
    options = apt_options(folder, suites, status)
    try:
        subprocess.run(['apt-get', *options, '-qq', 'update'], check=True, stdout=sys.stderr)
        subprocess.run(['apt-get', *options, '-qq', '-y', '-t', suites[-1], '--no-install-recommends', '--download-only', 'install',
                        *packages], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        raise DebianError(f'{" ".join(packages)} of {suites[-1]} could not be fetched: {error}') from error
    return sorted(glob.glob(f'{folder}/cache/archives/*.deb'))


def unpack(debs, folder):
    """All files of the packages, in a folder that looks like a root. No script of theirs runs."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ('bin', 'sbin', 'lib', 'lib64'):
        os.makedirs(f'{folder}/usr/{name}')
        os.symlink(f'usr/{name}', f'{folder}/{name}')
    for deb in debs:
        subprocess.run(['bash', '-c', 'set -o pipefail; dpkg-deb --fsys-tarfile "$1" | '
                        'tar -x --keep-directory-symlink --no-same-owner -C "$2"', '-', deb, folder], check=True)


def root(name, suites, packages, only=('*',)):
    """The folder `name` in the cache, with the packages that match `only` and all that they need unpacked in it."""
    base = os.path.join(cache_folder(), 'roots')
    folder, stamp = os.path.join(base, name), os.path.join(base, f'{name}.stamp')
    key = repr((suites, packages, only))
    os.makedirs(base, exist_ok=True)
    with locked(base):
        if os.path.exists(stamp) and open(stamp, encoding='utf-8').read() == key:
            return folder
        say(f'fetching {" ".join(packages)} of {suites[-1]} (once)')
        state = os.path.join(base, f'{name}.apt')
        debs = [deb for deb in fetch(state, suites, packages)
                if any(fnmatch.fnmatchcase(os.path.basename(deb), f'{pattern}_*') for pattern in only)]
        unpack(debs, folder)
        shutil.rmtree(state)
        with open(stamp, 'w', encoding='utf-8') as file:
            file.write(key)
    return folder


def own_loader(folder):
    """The words before a program of a root, so that it runs with that root's libraries and not with this system's."""
    return [f'{folder}/usr/lib64/ld-linux-x86-64.so.2', '--library-path', f'{folder}/usr/lib/x86_64-linux-gnu']

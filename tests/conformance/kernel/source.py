# SPDX-License-Identifier: MIT
"""Gets the kernel's selftests: Debian's linux-source package, the few folders of it that they need, and the binaries. Package and
unpacked folders stay in the cache (../debian.py).
"""
import glob
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from debian import DebianError, apt_options, cache_folder, locked, say  # noqa: E402

WANTED = '7.3'
SUITE = 'trixie-backports'

# What is unpacked: the two suites, what their Makefiles include, and headers that they reach by `..` and symbolic links.
MEMBERS = [
    'tools/testing/selftests/iommu', 'tools/testing/selftests/vfio', 'tools/testing/selftests/kselftest*',
    'tools/testing/selftests/lib.mk', 'tools/include', 'tools/arch/x86/include', 'tools/arch/arm64/include',
    'include/uapi', 'include/linux/pci_ids.h', 'scripts/subarch.include', 'drivers/iommu/iommufd/iommufd_test.h', 'drivers/dma/idxd/registers.h',
    'drivers/dma/ioat/hw.h', 'drivers/dma/ioat/registers.h', 'drivers/net/ethernet/intel/igb/e1000_82575.h',
    'drivers/net/ethernet/intel/igb/e1000_defines.h', 'drivers/net/ethernet/intel/igb/e1000_regs.h',
]


class SourceError(DebianError):
    """The source can't be had; the text is for the user."""


def newest_match(names):
    """WANTED if it is there, else the nearest 7.x."""
    minors = [int(m[1]) for m in (re.fullmatch(r'linux-source-7\.(\d+)', name) for name in names) if m]
    if not minors:
        raise SourceError(f'{SUITE} has no linux-source-7.x any more: give a 7.x source by --source FOLDER')
    wanted = int(WANTED.split('.')[1])
    return f'7.{min(minors, key=lambda minor: (abs(minor - wanted), minor))}'


def download(folder):
    """The package's path."""
    if not shutil.which('apt-get'):
        raise SourceError('there is no apt-get here: give the source of a 7.x kernel by --source FOLDER')
    have = glob.glob(f'{folder}/linux-source-{WANTED}_*.deb')
    if have:
        return have[0]
    options = apt_options(os.path.join(folder, 'apt'), [SUITE])
    try:
        subprocess.run(['apt-get', *options, '-qq', 'update'], check=True)
        names = subprocess.run(['apt-cache', *options, 'pkgnames', 'linux-source-7'], check=True,
                               capture_output=True, text=True).stdout.split()
        version = newest_match(names)
        say(f'fetching linux-source-{version} (160 MB, once)')
        subprocess.run(['apt-get', *options, '-qq', 'download', f'linux-source-{version}'],
                       check=True, cwd=folder)
    except subprocess.CalledProcessError as error:
        have = glob.glob(f'{folder}/linux-source-7.*_*.deb')
        if have:
            say(f'{SUITE} could not be asked; using {os.path.basename(have[0])}')
            return have[0]
        raise SourceError(f'{SUITE} could not be fetched ({error})') from error
    return glob.glob(f'{folder}/linux-source-{version}_*.deb')[0]


def unpack(package, folder):
    """The folder with MEMBERS in it; one pass over the archive."""
    name = re.match(r'linux-source-7\.\d+', os.path.basename(package))[0]
    tree = os.path.join(folder, name)
    stamp = os.path.join(tree, '.unpacked')
    key = os.path.basename(package) + '\n' + '\n'.join(MEMBERS) + '\n'
    if os.path.exists(stamp) and open(stamp, encoding='utf-8').read() == key:
        return tree
    say(f'unpacking {name}')
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    members = ' '.join(f"'{name}/{member}'" for member in MEMBERS)
    script = (f"set -o pipefail; dpkg-deb --fsys-tarfile '{package}' | tar -xO ./usr/src/{name}.tar.xz | "
              f"tar -xJ -C '{folder}' --wildcards {members}")
    subprocess.run(['bash', '-c', script], check=True)
    with open(stamp, 'w', encoding='utf-8') as file:
        file.write(key)
    return tree


def tree(given=None):
    """A kernel tree with the selftests in it: the one given, or the package's."""
    if given:
        if not os.path.exists(f'{given}/tools/testing/selftests/iommu/iommufd.c'):
            raise SourceError(f'{given} is not the source of a kernel with IOMMUFD selftests')
        return os.path.abspath(given)
    folder = cache_folder()
    with locked(folder):
        found = unpack(download(folder), folder)
    version = os.path.basename(found).removeprefix('linux-source-')
    if version != WANTED:
        say(f'linux-source-{WANTED} is gone: using {version}, the nearest. Some results may differ for that alone.')
    return found


def install_headers(source, folder):
    """The uAPI headers that Debian 12 lacks, made fit for user space as the kernel's headers_install does."""
    include = os.path.join(folder, 'usr/include')
    os.makedirs(f'{include}/linux', exist_ok=True)
    for name in ('iommufd.h', 'vfio.h'):
        text = open(f'{source}/include/uapi/linux/{name}', encoding='utf-8').read()
        text = re.sub(r'\b__user\b', '', text)
        text = re.sub(r'\b__counted_by\(\w+\)', '', text)
        text = re.sub(r'^(#\s*(?:ifndef|define)\s+)_UAPI', r'\1', text, flags=re.M)
        write_if_changed(f'{include}/linux/{name}', text)
    return include


def write_if_changed(path, text):
    if not os.path.exists(path) or open(path, encoding='utf-8').read() != text:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


def build(source, suite):
    """Builds a suite as it is, out of its tree; the folder with the binaries."""
    out = os.path.join(cache_folder(), 'build', os.path.basename(source), suite)
    os.makedirs(out, exist_ok=True)
    with locked(cache_folder()):
        include = install_headers(source, os.path.join(cache_folder(), 'build', os.path.basename(source)))
        made = subprocess.run(['make', '-s', '-C', f'{source}/tools/testing/selftests/{suite}', f'OUTPUT={out}',
                               f'KHDR_INCLUDES=-isystem {include}'],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if made.returncode:
        say(made.stdout)
        raise SourceError(f"the kernel's {suite} selftests could not be built (Debian: apt-get install make gcc "
                          'libcap-dev uuid-dev)')
    return out

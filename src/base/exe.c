/* SPDX-License-Identifier: MIT */
/*
 * Reads ELF headers. Both classes and both byte orders must be recognised, to name a foreign
 * program as what it is; the program headers are read for programs of this machine's own class and
 * order only, the others are refused anyway.
 */
#include "base/exe.h"

#include "base/sys.h"

#include <elf.h>
#include <byteswap.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NATIVE_DATA  (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)
#define NATIVE_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

static int read_interpreter(int fd, const ElfW(Phdr) * header, struct exe_facts *facts)
{
	if (header->p_filesz < 2 || header->p_filesz > sizeof(facts->interpreter))
		return -ENOEXEC;
	if (pread(fd, facts->interpreter, header->p_filesz, header->p_offset) !=
	    (ssize_t)header->p_filesz)
		return -ENOEXEC;
	return facts->interpreter[header->p_filesz - 1] ? -ENOEXEC : 0;
}

/* Go's linker writes a note of the owner "Go" with the build's identity. */
static void look_for_go(int fd, const ElfW(Phdr) * header, struct exe_facts *facts)
{
	struct {
		ElfW(Nhdr) note;
		char owner[4];
	} start;

	if (pread(fd, &start, sizeof(start), header->p_offset) != sizeof(start))
		return;
	if (start.note.n_namesz == sizeof(start.owner) && !memcmp(start.owner, "Go\0", 4))
		facts->go = true;
}

static int read_headers(int fd, struct exe_facts *facts)
{
	ElfW(Ehdr) elf;
	ElfW(Phdr) header;
	int r = 0;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) || elf.e_phentsize != sizeof(header))
		return -ENOEXEC;
	for (int i = 0; i < elf.e_phnum && !r; i++) {
		if (pread(fd, &header, sizeof(header), elf.e_phoff + i * sizeof(header)) !=
		    sizeof(header))
			return -ENOEXEC;
		if (header.p_type == PT_INTERP)
			r = read_interpreter(fd, &header, facts);
		else if (header.p_type == PT_NOTE)
			look_for_go(fd, &header, facts);
	}
	return r;
}

static int read_facts(int fd, struct exe_facts *facts)
{
	/* The identity, then e_type and e_machine: at the same place in both classes. */
	struct {
		uint8_t ident[EI_NIDENT];
		uint16_t type, machine;
	} start;
	ssize_t n = pread(fd, &start, sizeof(start), 0);

	if (n < 0)
		return -errno;
	if (n < (ssize_t)sizeof(start) || memcmp(start.ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	facts->class = start.ident[EI_CLASS];
	facts->data = start.ident[EI_DATA];
	if (facts->data != NATIVE_DATA) {
		start.type = bswap_16(start.type);
		start.machine = bswap_16(start.machine);
	}
	facts->machine = start.machine;
	if (start.type != ET_EXEC && start.type != ET_DYN)
		return -ENOEXEC;
	if (facts->data != NATIVE_DATA || facts->class != NATIVE_CLASS)
		return 0;
	return read_headers(fd, facts);
}

int exe_read(const char *path, struct exe_facts *ret_facts)
{
	struct exe_facts facts = {};
	int r, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	r = read_facts(fd, &facts);
	close(fd);
	if (!r)
		*ret_facts = facts;
	return r;
}

const char *exe_machine_name(const struct exe_facts *facts)
{
	switch (facts->machine) {
	case EM_386:
		return "x86 (32 bit)";
	case EM_X86_64:
		return facts->class == ELFCLASS64 ? "x86-64 (64 bit)" : "x86-64 (x32)";
	case EM_ARM:
		return "Arm (32 bit)";
	case EM_AARCH64:
		return "Arm (64 bit)";
	case EM_RISCV:
		return facts->class == ELFCLASS64 ? "RISC-V (64 bit)" : "RISC-V (32 bit)";
	case EM_PPC64:
		return "POWER (64 bit)";
	case EM_S390:
		return "S/390";
	default:
		return "another machine";
	}
}

bool exe_same_file(const char *a, const char *b)
{
	struct stat first, second;

	return !sys_raw(SYS_newfstatat, AT_FDCWD, a, &first, 0) &&
	       !sys_raw(SYS_newfstatat, AT_FDCWD, b, &second, 0) && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* A dynamic linker called by its name, perhaps that of another root whose C library is not ours: it preloads as ours does. */
static bool is_loader(const char *path, const char *ours)
{
	return exe_same_file(path, ours) || !strcmp(basename(path), basename(ours));
}

bool exe_preloads(const char *path, const struct exe_facts *facts, const struct exe_facts *own)
{
	if (!facts->interpreter[0])
		return is_loader(path, own->interpreter);
	/* Another loader is that of another C library. */
	return !facts->go && !strcmp(basename(facts->interpreter), basename(own->interpreter));
}

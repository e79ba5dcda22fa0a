/* SPDX-License-Identifier: MIT */
/* The tree of virtual nodes: walked by component, each found by a hash, for a folder may have thousands. */
#include "frontend/preload/path_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Takes the next component off *path: its length, 0 at the end. Slashes and "." are passed over. */
static size_t next_component(const char **path, const char **ret_name)
{
	const char *p = *path;
	size_t length;

	do {
		p += strspn(p, "/");
		length = strcspn(p, "/");
		*ret_name = p;
		p += length;
	} while (length == 1 && **ret_name == '.');
	*path = p;
	return length;
}

static unsigned int name_hash(const char *name, size_t length)
{
	unsigned int first = (unsigned char)name[0], middle = (unsigned char)name[length / 2],
		     last = (unsigned char)name[length - 1];

	return (first * 31 + middle * 131 + last * 7 + length * 257) % (VTREE_NAME_WORDS * 64);
}

void vtree_init(struct vtree *tree)
{
	*tree = (struct vtree){
		.root = {.kind = VNODE_DIR, .mode = 0755, .ino = 1, .name = (char *)""},
		.last_ino = 1};
	LIST_INIT(&tree->root.children);
}

/* The last leaf under `dir`, which is childless itself when there is none: no recursion. */
static struct vnode *leaf_of(struct vnode *dir)
{
	while (!LIST_EMPTY(&dir->children))
		dir = LIST_FIRST(&dir->children);
	return dir;
}

void vtree_done(struct vtree *tree)
{
	struct vnode *vnode;

	while ((vnode = leaf_of(&tree->root)) != &tree->root) {
		LIST_REMOVE(vnode, siblings);
		free(vnode->name);
		free(vnode->target);
		free(vnode);
	}
	free(tree->table);
}

/* FNV-1a. */
static size_t child_hash(const struct vnode *dir, const char *name, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325 ^ dir->ino;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
	return (size_t)(hash ^ hash >> 32);
}

/* The end of the chain, if there is no such child. */
static struct vnode *find_in(const struct vtree *tree, const struct vnode *dir, const char *name,
			     size_t length)
{
	struct vnode *child =
		tree->chains ? tree->table[child_hash(dir, name, length) & (tree->chains - 1)]
			     : NULL;

	while (child && (child->parent != dir || strncmp(child->name, name, length) != 0 ||
			 child->name[length]))
		child = child->same_hash;
	return child;
}

const struct vnode *vnode_child(const struct vnode *dir, const char *name, size_t length)
{
	const struct vnode *root = dir, *child;

	if (LIST_EMPTY(&dir->children)) /* it may be in no tree */
		return NULL;
	while (root->parent)
		root = root->parent;
	child = find_in((const struct vtree *)root, dir, name, length);
	return child && vnode_present(child) ? child : NULL;
}

static void chain(struct vtree *tree, struct vnode *vnode)
{
	size_t at =
		child_hash(vnode->parent, vnode->name, strlen(vnode->name)) & (tree->chains - 1);

	vnode->same_hash = tree->table[at];
	tree->table[at] = vnode;
}

/* One node for a chain, on average. */
static int make_room(struct vtree *tree)
{
	struct vtree old = {.table = tree->table, .chains = tree->chains};
	const size_t chains = old.chains ? 2 * old.chains : 64;
	struct vnode *vnode, *next, **table;

	if (tree->last_ino < old.chains)
		return 0;
	table = mem_calloc(chains, sizeof(*table));
	if (!table)
		return -ENOMEM;
	tree->table = table;
	tree->chains = chains;
	for (size_t i = 0; i < old.chains; i++)
		for (vnode = old.table[i]; vnode; vnode = next) {
			next = vnode->same_hash;
			chain(tree, vnode);
		}
	free(old.table);
	return 0;
}

static char *copy_text(const char *text, size_t length)
{
	char *copy = mem_alloc(length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static int add_child(struct vtree *tree, struct vnode *dir, const char *name, size_t length,
		     struct vnode **ret_child)
{
	struct vnode *child = make_room(tree) ? NULL : mem_zalloc(sizeof(*child));

	if (!child)
		return -ENOMEM;
	child->name = copy_text(name, length);
	if (!child->name) {
		free(child);
		return -ENOMEM;
	}
	child->kind = VNODE_DIR;
	child->mode = 0755;
	child->ino = ++tree->last_ino;
	child->parent = dir;
	child->present = tree->present;
	child->owner = tree->owner;
	LIST_INIT(&child->children);
	LIST_INSERT_HEAD(&dir->children, child, siblings);
	chain(tree, child);
	tree->names[name_hash(name, length) / 64] |= 1ull << name_hash(name, length) % 64;
	*ret_child = child;
	return 0;
}

/* Makes the node of `path`, as a directory, and those on the way; 1 if it was there. */
static int add_path(struct vtree *tree, struct vnode *dir, const char *path,
		    struct vnode **ret_vnode)
{
	struct vnode *child;
	const char *name;
	size_t length;
	int r = 1;

	dir = dir ? dir : &tree->root;
	while ((length = next_component(&path, &name))) {
		if (dir->kind != VNODE_DIR)
			return -ENOTDIR;
		child = find_in(tree, dir, name, length);
		r = 1;
		if (!child)
			r = add_child(tree, dir, name, length, &child);
		if (r < 0)
			return r;
		dir = child;
	}
	*ret_vnode = dir;
	return r;
}

static int add_leaf(struct vtree *tree, struct vnode *dir, const char *path, enum vnode_kind kind,
		    struct vnode **ret_vnode)
{
	int r = add_path(tree, dir, path, ret_vnode);

	if (r)
		return r < 0 ? r : -EEXIST;
	(*ret_vnode)->kind = kind;
	return 0;
}

int vtree_make_dir(struct vtree *tree, struct vnode *dir, const char *path, struct vnode **ret_dir)
{
	int r = add_path(tree, dir, path, ret_dir);

	if (r < 0)
		return r;
	return (*ret_dir)->kind == VNODE_DIR ? 0 : -EEXIST;
}

int vtree_make_char(struct vtree *tree, struct vnode *dir, const char *path,
		    struct vnode **ret_vnode)
{
	return add_leaf(tree, dir, path, VNODE_CHAR, ret_vnode);
}

int vtree_make_link(struct vtree *tree, struct vnode *dir, const char *path, const char *target,
		    struct vnode **ret_link)
{
	char *copy = copy_text(target, strlen(target));
	int r;

	if (!copy)
		return -ENOMEM;
	r = add_leaf(tree, dir, path, VNODE_LINK, ret_link);
	if (r) {
		free(copy);
		return r;
	}
	(*ret_link)->mode = 0777;
	(*ret_link)->target = copy;
	return 0;
}

int vtree_make_files(struct vtree *tree, struct vnode *dir, const struct vnode_file *files,
		     uint64_t size)
{
	struct vnode *vnode;
	int r = 0;

	for (; files->name && !r; files++) {
		r = add_leaf(tree, dir, files->name, VNODE_TEXT, &vnode);
		if (r)
			break;
		vnode->mode = files->mode;
		vnode->text = files->text;
		vnode->store = files->store;
		vnode->size = size;
		vnode->data = dir->data;
		vnode->index = dir->index;
	}
	return r;
}

int vtree_add_dir(struct vtree *tree, const char *path)
{
	struct vnode *vnode;

	return vtree_make_dir(tree, NULL, path, &vnode);
}

int vtree_add_char(struct vtree *tree, const char *path, mode_t mode, unsigned int major,
		   unsigned int minor)
{
	struct vnode *vnode;
	int r = vtree_make_char(tree, NULL, path, &vnode);

	if (r)
		return r;
	vnode->mode = mode;
	vnode->major = major;
	vnode->minor = minor;
	return 0;
}

int vtree_add_text(struct vtree *tree, const char *path, mode_t mode, vnode_text_fn text)
{
	struct vnode *vnode;
	int r = add_leaf(tree, NULL, path, VNODE_TEXT, &vnode);

	if (r)
		return r;
	vnode->mode = mode;
	vnode->text = text;
	return 0;
}

int vtree_add_link(struct vtree *tree, const char *path, const char *target)
{
	struct vnode *vnode;

	return vtree_make_link(tree, NULL, path, target, &vnode);
}

const struct vnode *vtree_find(const struct vtree *tree, const char *path)
{
	const struct vnode *vnode = &tree->root;
	const char *name;
	size_t length;

	if (*path != '/')
		return NULL;
	while (vnode && (length = next_component(&path, &name)))
		vnode = vnode_child(vnode, name, length);
	/* "/dev/iommu/" and "/dev/iommu/." name no file, as on a real file system. */
	if (vnode && vnode->kind != VNODE_DIR &&
	    (path[-1] == '/' || (path[-1] == '.' && path[-2] == '/')))
		return NULL;
	return vnode;
}

int vnode_path(const struct vnode *vnode, char *buf, size_t size)
{
	size_t at = size - 1, length;

	buf[at] = '\0';
	for (; vnode->parent; vnode = vnode->parent) {
		length = strlen(vnode->name);
		if (at < length + 1)
			return -ENAMETOOLONG;
		at -= length;
		memcpy(buf + at, vnode->name, length);
		buf[--at] = '/';
	}
	if (at == size - 1)
		buf[--at] = '/';
	memmove(buf, buf + at, size - at);
	return size - 1 - at;
}

bool vtree_may_name(const struct vtree *tree, const char *path)
{
	const char *end = path + strlen(path), *start;
	unsigned int hash;

	while (end > path && end[-1] == '/')
		end--;
	for (start = end; start > path && start[-1] != '/'; start--)
		;
	if (start == end)
		return false;
	hash = name_hash(start, end - start);
	return tree->names[hash / 64] >> hash % 64 & 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * A tree of virtual nodes: what a machine adds to the file system that a program sees. Directories
 * of the tree that exist for real (/dev) are shown merged, the others (/dev/vfio on most machines)
 * are the tree's alone.
 *
 * Locking: none. A tree is built before it is looked at; then it is constant.
 */
#ifndef UIOMMUFD_PRELOAD_PATH_TREE_H
#define UIOMMUFD_PRELOAD_PATH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

enum vnode_kind {
	VNODE_DIR,
	VNODE_CHAR, /* a device node, opened through the core */
	VNODE_TEXT, /* a file whose text is made when it is opened */
	VNODE_LINK, /* a symbolic link */
	VNODE_TASK, /* a thread's fail-nth: in no tree, see fail_nth.h */
};

struct vnode;

/* Writes at most `size` bytes; returns how many, or -errno. */
typedef ssize_t (*vnode_text_fn)(const struct vnode *vnode, char *buf, size_t size);
/* What is written to the file, with a zero behind it: 0 or -errno. */
typedef int (*vnode_store_fn)(const struct vnode *vnode, const char *text, size_t length);

/* One file of a folder, for tables. */
struct vnode_file {
	const char *name;
	mode_t mode;
	vnode_text_fn text;   /* NULL: it can't be read */
	vnode_store_fn store; /* NULL: what is written goes nowhere */
};

struct vnode {
	enum vnode_kind kind;
	mode_t mode;		   /* permissions only */
	uint64_t ino;		   /* unique in the tree */
	char *name;		   /* the last component; "" for the root */
	struct vnode *parent;	   /* NULL for the root */
	unsigned int major, minor; /* CHAR */
	pid_t tid;		   /* TASK */
	vnode_text_fn text;	   /* TEXT */
	vnode_store_fn store;	   /* TEXT */
	uint64_t size;		   /* TEXT: what stat says */
	char *target;		   /* LINK */
	const void *data;   /* whose node it is, for its functions; a folder's are its files' */
	unsigned int index; /* the same */
	/* NULL: it is always there. A folder that isn't there has nothing in it. */
	bool (*present)(const struct vnode *vnode);
	const void *owner; /* for `present` */
	LIST_HEAD(, vnode) children;
	LIST_ENTRY(vnode) siblings;
	struct vnode *same_hash; /* the next in its chain of the tree's table */
};

/* So many bits that few names of others have the hash of a node's, with a hundred names of ours. */
#define VTREE_NAME_WORDS 1024

struct vtree {
	struct vnode root; /* first: nodes find the tree by it */
	/* What nodes get that are made from now on. */
	bool (*present)(const struct vnode *vnode);
	const void *owner;
	uint64_t last_ino; /* as many nodes as there are, with the root */
	/* All but the root, by folder and name; a power of two of chains, or none. */
	struct vnode **table;
	size_t chains;
	uint64_t names
		[VTREE_NAME_WORDS]; /* a bit for the hash of each node's name: see vtree_may_name() */
};

void vtree_init(struct vtree *tree);
void vtree_done(struct vtree *tree);

/*
 * Add a node by its absolute path; the directories on the way are made with mode 0755. Adding a
 * directory that is there is fine. -EEXIST, -ENOTDIR, -ENOMEM.
 */
int vtree_add_dir(struct vtree *tree, const char *path);
int vtree_add_char(struct vtree *tree, const char *path, mode_t mode, unsigned int major,
		   unsigned int minor);
int vtree_add_text(struct vtree *tree, const char *path, mode_t mode, vnode_text_fn text);
int vtree_add_link(struct vtree *tree, const char *path, const char *target);

/*
 * The same by a path relative to `dir` (NULL: the root), and the node. vtree_make_dir() also gives one that is there.
 */
int vtree_make_dir(struct vtree *tree, struct vnode *dir, const char *path, struct vnode **ret_dir);
int vtree_make_char(struct vtree *tree, struct vnode *dir, const char *path,
		    struct vnode **ret_vnode);
int vtree_make_link(struct vtree *tree, struct vnode *dir, const char *path, const char *target,
		    struct vnode **ret_link);
/* Files from a table, which ends with a NULL name. They get the folder's data and index, and the size. */
int vtree_make_files(struct vtree *tree, struct vnode *dir, const struct vnode_file *files,
		     uint64_t size);

static inline bool vnode_present(const struct vnode *vnode)
{
	return !vnode->present || vnode->present(vnode);
}

/*
 * The node of an absolute path, or NULL. Doubled slashes and "." are understood; ".." and the links
 * of the tree are not followed (path_walk() does). A path that can't be in the tree leaves at the
 * first component.
 */
const struct vnode *vtree_find(const struct vtree *tree, const char *path);
/* A child that is present by its name, which ends at `length`. */
const struct vnode *vnode_child(const struct vnode *dir, const char *name, size_t length);
/* The absolute path: its length, or -ENAMETOOLONG. */
int vnode_path(const struct vnode *vnode, char *buf, size_t size);

/*
 * Could the last component of `path` be the name of a node? False is certain. For relative paths,
 * whose folder is too expensive to look up every time.
 */
bool vtree_may_name(const struct vtree *tree, const char *path);

#endif

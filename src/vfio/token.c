/* SPDX-License-Identifier: MIT */
/*
 * VF tokens: a secret that the user of a physical function and those of its virtual functions share, since the former can do anything to the latter
 * (uapi/linux/vfio.h, VFIO_DEVICE_FEATURE_PCI_VF_TOKEN; the commit that introduced VF tokens tells the rules). It is the physical function's for as long
 * as the machine's processes live, unknown at first, and never told.
 */
#include <errno.h>
#include <string.h>

#include "vfio/internal.h"

/* ---- text ---- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = memchr(digits, c >= 'A' && c <= 'F' ? c | 32 : c, 16);

	return at ? (int)(at - digits) : -1;
}

/* RFC 4122, 3. */
int vfio_token_parse(const char *text, struct vfio_token *ret_token)
{
	unsigned char bytes[16];
	unsigned int n = 0;

	if (strnlen(text, VFIO_TOKEN_TEXT) < VFIO_TOKEN_TEXT)
		return -EINVAL;
	for (unsigned int i = 0; i < VFIO_TOKEN_TEXT; i++) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		high = hex_digit(text[i++]);
		low = hex_digit(text[i]);
		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[n++] = (unsigned char)(high << 4 | low);
	}
	memcpy(ret_token, bytes, sizeof(bytes));
	return 0;
}

/* ---- rules ---- */

static bool matches(struct share *pf, const struct vfio_token *token)
{
	return atomic_load(&pf->token[0]) == token->half[0] &&
	       atomic_load(&pf->token[1]) == token->half[1];
}

static void store(struct share *pf, const struct vfio_token *token)
{
	atomic_store(&pf->token[0], token->half[0]);
	atomic_store(&pf->token[1], token->half[1]);
}

/* Is a virtual function of the device's in use, in any process? */
static bool vfs_in_use(const struct vfio_device *device)
{
	const struct vfio_device *other;

	LIST_FOREACH(other, &device->vfio->devices, link)
		if (other->function->pf == device->function &&
		    atomic_load(&other->function->share->users))
			return true;
	return false;
}

/* Who opens a physical function must know what its virtual functions' users agreed on; while there are none, it is his to say. */
static int check_physical(struct vfio_device *device, const struct vfio_token *token)
{
	struct share *share = device->function->share;

	if (vfs_in_use(device))
		return token && matches(share, token) ? 0 : -EACCES;
	if (token)
		store(share, token);
	return 0;
}

int vfio_token_check(struct vfio_device *device, const struct vfio_token *token)
{
	const struct pci_function *function = device->function;

	if (function->sriov.total)
		return check_physical(device, token);
	if (function->pf)
		return token && matches(function->pf->share, token) ? 0 : -EACCES;
	return token ? -EINVAL : 0;
}

int vfio_token_set(struct vfio_device *device, const struct vfio_token *token)
{
	if (vfs_in_use(device))
		return -EBUSY;
	store(device->function->share, token);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Commands of a guest's queue (IHI 0070, 4.1 to 4.7): which it may give, and what they do. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "core/machine_impl.h"
#include "core/sanitizer.h"
#include "hw/smmuv3/caches.h"
#include "hw/smmuv3/smmu.h"

/* Linux hands checked commands to the queue in pieces: a bad one later doesn't undo those, and those since the last piece are not done. */
#define BATCH 63

/* ---- which may be given ---- */

/* A command's fields: any other bit set is malformed. */
struct command_rule {
	uint64_t word0, word1;
	bool has_sid;
	uint32_t idr0; /* what the SMMU must have */
};

#define TLBI0_RANGE (TLBI0_NUM | TLBI0_SCALE)
#define TLBI1_VA    (TLBI1_LEAF | TLBI1_TTL | TLBI1_TG | TLBI1_ADDRESS)

/* The guest's VMID means nothing: the vIOMMU has one. */
static bool find_rule(uint64_t opcode, struct command_rule *ret_rule)
{
	switch (opcode) {
	case CMD_TLBI_NSNH_ALL:
		*ret_rule = (struct command_rule){0};
		return true;
	case CMD_TLBI_NH_ALL:
		*ret_rule = (struct command_rule){.word0 = TLBI0_VMID};
		return true;
	case CMD_TLBI_NH_ASID:
		*ret_rule = (struct command_rule){.word0 = TLBI0_VMID | TLBI0_ASID};
		return true;
	case CMD_TLBI_NH_VA:
		*ret_rule = (struct command_rule){.word0 = TLBI0_VMID | TLBI0_ASID | TLBI0_RANGE,
						  .word1 = TLBI1_VA};
		return true;
	case CMD_TLBI_NH_VAA:
		*ret_rule =
			(struct command_rule){.word0 = TLBI0_VMID | TLBI0_RANGE, .word1 = TLBI1_VA};
		return true;
	case CMD_CFGI_CD:
		*ret_rule = (struct command_rule){
			.word0 = CMD0_SSID | CMD0_SID, .word1 = CFGI1_LEAF, .has_sid = true};
		return true;
	case CMD_CFGI_CD_ALL:
		*ret_rule = (struct command_rule){.word0 = CMD0_SID, .has_sid = true};
		return true;
	case CMD_ATC_INV:
		*ret_rule = (struct command_rule){
			.word0 = CMD0_SSV | ATC0_GLOBAL | CMD0_SSID | CMD0_SID,
			.word1 = ATC1_SIZE | ATC1_ADDRESS,
			.has_sid = true,
			.idr0 = IDR0_ATS,
		};
		return true;
	}
	return false;
}

static struct smmuv3_device *find_device(struct smmu_viommu *viommu, const uint64_t cmd[2])
{
	struct vdevice *vdevice = viommu_find_vdevice(&viommu->viommu, field_get(CMD0_SID, cmd[0]));

	return vdevice ? smmu_device_of(vdevice->dev) : NULL;
}

int smmu_command_check(struct smmu_viommu *viommu, const uint64_t cmd[2])
{
	uint64_t opcode = field_get(CMD0_OPCODE, cmd[0]);
	struct command_rule rule;

	if (!find_rule(opcode, &rule))
		return -EIO;
	if (cmd[0] & ~(rule.word0 | CMD0_OPCODE) || cmd[1] & ~rule.word1)
		return -EIO;
	if ((viommu->iommu->info.idr[0] & rule.idr0) != rule.idr0)
		return -EIO;
	if (rule.has_sid && !find_device(viommu, cmd))
		return -EIO;
	return opcode == CMD_ATC_INV && field_get(ATC1_SIZE, cmd[1]) > 52 ? -EIO : 0;
}

/* ---- what they do ---- */

/* The addresses of a TLBI by address (4.4.1.1): with a granule a range, else whatever maps the address. */
static void tlbi_range(const uint64_t cmd[2], uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t first = cmd[1] & TLBI1_ADDRESS, bytes;
	unsigned int tg = field_get(TLBI1_TG, cmd[1]), shift;

	*ret_first = *ret_last = first;
	if (!tg)
		return;
	shift = 10 + 2 * tg + field_get(TLBI0_SCALE, cmd[0]);
	bytes = shift < 58 ? (field_get(TLBI0_NUM, cmd[0]) + 1) << shift : 0;
	*ret_last = first + bytes - 1 < first || !bytes ? UINT64_MAX : first + bytes - 1;
}

/* For the sanitizer: addresses that devices should not touch any more. */
static void remember(struct smmu_viommu *viommu, uint64_t first, uint64_t last)
{
	struct sanitizer *sanitizer = viommu->iommu->machine->sanitizer;
	struct vdevice *vdevice;

	if (!sanitizer)
		return;
	LIST_FOREACH(vdevice, &viommu->viommu.vdevices, link)
		sanitizer_remember(
			sanitizer,
			(struct sanitizer_event){
				.space = atomic_load(&smmu_device_of(vdevice->dev)->nested),
				.first = first,
				.last = last,
			});
}

static void tlbi_address(struct smmu_viommu *viommu, const uint64_t cmd[2], bool any_asid)
{
	struct smmu_tlbi tlbi = {
		.any_asid = any_asid,
		.asid = field_get(TLBI0_ASID, cmd[0]),
		.leaf = field_get(TLBI1_LEAF, cmd[1]),
	};

	tlbi_range(cmd, &tlbi.first, &tlbi.last);
	remember(viommu, tlbi.first, tlbi.last | 0xfff);
	smmu_tlb_invalidate(viommu, &tlbi);
}

/* 2^Size pages around an address (4.5.1); 52 is everything. */
static enum smmu_cerror atc_invalidate(struct smmu_viommu *viommu, const uint64_t cmd[2])
{
	struct smmuv3_device *device = find_device(viommu, cmd);
	unsigned int size = field_get(ATC1_SIZE, cmd[1]);
	uint64_t span = size < 52 ? ((uint64_t)1 << (size + 12)) - 1 : UINT64_MAX;
	struct smmu_atc_inv inv = {
		.first = cmd[1] & ATC1_ADDRESS & ~span,
		.last = (cmd[1] & ATC1_ADDRESS) | span,
		.ssid_valid = field_get(CMD0_SSV, cmd[0]),
		.global = field_get(CMD0_SSV, cmd[0]) && field_get(ATC0_GLOBAL, cmd[0]),
		.ssid = field_get(CMD0_SSID, cmd[0]),
	};

	if (!device)
		return CERROR_NONE; /* it has gone since the check */
	if (device->options.ignores_invalidations)
		return CERROR_ATC_INV;
	smmu_atc_invalidate(device, &inv);
	return CERROR_NONE;
}

static void cfgi(struct smmu_viommu *viommu, const uint64_t cmd[2], bool all)
{
	struct smmuv3_device *device = find_device(viommu, cmd);

	if (device)
		smmu_cd_invalidate(viommu, device, all, field_get(CMD0_SSID, cmd[0]));
}

enum smmu_cerror smmu_command_run(struct smmu_viommu *viommu, const uint64_t cmd[2])
{
	uint64_t asid = field_get(TLBI0_ASID, cmd[0]);

	switch (field_get(CMD0_OPCODE, cmd[0])) {
	case CMD_TLBI_NSNH_ALL:
	case CMD_TLBI_NH_ALL:
		smmu_tlb_invalidate(viommu, &(struct smmu_tlbi){.any_asid = true, .last = -1});
		break;
	case CMD_TLBI_NH_ASID:
		smmu_tlb_invalidate(viommu, &(struct smmu_tlbi){.asid = asid, .last = -1});
		break;
	case CMD_TLBI_NH_VA:
		tlbi_address(viommu, cmd, false);
		break;
	case CMD_TLBI_NH_VAA:
		tlbi_address(viommu, cmd, true);
		break;
	case CMD_CFGI_CD:
		cfgi(viommu, cmd, false);
		break;
	case CMD_CFGI_CD_ALL:
		cfgi(viommu, cmd, true);
		break;
	case CMD_ATC_INV:
		return atc_invalidate(viommu, cmd);
	}
	return CERROR_NONE;
}

/* ---- batches by ioctl ---- */

/* An iommu_viommu_arm_smmuv3_invalidate, little-endian as we are. */
struct command {
	uint64_t words[2];
};

#define ENTRY sizeof(struct command)

/* The whole array is copied first. */
static int read_all(const struct user_array *array, struct command *cmds)
{
	if (array->type != IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 || !array->entry_num)
		return -EINVAL;
	return user_array_read_all(array, cmds, ENTRY);
}

/* The code goes where the last word of the entry is, as VT-d's does; -EIO if the entry is too short for that. */
static int report_error(const struct user_array *array, uint32_t index, enum smmu_cerror cerror)
{
	const uint32_t code = cerror;

	if (array->entry_len < ENTRY)
		return -EIO;
	return client_write(array->client,
			    array->uptr + (uint64_t)index * array->entry_len + ENTRY - sizeof(code),
			    &code, sizeof(code));
}

/* Runs what was checked. A command that failed, if anyone wants to know, is where it stops: array->done is its index. */
static int run_batch(struct smmu_viommu *viommu, struct user_array *array,
		     const struct command *cmds, uint32_t end)
{
	for (uint32_t i = array->done; i < end; i++) {
		enum smmu_cerror cerror = smmu_command_run(viommu, cmds[i].words);

		if (cerror == CERROR_NONE || !viommu->iommu->options.report_invalidations)
			continue;
		array->done = i;
		return report_error(array, i, cerror);
	}
	array->done = end;
	return 0;
}

static int run_all(struct smmu_viommu *viommu, struct user_array *array, const struct command *cmds)
{
	for (uint32_t i = 0; i < array->entry_num; i++) {
		int rc = smmu_command_check(viommu, cmds[i].words);

		if (rc) {
			array->done = i; /* counts those too that were checked and not issued */
			return rc;
		}
		if (i + 1 < array->entry_num && i + 1 - array->done < BATCH)
			continue;
		rc = run_batch(viommu, array, cmds, i + 1);
		if (rc || array->done <= i)
			return rc;
	}
	return 0;
}

int smmu_viommu_invalidate(struct viommu *viommu, struct user_array *array)
{
	struct smmu_viommu *smmu_viommu = (struct smmu_viommu *)viommu;
	struct command *cmds = mem_calloc(array->entry_num ? array->entry_num : 1, sizeof(*cmds));
	int rc;

	if (!cmds)
		return -ENOMEM;
	rc = read_all(array, cmds);
	if (!rc)
		rc = run_all(smmu_viommu, array, cmds);
	smmu_invalidate_finish(smmu_viommu);
	free(cmds);
	return rc;
}

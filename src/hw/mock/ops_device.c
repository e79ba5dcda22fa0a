/* SPDX-License-Identifier: MIT */
/* The test command: plugging devices in, attaching them, faults and events. */
#include <errno.h>

#include "hw/mock/mock.h"

/* ---- devices ---- */

static int plug_in(struct ucmd *ucmd, struct iommu_test_cmd *cmd, uint32_t flags)
{
	struct mock_device *mock;
	uint32_t pt_id = cmd->id;
	int rc;

	rc = mock_device_new(ucmd->ctx, flags, &mock);
	if (rc)
		return rc;
	rc = device_attach(mock->device, 0, &pt_id);
	cmd->mock_domain.out_stdev_id = mock->object.id;
	cmd->mock_domain.out_hwpt_id = pt_id;
	cmd->mock_domain.out_idev_id = mock->device->object.id;
	return ucmd_respond_new(ucmd, sizeof(*cmd), &mock->object, rc);
}

int mock_op_mock_domain(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return plug_in(ucmd, cmd, 0);
}

int mock_op_mock_domain_flags(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return plug_in(ucmd, cmd, cmd->mock_domain_flags.dev_flags);
}

int mock_op_replace(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_device *mock = mock_device_find(ucmd->ctx, cmd->id);
	int rc;

	if (!mock)
		return -ENOENT;
	rc = device_replace(mock->device, 0, &cmd->mock_domain_replace.pt_id);
	return rc ? rc : ucmd_respond(ucmd, sizeof(*cmd));
}

int mock_op_check_cache(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct device *device = device_find(ucmd->ctx, cmd->id);

	if (!device)
		return -ENOENT;
	if (cmd->check_dev_cache.id > MOCK_DEV_CACHE_ID_MAX)
		return -EINVAL;
	return mock_of_dev(device->iommu_dev)->cache[cmd->check_dev_cache.id] ==
			       cmd->check_dev_cache.cache
		       ? 0
		       : -EINVAL;
}

int mock_op_check_iotlb(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct object *object = object_find(ucmd->ctx, cmd->id, &hwpt_nested_type);
	const struct mock_domain *mock;

	if (!object)
		return -ENOENT;
	mock = (struct mock_domain *)((struct hwpt *)object)->domain;
	if (cmd->check_iotlb.id > MOCK_NESTED_DOMAIN_IOTLB_ID_MAX ||
	    mock->iotlb[cmd->check_iotlb.id] != cmd->check_iotlb.iotlb)
		return -EINVAL;
	return 0;
}

/* ---- PASIDs ---- */

static int change_pasid(struct ucmd *ucmd, struct iommu_test_cmd *cmd,
			int (*change)(struct device *device, uint32_t pasid, uint32_t *pt_id))
{
	struct mock_device *mock = mock_device_find(ucmd->ctx, cmd->id);
	int rc;

	if (!mock)
		return -ENOENT;
	rc = change(mock->device, cmd->pasid_attach.pasid, &cmd->pasid_attach.pt_id);
	return rc ? rc : ucmd_respond(ucmd, sizeof(*cmd));
}

int mock_op_pasid_attach(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_device *mock = mock_device_find(ucmd->ctx, cmd->id);
	int rc = change_pasid(ucmd, cmd, device_attach);

	/* An answer that can't be written undoes the attachment. */
	if (rc == -EFAULT && mock)
		device_detach(mock->device, cmd->pasid_attach.pasid);
	return rc;
}

int mock_op_pasid_replace(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return change_pasid(ucmd, cmd, device_replace);
}

int mock_op_pasid_detach(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_device *mock = mock_device_find(ucmd->ctx, cmd->id);

	if (!mock)
		return -ENOENT;
	device_detach(mock->device, cmd->pasid_detach.pasid);
	return 0;
}

int mock_op_pasid_check(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_device *mock = mock_device_find(ucmd->ctx, cmd->id);
	struct hwpt *want = NULL, *hwpt;

	if (!mock)
		return -ENOENT;
	hwpt = device_hwpt(mock->device, cmd->pasid_check.pasid);
	if (cmd->pasid_check.hwpt_id) {
		want = hwpt_find(ucmd->ctx, cmd->pasid_check.hwpt_id);
		if (!want)
			return object_find(ucmd->ctx, cmd->pasid_check.hwpt_id, NULL) ? -EINVAL
										      : -ENOENT;
	}
	return hwpt == want ? 0 : -EINVAL;
}

/* ---- faults and events ---- */

int mock_op_trigger_iopf(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct device *device = device_find(ucmd->ctx, cmd->trigger_iopf.dev_id);
	struct page_request request = {
		.pasid_valid = cmd->trigger_iopf.pasid != 0,
		.last = true,
		.pasid = cmd->trigger_iopf.pasid,
		.grpid = cmd->trigger_iopf.grpid,
		.perm = cmd->trigger_iopf.perm,
		.addr = cmd->trigger_iopf.addr,
	};

	if (!device)
		return -ENOENT;
	/* Hardware does not hear what becomes of its request. */
	device_page_request(device, &request);
	return 0;
}

int mock_op_trigger_vevent(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct device *device = device_find(ucmd->ctx, cmd->trigger_vevent.dev_id);
	struct iommu_viommu_event_selftest event;
	struct mock_device *mock;

	if (!device)
		return -ENOENT;
	mock = mock_of_dev(device->iommu_dev);
	if (!mock->viommu || !mock->virt_id)
		return -ENOENT;
	event.virt_id = mock->virt_id;
	return viommu_report(mock->viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, &event, sizeof(event));
}

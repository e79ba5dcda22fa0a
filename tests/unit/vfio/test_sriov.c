/* SPDX-License-Identifier: MIT */
/* Physical and virtual functions: config space, coming and going, and VF tokens. */
#include "rig.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio/vfio.h"

#define SRIOV	 0x100 /* after nothing else: the toy has PASIDs, at 0x100 */
#define VF_NAME	 "0000:01:00.1"
#define PF_NODE	 "vfio/devices/vfio3"
#define VF_NODE	 "vfio/devices/vfio4"
#define TOKEN	 "52ac9bff-3a88-4fbd-901a-0d767c3b6c97"
#define PF_TOKEN TOY_NAME " vf_token=" TOKEN
#define VF_TOKEN VF_NAME " vf_token=" TOKEN

static const uint8_t token[16] = {0x52, 0xac, 0x9b, 0xff, 0x3a, 0x88, 0x4f, 0xbd,
				  0x90, 0x1a, 0x0d, 0x76, 0x7c, 0x3b, 0x6c, 0x97};
static const uint8_t other[16] = {1, 2, 3};

static int set_up(void **state)
{
	static struct rig rig;

	rig_init_sriov(&rig);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	rig_done(*state);
	return 0;
}

static void nobody_to_ask(struct share *share)
{
	(void)share;
	fail_msg("there is a user");
}

static int set_vfs(struct rig *rig, unsigned int count, share_ask_fn ask)
{
	return share_set_vfs(rig->function[0]->share, rig->function[1]->share, 1, count, ask);
}

static long open_node(struct rig *rig, const char *node)
{
	struct file *file;
	int rc = machine_open(rig->bench.machine, &rig->bench.client, node, &file);

	if (!rc)
		file_put(file);
	return rc;
}

/* BIND of a cdev with a token, or NULL. */
static long bind_with(struct rig *rig, struct file *cdev, const uint8_t *uuid)
{
	struct bench *bench = &rig->bench;
	int fd = bench->client.ops->fd_install(&bench->client, file_get(bench->file));
	struct vfio_device_bind_iommufd cmd = {.argsz = sizeof(cmd),
					       .iommufd = fd,
					       .flags = uuid ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
					       .token_uuid_ptr = (uintptr_t)uuid};
	long rc = rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd);

	bench_close(bench, fd);
	return rc;
}

/* The same of a new descriptor, which is closed again. */
static long try_bind(struct rig *rig, const char *node, const uint8_t *uuid)
{
	struct file *cdev = rig_open(rig, node);
	long rc = bind_with(rig, cdev, uuid);

	file_put(cdev);
	return rc;
}

static long set_token(struct rig *rig, struct file *file, const uint8_t *uuid)
{
	struct {
		struct vfio_device_feature head;
		uint8_t uuid[16];
	} feature = {.head = {sizeof(feature),
			      VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN}};

	memcpy(feature.uuid, uuid, sizeof(feature.uuid));
	return rig_call(rig, file, VFIO_DEVICE_FEATURE, &feature);
}

/* ---- what is there ---- */

static void vfs_come_and_go(void **state)
{
	struct rig *rig = *state;
	struct file *cdev;

	assert_int_equal(open_node(rig, VF_NODE), -ENOENT);
	assert_int_equal(open_node(rig, "vfio/8"), -ENOENT);
	assert_int_equal(set_vfs(rig, 2, nobody_to_ask), -ERANGE);
	assert_int_equal(set_vfs(rig, 0, nobody_to_ask), 0);
	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	assert_int_equal(open_node(rig, VF_NODE), 0);
	assert_int_equal(open_node(rig, "vfio/8"), 0);
	cdev = rig_open(rig, VF_NODE);
	assert_int_equal(set_vfs(rig, 0, nobody_to_ask), 0);
	assert_int_equal(bind_with(rig, cdev, token), -ENODEV);
	file_put(cdev);
	assert_int_equal(open_node(rig, VF_NODE), -ENOENT);
}

static void vfs_without_a_driver(void **state)
{
	struct rig *rig = *state;
	struct share *share = rig->function[0]->share;

	atomic_store(&share->no_autoprobe, 1);
	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	assert_int_equal(open_node(rig, VF_NODE), -ENOENT);
	atomic_store(&rig->function[1]->share->unbound, 0);
	assert_int_equal(open_node(rig, VF_NODE), 0);
	atomic_store(&share->unbound, 1);
	assert_int_equal(open_node(rig, PF_NODE), -ENOENT);
}

/* PCI Express Base 9.3.3. */
static void the_capability(void **state)
{
	struct rig *rig = *state;
	unsigned int at = 0x130;

	rig_start(rig);
	assert_int_equal(rig_config_load(rig, rig->cdev, SRIOV, 4),
			 PCI_EXT_CAP_ID_PASID | 1 << 16 | at << 20);
	assert_int_equal(rig_config_load(rig, rig->cdev, at, 4), PCI_EXT_CAP_ID_SRIOV | 1 << 16);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_TOTAL_VF, 2), 1);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_INITIAL_VF, 2), 1);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_VF_OFFSET, 2), 1);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_VF_DID, 2), 0x5678);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_NUM_VF, 2), 0);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_CTRL, 2), 0);
	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	rig_config_store(rig, rig->cdev, at + PCI_SRIOV_NUM_VF, 7, 2);
	rig_config_store(rig, rig->cdev, at + PCI_SRIOV_CTRL, 0, 2);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_NUM_VF, 2), 1);
	assert_int_equal(rig_config_load(rig, rig->cdev, at + PCI_SRIOV_CTRL, 2),
			 PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
}

/* PCI Express Base 9.3.4; what Linux shows its users of it. */
static void a_vf_is_a_device(void **state)
{
	struct rig *rig = *state;
	uint64_t value = 0x1122334455667788;
	struct vfio_irq_info irq = {.argsz = sizeof(irq), .index = VFIO_PCI_INTX_IRQ_INDEX};
	struct file *vf;

	rig_start(rig);
	assert_int_equal(set_token(rig, rig->cdev, token), 0);
	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	vf = rig_open(rig, VF_NODE);
	assert_int_equal(bind_with(rig, vf, token), 0);
	assert_int_equal(rig_attach(rig, vf, rig->ioas), 0);
	assert_int_equal(rig_config_load(rig, vf, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(rig_config_load(rig, vf, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(rig_config_load(rig, vf, 0x100, 4), 0);
	assert_int_equal(rig_call(rig, vf, VFIO_DEVICE_GET_IRQ_INFO, &irq), 0);
	assert_int_equal(irq.count, 0);
	/* Its memory is decoded whatever it says itself. */
	rig_config_store(rig, vf, PCI_COMMAND, 0xffff, 2);
	assert_int_equal(rig_config_load(rig, vf, PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	rig_config_store(rig, vf, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
	memcpy(rig->memory, &value, sizeof(value));
	assert_int_equal(rig_command(rig, vf, RIG_IOVA, TOY_READ), 0);
	assert_int_equal(rig_load(rig, vf, TOY_VALUE, 8), value);
	assert_int_equal(rig_load(rig, rig->cdev, TOY_VALUE, 8), 0);
	assert_int_equal(set_token(rig, vf, token), -ENOTTY);
	file_put(vf);
}

/* ---- tokens ---- */

static void tokens_of_cdevs(void **state)
{
	struct rig *rig = *state;
	struct file *vf;

	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	assert_int_equal(try_bind(rig, VF_NODE, NULL), -EACCES);
	assert_int_equal(try_bind(rig, VF_NODE, token), -EACCES);
	assert_int_equal(try_bind(rig, PF_NODE, token), 0);
	/* It stays when the physical function is closed, and another opener without one changes nothing. */
	assert_int_equal(try_bind(rig, PF_NODE, NULL), 0);
	assert_int_equal(try_bind(rig, VF_NODE, NULL), -EACCES);
	assert_int_equal(try_bind(rig, VF_NODE, other), -EACCES);
	assert_int_equal(try_bind(rig, VF_NODE, token), 0);
	assert_int_equal(try_bind(rig, PF_NODE, other), 0);
	assert_int_equal(try_bind(rig, VF_NODE, token), -EACCES);
	/* With a virtual function in use, its user's token is needed. */
	vf = rig_open(rig, VF_NODE);
	assert_int_equal(bind_with(rig, vf, other), 0);
	assert_int_equal(try_bind(rig, PF_NODE, NULL), -EACCES);
	assert_int_equal(try_bind(rig, PF_NODE, token), -EACCES);
	assert_int_equal(try_bind(rig, PF_NODE, other), 0);
	file_put(vf);
	assert_int_equal(try_bind(rig, PF_NODE, token), 0);
}

static void tokens_that_are_set(void **state)
{
	struct rig *rig = *state;
	struct vfio_device_feature probe = {
		sizeof(probe), VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN};
	struct file *vf;

	rig_start(rig);
	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_FEATURE, &probe), 0);
	probe.flags |= VFIO_DEVICE_FEATURE_GET;
	assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_FEATURE, &probe), -EINVAL);
	assert_int_equal(set_token(rig, rig->cdev, token), 0);
	vf = rig_open(rig, VF_NODE);
	assert_int_equal(bind_with(rig, vf, other), -EACCES);
	assert_int_equal(bind_with(rig, vf, token), 0);
	assert_int_equal(set_token(rig, rig->cdev, other), -EBUSY);
	file_put(vf);
	assert_int_equal(set_token(rig, rig->cdev, other), 0);
	assert_int_equal(try_bind(rig, VF_NODE, token), -EACCES);
}

static const struct {
	const char *text;
	int error;
} strings[] = {
	{VF_NAME, -EACCES},
	{VF_NAME " ", -EACCES},
	{VF_NAME " vf_token=88594674-90a0-47a9-aea8-9d9b352ac08a", -EACCES},
	{VF_NAME " vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6c9", -EINVAL},
	{VF_NAME " vf_token=52ac9bff-3a88-4fbd-901a+0d767c3b6c97", -EINVAL},
	{VF_NAME " vf_token=52ac9bff-3a88-4fbd-901a-0d767c3b6cg7", -EINVAL},
	{VF_NAME " vf_token=", -EINVAL},
	{VF_NAME " token=" TOKEN, -EINVAL},
	{VF_TOKEN " vf_token=" TOKEN, -EINVAL},
	{VF_TOKEN "x", -EINVAL},
	{VF_NAME "x", -ENODEV},
};

static void tokens_of_groups(void **state)
{
	struct rig *rig = *state;
	struct bench *bench = &rig->bench;
	struct file *container = rig_open(rig, "vfio/vfio"), *pf = rig_open(rig, "vfio/7"), *vf;
	int fd = bench->client.ops->fd_install(&bench->client, container);
	long pf_fd, vf_fd;

	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	vf = rig_open(rig, "vfio/8");
	assert_int_equal(rig_call(rig, pf, VFIO_GROUP_SET_CONTAINER, &fd), 0);
	assert_int_equal(rig_call(rig, vf, VFIO_GROUP_SET_CONTAINER, &fd), 0);
	assert_int_equal(rig_call(rig, container, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU), 0);
	pf_fd = rig_call(rig, pf, VFIO_GROUP_GET_DEVICE_FD, PF_TOKEN);
	assert_true(pf_fd >= 0);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		assert_int_equal(rig_call(rig, vf, VFIO_GROUP_GET_DEVICE_FD, strings[i].text),
				 strings[i].error);
	vf_fd = rig_call(rig, vf, VFIO_GROUP_GET_DEVICE_FD,
			 VF_NAME "  vf_token=52AC9BFF-3A88-4FBD-901A-0D767C3B6C97 ");
	assert_true(vf_fd >= 0);
	/* Another descriptor of it needs it, too. */
	assert_int_equal(rig_call(rig, vf, VFIO_GROUP_GET_DEVICE_FD, VF_NAME), -EACCES);
	assert_int_equal(rig_call(rig, pf, VFIO_GROUP_GET_DEVICE_FD, TOY_NAME), -EACCES);
	bench_close(bench, (int)vf_fd);
	bench_close(bench, (int)pf_fd);
	file_put(vf);
	file_put(pf);
	bench_close(bench, fd);
}

/* ---- who is in the way ---- */

static struct {
	struct rig *rig;
	struct file *vf;
	int event;
} in_use;

/* The user is asked, and goes. */
static void ask(struct share *share)
{
	vfio_request(in_use.rig->bench.machine, share);
	assert_int_equal(rig_events(in_use.event), 1);
	file_put(in_use.vf);
	assert_int_equal(try_bind(in_use.rig, VF_NODE, token), -ENODEV);
}

static void who_goes_is_asked(void **state)
{
	struct rig *rig = *state;
	int32_t fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_int_equal(set_vfs(rig, 1, nobody_to_ask), 0);
	assert_int_equal(try_bind(rig, PF_NODE, token), 0);
	in_use.rig = rig;
	in_use.vf = rig_open(rig, VF_NODE);
	in_use.event = fd;
	assert_int_equal(bind_with(rig, in_use.vf, token), 0);
	assert_int_equal(
		rig_irqs(rig, in_use.vf,
			 (struct rig_irqs){VFIO_PCI_REQ_IRQ_INDEX,
					   VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
					   0, 1, &fd}),
		0);
	assert_int_equal(set_vfs(rig, 0, ask), 0);
	assert_int_equal(open_node(rig, VF_NODE), -ENOENT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(vfs_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(vfs_without_a_driver, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_capability, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_vf_is_a_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tokens_of_cdevs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tokens_that_are_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tokens_of_groups, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_goes_is_asked, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("vfio sriov", tests, NULL, NULL);
}

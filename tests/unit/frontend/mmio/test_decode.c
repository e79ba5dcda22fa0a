/* SPDX-License-Identifier: MIT */
/*
 * What insn_decode() says of random instructions is what Zydis says. Instructions that don't exist are left out, for no processor has faulted in one; so is
 * what the table doesn't know.
 */
#include "frontend/mmio/insn.h"
#include "unit.h"

#include <Zydis/Zydis.h>
#include <string.h>

#define TRIES 3000000

static uint64_t seed = 88172645463325252;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* An instruction that has the form of one, with an operand in memory. */
static void choose(uint8_t code[INSN_LONGEST])
{
	static const uint8_t prefixes[] = {0x66, 0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x64, 0x3e};
	unsigned int at = 0, form = random_number() % 6;

	for (int i = 0; i < INSN_LONGEST; i++)
		code[i] = (uint8_t)random_number();
	if (form < 4)
		while (random_number() % 3 == 0 && at < 3)
			code[at++] = prefixes[random_number() % sizeof(prefixes)];
	if (form < 4 && random_number() % 2)
		code[at++] = (uint8_t)(0x40 | (random_number() & 15));
	if (form == 4) {
		code[at++] = random_number() % 2 ? 0xc5 : 0xc4;
		if (code[at - 1] == 0xc4)
			code[at++] =
				(uint8_t)((random_number() & 0xe0) | (random_number() % 3 + 1));
		code[at++] = (uint8_t)(random_number() | 0x78);
	} else if (form == 5) {
		code[at++] = 0x62;
		code[at++] = (uint8_t)((random_number() & 0xf0) | (random_number() % 3 + 1));
		code[at++] = (uint8_t)(random_number() | 0x7c);
		code[at++] = (uint8_t)(random_number() | 8);
	} else if (form > 0) {
		code[at++] = 0x0f;
		if (form == 2)
			code[at++] = random_number() % 2 ? 0x38 : 0x3a;
	}
	at++; /* the opcode */
	if ((code[at] & 0xc0) == 0xc0)
		code[at] &= 0x3f;
}

/* What Zydis calls what we have. NULL: anything that begins with one of the vector names. */
static const char *names_of(const struct insn *insn)
{
	static const char *const alu[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
	static const char *const shift[] = {"rol", "ror", "rcl", "rcr", "shl", "shr", "shl", "sar"};
	static const char *const bit[] = {"bt", "bts", "btr", "btc"};
	static const char *const names[] = {
		[INSN_STORE] = "mov movnti movdiri",
		[INSN_LOAD] = "mov movzx",
		[INSN_LOAD_SIGN] = "movsx movsxd",
		[INSN_STORE_SWAP] = "movbe",
		[INSN_LOAD_SWAP] = "movbe",
		[INSN_TEST] = "test",
		[INSN_INC] = "inc",
		[INSN_DEC] = "dec",
		[INSN_NOT] = "not",
		[INSN_NEG] = "neg",
		[INSN_XCHG] = "xchg",
		[INSN_XADD] = "xadd",
		[INSN_CMPXCHG] = "cmpxchg",
		[INSN_CMPXCHG_PAIR] = "cmpxchg8b cmpxchg16b",
		[INSN_PUSH] = "push",
		[INSN_POP] = "pop",
		[INSN_MOVS] = "movsb movsw movsd movsq",
		[INSN_CMPS] = "cmpsb cmpsw cmpsd cmpsq",
		[INSN_STOS] = "stosb stosw stosd stosq",
		[INSN_LODS] = "lodsb lodsw lodsd lodsq",
		[INSN_SCAS] = "scasb scasw scasd scasq",
		[INSN_MOVDIR64B] = "movdir64b",
		[INSN_FLUSH] = "clflush clflushopt clwb",
	};

	switch (insn->op) {
	case INSN_ALU_MEM:
	case INSN_ALU_REG:
		return alu[insn->kind];
	case INSN_SHIFT:
		return shift[insn->kind];
	case INSN_BIT:
		return bit[insn->kind];
	default:
		return insn->op < sizeof(names) / sizeof(names[0]) ? names[insn->op] : NULL;
	}
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += n)
		if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

static bool name_fits(const struct insn *insn, const char *name)
{
	static const char *const vectors[] = {"mov",	  "vmov",     "lddqu",	   "vlddqu",
					      "pextr",	  "vpextr",   "extractps", "vextract",
					      "vmaskmov", "vpmaskmov"};
	const char *names = names_of(insn);

	if (insn->op == INSN_SETCC)
		return !strncmp(name, "set", 3);
	if (insn->op == INSN_CMOV)
		return !strncmp(name, "cmov", 4);
	if (names)
		return has_word(names, name);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		if (!strncmp(name, vectors[i], strlen(vectors[i])))
			return true;
	return false;
}

static bool is_string(const struct insn *insn)
{
	return insn->op >= INSN_MOVS && insn->op <= INSN_SCAS;
}

static bool is_vector(const struct insn *insn)
{
	return insn->op == INSN_VECTOR_STORE || insn->op == INSN_VECTOR_LOAD;
}

static uint8_t register_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return INSN_NO_REG;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return INSN_RIP;
	if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
		return (uint8_t)(INSN_HIGH + (reg - ZYDIS_REGISTER_AH));
	/* SPL to R15B come after the second bytes. */
	return (uint8_t)ZydisRegisterGetId(reg) -
	       (uint8_t)(ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_GPR8 &&
					 reg >= ZYDIS_REGISTER_SPL
				 ? 4
				 : 0);
}

static const ZydisDecodedOperand *find_operand(const ZydisDecodedInstruction *theirs,
					       const ZydisDecodedOperand *operands,
					       ZydisOperandType type)
{
	for (int i = 0; i < theirs->operand_count_visible; i++) {
		const ZydisDecodedOperand *operand = &operands[i];
		bool mask = type == ZYDIS_OPERAND_TYPE_REGISTER &&
			    ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_MASK;

		if (operand->type == type && !mask)
			return operand;
	}
	return NULL;
}

/* Each returns what is wrong, or NULL. */

static const char *check_memory(const struct insn *ours, const ZydisDecodedOperand *mem)
{
	const ZydisDecodedOperandMem *m = &mem->mem;
	bool is_store = mem->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

	if (mem->size / 8 != ours->size && ours->op != INSN_FLUSH && ours->op != INSN_BIT)
		return "size";
	if (ours->op == INSN_STORE && !is_store)
		return "not a store";
	if (ours->op == INSN_VECTOR_STORE && !is_store)
		return "not a vector store";
	if ((ours->op == INSN_LOAD || ours->op == INSN_VECTOR_LOAD) && is_store)
		return "a store";
	if (is_string(ours))
		return NULL;
	if (register_number(m->base) != ours->base)
		return "base";
	if (register_number(m->index) != ours->index)
		return "index";
	if (ours->index != INSN_NO_REG && m->scale != ours->scale)
		return "scale";
	if ((m->disp.has_displacement ? m->disp.value : 0) != ours->disp)
		return "displacement";
	return NULL;
}

static const char *check_register(const struct insn *ours, const ZydisDecodedInstruction *theirs,
				  const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperand *reg =
		find_operand(theirs, operands, ZYDIS_OPERAND_TYPE_REGISTER);

	if (!reg || is_string(ours) || ours->op == INSN_CMPXCHG_PAIR)
		return NULL;
	if (register_number(reg->reg.value) != ours->reg && ours->mask_vector == INSN_NO_REG)
		return "register";
	if (!is_vector(ours) && ours->op != INSN_SHIFT && ours->op != INSN_MOVDIR64B &&
	    reg->size / 8 != ours->width)
		return "width";
	return NULL;
}

static const char *check_mask(const struct insn *ours, const ZydisDecodedInstruction *theirs,
			      const ZydisDecodedOperand *operands, const ZydisDecodedOperand *mem)
{
	int at = ours->op == INSN_VECTOR_LOAD ? 1 : 1;

	if (ours->mask_vector != INSN_NO_REG) {
		if (register_number(operands[at].reg.value) != ours->mask_vector)
			return "mask vector";
		return mem->element_size / 8 == ours->element ? NULL : "element of a mask vector";
	}
	if (theirs->encoding != ZYDIS_INSTRUCTION_ENCODING_EVEX)
		return NULL;
	if (register_number(theirs->avx.mask.reg) != ours->mask)
		return "mask";
	if (ours->mask && mem->element_size / 8 != ours->element)
		return "element";
	if (ours->mask && (theirs->avx.mask.mode == ZYDIS_MASK_MODE_ZEROING) != ours->zeroing)
		return "zeroing";
	return NULL;
}

static const char *check_immediate(const struct insn *ours, const ZydisDecodedInstruction *theirs,
				   const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperand *imm =
		find_operand(theirs, operands, ZYDIS_OPERAND_TYPE_IMMEDIATE);
	uint64_t mask = ours->size >= 8 ? UINT64_MAX : ((uint64_t)1 << 8 * ours->size) - 1;

	if (!imm || is_vector(ours))
		return NULL;
	if (ours->op == INSN_SHIFT || ours->op == INSN_BIT)
		mask = 0xff;
	return ((imm->imm.value.u ^ (uint64_t)ours->imm) & mask) ? "immediate" : NULL;
}

static const char *compare(const struct insn *ours, const ZydisDecodedInstruction *theirs,
			   const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperand *mem = find_operand(theirs, operands, ZYDIS_OPERAND_TYPE_MEMORY);
	const char *wrong;

	if (!name_fits(ours, ZydisMnemonicGetString(theirs->mnemonic)))
		return "name";
	/* Zydis 4.0 sees a base in a SIB that has none if addresses have 32 bits and REX.B is set (SDM volume 2, table 2-3: none). */
	if (ours->address_size == 4 && ours->base == INSN_NO_REG)
		return NULL;
	if (theirs->length != ours->length)
		return "length";
	if (!mem)
		mem = is_string(ours) ? &operands[0] : NULL;
	if (!mem)
		return "no memory";
	if (is_string(ours))
		return NULL;
	wrong = check_memory(ours, mem);
	if (!wrong)
		wrong = check_register(ours, theirs, operands);
	if (!wrong && is_vector(ours))
		wrong = check_mask(ours, theirs, operands, mem);
	return wrong ? wrong : check_immediate(ours, theirs, operands);
}

static void tell(const char *wrong, const uint8_t *code, const struct insn *ours,
		 const ZydisDecodedInstruction *theirs)
{
	print_error("%s: %s, op %u reg %u size %u length %u disp %ld:", wrong,
		    ZydisMnemonicGetString(theirs->mnemonic), ours->op, ours->reg, ours->size,
		    ours->length, (long)ours->disp);
	for (int i = 0; i < INSN_LONGEST; i++)
		print_error(" %02x", code[i]);
	print_error("\n");
}

static void test_as_zydis_says(void **state)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction theirs;
	ZydisDecoder decoder;
	uint8_t code[INSN_LONGEST];
	unsigned int compared = 0, wrong = 0, seen[64] = {};
	const char *what;
	struct insn ours;

	assert_true(ZYAN_SUCCESS(
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
	for (unsigned int i = 0; i < TRIES && wrong < 20; i++) {
		choose(code);
		if (!insn_decode(code, sizeof(code), &ours) ||
		    !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, sizeof(code), &theirs,
							 operands)))
			continue;
		compared++;
		seen[ours.op]++;
		what = compare(&ours, &theirs, operands);
		if (what)
			tell(what, code, &ours, &theirs);
		wrong += what != NULL;
	}
	assert_int_equal(wrong, 0);
	assert_true(compared > TRIES / 20);
	for (int op = INSN_STORE; op <= INSN_FLUSH; op++)
		assert_true(seen[op]);
}

/* Bytes that are not there are not looked at, and make it unknown. */
static void test_cut_off(void **state)
{
	static const uint8_t code[] = {0xc7, 0x84, 0x91, 1, 2, 3, 4, 5, 6, 7, 8};
	struct insn insn;

	assert_true(insn_decode(code, sizeof(code), &insn));
	assert_int_equal(insn.length, sizeof(code));
	assert_int_equal(insn.disp, 0x04030201);
	assert_int_equal(insn.imm, 0x08070605);
	for (size_t len = 0; len < sizeof(code); len++)
		assert_false(insn_decode(code, len, &insn));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_zydis_says),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

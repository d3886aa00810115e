/* SPDX-License-Identifier: MIT */
/* Records of the audit log: see audit_record.h. Believes nothing that it reads. */
#include <bulkhead/audit_record.h>

#include <string.h>

#define HASHED offsetof(struct audit_record, hash)

const char *audit_fault_text(enum audit_fault fault)
{
	switch (fault) {
	case AUDIT_OK:
		return "is right";
	case AUDIT_EMPTY:
		return "is missing: its sector is zero";
	case AUDIT_NO_RECORD:
		return "is no record";
	case AUDIT_CHANGED:
		return "was changed: its contents have another hash";
	case AUDIT_MISPLACED:
		return "has the sequence number of another";
	case AUDIT_UNCHAINED:
		return "does not follow the one before, whose hash is another";
	case AUDIT_NONSENSE:
		return "has fields that no record has";
	}
	return "is wrong";
}

const char *audit_kind_text(uint32_t kind)
{
	static const char *const texts[AUDIT_KINDS] = { "?", "boot", "event", "order", "lost", "damaged",
		"full" };

	return texts[kind < AUDIT_KINDS ? kind : 0];
}

static bool is_printable(char character) { return character >= ' ' && character <= '~'; }

void audit_seal(struct audit_record *record, uint64_t sequence, const uint8_t previous[SHA256_SIZE],
	const char *text, size_t length)
{
	record->magic = AUDIT_MAGIC;
	record->version = AUDIT_VERSION;
	record->sequence = sequence;
	record->length = (uint32_t)(length < AUDIT_TEXT_SIZE ? length : AUDIT_TEXT_SIZE);
	record->reserved = 0;
	memcpy(record->previous, previous, SHA256_SIZE);
	memset(record->text, 0, sizeof(record->text));
	for (uint32_t i = 0; i < record->length; i++) {
		record->text[i] = is_printable(text[i]) ? text[i] : '?';
	}
	sha256(record, HASHED, record->hash);
}

bool audit_is_empty(const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;
	uint64_t word;
	size_t done = 0;

	/* By words: most of a volume is looked at by this alone. */
	for (; size - done >= sizeof(word); done += sizeof(word)) {
		memcpy(&word, byte + done, sizeof(word));
		if (word != 0) {
			return false;
		}
	}
	for (; done < size; done++) {
		if (byte[done] != 0) {
			return false;
		}
	}
	return true;
}

/* Only what audit_seal() makes. */
static bool makes_sense(const struct audit_record *record)
{
	if (record->kind == 0 || record->kind >= AUDIT_KINDS || record->length > AUDIT_TEXT_SIZE ||
		record->reserved != 0) {
		return false;
	}
	for (uint32_t i = 0; i < record->length; i++) {
		if (!is_printable(record->text[i])) {
			return false;
		}
	}
	return audit_is_empty(record->text + record->length, AUDIT_TEXT_SIZE - record->length);
}

enum audit_fault audit_check(
	const struct audit_record *record, uint64_t sequence, const uint8_t previous[SHA256_SIZE])
{
	uint8_t hash[SHA256_SIZE];

	if (audit_is_empty(record, sizeof(*record))) {
		return AUDIT_EMPTY;
	}
	if (record->magic != AUDIT_MAGIC || record->version != AUDIT_VERSION) {
		return AUDIT_NO_RECORD;
	}
	sha256(record, HASHED, hash);
	if (memcmp(hash, record->hash, sizeof(hash)) != 0) {
		return AUDIT_CHANGED;
	}
	if (record->sequence != sequence) {
		return AUDIT_MISPLACED;
	}
	if (memcmp(record->previous, previous, SHA256_SIZE) != 0) {
		return AUDIT_UNCHAINED;
	}
	return makes_sense(record) ? AUDIT_OK : AUDIT_NONSENSE;
}

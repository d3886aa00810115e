/* SPDX-License-Identifier: MIT */
/*
 * The part of the load of a Linux guest that no package brings, for build/soak and tests/system/test_crash_*.py: numbered lines to a console, answers
 * to what is typed, clocks that are compared with each other, random bytes, and records that are flushed before a power cut. A static program;
 * /tmp/stop ends what runs for ever. What it says begins with LOAD, and with LOAD-FAIL if something is wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/rtc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define SECTOR 512
#define BURST 32 /* rounds of clock comparisons */

static bool is_over(void) { return access("/tmp/stop", F_OK) == 0; }

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static void pause_ms(long ms) { nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL); }

/* One line in one write, so that nobody else's stands within it. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (write(STDOUT_FILENO, line, (size_t)length) != length) {
		exit(1);
	}
}

/* ---- Consoles ---- */

static int open_console(const char *path)
{
	int file = open(path, O_RDWR | O_NOCTTY);
	struct termios settings;

	if (file < 0 || tcgetattr(file, &settings) != 0) {
		say("LOAD-FAIL %s: %s\n", path, strerror(errno));
		exit(1);
	}
	settings.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	tcsetattr(file, TCSANOW, &settings);
	return file;
}

/* PREFIX and a number, with all of the alphabet behind it so that a lost or doubled byte shows, every so many milliseconds. */
static void write_lines(const char *path, const char *prefix, long interval)
{
	int file = open_console(path);
	unsigned number = 0;

	while (!is_over()) {
		char line[64];
		int length =
			snprintf(line, sizeof line, "%s %06u abcdefghijklmnopqrstuvwxyz\n", prefix, number++);

		if (write(file, line, (size_t)length) != length) {
			say("LOAD-FAIL %s: %s\n", path, strerror(errno));
			return;
		}
		pause_ms(interval);
	}
	say("LOAD done lines %s %u\n", prefix, number);
}

/* What Linux reads from its clock chip, in seconds since 1970; 0 if it cannot. */
static long long rtc_seconds(void)
{
	FILE *file = fopen("/sys/class/rtc/rtc0/since_epoch", "r");
	long long seconds = 0;

	if (file != NULL) {
		if (fscanf(file, "%lld", &seconds) != 1) {
			seconds = 0;
		}
		fclose(file);
	}
	return seconds;
}

/* Each line that comes is answered, with the time besides; "stop" ends all load. */
static void answer_lines(const char *path)
{
	int file = open_console(path);
	FILE *input = fdopen(file, "r");
	char line[128];

	while (fgets(line, sizeof line, input) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		say("got %s\n", line);
		say("LOAD date %lld\n", rtc_seconds());
		if (strcmp(line, "stop") == 0) {
			close(open("/tmp/stop", O_CREAT | O_WRONLY, 0600));
			return;
		}
	}
	say("LOAD-FAIL %s: its input has ended\n", path);
}

/* ---- Clocks ---- */

/* A counter read at some time between `before` and `after`. */
struct reading {
	int64_t before;
	int64_t after;
	uint32_t value;
};

/* Whether the counter has gone as far between the readings as time has, give or take 0.1 % and some ticks. */
static bool went_right(const struct reading *one, const struct reading *other, uint32_t mask, int64_t hertz)
{
	int64_t least = (other->before - one->after) * hertz / SECOND * 999 / 1000 - 4;
	int64_t most = (other->after - one->before) * hertz / SECOND * 1001 / 1000 + 4;
	int64_t went = (other->value - one->value) & mask;

	for (; went <= most; went += (int64_t)mask + 1) {
		if (went >= least) {
			return true;
		}
	}
	return false;
}

static struct reading read_pm_timer(void)
{
	struct reading reading = { .before = now() };

	reading.value = inl(0x608);
	reading.after = now();
	return reading;
}

/* Counter 2 of the PIT, which Linux leaves alone; it counts down. */
static void start_pit(void)
{
	outb((unsigned char)((inb(0x61) & ~2) | 1), 0x61);
	outb(0xb4, 0x43);
	outb(0, 0x42);
	outb(0, 0x42);
}

static struct reading read_pit(void)
{
	struct reading reading = { .before = now() };

	outb(0x80, 0x43);
	reading.after = now(); /* of the latch */
	reading.value = inb(0x42);
	reading.value = 0x10000 - (reading.value | (uint32_t)inb(0x42) << 8);
	return reading;
}

/* The keyboard controller's memory, of which Linux uses the command byte alone: -1 if it does not answer. Without interrupts, or Linux takes the
 * answer away. */
static int read_i8042(void)
{
	outb(0x21, 0x64);
	return (inb(0x64) & 1) != 0 ? inb(0x60) : -1;
}

static void write_i8042(unsigned address, unsigned char value)
{
	outb((unsigned char)(0x60 + address), 0x64);
	outb(value, 0x60);
}

static int64_t read_rtc(int rtc)
{
	struct rtc_time time;

	if (ioctl(rtc, RTC_RD_TIME, &time) != 0) {
		return -1;
	}
	return timegm((struct tm *)&time); /* the kernel's has the same fields */
}

struct clocks {
	struct reading pm;
	struct reading pit;
	int i8042; /* what was written last */
	int rtc;
	int64_t rtc_seconds; /* of the RTC when `rtc_start` was now */
	int64_t rtc_start;
	int64_t interrupted; /* when the RTC's last interrupt came */
	unsigned interrupts;
};

static void start_clocks(struct clocks *clocks)
{
	if (iopl(3) != 0) {
		say("LOAD-FAIL iopl: %s\n", strerror(errno));
		exit(1);
	}
	start_pit();
	clocks->rtc = open("/dev/rtc0", O_RDONLY);
	clocks->pm = read_pm_timer();
	clocks->pit = read_pit();
	write_i8042(0, 0x74); /* interrupts and both ports are off */
	write_i8042(1, 0);
	clocks->i8042 = 0;
	clocks->rtc_start = now();
	clocks->rtc_seconds = read_rtc(clocks->rtc);
	clocks->interrupted = now();
	if (clocks->rtc_seconds < 0 || ioctl(clocks->rtc, RTC_UIE_ON, 0) != 0) {
		say("LOAD-FAIL rtc: %" PRId64 " s, %s\n", clocks->rtc_seconds, strerror(errno));
		exit(1);
	}
}

static void check_counters(struct clocks *clocks)
{
	struct reading pm = read_pm_timer();
	struct reading pit = read_pit();
	int i8042 = read_i8042();

	if (!went_right(&clocks->pm, &pm, 0xffffff, 3579545)) {
		say("LOAD-FAIL acpi-pm: from 0x%x to 0x%x in %" PRId64 " to %" PRId64 " ns\n",
			clocks->pm.value, pm.value, pm.before - clocks->pm.after,
			pm.after - clocks->pm.before);
	}
	if (!went_right(&clocks->pit, &pit, 0xffff, 1193182)) {
		say("LOAD-FAIL pit: from 0x%x to 0x%x in %" PRId64 " to %" PRId64 " ns\n", clocks->pit.value,
			pit.value, pit.before - clocks->pit.after, pit.after - clocks->pit.before);
	}
	if (i8042 != clocks->i8042) {
		say("LOAD-FAIL i8042: 0x%x stands in its memory, and 0x%x was written\n", i8042,
			clocks->i8042);
	}
	clocks->i8042 = (clocks->i8042 + 1) & 0xff;
	write_i8042(1, (unsigned char)clocks->i8042);
	clocks->pm = pm;
	clocks->pit = pit;
}

static void check_rtc(struct clocks *clocks)
{
	struct pollfd ready = { .fd = clocks->rtc, .events = POLLIN };
	int64_t before = now();
	int64_t seconds = read_rtc(clocks->rtc);
	int64_t least = clocks->rtc_seconds + (before - clocks->rtc_start) / SECOND - 1;
	int64_t most = clocks->rtc_seconds + (now() - clocks->rtc_start) / SECOND + 2;
	unsigned long data;

	if (seconds < least || seconds > most) {
		say("LOAD-FAIL rtc: %" PRId64 " s, and between %" PRId64 " and %" PRId64 " is right\n",
			seconds, least, most);
	}
	if (poll(&ready, 1, 0) == 1 && read(clocks->rtc, &data, sizeof data) > 0) {
		clocks->interrupted = now();
		clocks->interrupts++;
	} else if (now() - clocks->interrupted > 5 * SECOND) {
		say("LOAD-FAIL rtc: no interrupt for five seconds\n");
		clocks->interrupted = now();
	}
}

static void compare_clocks(void)
{
	struct clocks clocks = { 0 };
	unsigned rounds = 0;

	start_clocks(&clocks);
	while (!is_over()) {
		check_counters(&clocks);
		/* In bursts: a model that is killed is to be in the middle of something rather often. */
		if (++rounds % BURST == 0) {
			check_rtc(&clocks);
			pause_ms(20);
		}
	}
	say("LOAD done clocks %u, %u interrupts\n", rounds, clocks.interrupts);
}

/* ---- Random numbers ---- */

static void draw(void)
{
	int file = open("/dev/hwrng", O_RDONLY);
	uint64_t last[8] = { 0 };
	unsigned rounds = 0;

	for (; !is_over(); rounds++) {
		uint64_t bytes[8];

		if (read(file, bytes, sizeof bytes) <= 0) {
			say("LOAD-FAIL hwrng: %s\n", strerror(errno));
			return;
		}
		if (bytes[0] == last[0] || bytes[0] == 0) {
			say("LOAD-FAIL hwrng: the same bytes again\n");
		}
		memcpy(last, bytes, sizeof last);
		pause_ms(4);
	}
	say("LOAD done draw %u\n", rounds);
}

/* ---- Records, flushed ---- */

#define RECORDS 4096u /* sectors that the records go through, again and again */
#define RECORD_MAGIC UINT64_C(0x44524f4345522121)

struct record {
	uint64_t magic;
	uint64_t number; /* stands in sector number % RECORDS */
	uint64_t sum;
	uint64_t words[SECTOR / 8 - 3];
};

static uint64_t sum_of(const struct record *record)
{
	uint64_t sum = record->magic ^ record->number * UINT64_C(0x9e3779b97f4a7c15);

	for (unsigned i = 0; i < SECTOR / 8 - 3; i++) {
		sum = (sum << 7 | sum >> 57) + record->words[i];
	}
	return sum;
}

static void fill(struct record *record, uint64_t number)
{
	*record = (struct record){ .magic = RECORD_MAGIC, .number = number };
	for (unsigned i = 0; i < SECTOR / 8 - 3; i++) {
		record->words[i] = number * (i + 1);
	}
	record->sum = sum_of(record);
}

/* The highest number such that it and all the RECORDS - 1 before it (or from 1 on) are on the disk; a sector that is torn, or holds a record of
 * another sector, is a failure. */
static uint64_t recover(int disk, uint8_t *bytes)
{
	static uint64_t number[RECORDS];
	uint64_t highest = 0;

	for (uint64_t sector = 0; sector < RECORDS; sector++) {
		struct record record;

		if (sector % 64 == 0 &&
			pread(disk, bytes, 64 * SECTOR, (off_t)(sector * SECTOR)) != 64 * SECTOR) {
			say("LOAD-FAIL reading records: %s\n", strerror(errno));
			exit(1);
		}
		memcpy(&record, bytes + sector % 64 * SECTOR, SECTOR);
		if (record.magic == RECORD_MAGIC && record.sum == sum_of(&record) &&
			record.number % RECORDS == sector) {
			number[sector] = record.number;
			highest = record.number > highest ? record.number : highest;
		} else if (record.magic != 0) {
			say("LOAD-FAIL sector %" PRIu64 " is no record\n", sector);
		}
	}
	/* Records are written in their order, eight at a time: what is missing lies among the last ones. */
	for (uint64_t back = 0; back < RECORDS && back < highest; back++) {
		if (number[(highest - back) % RECORDS] != highest - back) {
			highest -= back + 1;
			back = (uint64_t)-1;
		}
	}
	return highest;
}

/* Says what is there, then writes records and flushes them, and says so after each flush. */
static void flush_records(const char *path)
{
	int disk = open(path, O_RDWR | O_DIRECT);
	uint8_t *bytes = aligned_alloc(4096, 64 * SECTOR);
	uint64_t number;

	if (disk < 0 || bytes == NULL) {
		say("LOAD-FAIL %s: %s\n", path, strerror(errno));
		exit(1);
	}
	number = recover(disk, bytes);
	say("found %" PRIu64 "\n", number);
	for (;;) {
		for (unsigned i = 0; i < 8; i++) {
			number++;
			fill((struct record *)bytes, number);
			if (pwrite(disk, bytes, SECTOR, (off_t)(number % RECORDS * SECTOR)) != SECTOR) {
				say("LOAD-FAIL writing: %s\n", strerror(errno));
				exit(1);
			}
		}
		if (fdatasync(disk) != 0) {
			say("LOAD-FAIL flushing: %s\n", strerror(errno));
			exit(1);
		}
		say("flushed %" PRIu64 "\n", number);
	}
}

int main(int count, char **words)
{
	const char *what = count > 1 ? words[1] : "";

	if (strcmp(what, "lines") == 0 && count == 5) {
		write_lines(words[2], words[3], atol(words[4]));
	} else if (strcmp(what, "answer") == 0 && count == 3) {
		answer_lines(words[2]);
	} else if (strcmp(what, "clocks") == 0) {
		compare_clocks();
	} else if (strcmp(what, "draw") == 0) {
		draw();
	} else if (strcmp(what, "records") == 0 && count == 3) {
		flush_records(words[2]);
	} else {
		say("LOAD-FAIL load: no such load: %s\n", what);
		return 1;
	}
	return 0;
}

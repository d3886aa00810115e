/* SPDX-License-Identifier: MIT */
/*
 * The load of a Linux guest whose disk and network are measured (tests/bench/io_load.py), the same on every hypervisor:
 *
 *   load disk DEVICE     reads and writes of 4 KiB, one after the other and at random places, one or sixteen at a time, all O_DIRECT
 *   load serve           answers datagrams, and takes what comes by TCP
 *   load net ADDRESS     datagrams there and back, then a TCP stream, to a guest that serves
 *
 * Each operation is done in rounds of several: a marker NOP that insnmark.c reports stands before and behind each round, with numbers id and
 * id + 1. A line "LOAD name id ID count COUNT" tells which operation that was, and how many a round has.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define ROUNDS 9
#define BLOCK 4096u
#define COUNT 64u /* operations of a round */
#define DEPTH 16u
#define AREA_BLOCKS 4096u /* of the disk, from its beginning on: 16 MiB */
#define PORT 7
#define DATAGRAM 32u
#define STREAM (1u << 20) /* bytes of a round */
#define PIECE 65536u

/* The marker's number is part of the instruction: one for each. */
#define MARK(n) __asm__ volatile(".byte 0x0f,0x1f,0x84,0x00,%c0,0x00,0x4b,0x4d" ::"i"(n) : "memory")
#define MARK_PAIR(id)           \
	case id:                \
		MARK(id);       \
		break;          \
	case (id) + 1:          \
		MARK((id) + 1); \
		break

static void mark(unsigned int number)
{
	switch (number) {
		MARK_PAIR(64);
		MARK_PAIR(66);
		MARK_PAIR(68);
		MARK_PAIR(70);
		MARK_PAIR(72);
		MARK_PAIR(74);
		MARK_PAIR(76);
		MARK_PAIR(78);
	}
}

static void demand(int is_right, const char *what)
{
	if (!is_right) {
		printf("load: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

/* Rounds of an operation; the first is left out, everything was done once then. */
static void measure(const char *name, unsigned int id, unsigned int count, void (*round)(unsigned int number))
{
	for (unsigned int i = 0; i <= ROUNDS; i++) {
		if (i != 0) {
			mark(id);
		}
		round(i);
		if (i != 0) {
			mark(id + 1);
		}
	}
	printf("LOAD %s id %u count %u\n", name, id, count);
}

/* ---- Disk ---- */

static int disk;
static uint8_t *blocks; /* DEPTH of them */
static uint32_t next_block;

static uint32_t random_block(void)
{
	static uint32_t state = 1;

	state = state * 1664525u + 1013904223u;
	return (state >> 8) % AREA_BLOCKS;
}

static uint32_t sequential_block(void) { return next_block++ % AREA_BLOCKS; }

static void transfer(int is_write, uint32_t block)
{
	off_t offset = (off_t)block * BLOCK;
	ssize_t done = is_write ? pwrite(disk, blocks, BLOCK, offset) : pread(disk, blocks, BLOCK, offset);

	demand(done == BLOCK, "a block");
}

static void one_by_one(int is_write, uint32_t (*block)(void))
{
	for (unsigned int i = 0; i < COUNT; i++) {
		transfer(is_write, block());
	}
}

static void read_sequential(unsigned int number)
{
	(void)number;
	one_by_one(0, sequential_block);
}

static void write_sequential(unsigned int number)
{
	(void)number;
	one_by_one(1, sequential_block);
}

static void read_random(unsigned int number)
{
	(void)number;
	one_by_one(0, random_block);
}

static void write_random(unsigned int number)
{
	(void)number;
	one_by_one(1, random_block);
}

/* Linux' asynchronous I/O, as its ABI has it: musl has no words for it. */
struct aio_block {
	uint64_t data;
	uint32_t key, flags;
	uint16_t operation; /* 0: read, 1: write */
	int16_t priority;
	uint32_t file;
	uint64_t buffer, bytes;
	int64_t offset;
	uint64_t reserved;
	uint32_t more_flags, event_file;
};
struct aio_event {
	uint64_t data, block;
	int64_t result, more;
};

static unsigned long queue;

/* All of a queue are given at once, and each that has ended is followed by the next. */
static void many_at_once(int is_write)
{
	static struct aio_block control[DEPTH];
	struct aio_event events[DEPTH];
	struct aio_block *given[DEPTH];
	unsigned int begun = 0, ended = 0, free_count = DEPTH;
	unsigned int free_slots[DEPTH];

	for (unsigned int i = 0; i < DEPTH; i++) {
		free_slots[i] = i;
	}
	while (ended < COUNT) {
		unsigned int fresh = 0;
		long found;

		while (free_count > 0 && begun < COUNT) {
			unsigned int slot = free_slots[--free_count];

			control[slot] = (struct aio_block){ .data = slot,
				.operation = is_write ? 1 : 0,
				.file = (uint32_t)disk,
				.buffer = (uint64_t)(uintptr_t)(blocks + slot * BLOCK),
				.bytes = BLOCK,
				.offset = (int64_t)random_block() * BLOCK };
			given[fresh++] = &control[slot];
			begun++;
		}
		demand(fresh == 0 || syscall(SYS_io_submit, queue, (long)fresh, given) == (long)fresh,
			"io_submit");
		found = syscall(SYS_io_getevents, queue, 1L, (long)DEPTH, events, NULL);
		demand(found > 0, "io_getevents");
		for (long i = 0; i < found; i++) {
			demand(events[i].result == BLOCK, "a block of many");
			free_slots[free_count++] = (unsigned int)events[i].data;
			ended++;
		}
	}
}

static void read_many(unsigned int number)
{
	(void)number;
	many_at_once(0);
}

static void write_many(unsigned int number)
{
	(void)number;
	many_at_once(1);
}

static void fill(uint32_t block)
{
	for (uint32_t i = 0; i < BLOCK / 4; i++) {
		((uint32_t *)(void *)blocks)[i] = block * 0x9e3779b9u + i;
	}
}

/* What is measured has to be a disk: what was written at random places is read back. */
static void verify(void)
{
	for (uint32_t block = 5; block < AREA_BLOCKS; block += 317) {
		fill(block);
		transfer(1, block);
	}
	for (uint32_t block = 5; block < AREA_BLOCKS; block += 317) {
		memset(blocks, 0, BLOCK);
		transfer(0, block);
		for (uint32_t i = 0; i < BLOCK / 4; i++) {
			demand(((uint32_t *)(void *)blocks)[i] == block * 0x9e3779b9u + i,
				"what was written");
		}
	}
}

static int run_disk(const char *path)
{
	disk = open(path, O_RDWR | O_DIRECT);
	demand(disk >= 0, path);
	blocks = aligned_alloc(BLOCK, (size_t)DEPTH * BLOCK);
	demand(blocks != NULL, "memory");
	demand(syscall(SYS_io_setup, (long)DEPTH, &queue) == 0, "io_setup");
	verify();
	measure("read-sequential", 64, COUNT, read_sequential);
	measure("write-sequential", 66, COUNT, write_sequential);
	measure("read-random", 68, COUNT, read_random);
	measure("write-random", 70, COUNT, write_random);
	measure("read-random-16", 72, COUNT, read_many);
	measure("write-random-16", 74, COUNT, write_many);
	verify();
	puts("DISK-DONE");
	return 0;
}

/* ---- Network ---- */

static int datagrams, stream;
static uint8_t piece[PIECE];

static void ping(void)
{
	static uint32_t number;
	uint32_t answer[DATAGRAM / 4] = { ++number };

	demand(send(datagrams, answer, sizeof(answer), 0) == sizeof(answer), "send");
	demand(recv(datagrams, answer, sizeof(answer), 0) == sizeof(answer) && answer[0] == number,
		"an answer");
}

static void ping_round(unsigned int number)
{
	(void)number;
	for (unsigned int i = 0; i < COUNT; i++) {
		ping();
	}
}

/* A round ends when the other side has all of it, and says so by one byte. */
static void stream_round(unsigned int number)
{
	uint8_t byte;

	(void)number;
	for (unsigned int sent = 0; sent < STREAM;) {
		ssize_t count = send(stream, piece, PIECE, 0);

		demand(count > 0, "send");
		sent += (unsigned int)count;
	}
	demand(recv(stream, &byte, 1, 0) == 1, "the end of a stream");
}

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	demand(text == NULL || inet_aton(text, &address.sin_addr) != 0, "the address");
	return address;
}

/* The other side may come up later: asks until it answers. */
static void wait_for_server(void)
{
	struct timeval limit = { .tv_usec = 200000 };
	uint32_t question[DATAGRAM / 4] = { 0 };

	demand(setsockopt(datagrams, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0, "a limit");
	do {
		(void)!send(datagrams, question, sizeof(question), 0);
	} while (recv(datagrams, question, sizeof(question), 0) != sizeof(question));
	/* What was asked twice is answered twice. */
	while (recv(datagrams, question, sizeof(question), 0) == sizeof(question)) {}
	limit.tv_usec = 0;
	demand(setsockopt(datagrams, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0, "no limit");
}

static int run_net(const char *text)
{
	struct sockaddr_in address = address_of(text);

	datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	demand(connect(datagrams, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
	wait_for_server();
	measure("round-trip", 76, COUNT, ping_round);
	stream = socket(AF_INET, SOCK_STREAM, 0);
	demand(connect(stream, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
	measure("stream", 78, STREAM / 1024, stream_round);
	puts("NET-DONE");
	return 0;
}

static void serve_stream(int listener)
{
	int one = accept(listener, NULL, NULL);
	unsigned int received = 0;
	ssize_t count;

	demand(one >= 0, "accept");
	while ((count = recv(one, piece, PIECE, 0)) > 0) {
		received += (unsigned int)count;
		while (received >= STREAM) {
			received -= STREAM;
			demand(send(one, "!", 1, 0) == 1, "send");
		}
	}
	close(one);
}

static _Noreturn void run_server(void)
{
	struct sockaddr_in address = address_of(NULL), from;
	struct pollfd wait[2];
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	demand(bind(datagrams, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	demand(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 4) == 0,
		"listen");
	wait[0] = (struct pollfd){ .fd = datagrams, .events = POLLIN };
	wait[1] = (struct pollfd){ .fd = listener, .events = POLLIN };
	puts("SERVING");
	fflush(stdout);
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t count;

		demand(poll(wait, 2, -1) > 0, "poll");
		if ((wait[1].revents & POLLIN) != 0) {
			serve_stream(listener);
			continue;
		}
		count = recvfrom(datagrams, piece, PIECE, 0, (struct sockaddr *)&from, &size);
		demand(count >= 0 && sendto(datagrams, piece, (size_t)count, 0, (struct sockaddr *)&from,
					     size) == count,
			"an answer");
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "disk") == 0 && argc == 3) {
		return run_disk(argv[2]);
	}
	if (strcmp(what, "net") == 0 && argc == 3) {
		return run_net(argv[2]);
	}
	if (strcmp(what, "serve") == 0) {
		run_server();
	}
	puts("load disk DEVICE | load serve | load net ADDRESS");
	return 2;
}

/* SPDX-License-Identifier: MIT */
/*
 * Runs QEMU and relays its serial ports: COM1 to and from the terminal, COM2 (the transcript) to the searches, and to standard output
 * where --until is waited for. Host processes, signals and terminal.
 */
#include "run.h"

#include "diagnostics.h"
#include "qemu_command.h"
#include "staging.h"
#include "transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define HALTED_TEXT "KERNEL HALTED"
#define HALT_GRACE_MS 1000 /* how long a guest's own text of this wording has to reach the transcript */
#define QUIT_GRACE_MS 3000 /* how long QEMU may take to end before it is killed */
#define QUIT_KEY 0x1c      /* Ctrl-\, three times in a row */
#define QUIT_PRESSES 3u
#define LAST_WORDS_SIZE 4096u
#define BLOCK_SIZE 4096u

enum { FD_COM1, FD_COM2, FD_MESSAGES, FD_SIGNALS, FD_INPUT, FD_COUNT };

struct machine {
	const struct run_options *options;
	pid_t qemu;
	bool is_running;
	int wait_status;
	int com1;
	int com2;
	int messages; /* QEMU's standard error */
	int signals;
	bool reads_input;
	struct termios saved_terminal;
	bool is_raw;
	uint64_t deadline_ms;      /* UINT64_MAX: none */
	uint64_t halt_deadline_ms; /* UINT64_MAX: no halt seen */
	struct text_search halted; /* on COM1 */
	struct transcript transcript;
	FILE *transcript_file;
	char input[BLOCK_SIZE]; /* typed, not yet taken by COM1 */
	size_t input_size;
	unsigned quit_presses;
	char last_words[LAST_WORDS_SIZE]; /* the end of COM1's output, a ring */
	size_t last_words_end;
	int signal;
};

static uint64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* ---- Starting ---- */

static bool open_signals(struct machine *machine)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	machine->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return machine->signals >= 0;
}

static void make_raw(struct machine *machine)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &machine->saved_terminal) != 0) {
		return;
	}
	raw = machine->saved_terminal;
	cfmakeraw(&raw);
	machine->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* The child's side of fork(): own process group, so that the terminal's signals reach only the tool; dies with the tool. */
static _Noreturn void become_qemu(const struct qemu_command *command, int messages)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(messages, STDERR_FILENO);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(command->arguments[0], command->arguments);
	_exit(127);
}

static bool start(struct machine *machine, const struct system_image *image, const char *staging)
{
	struct qemu_command command = { 0 };
	int com1[2];
	int com2[2];
	int messages[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, com1) != 0 ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, com2) != 0 || pipe2(messages, O_CLOEXEC) != 0 ||
		!open_signals(machine)) {
		complain("cannot make what QEMU's serial ports and messages need: %s", strerror(errno));
		return false;
	}
	machine->com1 = com1[0];
	machine->com2 = com2[0];
	machine->messages = messages[0];
	fcntl(com1[0], F_SETFD, FD_CLOEXEC);
	fcntl(com2[0], F_SETFD, FD_CLOEXEC);
	fcntl(com1[0], F_SETFL, O_NONBLOCK);
	fcntl(com2[0], F_SETFL, O_NONBLOCK);
	bool is_started = qemu_command_make(&command, image, machine->options, staging, com1[1], com2[1]);

	if (is_started) {
		machine->qemu = fork();
		if (machine->qemu == 0) {
			become_qemu(&command, messages[1]);
		}
		is_started = machine->qemu > 0;
		machine->is_running = is_started;
		if (!is_started) {
			complain("cannot start QEMU: %s", strerror(errno));
		}
	}
	close(com1[1]);
	close(com2[1]);
	close(messages[1]);
	qemu_command_free(&command);
	return is_started;
}

/* ---- Relaying ---- */

static void print_all(const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, bytes, size);

		if (written < 0 && errno == EAGAIN) {
			struct pollfd output = { STDOUT_FILENO, POLLOUT, 0 };

			(void)poll(&output, 1, -1);
			continue;
		}
		if (written < 0 && errno != EINTR) {
			return; /* nobody listens any more; the machine's fate is still worth waiting for */
		}
		if (written > 0) {
			bytes += written;
			size -= (size_t)written;
		}
	}
}

static void keep_last_words(struct machine *machine, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		machine->last_words[machine->last_words_end++ % LAST_WORDS_SIZE] = bytes[i];
	}
}

static void print_last_words(const struct machine *machine)
{
	size_t start =
		machine->last_words_end > LAST_WORDS_SIZE ? machine->last_words_end - LAST_WORDS_SIZE : 0;

	for (size_t i = start; i < machine->last_words_end; i++) {
		fputc(machine->last_words[i % LAST_WORDS_SIZE], stderr);
	}
	fputc('\n', stderr);
}

/* Passes QEMU's messages on, but for the line that it was told to end, which is our own doing. False at their end. */
static bool read_messages(struct machine *machine)
{
	static const char ENDING[] = "qemu-system-x86_64: terminating on signal";
	char block[BLOCK_SIZE];
	ssize_t count = read(machine->messages, block, sizeof block);

	if (count <= 0) {
		return count < 0 && errno == EINTR;
	}
	size_t size = (size_t)count;
	const char *ending = memmem(block, size, ENDING, sizeof ENDING - 1);
	const char *rest = ending != NULL ? memchr(ending, '\n', size - (size_t)(ending - block)) : NULL;

	if (rest != NULL) {
		fwrite(block, 1, (size_t)(ending - block), stderr);
		fwrite(rest + 1, 1, size - (size_t)(rest + 1 - block), stderr);
	} else {
		fwrite(block, 1, size, stderr);
	}
	return true;
}

/* Reads what a serial port has to say. False at its end. */
static bool read_port(struct machine *machine, int port)
{
	char block[BLOCK_SIZE];
	ssize_t size = read(port, block, sizeof block);
	bool shows_transcript = machine->options->until != NULL;

	if (size <= 0) {
		return size < 0 && (errno == EAGAIN || errno == EINTR);
	}
	if (port == machine->com1) {
		text_search_feed(&machine->halted, block, (size_t)size);
		keep_last_words(machine, block, (size_t)size);
	} else {
		transcript_feed(&machine->transcript, block, (size_t)size);
		if (machine->transcript_file != NULL) {
			(void)fwrite(block, 1, (size_t)size, machine->transcript_file);
			(void)fflush(
				machine->transcript_file); /* for who follows it; errors are told at the end */
		}
	}
	if ((port == machine->com2) == shows_transcript) {
		print_all(block, (size_t)size);
	}
	return true;
}

/* True if the user has asked for the end of it all. */
static bool read_input(struct machine *machine)
{
	ssize_t size = read(STDIN_FILENO, machine->input, sizeof machine->input);

	if (size <= 0) {
		machine->reads_input = size < 0 && (errno == EAGAIN || errno == EINTR);
		return false;
	}
	machine->input_size = (size_t)size;
	for (ssize_t i = 0; machine->is_raw && i < size; i++) {
		machine->quit_presses = machine->input[i] == QUIT_KEY ? machine->quit_presses + 1 : 0;
		if (machine->quit_presses == QUIT_PRESSES) {
			return true;
		}
	}
	return false;
}

static void write_input(struct machine *machine)
{
	ssize_t written = write(machine->com1, machine->input, machine->input_size);

	if (written > 0) {
		machine->input_size -= (size_t)written;
		memmove(machine->input, machine->input + written, machine->input_size);
	} else if (written < 0 && errno != EAGAIN && errno != EINTR) {
		machine->input_size = 0;
	}
}

static void read_signals(struct machine *machine)
{
	struct signalfd_siginfo information;

	while (read(machine->signals, &information, sizeof information) == (ssize_t)sizeof information) {
		if (information.ssi_signo != SIGCHLD) {
			machine->signal = (int)information.ssi_signo;
		} else if (waitpid(machine->qemu, &machine->wait_status, WNOHANG) == machine->qemu) {
			machine->is_running = false;
		}
	}
}

static int poll_timeout(const struct machine *machine)
{
	uint64_t deadline = machine->deadline_ms < machine->halt_deadline_ms ? machine->deadline_ms
									     : machine->halt_deadline_ms;
	uint64_t now = now_ms();

	if (deadline == UINT64_MAX) {
		return -1;
	}
	return deadline <= now ? 0 : deadline - now > 60000 ? 60000 : (int)(deadline - now);
}

/* What the serial ports still hold after QEMU has ended. */
static void drain(struct machine *machine, int port)
{
	struct pollfd events = { port, POLLIN, 0 };

	while (port >= 0 && poll(&events, 1, 0) > 0 && read_port(machine, port)) {}
}

static void drain_messages(struct machine *machine)
{
	struct pollfd events = { machine->messages, POLLIN, 0 };

	while (machine->messages >= 0 && poll(&events, 1, 0) > 0 && read_messages(machine)) {}
}

/* Waits once and relays. False if the user gives up. */
static bool relay(struct machine *machine)
{
	struct pollfd events[FD_COUNT] = {
		[FD_COM1] = { machine->com1, POLLIN, 0 },
		[FD_COM2] = { machine->com2, POLLIN, 0 },
		[FD_MESSAGES] = { machine->messages, POLLIN, 0 },
		[FD_SIGNALS] = { machine->signals, POLLIN, 0 },
		[FD_INPUT] = { -1, POLLIN, 0 },
	};

	if (machine->input_size != 0) {
		events[FD_COM1].events |= POLLOUT;
	} else if (machine->reads_input) {
		events[FD_INPUT].fd = STDIN_FILENO;
	}
	if (poll(events, FD_COUNT, poll_timeout(machine)) <= 0) {
		return true;
	}
	if ((events[FD_COM1].revents & (POLLIN | POLLHUP)) != 0 && !read_port(machine, machine->com1)) {
		close(machine->com1);
		machine->com1 = -1;
		machine->reads_input = false;
	}
	if ((events[FD_COM2].revents & (POLLIN | POLLHUP)) != 0 && !read_port(machine, machine->com2)) {
		close(machine->com2);
		machine->com2 = -1;
	}
	if ((events[FD_MESSAGES].revents & (POLLIN | POLLHUP)) != 0 && !read_messages(machine)) {
		close(machine->messages);
		machine->messages = -1;
	}
	if ((events[FD_COM1].revents & POLLOUT) != 0) {
		write_input(machine);
	}
	if ((events[FD_SIGNALS].revents & POLLIN) != 0) {
		read_signals(machine);
	}
	return (events[FD_INPUT].revents & (POLLIN | POLLHUP)) == 0 || !read_input(machine);
}

/* ---- Ending ---- */

static void end_qemu(struct machine *machine)
{
	uint64_t deadline = now_ms() + QUIT_GRACE_MS;
	struct timespec pause = { 0, 10000000 };

	if (!machine->is_running) {
		return;
	}
	kill(machine->qemu, SIGTERM); /* not SIGKILL: plugins write their results at the end */
	while (waitpid(machine->qemu, &machine->wait_status, WNOHANG) == 0) {
		if (now_ms() > deadline) {
			kill(machine->qemu, SIGKILL);
			(void)waitpid(machine->qemu, &machine->wait_status, 0);
			break;
		}
		drain_messages(machine); /* a full pipe would hold QEMU back */
		nanosleep(&pause, NULL);
	}
	machine->is_running = false;
}

/* The status of a machine that ended by itself. */
static int status_of_end(const struct machine *machine)
{
	if (!WIFEXITED(machine->wait_status) || WEXITSTATUS(machine->wait_status) != 0) {
		complain("QEMU failed; its messages stand above");
		return STATUS_ENDED;
	}
	if (machine->halted.is_found && !machine->transcript.halted_found) {
		return STATUS_HALTED;
	}
	if (machine->transcript.has_code && machine->transcript.code != 0) {
		return (int)machine->transcript.code;
	}
	if (machine->options->until != NULL) {
		complain("the machine ended, and \"%s\" has not appeared", machine->options->until);
		return STATUS_ENDED;
	}
	return STATUS_OK;
}

/* A guest may say the kernel's last words too, but then the transcript holds them as well. From then on they prove nothing. */
static bool is_halted(struct machine *machine)
{
	if (!machine->halted.is_found) {
		return false;
	}
	if (machine->transcript.halted_found) {
		machine->halt_deadline_ms = UINT64_MAX;
		return false;
	}
	if (machine->halt_deadline_ms == UINT64_MAX) {
		machine->halt_deadline_ms = now_ms() + HALT_GRACE_MS;
	}
	return now_ms() >= machine->halt_deadline_ms;
}

/* Stays until something ends the run; returns the status. */
static int attend(struct machine *machine)
{
	while (machine->is_running) {
		if (!relay(machine)) {
			return STATUS_INTERRUPTED;
		}
		if (machine->signal != 0) {
			return machine->signal == SIGINT ? STATUS_INTERRUPTED : STATUS_TERMINATED;
		}
		if (machine->options->until != NULL && machine->transcript.until_found) {
			return STATUS_OK;
		}
		if (is_halted(machine)) {
			return STATUS_HALTED;
		}
		if (now_ms() >= machine->deadline_ms) {
			return STATUS_TIMEOUT;
		}
	}
	drain(machine, machine->com1);
	drain(machine, machine->com2);
	drain_messages(machine);
	return machine->options->until != NULL && machine->transcript.until_found ? STATUS_OK
										  : status_of_end(machine);
}

/* False, with a message, if not all of it could be written. */
static bool close_transcript(struct machine *machine)
{
	if (machine->transcript_file == NULL) {
		return true;
	}
	bool is_whole = ferror(machine->transcript_file) == 0;

	is_whole &= fclose(machine->transcript_file) == 0;
	if (!is_whole) {
		complain("%s was not written whole: is there space?", machine->options->transcript);
	}
	return is_whole;
}

/* May QEMU put its socket there? It would remove any other file. */
static bool check_control_path(const char *path)
{
	struct sockaddr_un address;
	struct stat status;

	if (strlen(path) >= sizeof address.sun_path) {
		complain("%s is too long for a socket: choose a path below %zu bytes for --control", path,
			sizeof address.sun_path);
		return false;
	}
	if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
		complain("%s exists and is no socket: choose another path for --control", path);
		return false;
	}
	return true;
}

int run_machine(const struct system_image *image, const struct run_options *options)
{
	struct machine machine = { .options = options,
		.com1 = -1,
		.com2 = -1,
		.messages = -1,
		.signals = -1,
		.deadline_ms = UINT64_MAX,
		.halt_deadline_ms = UINT64_MAX,
		.reads_input = options->until == NULL };
	char *program = find_program(QEMU_PROGRAM);
	int status = STATUS_INPUT_OUTPUT;

	if (program == NULL) {
		complain("%s is missing: install it by apt-get install %s", QEMU_PROGRAM, QEMU_PACKAGE);
		return STATUS_MISSING;
	}
	free(program);
	if (options->control != NULL && !check_control_path(options->control)) {
		return STATUS_INPUT_OUTPUT;
	}
	if (options->transcript != NULL) {
		machine.transcript_file = fopen(options->transcript, "wb");
		if (machine.transcript_file == NULL) {
			complain("%s: %s: choose another file for --transcript", options->transcript,
				strerror(errno));
			return STATUS_INPUT_OUTPUT;
		}
	}
	char *staging = staging_create();

	if (staging == NULL) {
		(void)close_transcript(&machine);
		return STATUS_INPUT_OUTPUT;
	}
	text_search_start(&machine.halted, HALTED_TEXT);
	transcript_start(&machine.transcript, options->until != NULL ? options->until : HALTED_TEXT,
		HALTED_TEXT, options->admin_console);
	if (start(&machine, image, staging)) {
		if (options->timeout != 0) {
			machine.deadline_ms = now_ms() + (uint64_t)options->timeout * 1000;
		}
		if (machine.reads_input) {
			make_raw(&machine);
		}
		status = attend(&machine);
		end_qemu(&machine);
		drain_messages(&machine);
		if (machine.is_raw) {
			tcsetattr(STDIN_FILENO, TCSANOW, &machine.saved_terminal);
		}
		if (status == STATUS_HALTED && options->until != NULL) {
			print_last_words(&machine);
		}
		if (status == STATUS_HALTED) {
			complain("the kernel halted");
		} else if (status == STATUS_TIMEOUT) {
			complain("time is up after %u seconds", options->timeout);
		}
	}
	staging_remove(staging);
	if (options->control != NULL) {
		(void)unlink(options->control);
	}
	return close_transcript(&machine) ? status : STATUS_INPUT_OUTPUT;
}

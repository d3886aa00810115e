/* SPDX-License-Identifier: MIT */
/* The block protocol of lib/include/bulkhead/block.h, with everybody who speaks it: a client (a VM's disk model), a volume
 * server, a driver, a disk with a volatile cache. Each of the three tasks is killed between any two of its steps and starts
 * again; the client also comes back without its registers (its VM was started anew). docs/crash-only.md says the same in words.
 *
 * A task's private variables are set back when it is killed. What outlives it is declared outside of the processes.
 *
 * Checked: every request is answered (no other end states, no cycles: tests/spin/test_spin.py); a read, and what the disk holds
 * whenever a write was answered, is never older than what was answered before; after a flush that also holds for the
 * disk's stable part; a device never touches memory or sectors for a request that is not pending. CRASHES, OPERATIONS and
 * FRESH_STARTS bound the run. Defining a name that begins with BUG breaks a rule: the properties must notice. */

#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef FRESH_STARTS
#define FRESH_STARTS 0
#endif
#ifndef OPERATIONS
#define OPERATIONS 3
#endif
#define SLOTS 2

#define READ 1
#define WRITE 2
#define FLUSH 3

/* Steps that only fill what nobody reads before a bit is flipped are one step: being killed between them is being killed before
 * them. With SIGNALS tasks sleep and wake each other as the protocol says; without, a task without work simply waits for some,
 * which leaves room for more operations and crashes. */

/* ---- Shared pages: client and volume server (c_), volume server and driver (d_); one bit array stands for one word. ---- */

bit c_posted[SLOTS];
bit c_done[SLOTS];
byte c_operation[SLOTS];
byte c_data[SLOTS]; /* the data area: slot i has byte i. A byte stands for a sector's contents */
bit c_client_asks;  /* ticket taken, not signalled since */
bit c_server_asks;

bit d_posted[SLOTS];
bit d_done[SLOTS];
byte d_operation[SLOTS];
byte d_area[SLOTS]; /* which byte of the data area */
bit d_client_asks;
bit d_server_asks;

/* Notifications: sticky. */
bit wake_client;
bit wake_volume;
bit wake_driver;

#ifdef SIGNALS
#define SIGNAL(asks, wake) \
	if \
	:: asks -> d_step { asks = 0; wake = 1 } \
	:: else \
	fi
#else
#define SIGNAL(asks, wake) skip
#endif

/* ---- The disk: what it was told, and one sector. ---- */

bit device_busy[SLOTS];
bit device_finished[SLOTS];
byte device_operation[SLOTS];
byte device_area[SLOTS];
byte cache;
byte stable;

/* ---- The client's registers: committed by one store. ---- */

bit register_busy[SLOTS];
bit register_posted[SLOTS];
byte register_operation[SLOTS];
byte register_value[SLOTS];

/* ---- Who is to be killed; set by chaos, taken back by the victim. ---- */

bit kill_client;
bit lose_client; /* killed, and its registers lost */
bit kill_volume;
bit kill_driver;

/* ---- Ghosts: what was promised. Values are 0 (the disk's first contents) and then one for each write. ---- */

byte operations; /* begun so far */
byte next_value = 1;
byte superseded;               /* bit v: a write that was posted after v had been answered was answered itself */
byte answered = 1;             /* bit v: the write of v was answered */
byte before[OPERATIONS + 1];   /* of write v: the values answered when it was posted */
byte promised[SLOTS];          /* of a read or flush in slot i: what was superseded when it was posted */

#define IS_OLD(mask, value) (((mask) >> (value)) & 1)

/* What the disk is bound to at any time: to hold nothing that was superseded. */
#define CHECK_DISK assert(!IS_OLD(superseded, cache))

inline answer_write(value)
{
	superseded = superseded | before[value];
	answered = answered | (1 << value);
	CHECK_DISK
}

/* ---- Client ---- */

/* From the committed registers, as often as needed. */
inline client_publish_slot(i)
{
	if
	:: register_busy[i] && c_posted[i] != register_posted[i] ->
		d_step {
			c_operation[i] = register_operation[i];
			c_data[i] = register_value[i]
		};
		c_posted[i] = register_posted[i]
	:: else
	fi
}

inline client_publish()
{
	client_publish_slot(0);
	client_publish_slot(1);
	/* also without having posted: a predecessor may have been killed before its signal */
	SIGNAL(c_server_asks, wake_volume)
}

#define CLIENT_FINISHED(i) (register_busy[i] && c_posted[i] == register_posted[i] && c_done[i] == c_posted[i])
#define CLIENT_SLOT_FREE(i) (!register_busy[i] && c_done[i] == c_posted[i])
#define CLIENT_MAY_POST (operations < OPERATIONS && (CLIENT_SLOT_FREE(0) || CLIENT_SLOT_FREE(1)))
#define CLIENT_IDLE (c_posted[0] == c_done[0] && c_posted[1] == c_done[1])

/* The commit. */
inline client_begin(i)
{
	d_step {
		operations++;
		register_busy[i] = 1;
		register_posted[i] = 1 - c_posted[i];
		if
		:: register_operation[i] == WRITE ->
			register_value[i] = next_value;
			before[next_value] = answered;
			next_value++
		:: else -> promised[i] = superseded
		fi
	}
}

/* The commit; what was read goes to the guest's memory just before it. */
inline client_finish(i)
{
	d_step {
		if
		:: register_operation[i] == WRITE -> answer_write(register_value[i])
		:: register_operation[i] == READ -> assert(!IS_OLD(promised[i], c_data[i]))
		:: register_operation[i] == FLUSH -> assert(!IS_OLD(promised[i], stable))
		fi;
		forget(i)
	}
}

/* What does not matter any more is made the same, for fewer states. */
inline forget(i)
{
	register_busy[i] = 0;
	register_value[i] = 0;
	register_operation[i] = 0;
	promised[i] = 0;
	if
	:: c_posted[i] == c_done[i] -> c_data[i] = 0; c_operation[i] = 0
	:: else
	fi
}

inline client_choose(i)
{
#ifdef SIGNALS
	/* what is done does not matter for who wakes whom */
	register_operation[i] = FLUSH;
#else
	if
	:: register_operation[i] = READ
	:: register_operation[i] = WRITE
	:: register_operation[i] = FLUSH
	fi;
#endif
	client_begin(i)
}

active proctype client()
{
	bit fresh;

again:	{
	if
	:: fresh ->
		/* rule C2: nothing is posted before all is answered */
#ifndef BUG_FRESH_CLIENT_DOES_NOT_WAIT
#ifdef SIGNALS
		SIGNAL(c_server_asks, wake_volume);
		do
		:: CLIENT_IDLE -> break
		:: !CLIENT_IDLE ->
			c_client_asks = 1;
			if
			:: CLIENT_IDLE -> skip
			:: else -> wake_client -> wake_client = 0
			fi
		od;
#else
		CLIENT_IDLE;
#endif
#endif
		skip;
		/* What the predecessor's requests were, only the ghosts know. */
		d_step {
			if
			:: register_busy[0] && register_operation[0] == WRITE && c_posted[0] == register_posted[0] ->
				answer_write(register_value[0])
			:: else
			fi;
			if
			:: register_busy[1] && register_operation[1] == WRITE && c_posted[1] == register_posted[1] ->
				answer_write(register_value[1])
			:: else
			fi;
			forget(0);
			forget(1);
			fresh = 0
		}
	:: else ->
#ifndef BUG_CLIENT_DOES_NOT_PUBLISH_AGAIN
		client_publish()
#else
		skip
#endif
	fi;
	do
	:: CLIENT_FINISHED(0) -> client_finish(0)
	:: CLIENT_FINISHED(1) -> client_finish(1)
	:: CLIENT_MAY_POST ->
		/* choosing and committing are one step: what was chosen before is not remembered */
		atomic {
			if
			:: CLIENT_SLOT_FREE(0) -> client_choose(0)
			:: else -> client_choose(1)
			fi
		};
		client_publish()
#ifdef SIGNALS
	:: !CLIENT_FINISHED(0) && !CLIENT_FINISHED(1) ->
		c_client_asks = 1;
		if
		:: CLIENT_FINISHED(0) || CLIENT_FINISHED(1) -> c_client_asks = 0 /* withdrawn */
		:: else ->
			if
			:: register_busy[0] || register_busy[1] -> wake_client
			:: else ->
end_client:			wake_client /* the only place to be for ever */
			fi;
			wake_client = 0
		fi
#else
	:: operations == OPERATIONS && !register_busy[0] && !register_busy[1] ->
end_client:	false
#endif
	od
	} unless {
		(kill_client || lose_client) ->
		d_step {
			if
			:: lose_client -> fresh = 1
			:: else
			fi;
			kill_client = 0; lose_client = 0
		};
		goto again
	}
}

/* ---- Volume server: memory of its own is the table that says which client's slot a driver's slot serves. ---- */

#define NONE 255
#define DRIVER_IDLE (d_posted[0] == d_done[0] && d_posted[1] == d_done[1])
#define VOLUME_SERVED(i) (serves[i] != NONE && d_posted[i] == d_done[i])
#define VOLUME_BEGUN(i) (serves[0] == i || serves[1] == i)
#define VOLUME_NEW(i) (c_posted[i] != c_done[i] && !VOLUME_BEGUN(i))
#define VOLUME_MAY_USE(i) (serves[i] == NONE && d_posted[i] == d_done[i])
#define VOLUME_FREE (VOLUME_MAY_USE(0) || VOLUME_MAY_USE(1))
#define VOLUME_HAS_WORK \
	(VOLUME_SERVED(0) || VOLUME_SERVED(1) || (VOLUME_FREE && (VOLUME_NEW(0) || VOLUME_NEW(1))))

inline volume_answer(i)
{
	d_step { c_done[serves[i]] = c_posted[serves[i]]; serves[i] = NONE; d_operation[i] = 0; d_area[i] = 0 };
	SIGNAL(c_client_asks, wake_client)
}

inline volume_forward(i)
{
	d_step {
		to = (VOLUME_MAY_USE(0) -> 0 : 1);
		d_operation[to] = c_operation[i];
		d_area[to] = i;
		serves[to] = i
	};
	d_step { d_posted[to] = 1 - d_posted[to]; to = 0 };
	SIGNAL(d_server_asks, wake_driver)
#ifdef BUG_VOLUME_ANSWERS_EARLY
	;
	c_done[i] = c_posted[i];
	SIGNAL(c_client_asks, wake_client)
#endif
}

active proctype volume()
{
	byte serves[SLOTS] = NONE;
	byte to;

again:	{
	/* rules of signals: a predecessor may have been killed before it sent them */
	SIGNAL(c_client_asks, wake_client);
	SIGNAL(d_server_asks, wake_driver);
#ifndef BUG_VOLUME_DOES_NOT_WAIT
	/* rule S2: what the predecessor had begun ends first */
#ifdef SIGNALS
	do
	:: DRIVER_IDLE -> break
	:: !DRIVER_IDLE ->
		d_client_asks = 1;
		if
		:: DRIVER_IDLE -> skip
		:: else -> wake_volume -> wake_volume = 0
		fi
	od;
#else
	DRIVER_IDLE;
#endif
#endif
	do
	:: VOLUME_SERVED(0) -> volume_answer(0)
	:: VOLUME_SERVED(1) -> volume_answer(1)
	:: VOLUME_FREE && VOLUME_NEW(0) -> volume_forward(0)
	:: VOLUME_FREE && VOLUME_NEW(1) -> volume_forward(1)
#ifdef SIGNALS
	:: !VOLUME_HAS_WORK ->
		d_step { c_server_asks = 1; d_client_asks = 1 };
#ifdef BUG_VOLUME_WITHDRAWS_BEFORE_IT_SLEEPS
		d_client_asks = 0;
#endif
		if
#ifndef BUG_VOLUME_DOES_NOT_LOOK_AGAIN
		:: VOLUME_HAS_WORK -> skip
#endif
		:: else ->
end_volume:		wake_volume -> wake_volume = 0;
			/* awake: the ticket is withdrawn */
			d_client_asks = 0
		fi
#else
	:: !VOLUME_HAS_WORK ->
end_volume:	VOLUME_HAS_WORK
#endif
	od
	} unless {
		kill_volume ->
		d_step {
			kill_volume = 0;
			serves[0] = NONE; serves[1] = NONE;
			to = 0
		};
		goto again
	}
}

/* ---- Driver ---- */

#define DRIVER_NEW(i) (d_posted[i] != d_done[i] && !begun[i])
#define DRIVER_FINISHED(i) (begun[i] && device_finished[i])
#define DRIVER_HAS_WORK (DRIVER_NEW(0) || DRIVER_NEW(1) || DRIVER_FINISHED(0) || DRIVER_FINISHED(1))

inline driver_begin(i)
{
	d_step {
		device_operation[i] = d_operation[i];
		device_area[i] = d_area[i];
		begun[i] = 1;
		device_busy[i] = 1
	}
}

inline driver_answer(i)
{
	d_step { device_finished[i] = 0; begun[i] = 0; d_done[i] = d_posted[i] };
	SIGNAL(d_client_asks, wake_volume)
}

active proctype driver()
{
	bit begun[SLOTS];

again:	{
#ifndef BUG_DRIVER_DOES_NOT_RESET
	/* rule S2; the device does nothing more after it */
	d_step {
		device_busy[0] = 0; device_busy[1] = 0;
		device_finished[0] = 0; device_finished[1] = 0
	};
#endif
	SIGNAL(d_client_asks, wake_volume);
	do
	:: DRIVER_FINISHED(0) -> driver_answer(0)
	:: DRIVER_FINISHED(1) -> driver_answer(1)
	:: DRIVER_NEW(0) -> driver_begin(0)
	:: DRIVER_NEW(1) -> driver_begin(1)
#ifdef SIGNALS
	:: !DRIVER_HAS_WORK ->
		d_server_asks = 1;
		if
		:: DRIVER_HAS_WORK -> skip
		:: else ->
end_driver:		wake_driver -> wake_driver = 0
		fi
#else
	:: !DRIVER_HAS_WORK ->
end_driver:	DRIVER_HAS_WORK
#endif
	od
	} unless {
		kill_driver ->
		d_step {
			kill_driver = 0;
			begun[0] = 0; begun[1] = 0
		};
		goto again
	}
}

#ifdef SIGNALS
#define INTERRUPT wake_driver = 1
#else
#define INTERRUPT skip
#endif

/* ---- Disk: does what is under way in any order. ---- */

inline device_do(i)
{
	d_step {
		if
		:: device_operation[i] == WRITE ->
			/* nothing is written that nobody waits for, or that is too old to be written */
			assert(c_posted[device_area[i]] != c_done[device_area[i]]);
			assert(!IS_OLD(superseded, c_data[device_area[i]]));
			cache = c_data[device_area[i]]
		:: device_operation[i] == READ ->
			assert(c_posted[device_area[i]] != c_done[device_area[i]]);
			c_data[device_area[i]] = cache
		:: device_operation[i] == FLUSH -> stable = cache
		fi;
		device_busy[i] = 0;
		device_finished[i] = 1;
		device_operation[i] = 0;
		device_area[i] = 0;
		INTERRUPT
	}
}

active proctype disk()
{
end_disk:
	do
#ifdef BUG_RESET_DOES_NOT_WAIT
	:: device_busy[0] -> device_do(0)
	:: device_busy[1] -> device_do(1)
#else
	:: atomic { device_busy[0] -> device_do(0) }
	:: atomic { device_busy[1] -> device_do(1) }
#endif
	od
}

/* ---- Chaos ---- */

active proctype chaos()
{
	byte crashes;
	byte losses;

end_chaos:
	do
	:: crashes < CRASHES && !kill_client -> d_step { crashes++; kill_client = 1 }
	:: crashes < CRASHES && !kill_volume -> d_step { crashes++; kill_volume = 1 }
	:: crashes < CRASHES && !kill_driver -> d_step { crashes++; kill_driver = 1 }
	:: losses < FRESH_STARTS && !lose_client -> d_step { losses++; lose_client = 1 }
	od
}

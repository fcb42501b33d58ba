/**
 * The threads of a session, in C: a pool of pthreads that run the same sections in the same order, with a barrier after
 * each. The calling thread is worker 0. What the sections do is in `compiler.ts`.
 *
 *              section over documents          │ section over weights        │
 *   worker 0   chunk 0 ── chunk 3 ─────────────│ slice 0 ─────────── waits ──│ …
 *   worker 1     chunk 1 ────────── waits ─────│ slice 1 ── slice 2 ─────────│ …
 *            ↑                                 ↑                             ↑
 *          call                             barrier                       barrier
 *
 * Chunks and slices are taken from a counter by whichever worker is free. Each number is computed by one of them, as one
 * sum in one order: results are the same bits for any number of workers.
 */
import { DOUBLES, INTEGERS } from "./memory.ts";

/**
 * Spins before a thread sleeps: sleeping and waking take about 50 µs, a spin 20 ns. A step of a small model takes 100 µs and
 * has seven barriers.
 */
const SPINS = 3000;
/** Tokens of a chunk, so that its activations stay in the second-level cache while it passes through a section. */
const CHUNK_ROWS = { min: 32, max: 256 };
/** Chunks of a pass for each worker, if that leaves them at least the minimum of rows. */
const CHUNKS_PER_WORKER = 4;
/** Most rows of a chunk of a window. */
const WINDOW_CHUNK_ROWS = 128;

/** The text: the call, workers, barriers and chunks. Sections follow it. */
export const THREADS: string = `/* What JavaScript asks for, and what it gets back, at the start of the memory. */
typedef struct {
  int32_t ${Object.keys(INTEGERS).join(", ")};
  double ${Object.keys(DOUBLES).join(", ")};
} Call;

struct Pool;
typedef struct {
  struct Pool *pool;
  float *memory, *scratch;
  Call *call;
  const int *documents; /* first row of each document, then the number of rows */
  long rows;            /* number of rows */
  long window;          /* first row of the current window, in a windowed phase */
  int index;
} Worker;

typedef struct Pool {
  int count;
  int calls, generation, arrived, next; /* the four words that workers wait for or count with */
  int sleeping, isClosing;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  pthread_t *threads;
  Worker *workers;
} Pool;

static inline void pause_a_moment(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Waits while the word has this value: spins first, then sleeps. */
static void wait_while(Pool *pool, int *word, int value) {
  for (int spin = 0; spin < ${SPINS}; spin++) {
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) return;
    pause_a_moment();
  }
  pthread_mutex_lock(&pool->mutex);
  __atomic_fetch_add(&pool->sleeping, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value) pthread_cond_wait(&pool->changed, &pool->mutex);
  __atomic_fetch_sub(&pool->sleeping, 1, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&pool->mutex);
}

/* Changes a word and wakes those that sleep on it. */
static void advance(Pool *pool, int *word) {
  __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool->sleeping, __ATOMIC_SEQ_CST) == 0) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->mutex);
}

/* Waits until all workers are here; the last one to arrive releases the others. */
static void barrier(Worker *w) {
  Pool *pool = w->pool;
  if (pool->count == 1) {
    pool->next = 0;
    return;
  }
  int generation = __atomic_load_n(&pool->generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&pool->arrived, 1, __ATOMIC_ACQ_REL) == pool->count) {
    pool->arrived = 0;
    pool->next = 0;
    advance(pool, &pool->generation);
  } else {
    wait_while(pool, &pool->generation, generation);
  }
}

/* The next chunk or slice that no worker has taken: 0, 1, 2, ... */
static inline long take(Worker *w) {
  if (w->pool->count == 1) return w->pool->next++;
  return __atomic_fetch_add(&w->pool->next, 1, __ATOMIC_RELAXED);
}

typedef void (*Documents)(Worker *w, long from, long to, long first, long last);

/* Runs a section for all documents, in chunks of whole documents that have about the same number of rows. */
static void each_document(Worker *w, Documents section) {
  const int *chunks = (int *)w->memory + CHUNKS;
  const long count = chunks[0], firstRow = w->call->firstRow;
  for (long i = take(w); i < count; i = take(w)) {
    long first = chunks[i + 1], last = chunks[i + 2], start = w->documents[first];
    section(w, start < firstRow ? firstRow : start, w->documents[last], first, last);
  }
  barrier(w);
}

/* Runs a section for the rows of a window, which are not whole documents: as many chunks for each worker. */
static void each_row(Worker *w, Documents section, long from, long to) {
  const long workers = w->pool->count, turns = (to - from + workers * ${WINDOW_CHUNK_ROWS} - 1) / (workers * ${WINDOW_CHUNK_ROWS});
  const long rows = (to - from + turns * workers - 1) / (turns * workers);
  for (long i = take(w); from + i * rows < to; i = take(w)) {
    section(w, from + i * rows, least(to, from + (i + 1) * rows), 0, 0);
  }
  barrier(w);
}

/* Divides the documents into chunks: their number, then the first document of each, then the number of documents. */
static void divide(Worker *w) {
  int *chunks = (int *)w->memory + CHUNKS, count = 0;
  const int *documents = w->documents;
  const long all = w->call->documents, rows = documents[all], workers = w->pool->count;
  long most = workers == 1 ? ${CHUNK_ROWS.max} : rows / (${CHUNKS_PER_WORKER} * workers);
  most = most < ${CHUNK_ROWS.min} ? ${CHUNK_ROWS.min} : least(most, ${CHUNK_ROWS.max});
  const long wanted = rows < most ? 1 : (rows + most / 2) / most;
  for (long first = 0; first < all;) {
    chunks[++count] = first;
    const long end = rows * count / wanted;
    do first++;
    while (first < all && documents[first + 1] <= end);
  }
  chunks[0] = count;
  chunks[count + 1] = all;
}
`;

/** The text after the sections, which defines \`run_call\`: opening, calling and closing a session. */
export const SESSION: string = `static void *serve(void *argument) {
  Worker *w = argument;
  Pool *pool = w->pool;
  for (unsigned done = 0;; done++) {
    wait_while(pool, &pool->calls, done);
    if (pool->isClosing) return 0;
    run_call(w);
  }
}

/* How many bytes behind an address the next cache line starts. */
int64_t to_line(const void *memory) { return -(uintptr_t)memory & 63; }

/* Numbers of a vector, for people. */
int32_t lanes(void) { return LANES; }

void close_session(int64_t session);

/* A session over memory that starts at a cache line; 0 if a thread cannot be started. */
int64_t open_session(void *memory, int32_t count) {
  Pool *pool = calloc(1, sizeof(Pool));
  if (pool == 0) return 0;
  pool->threads = calloc(count, sizeof(pthread_t));
  pool->workers = calloc(count, sizeof(Worker));
  if (pool->threads == 0 || pool->workers == 0) {
    free(pool->threads);
    free(pool->workers);
    free(pool);
    return 0;
  }
  pool->count = 1;
  pthread_mutex_init(&pool->mutex, 0);
  pthread_cond_init(&pool->changed, 0);
  for (int i = 0; i < count; i++) {
    float *m = memory;
    pool->workers[i] = (Worker){.pool = pool, .memory = m, .scratch = m + SCRATCH + (long)i * SCRATCH_SIZE, .call = memory, .documents = (int *)m + DOCUMENTS, .index = i};
    if (i == 0) continue;
    if (pthread_create(&pool->threads[i], 0, serve, &pool->workers[i]) != 0) {
      close_session((int64_t)(intptr_t)pool);
      return 0;
    }
    pool->count = i + 1;
  }
  return (int64_t)(intptr_t)pool;
}

/* Does what the call in memory says; returns when all workers have finished. */
void call_session(int64_t session) {
  Pool *pool = (Pool *)(intptr_t)session;
  Worker *w = &pool->workers[0];
  if (w->call->command == RUN) divide(w);
  if (pool->count > 1) advance(pool, &pool->calls);
  run_call(w);
}

/* Ends the threads and frees everything but the memory that JavaScript owns. */
void close_session(int64_t session) {
  Pool *pool = (Pool *)(intptr_t)session;
  pool->isClosing = 1;
  advance(pool, &pool->calls);
  for (int i = 1; i < pool->count; i++) pthread_join(pool->threads[i], 0);
  pthread_cond_destroy(&pool->changed);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->threads);
  free(pool->workers);
  free(pool);
}
`;

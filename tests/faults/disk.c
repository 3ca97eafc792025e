/* Disks that are full, read-only or broken under a whole weir. A call that cannot be written down is refused with 503
 * in the caller's words, which name no path; what was answered stands in the ledger exactly once; and when there is
 * room again all goes on by itself. The disks are small file systems of memory in a mount namespace of the test's own,
 * which needs root or user namespaces; one that breaks is an ext4 on a loop device, which needs root. usage: disk
 * PATH_OF_WEIR PATH_OF_WEIR_SIM; prints TAP. */
#include "disks.h"
#include "whole.h"

#include <sys/ioctl.h>

#define CLIENTS 4

static struct replica weir;
static struct known known;
static unsigned next_call;

/* --- a weir on it --- */

static bool weir_says(const char *text) { return file_count(weir.process.log, text, 0) > 0; }

/* It does not start, ends by itself with 1 and says why. */
static void check_no_start(const char *when, const char *says) {
  int code = -1;
  bool started = replica_start(&weir, &code);
  check(!started && code == 1 && weir_says(says), "%s it does not start (%d) and says \"%s\"", when, code, says);
  if (started)
    process_kill(&weir.process);
}

static void check_start(const char *when) {
  int code = -1;
  bool started = replica_start(&weir, &code);
  check(started, "%s it starts (%d)", when, code);
  if (!started) {
    file_show(weir.process.log, "weir");
    exit(1);
  }
}

/* Calls that must all be answered. */
static void check_calls(const char *when, unsigned count) {
  unsigned answered = 0;
  for (unsigned i = 0; i < count; i++) {
    struct reply r;
    call(weir.process.port, i % 2 ? CALL_CHAT : CALL_PLAIN, next_call++, NULL, &r);
    answered += is_answered(&r, CALL_PLAIN);
    if (!is_answered(&r, CALL_PLAIN))
      printf("# status %d: %s\n", r.status, r.body ? r.body : "");
    reply_done(&r);
  }
  check(answered == count, "%s %u of %u calls are answered", when, answered, count);
}

/* All that was answered so far, and nothing else, is in the ledger, once. */
static void check_ledger(const char *when, const bool *refused) {
  size_t wrong = 0;
  memset(&known, 0, sizeof known);
  know_ledger(&known, &weir);
  for (unsigned i = 0; i < next_call; i++) {
    unsigned want = refused && refused[i] ? 0 : 1;
    if (known.rows[i] != want && wrong++ < 5)
      printf("# call %u: %u rows, %u expected\n", i, known.rows[i], want);
  }
  check(wrong == 0 && known.doubled == 0,
        "%s each answered call is in the ledger once: %zu rows, %zu wrong, %zu doubled", when, known.row_count, wrong,
        known.doubled);
  check(known.code == 0, "%s the ledger is exact: %s", when, known.verdict);
}

static bool store_is_failing(void *ctx) {
  struct reply r;
  ask(weir.process.port, "GET", "/health", "", NULL, 20000, &r);
  bool failing = r.status == 200 && strstr(r.body, "\"status\":\"degraded\"") && strstr(r.body, "full") &&
                 !strstr(r.body, whole.dir);
  reply_done(&r);
  return failing;
}

/* As a balancer sees it; nothing is said of where anything is. */
static bool readiness_is(int status, const char *word) {
  char says[48];
  struct reply r;
  snprintf(says, sizeof says, "{\"status\":\"%s\"", word);
  ask(weir.process.port, "GET", "/health/ready", "", NULL, 20000, &r);
  bool right = r.status == status && strstr(r.body, says) && !strchr(r.body, '/');
  reply_done(&r);
  return right;
}
static bool is_ready(void *ctx) { return readiness_is(200, "ok"); }
static bool is_unready(void *ctx) { return readiness_is(503, "failing"); }

static void check_readiness(bool (*holds)(void *), const char *what) {
  check(eventually(holds, NULL, PROCESSES_PATIENCE_MS), "%s", what);
}

static bool call_goes(void *ctx) {
  bool *refused = ctx;
  struct reply r;
  unsigned n = next_call++;
  call(weir.process.port, CALL_PLAIN, n, NULL, &r);
  bool good = is_answered(&r, CALL_PLAIN);
  refused[n] = !good;
  reply_done(&r);
  return good;
}

/* An error in the words of the dialect, without a path. */
static void check_refusal(enum call_kind kind, bool *refused) {
  struct reply r;
  unsigned n = next_call++;
  call(weir.process.port, kind, n, NULL, &r);
  refused[n] = true;
  const char *body = r.body ? r.body : "";
  bool right = kind == CALL_CHAT ? strstr(body, "\"type\":\"server_error\"") != NULL
                                 : strstr(body, "\"type\":\"error\"") && strstr(body, "\"type\":\"api_error\"");
  check(r.end == REPLY_WHOLE && r.status == 503 && right && strstr(body, "full") && !strchr(body, '/'),
        "a call is refused with 503 in its dialect, naming no path: %d %.300s", r.status, body);
  reply_done(&r);
}

/* --- the journal's disk is full --- */

static struct {
  _Atomic bool over; /* the first was refused */
  _Atomic unsigned next, strange;
  bool refused[CALLS_MAX];
} rush;

static void *rush_client(void *arg) {
  (void)arg;
  while (!atomic_load(&rush.over)) {
    struct reply r;
    unsigned n = atomic_fetch_add(&rush.next, 1);
    if (n >= CALLS_MAX - 100)
      break;
    call(weir.process.port, CALL_PLAIN, n, NULL, &r);
    rush.refused[n] = !is_answered(&r, CALL_PLAIN);
    if (rush.refused[n] && r.status != 503)
      atomic_fetch_add(&rush.strange, 1);
    if (rush.refused[n])
      atomic_store(&rush.over, true);
    reply_done(&r);
  }
  return NULL;
}

static void *stream_client(void *arg) {
  struct reply r;
  bool *whole_answer = arg;
  call(weir.process.port, CALL_STREAM, 0, NULL, &r);
  *whole_answer = is_answered(&r, CALL_STREAM);
  reply_done(&r);
  return NULL;
}

/* Calls until the journal has no room left. */
static void rush_until_full(void) {
  pthread_t clients[CLIENTS];
  atomic_store(&rush.next, next_call);
  for (unsigned i = 0; i < CLIENTS; i++)
    if (pthread_create(&clients[i], NULL, rush_client, NULL))
      bail("a thread");
  for (unsigned i = 0; i < CLIENTS; i++)
    pthread_join(clients[i], NULL);
  next_call = atomic_load(&rush.next);
  check(atomic_load(&rush.over) && atomic_load(&rush.strange) == 0 && next_call > 100,
        "calls go on until the journal is full: %u", next_call);
}

static void full_disk(void) {
  pthread_t stream;
  bool answered = false;
  replica_init(&weir, "full", "workers: 1\n");
  next_call = 1;                  /* number 0 is the stream */
  disk_size(weir.data, "13m", 0); /* one segment of the journal, and none to spare */
  check_start("on a small disk");
  check_calls("with room", 10);
  if (pthread_create(&stream, NULL, stream_client, &answered))
    bail("a thread");
  disk_fill(weir.data);
  check_calls("on a full disk", 20);
  pthread_join(stream, NULL);
  check(answered, "a stream that had begun ends well");
  check(eventually(store_is_failing, NULL, PROCESSES_PATIENCE_MS), "health says that the disk is full, and no path");
  rush_until_full();
  for (unsigned i = 0; i < 1000 && call_goes(rush.refused); i++) {
  } /* those that waited have given room back */
  check_refusal(CALL_PLAIN, rush.refused);
  check_refusal(CALL_CHAT, rush.refused);
  check_refusal(CALL_STREAM, rush.refused);
  check_readiness(is_unready, "a balancer is told so");
  disk_free(weir.data);
  disk_size(weir.data, "128m", MS_REMOUNT);
  check_readiness(is_ready, "with room again it is ready, though nobody has called");
  check(eventually(call_goes, rush.refused, PROCESSES_PATIENCE_MS), "and calls are answered");
  check(eventually(is_at_rest, &weir, PROCESSES_PATIENCE_MS), "and all of them reach the store");
  check_ledger("then", rush.refused);
  check(process_stop(&weir.process) == 0, "it ends");
  check(!weir_says("Sanitizer"), "nothing is said of memory");
}

/* --- the store's disk is full, the journal's is not --- */

static bool all_stored(void *ctx) { return is_at_rest(&weir); }

static void full_store(void) {
  char journal[128];
  replica_init(&weir, "store", "workers: 2\n");
  next_call = 0;
  snprintf(journal, sizeof journal, "%s/journal", weir.data);
  disk_size(weir.data, "40m", 0);
  check_start("the first time");
  check(process_stop(&weir.process) == 0, "it ends");
  disk_size(journal, "200m", 0);
  check_start("with the journal on a disk of its own");
  check_calls("with room", 10);
  check(eventually(all_stored, NULL, PROCESSES_PATIENCE_MS), "they reach the store");
  disk_fill(weir.data);
  check_calls("with the store's disk full", 40);
  check(eventually(store_is_failing, NULL, PROCESSES_PATIENCE_MS), "health says that the disk is full, and no path");
  check(readiness_is(200, "degraded"), "a balancer goes on sending calls");
  char *said = NULL;
  const char *const create[] = {whole.weir, "key", "create", "--name", "another", "-c", weir.config, NULL};
  int code = process_run(create, &said);
  check(code == 1 && strstr(said, "full"), "a key is not made: %d %s", code, said);
  free(said);
  process_kill(&weir.process);
  check_no_start("killed, with calls in the journal and the disk full,", "full");
  disk_free(weir.data);
  check_start("with room again");
  check(eventually(all_stored, NULL, PROCESSES_PATIENCE_MS), "the journal reaches the store");
  check_calls("and", 10);
  check(eventually(all_stored, NULL, PROCESSES_PATIENCE_MS), "they reach it too");
  check_ledger("then", NULL);
  check(process_stop(&weir.process) == 0, "it ends");
}

/* --- starting --- */

static void start_on_full(void) {
  replica_init(&weir, "start", "workers: 1\n");
  next_call = 0;
  disk_size(weir.data, "4m", 0);
  disk_fill(weir.data);
  check_no_start("on a disk without any room", "full");
  disk_free(weir.data);
  check_no_start("on a disk without room for the journal", "No space left");
  disk_size(weir.data, "64m", MS_REMOUNT);
  check_start("on a disk that has grown");
  check_calls("there", 4);
  check(process_stop(&weir.process) == 0, "it ends");
  disk_size(weir.data, "64m", MS_REMOUNT | MS_RDONLY);
  check_no_start("on a disk that is read-only", "Read-only file system");
  char *said = NULL;
  const char *const list[] = {whole.weir, "ledger", "list", "-c", weir.config, NULL};
  int code = process_run(list, &said);
  check(code == 1 && strstr(said, "weir:"), "commands say what is wrong: %d %s", code, said);
  free(said);
  disk_size(weir.data, "64m", MS_REMOUNT);
  check_start("on a disk that can be written again");
  check_calls("there", 4);
  check(eventually(all_stored, NULL, PROCESSES_PATIENCE_MS), "they reach the store");
  check_ledger("then", NULL);
  check(process_stop(&weir.process) == 0, "it ends");
}

/* A limit on the size of files is a full disk, not the end of the process. */
static void start_with_limit(void) {
  replica_init(&weir, "limit", "workers: 1\n");
  next_call = 0;
  weir.process.fsize_limit = 4L * 1024 * 1024;
  check_no_start("with a limit on the size of files", "File too large");
  weir.process.fsize_limit = 0;
  check_start("without that limit");
  check_calls("there", 2);
  check(process_stop(&weir.process) == 0, "it ends");
}

/* --- a disk that breaks --- */

/* Nothing is written there any more, as after an error that makes ext4 read-only. */
static bool disk_break(const char *path) {
  static const unsigned long shutdown_ext4 = _IOR('X', 125, uint32_t);
  uint32_t flush_log = 1;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool good = fd >= 0 && ioctl(fd, shutdown_ext4, &flush_log) == 0;
  if (fd >= 0)
    close(fd);
  return good;
}

static bool run_quietly(const char *const argv[]) {
  char *said = NULL;
  int code = process_run(argv, &said);
  if (code != 0)
    printf("# %s: %s\n", argv[0], said);
  free(said);
  return code == 0;
}

static bool loop_disk(const char *image, const char *path) {
  const char *const make[] = {"/sbin/mkfs.ext4", "-q", "-F", image, "64m", NULL};
  const char *const mount_it[] = {"/bin/mount", "-o", "loop", image, path, NULL};
  return access(image, F_OK) == 0 ? run_quietly(mount_it) : run_quietly(make) && run_quietly(mount_it);
}

static bool is_refused(void *ctx) {
  struct reply r;
  call(weir.process.port, CALL_PLAIN, next_call++, NULL, &r);
  bool refused =
      r.end == REPLY_WHOLE && r.status == 503 && strstr(r.body, "\"type\":\"api_error\"") && !strchr(r.body, '/');
  reply_done(&r);
  return refused;
}

static bool journal_is_failing(void *ctx) {
  struct reply r;
  ask(weir.process.port, "GET", "/health", "", NULL, 20000, &r);
  bool failing = r.status == 503 && strstr(r.body, "failing") && !strstr(r.body, whole.dir);
  reply_done(&r);
  return failing;
}

static void broken_disk(void) {
  pthread_t stream;
  bool answered = false;
  char image[128];
  replica_init(&weir, "broken", "workers: 1\n");
  next_call = 1; /* number 0 is the stream */
  snprintf(image, sizeof image, "%s/image", weir.dir);
  if (!loop_disk(image, weir.data)) {
    check(true, "a disk that breaks # SKIP it takes root, mkfs.ext4 and a loop device");
    return;
  }
  check_start("on an ext4");
  check_calls("there", 10);
  check(eventually(all_stored, NULL, PROCESSES_PATIENCE_MS), "they reach the store");
  if (pthread_create(&stream, NULL, stream_client, &answered))
    bail("a thread");
  for (int i = 0; i < 1000 && metric_of(weir.process.port, "weir_streams") < 1; i++)
    wait_ms(5);
  check(disk_break(weir.data), "the disk breaks");
  check(eventually(is_refused, NULL, PROCESSES_PATIENCE_MS),
        "calls are refused with 503 in their dialect, naming no path");
  check(eventually(journal_is_failing, NULL, PROCESSES_PATIENCE_MS), "health says why, and no path");
  check_readiness(is_unready, "a balancer is told so");
  pthread_join(stream, NULL);
  check(answered, "a stream that had begun ends well");
  int code = process_stop(&weir.process);
  check(code >= 0 && code < 128, "it ends by itself: %d", code);
  check(umount(weir.data) == 0 && loop_disk(image, weir.data), "the disk is repaired");
  check_start("then");
  check_calls("then", 10);
  check(eventually(all_stored, NULL, PROCESSES_PATIENCE_MS), "they reach the store");
  memset(&known, 0, sizeof known);
  know_ledger(&known, &weir);
  unsigned twice = 0, lost = 0;
  for (unsigned i = 0; i < next_call; i++) {
    twice += known.rows[i] > 1;
    lost += ((i > 0 && i < 11) || i >= next_call - 10) && known.rows[i] == 0;
  }
  /* Those of the last moment before it was known are lost: the disk never had them. */
  check(lost == 0 && twice == 0 && known.code == 0, "what the disk had is in the ledger once: %s", known.verdict);
  check(process_stop(&weir.process) == 0, "it ends");
  umount(weir.data);
}

int main(int argc, char **argv) {
  whole_open(argc, argv);
  if (!own_mounts()) {
    printf("1..0 # SKIP neither root nor user namespaces: no disk can be made\n");
    return 0;
  }
  full_disk();
  full_store();
  start_on_full();
  start_with_limit();
  broken_disk();
  if (whole.failed)
    file_show(weir.process.log, "weir");
  return whole_close();
}

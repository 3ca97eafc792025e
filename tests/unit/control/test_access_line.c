/* The line of the log for every call of the control API. */
#include "control/access_line.h"

#include "api_fixture.h"
#include "control/front.h"

#include "base/log.h"

static enum err says;

static enum err find(struct access *self, const struct access_claim *claim, int64_t now_us, struct arena *a,
                     struct caller *out, struct fault *f) {
  if (says != ERR_OK)
    return fault_set(f, says, NULL, "no");
  *out = (struct caller){.kind = CALLER_USER,
                         .id = 3,
                         .org_id = 2,
                         .actor = TEXT("user:3"),
                         .origin = claim->address,
                         .permissions = PERMISSION_ALL};
  return ERR_OK;
}

static struct access doorman = {find};
static struct front front;

static void serve_front(struct site *site, struct http_request *rq) {
  front_serve(&front, &((struct fixture *)site->data)->worker, rq);
}

static int fd;
static char written[65536];

static const char *lines(void) {
  ssize_t n = pread(fd, written, sizeof(written) - 1, 0);
  written[n > 0 ? n : 0] = '\0';
  CHECK_INT(ftruncate(fd, 0), 0);
  CHECK_INT((int)lseek(fd, 0, SEEK_SET), 0);
  return written;
}

static int count(const char *text, const char *part) {
  int n = 0;
  for (; (text = strstr(text, part)) != NULL; text++)
    n++;
  return n;
}

static void check_lines(struct fixture *x) {
  char path[] = "/tmp/weir-lines-XXXXXX";
  front = (struct front){&x->api, &doorman};
  fd = mkstemp(path);
  CHECK_INT(fd >= 0, 1);
  log_start(fd, LOG_LEVEL_INFO);
  CHECK_INT(send_json(x, "POST /api/v1/teams", "authorization: Bearer hush-hush\r\n", "{\"name\":\"quiet\"}"), 404);
  CHECK_HAS(lines(), "\"event\":\"control_call\"");
  CHECK_HAS(written, "\"method\":\"POST\",\"route\":\"createTeam\",\"actor\":\"user:3\",\"organisation\":2,\"peer\":"
                     "\"127.0.0.1\",\"status\":404,\"duration_us\":");
  CHECK_HAS(written, "\"request_id\":\"req_");
  CHECK_INT(strstr(written, "hush") || strstr(written, "quiet"), 0);
  CHECK_INT(get(x, "/api/v1/keys?user=hush"), 200);
  CHECK_HAS(lines(), "\"route\":\"listKeys\",");
  CHECK_HAS(written, "\"status\":200,");
  CHECK_INT(strstr(written, "hush") != NULL, 0);
  CHECK_INT(count(written, "\"control_call\""), 1);
  CHECK_INT(get(x, "/api/v1/hush"), 404);
  CHECK_HAS(lines(), "\"route\":\"\",\"actor\":\"user:3\"");
  CHECK_INT(strstr(written, "hush") != NULL, 0);
  says = ERR_UNAUTHENTICATED;
  CHECK_INT(get(x, "/api/v1/keys"), 401);
  CHECK_HAS(lines(), "\"route\":\"\",\"actor\":\"\",\"organisation\":0,\"peer\":\"127.0.0.1\",\"status\":401,");
  CHECK_INT(count(written, "\"control_call\""), 1);
  log_start(STDERR_FILENO, LOG_LEVEL_INFO);
  close(fd);
  unlink(path);
}

static void check_lines_run(void *arg) { api_run(check_lines, "", serve_front); }
static void every_call_leaves_one_line_without_what_it_said(void **state) { run_fiber(check_lines_run, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_leaves_one_line_without_what_it_said)};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Lines of a handover: whatever is read comes back the same when it is written and read again, and every line is looked
 * at once. */
#include "app/handover.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct text arguments_of(const struct buf *b) {
  struct text lines = buf_text(b), verb, arguments = TEXT_NONE;
  if (!handover_next(&lines, &verb, &arguments) || lines.len > 0)
    abort();
  return arguments;
}

static bool same(const struct limiter_report *a, const struct limiter_report *b) {
  return memcmp(a, b, sizeof(*a)) == 0;
}

static void check_line(struct text arguments) {
  struct limiter_account account = {0}, account_again = {0};
  struct limiter_report report = {0}, report_again = {0};
  uint64_t process = 0, process_again = 0;
  struct buf b;
  buf_init(&b, 4096);
  if (handover_read_account(arguments, &account)) {
    handover_put_account(&b, &account);
    if (!handover_read_account(arguments_of(&b), &account_again) || !same(&account.report, &account_again.report) ||
        account.spent_nano != account_again.spent_nano || account.tpm_at_us != account_again.tpm_at_us)
      abort();
  }
  buf_reset(&b);
  if (handover_read_report(arguments, &report)) {
    handover_put_report(&b, &report);
    if (!handover_read_report(arguments_of(&b), &report_again) || !same(&report, &report_again))
      abort();
  }
  buf_reset(&b);
  if (handover_read_share(arguments, &process, &report)) {
    handover_put_share(&b, process, &report);
    if (!handover_read_share(arguments_of(&b), &process_again, &report_again) || process != process_again ||
        !same(&report, &report_again))
      abort();
  }
  buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct text lines = {(const char *)data, size}, verb, arguments;
  for (size_t left = size + 1; handover_next(&lines, &verb, &arguments); left = lines.len) {
    if (lines.len >= left)
      abort();
    check_line(arguments);
  }
  return 0;
}

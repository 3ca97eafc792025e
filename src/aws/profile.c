/* The ini-like files that AWS's tools share, read for one profile. What the settings mean, and which are refused, is
 * decided in places.c, the only caller. Settings of services, which are indented under a setting without a value, are
 * skipped. */
#include "aws/profile.h"

static struct text *place_of(struct profile *p, struct text name) {
  const struct {
    const char *name;
    struct text *place;
  } known[] = {
      {"aws_access_key_id", &p->access_key_id},
      {"aws_secret_access_key", &p->secret_access_key},
      {"aws_session_token", &p->session_token},
      {"region", &p->region},
      {"role_arn", &p->role_arn},
      {"web_identity_token_file", &p->web_identity_token_file},
      {"role_session_name", &p->role_session_name},
      {"source_profile", &p->source_profile},
      {"credential_source", &p->credential_source},
      {"credential_process", &p->credential_process},
      {"sso_session", &p->sso_session},
      {"sso_start_url", &p->sso_start_url},
  };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (text_equal_nocase(name, text_of(known[i].name)))
      return known[i].place;
  return NULL;
}

static struct text unquoted(struct text t) {
  if (t.len >= 2 && (t.at[0] == '"' || t.at[0] == '\'') && t.at[t.len - 1] == t.at[0])
    return text_head(text_skip(t, 1), t.len - 2);
  return t;
}

/* "[profile x]" in the config file, "[x]" in the credentials file, "[default]" in both. */
static bool is_section_of(struct text line, struct text name, bool is_config) {
  struct text title, rest;
  if (!text_cut(text_skip(line, 1), ']', &title, &rest))
    return false;
  title = text_trim(title);
  if (!is_config || text_equal(title, TEXT("default")))
    return text_equal(title, name);
  struct text after = text_skip(title, 7);
  if (!text_starts(title, TEXT("profile")) || after.len == 0 || (after.at[0] != ' ' && after.at[0] != '\t'))
    return false;
  return text_equal(unquoted(text_trim(after)), name);
}

static void read_file(struct text file, struct text name, bool is_config, struct profile *out) {
  bool inside = false, nested = false;
  while (!text_is_empty(file)) {
    struct text line, setting, value;
    if (!text_cut(file, '\n', &line, &file)) {
      line = file;
      file = TEXT_NONE;
    }
    bool indented = line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t');
    if (text_ends(line, TEXT("\r")))
      line.len--;
    line = text_trim(line);
    if (text_is_empty(line) || line.at[0] == '#' || line.at[0] == ';')
      continue;
    if (line.at[0] == '[') {
      inside = is_section_of(line, name, is_config);
      out->found = out->found || inside;
      nested = false;
      continue;
    }
    if (!inside || (indented && nested) || !text_cut(line, '=', &setting, &value))
      continue;
    value = text_trim(value);
    nested = text_is_empty(value);
    struct text *place = place_of(out, text_trim(setting));
    if (place)
      *place = value;
  }
}

void profile_read(struct text credentials_file, struct text config_file, struct text name, struct profile *out) {
  *out = (struct profile){0};
  read_file(config_file, name, true, out);
  read_file(credentials_file, name, false, out);
}

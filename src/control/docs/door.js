// The pages on which somebody comes in: /signin, and those behind a one-time link: the first owner's set-up, an invitation, signing in by
// mail. A link's token leaves the address at once, so that it is in no history and no referrer; it goes to the server in the body of the
// request that a press of the button makes, and not before, because programs that look through mail open links too.
'use strict';
const at = (id) => document.getElementById(id);
const pages = {
  '/setup': { send: '/auth/setup', title: 'Set up Weir', about: 'Who is the first owner of this server?', fields: ['email', 'name', 'password'] },
  '/accept': { send: '/auth/accept', title: 'Your way into Weir', about: 'Choose a password.', fields: ['name', 'password'], providers: true },
  '/magic': { send: '/auth/magic/finish', title: 'Your way into Weir', about: 'Sign in with the link from your mail?', fields: [], providers: true, code: true },
  '/signin': { send: '/auth/login', title: 'Sign in to Weir', about: '', fields: ['email', 'password'], providers: true, code: true, open: true },
};
const page = pages[location.pathname];
const token = new URLSearchParams(location.search).get('token') || '';
const all = ['email', 'name', 'password', 'code'];
let fields = page.fields;
history.replaceState(null, '', location.pathname);

function say(text, isError) {
  at('said').textContent = text;
  at('said').className = isError ? 'error' : '';
}

function showFields(wanted) {
  fields = wanted;
  for (const id of all) at(`${id}-field`).hidden = !fields.includes(id);
}

function written() {
  const body = page.open ? {} : { token };
  for (const id of fields) {
    const value = id === 'password' ? at(id).value : at(id).value.trim();
    if (value || at(id).required) body[id] = value;
  }
  return body;
}

/* What is wrong with a field stands below it; the rest is said below the form. */
function showErrors(said) {
  const rest = [];
  let first;
  for (const e of said.errors || []) {
    const id = String(e.pointer || e.parameter || '').replace('/', '');
    if (!fields.includes(id)) {
      rest.push(e.detail);
      continue;
    }
    at(`${id}-error`).textContent += `${at(`${id}-error`).textContent ? '; ' : ''}${e.detail}`;
    at(id).setAttribute('aria-invalid', 'true');
    first = first || at(id);
  }
  if (first) first.focus();
  const detail = first && rest.length === 0 ? 'Not yet: what is above needs another look.' : [said.detail || said.title, ...rest.filter((text) => text !== said.detail)].join('. ');
  say(detail, true);
}

function clearErrors() {
  for (const id of all) {
    at(`${id}-error`).textContent = '';
    at(id).removeAttribute('aria-invalid');
  }
}

function take(said) {
  if (said.needs_code && page.code) {
    showFields([...fields.filter((id) => id !== 'code'), 'code']);
    at('code').focus();
    say('This account has a second factor: type its code.');
    return;
  }
  at('form').hidden = true;
  at('ways').hidden = true;
  at(said.email ? 'next' : 'door').hidden = false;
  say(said.email ? `${said.email} is signed in.` : 'The password is changed.');
}

async function send(event) {
  event.preventDefault();
  clearErrors();
  say('One moment.');
  at('go').disabled = true;
  try {
    const answer = await fetch(page.send, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(written()),
    });
    const said = await answer.json();
    at('go').disabled = false;
    if (answer.ok) take(said);
    else showErrors(said);
  } catch (error) {
    say(`The server could not be reached: ${error.message}`, true);
  }
  at('go').disabled = false;
}

/* Whoever was invited may also come through an identity provider that knows their email. */
async function showProviders() {
  const { providers } = await (await fetch('/auth/door')).json();
  for (const name of providers) {
    const link = document.createElement('a');
    link.href = `/auth/oidc/${encodeURIComponent(name)}`;
    link.textContent = name;
    at('ways').append(' ', link);
  }
  at('ways').hidden = providers.length === 0;
}

at('title').textContent = page.title;
document.title = page.title;
at('about').textContent = page.about;
at('about').hidden = !page.about;
showFields(page.fields);
if (page.open) {
  at('password-help').hidden = true;
  at('password').autocomplete = 'current-password';
}
if (token || page.open) {
  at('form').hidden = false;
  at('form').addEventListener('submit', send);
  (page.fields.length > 0 ? at(page.fields[0]) : at('go')).focus();
} else {
  say('This page is opened by a link with a token in it: the server prints one when it starts and has no user yet, and mails others.');
}
if (page.providers) showProviders().catch(() => {});

// The page behind a one-time link: the first owner's set-up, an invitation, or signing in by mail. The token leaves the address at once,
// so that it is in no history and no referrer; it goes to the server in the body of the request that a press of the button makes, and
// not before, because programs that look through mail open links too.
'use strict';
const at = (id) => document.getElementById(id);
const isSetup = location.pathname === '/setup';
const isMagic = location.pathname === '/magic';
const address = isSetup ? '/auth/setup' : isMagic ? '/auth/magic/finish' : '/auth/accept';
const token = new URLSearchParams(location.search).get('token') || '';
history.replaceState(null, '', location.pathname);

function say(text) {
  at('said').textContent = text;
}

function written() {
  if (isMagic) return at('code').value.trim() ? { token, code: at('code').value.trim() } : { token };
  const body = { token, password: at('password').value };
  if (at('name').value.trim()) body.name = at('name').value.trim();
  if (isSetup) body.email = at('email').value.trim();
  return body;
}

async function send(event) {
  event.preventDefault();
  say('One moment.');
  try {
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(written()),
    });
    const said = await answer.json();
    if (!answer.ok) {
      const details = (said.errors || []).map((e) => `${String(e.pointer || e.parameter || '').replace('/', '')} ${e.detail}`);
      say([said.detail, ...details].join('. '));
      return;
    }
    if (isMagic && said.needs_code) {
      at('code-label').hidden = false;
      at('code').required = true;
      at('code').focus();
      say('This account has a second factor: type its code.');
      return;
    }
    at('form').hidden = true;
    say(said.email ? `${said.email} is signed in. The control API can be tried at /api/docs.` : 'Done: sign in with the new password.');
  } catch (error) {
    say(`The server could not be reached: ${error.message}`);
  }
}

// Whoever was invited may also come through an identity provider that knows their email.
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

at('title').textContent = isSetup ? 'Set up Weir' : 'Your way into Weir';
at('about').textContent = isSetup ? 'Who is the first owner of this server?' : isMagic ? 'Sign in with the link from your mail?' : 'Choose a password.';
for (const id of ['name', 'password']) at(`${id}-label`).hidden = isMagic;
at('password').required = !isMagic;
at('email-label').hidden = !isSetup;
at('email').required = isSetup;
if (token) {
  at('form').hidden = false;
  at('form').addEventListener('submit', send);
  (isSetup ? at('email') : isMagic ? document.querySelector('button') : at('password')).focus();
} else {
  say('This page is opened by a link with a token in it: the server prints one when it starts and has no user yet, and mails others.');
}
if (!isSetup) showProviders().catch(() => {});

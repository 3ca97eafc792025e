/* Shows the OpenAPI document of this server, and sends what is typed in. Every text from the document or an answer is
 * put in as text, never as markup. */
'use strict';

const byId = (id) => document.getElementById(id);

function add(parent, tag, text, className) {
  const e = document.createElement(tag);
  if (text) e.textContent = text;
  if (className) e.className = className;
  parent.append(e);
  return e;
}

function labelled(parent, name, help) {
  const label = add(parent, 'label', `${name} `);
  const input = add(label, 'input');
  if (help) add(label, 'span', ` ${help}`, 'help');
  return input;
}

function resolve(doc, schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.slice(2).split('/').reduce((at, name) => at[name], doc);
}

/* What a body could look like: what must be given, by its type. */
function example(doc, schema) {
  const s = resolve(doc, schema);
  const type = Array.isArray(s.type) ? s.type[0] : s.type;
  if (s.enum) return s.enum[0];
  if (type === 'object') {
    const out = {};
    for (const name of s.required || []) out[name] = example(doc, s.properties[name]);
    return out;
  }
  if (type === 'array') return [];
  if (type === 'integer') return s.minimum || 0;
  if (type === 'boolean') return false;
  return '';
}

/* Proves to the server that a change comes from a page of its own. */
function csrf() {
  const found = /(?:^|; )(?:__Host-)?weir_csrf=([^;]+)/.exec(document.cookie);
  return found ? found[1] : '';
}

function target(path, parameters) {
  const query = new URLSearchParams();
  let out = path;
  for (const { spec, input } of parameters) {
    if (spec.in === 'path') out = out.replace(`{${spec.name}}`, encodeURIComponent(input.value));
    if (spec.in === 'query' && input.value) query.append(spec.name, input.value);
  }
  return query.size ? `${out}?${query}` : out;
}

function headersOf(method, parameters, hasBody) {
  const headers = {};
  const token = byId('token').value;
  if (token) headers.authorization = `Bearer ${token}`;
  else if (method !== 'get' && csrf()) headers['x-weir-csrf'] = csrf();
  if (hasBody) headers['content-type'] = 'application/json';
  for (const { spec, input } of parameters) if (spec.in === 'header' && input.value) headers[spec.name] = input.value;
  return headers;
}

/* A stream has no end: what comes in half a minute, shown as it comes. */
async function readSome(reader, out) {
  const decoder = new TextDecoder();
  const timer = setTimeout(() => reader.cancel(), 30000);
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    out.textContent = text;
  }
  clearTimeout(timer);
  return text;
}

/* An access token lives for some minutes; the session goes on with the next one. */
async function ask(path, made) {
  const answer = await fetch(path, made());
  if (answer.status !== 401 || byId('token').value || !csrf()) return answer;
  const next = await fetch('/auth/refresh', { method: 'POST', headers: { 'x-weir-csrf': csrf() } });
  return next.ok ? fetch(path, made()) : answer;
}

async function send(method, path, parameters, body, out, said) {
  out.hidden = true;
  said.textContent = 'One moment.';
  try {
    const answer = await ask(target(path, parameters), () => ({
      method: method.toUpperCase(),
      headers: headersOf(method, parameters, body !== undefined),
      body,
      credentials: 'same-origin',
    }));
    said.textContent = `Answered with ${answer.status}.`;
    out.hidden = false;
    const isStream = (answer.headers.get('content-type') || '').startsWith('text/event-stream');
    const text = isStream ? await readSome(answer.body.getReader(), out) : await answer.text();
    const told = ['etag', 'location', 'retry-after', 'idempotent-replayed', 'x-request-id']
      .filter((name) => answer.headers.get(name))
      .map((name) => `${name}: ${answer.headers.get(name)}`);
    let shown = text;
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      /* not JSON: as it is */
    }
    out.textContent = [`${answer.status}`, ...told, '', shown].join('\n');
  } catch (e) {
    said.textContent = `The server could not be reached: ${e.message}`;
  }
}

function show(doc, main, path, method, op) {
  const details = add(main, 'details');
  const summary = add(details, 'summary');
  add(summary, 'span', method.toUpperCase(), 'method');
  add(summary, 'code', path);
  add(summary, 'span', ` ${op.summary || ''}`);
  details.dataset.text = `${method} ${path} ${op.summary} ${(op.tags || []).join(' ')}`.toLowerCase();
  if (op['x-weir-permission']) add(details, 'p', `Permission: ${op['x-weir-permission']}`, 'help');
  const parameters = (op.parameters || []).map((spec) => ({ spec, input: labelled(details, spec.name, spec.description) }));
  let body;
  const media = op.requestBody && op.requestBody.content['application/json'];
  if (media) {
    body = add(add(details, 'label', 'Body'), 'textarea');
    body.value = JSON.stringify(example(doc, media.schema), null, 2);
    const members = Object.entries(resolve(doc, media.schema).properties || {});
    for (const [name, s] of members) add(details, 'p', `${name}: ${s.description || ''}`, 'help');
  }
  const button = add(details, 'button', 'Send');
  const said = add(details, 'p');
  said.setAttribute('role', 'status');
  const out = add(details, 'pre');
  out.hidden = true;
  out.tabIndex = 0; /* a long answer is scrolled with the keys */
  out.setAttribute('role', 'region');
  out.setAttribute('aria-label', `Answer of ${method.toUpperCase()} ${path}`);
  button.type = 'button';
  button.addEventListener('click', () => send(method, path, parameters, body && body.value ? body.value : undefined, out, said));
}

function search() {
  const wanted = byId('search').value.trim().toLowerCase();
  let count = 0;
  for (const section of document.querySelectorAll('section')) {
    let inside = 0;
    for (const d of section.querySelectorAll('details')) {
      d.hidden = !d.dataset.text.includes(wanted);
      if (!d.hidden) inside++;
    }
    section.hidden = inside === 0;
    count += inside;
  }
  byId('found').textContent = wanted ? `${count} ${count === 1 ? 'operation' : 'operations'} found.` : '';
}

/* Without the cookie that goes with a session there is none, and nobody needs to be asked. */
async function showWho() {
  const answer = csrf() ? await ask('/api/v1/me', () => ({ headers: headersOf('get', [], false) })) : undefined;
  const me = answer && answer.ok ? await answer.json() : undefined;
  byId('who').textContent = me ? `${me.email || me.name} is signed in.` : 'Nobody is signed in.';
  byId('come').hidden = Boolean(me);
  byId('leave').hidden = !me;
}

async function leave() {
  const left = await fetch('/auth/logout', { method: 'POST', headers: { 'x-weir-csrf': csrf() } });
  // Where the session began at an identity provider, it goes on there.
  if (left.status === 200) location.assign((await left.json()).end_session_url);
  await showWho();
  byId('come').focus();
}

async function start() {
  const doc = await (await fetch('/api/openapi.json')).json();
  const main = byId('operations');
  const tags = new Map();
  byId('title').textContent = `${doc.info.title} ${doc.info.version}`;
  byId('about').textContent = doc.info.description;
  for (const [path, operations] of Object.entries(doc.paths)) {
    for (const [method, op] of Object.entries(operations)) {
      const tag = (op.tags || ['Other'])[0];
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push([path, method, op]);
    }
  }
  for (const [tag, operations] of tags) {
    const section = add(main, 'section');
    add(section, 'h2', tag);
    for (const [path, method, op] of operations) show(doc, section, path, method, op);
  }
  byId('search').addEventListener('input', search);
  byId('leave').addEventListener('click', leave);
  await showWho();
}

start().catch((e) => {
  byId('operations').textContent = String(e);
});

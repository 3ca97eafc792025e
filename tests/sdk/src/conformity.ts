// Every answer of the control API that a test receives is held against the program's own OpenAPI document: by fetch, which is wrapped as soon
// as the harness is loaded, and over the operator's socket. An answer that is not as the document says fails the test that got it.
import { execFileSync } from 'node:child_process';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export interface Parameter {
  name: string;
  in: 'query' | 'path' | 'header';
}
export interface Operation {
  operationId: string;
  parameters: Parameter[];
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
export interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: object;
}

let known: Document | undefined;
/** What `weir openapi` prints. */
export function document(): Document {
  known ??= JSON.parse(execFileSync(process.env.WEIR ?? 'build/weir', ['openapi'], { encoding: 'utf8', maxBuffer: 64 << 20 })) as Document;
  return known;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats as unknown as (a: Ajv2020) => void)(ajv);
ajv.addFormat('int64', true);
const compiled = new Map<string, ValidateFunction>();

function matches(template: string, path: string): boolean {
  const a = template.split('/');
  const b = path.split('/');
  return a.length === b.length && a.every((part, i) => (part.startsWith('{') ? b[i] !== '' : part === b[i]));
}

/** The operation, where the document has one for this path and method. */
function find(method: string, path: string): Operation | undefined {
  const name = method === 'HEAD' ? 'get' : method.toLowerCase();
  return Object.entries(document().paths).find(([template, operations]) => matches(template, path) && operations[name])?.[1][name];
}

export interface Got {
  method: string;
  path: string; // without the query
  status: number;
  type: string;
  text: string;
}

/** Whether what answers there is in the document; nobody signs in over the operator's socket. */
export function isDescribed(path: string, isSocket = false): boolean {
  return path.startsWith('/api/v1/') || (!isSocket && path.startsWith('/auth/'));
}

function schemaOf(op: Operation | undefined, status: number, type: string): object | undefined {
  if (!op) return type === 'application/problem+json' && status >= 400 ? { $ref: '#/components/schemas/Problem' } : undefined;
  return (op.responses[String(status)] ?? op.responses.default)?.content?.[type]?.schema;
}

/** Throws when the answer is not as the document says. */
export function conform({ method, path, status, type, text }: Got): void {
  const op = find(method, path);
  const what = `${method} ${path}: ${status} ${type}`;
  if (text === '') {
    const isDue = method === 'HEAD' || status === 304 || (method === 'OPTIONS' && status === 204) || (op?.responses[String(status)] && !op.responses[String(status)]?.content);
    if (!isDue) throw new Error(`${what} is empty, and the document does not say so`);
    return;
  }
  const schema = schemaOf(op, status, type);
  if (!schema) throw new Error(`${what}: the document knows no such answer; ${text.slice(0, 500)}`);
  const key = `${op?.operationId ?? ''} ${status} ${type}`;
  let good = compiled.get(key);
  if (!good) compiled.set(key, (good = ajv.compile({ ...schema, components: document().components })));
  if (!good(JSON.parse(text))) throw new Error(`${what}: ${JSON.stringify(good.errors)} in ${text.slice(0, 2000)}`);
}

/** A stream of events is not read to its end here, nor what is not JSON. */
async function check(method: string, url: URL, answer: Response): Promise<void> {
  const [type = ''] = (answer.headers.get('content-type') ?? '').split(';');
  if (type !== '' && !/[/+]json$/.test(type)) return;
  conform({ method, path: url.pathname, status: answer.status, type, text: await answer.clone().text() });
}

const real = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const answer = await real(input, init);
  const url = new URL(input instanceof Request ? input.url : input);
  const method = (init?.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase();
  if (isDescribed(url.pathname)) await check(method, url, answer);
  return answer;
};

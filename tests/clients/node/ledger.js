// The ledger's own API as a media server and a reviewer use it: reports what happens in a room,
// reads what was recorded. Never calls a vendor's API; the test files do that with the vendor's
// client.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { AccessToken } from 'livekit-server-sdk';

export const url = required('ROOMLEDGER_URL');
/** The same server with remote unmute enabled. */
export const unmuteUrl = required('ROOMLEDGER_UNMUTE_URL');
/** One that tells what happens, and the port that it tells this suite at. */
export const hooksUrl = required('ROOMLEDGER_HOOKS_URL');
export const hookPort = required('ROOMLEDGER_HOOK_PORT_NODE');
export const key = 'devkey';
export const secret = 'secret';

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start this suite by tests/clients/run`);
  return value;
}

/** A room that no other test uses, and that no earlier run left behind. */
export function newRoom(name) {
  return `node-${name}-${randomUUID().slice(0, 8)}`;
}

export function nowSeconds() {
  return Math.floor(Date.now() / 1000);
}

/** An HS256 token of the dev key; `claims` override the standard ones. */
export function mint(claims, signedWith = secret) {
  const now = nowSeconds();
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const all = { iss: key, nbf: now, exp: now + 3600, ...claims };
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(all)}`;
  return `${body}.${createHmac('sha256', signedWith).update(body).digest('base64url')}`;
}

/** A LiveKit join token, as an application's backend mints it. */
export function joinToken(room, identity, grant = {}) {
  const token = new AccessToken(key, secret, { identity });
  token.addGrant({ roomJoin: true, room, ...grant });
  return token.toJwt();
}

/** One call of `/api/v1`, as it stands: status, headers, body. */
export async function call(method, path, body, ledger, base = url) {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${mint({ ledger })}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const type = response.headers.get('content-type') ?? '';
  const text = await response.text();
  const json = /^application\/(problem\+)?json/.test(type) ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, type, body: json, text };
}

async function expectStatus(status, answer) {
  const { status: got, text } = await answer;
  assert.equal(got, status, text);
  return (await answer).body;
}

const inRoom = (room, rest) => `/rooms/${encodeURIComponent(room)}${rest}`;

/** Reports a join; answers 201's body: connection, sid, participant, position. */
export function join(room, body, base) {
  const joins = inRoom(room, '/joins');
  return expectStatus(201, call('POST', joins, body, { report: true }, base));
}

/** A join that may be refused. */
export function tryJoin(room, body) {
  return call('POST', inRoom(room, '/joins'), body, { report: true });
}

/** Reports a publication; answers the track's sid. */
export async function publish(room, connection, track, base) {
  const tracks = inRoom(room, `/connections/${connection}/tracks`);
  const answer = call('POST', tracks, track, { report: true }, base);
  return (await expectStatus(201, answer)).sid;
}

export function leave(room, connection) {
  const path = inRoom(room, `/connections/${connection}/leave`);
  return expectStatus(200, call('POST', path, {}, { report: true }));
}

/** The participant as the ledger folds it, those who left included. */
export function participant(room, identity, base) {
  const path = inRoom(room, `/participants/${encodeURIComponent(identity)}`);
  return expectStatus(200, call('GET', path, undefined, { audit: true }, base));
}

/** Recorded events in log order; `query` as in GET /api/v1/events. */
export async function events(query, base) {
  const path = `/events?${new URLSearchParams({ limit: 1000, ...query })}`;
  const answer = await expectStatus(200, call('GET', path, undefined, { audit: true }, base));
  return answer.events;
}

export async function head(base) {
  const [last] = await events({ order: 'desc', limit: 1 }, base);
  return last?.position ?? 0;
}

/**
 * Runs one call of a vendor's client and reads what it left in the log: its answer or error, the
 * request id and ledger position seen on the wire, and the events.
 */
export async function act(room, run, base = url) {
  const after = await head(base);
  const wire = {};
  const fetchItself = globalThis.fetch;
  globalThis.fetch = async (to, init) => {
    const response = await fetchItself(to, init);
    wire.requestId = new Headers(init.headers).get('x-livekit-request-id');
    wire.position = Number(response.headers.get('x-ledger-position'));
    wire.replayed = response.headers.get('x-ledger-replayed');
    return response;
  };
  let answer, error;
  try {
    answer = await run();
  } catch (caught) {
    error = caught;
  } finally {
    globalThis.fetch = fetchItself;
  }
  return { answer, error, ...wire, events: await events({ room, after }, base) };
}

/** The one event of `kind`, with what every event of a LiveKit call carries. */
export function only(done, kind, livekitCall) {
  if (done.error) throw done.error;
  return onlyRefused(done, kind, livekitCall);
}

/** The same where the client got an error. */
export function onlyRefused(done, kind, livekitCall) {
  const found = done.events.filter((event) => event.kind === kind);
  assert.equal(found.length, 1, `one ${kind} in ${JSON.stringify(done.events)}`);
  const [event] = found;
  assert.deepEqual({ kind: event.actor.kind, id: event.actor.id }, { kind: 'api_key', id: key });
  assert.deepEqual(event.via, { dialect: 'livekit', call: livekitCall });
  assert.ok(done.requestId, 'the SDK sends a request id');
  assert.equal(event.request_id, done.requestId);
  assert.ok(done.position >= event.position, `${done.position} is durable`);
  return event;
}

/** Every value under `name`, however deep. */
export function deep(value, name) {
  if (value === null || typeof value !== 'object') return [];
  const own = name in value ? [value[name]] : [];
  return [...own, ...Object.values(value).flatMap((inner) => deep(inner, name))];
}

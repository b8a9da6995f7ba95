// What the ledger refuses, as the SDK's own typed error and as an event; what holds after a
// removal; the headers that say who is behind a call and why.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { RoomServiceClient, ServerError } from 'livekit-server-sdk';
import * as ledger from './ledger.js';

const roomService = new RoomServiceClient(ledger.url, ledger.key, ledger.secret);

/** A client whose tokens are its own, not minted per call. */
function withToken(token) {
  return new RoomServiceClient(ledger.url, undefined, undefined, { token });
}

async function refusal(run) {
  const error = await run().then(() => assert.fail('answered'), (caught) => caught);
  assert.ok(error instanceof ServerError, String(error));
  return { status: error.status, code: error.code, message: error.message };
}

async function joined(name, identity = 'alice') {
  const room = ledger.newRoom(name);
  const token = await ledger.joinToken(room, identity);
  return { room, token, ...(await ledger.join(room, { token })) };
}

test('an unknown participant is not_found, and the refusal is recorded', async () => {
  const { room } = await joined('unknown');
  const calls = {
    RemoveParticipant: () => roomService.removeParticipant(room, 'nobody'),
    UpdateParticipant: () => roomService.updateParticipant(room, 'nobody', 'm'),
    MutePublishedTrack: () => roomService.mutePublishedTrack(room, 'nobody', 'TR_x', true),
  };
  for (const [call, run] of Object.entries(calls)) {
    const done = await ledger.act(room, run);
    assert.ok(done.error instanceof ServerError, String(done.error));
    assert.deepEqual([done.error.status, done.error.code], [404, 'not_found'], call);
    const refused = ledger.onlyRefused(done, 'command_refused', call);
    assert.ok(done.error.message.length > 0 && refused.data.code.length > 0, call);
  }
  const read = await refusal(() => roomService.getParticipant(room, 'nobody'));
  assert.deepEqual([read.status, read.code], [404, 'not_found']);
});

test('an unknown track is not_found and named, where LiveKit answers nothing', async () => {
  const { room } = await joined('track');
  const error = await refusal(() =>
    roomService.mutePublishedTrack(room, 'alice', 'TR_nosuchtrack', true));
  assert.deepEqual([error.status, error.code], [404, 'not_found']);
  assert.match(error.message, /TR_nosuchtrack/);
});

test('an unknown room is not_found', async () => {
  const room = ledger.newRoom('never');
  for (const run of [
    () => roomService.deleteRoom(room),
    () => roomService.removeParticipant(room, 'alice'),
  ]) {
    const error = await refusal(run);
    assert.deepEqual([error.status, error.code], [404, 'not_found']);
  }
});

test('a missing grant is unauthenticated, and the refusal names the key', async () => {
  const { room } = await joined('grant');
  const video = { roomAdmin: true, room: `${room}-other` };
  for (const grants of [{ video }, { video: { roomJoin: true, room } }, {}]) {
    const client = withToken(ledger.mint(grants));
    const done = await ledger.act(room, () => client.removeParticipant(room, 'alice'));
    assert.equal(done.error?.status, 401, String(done.error));
    assert.equal(done.error.code, 'unauthenticated');
    assert.match(done.error.message, /permissions denied/);
    ledger.onlyRefused(done, 'command_refused', 'RemoveParticipant');
  }
  assert.equal((await roomService.listParticipants(room)).length, 1);
});

test('a token that does not verify is 401, and never said back', async () => {
  const { room } = await joined('forged');
  const video = { roomAdmin: true, room };
  const past = ledger.nowSeconds() - 3600;
  const bad = [
    ledger.mint({ video }, 'another secret'),
    ledger.mint({ video, iss: 'nosuchkey' }),
    ledger.mint({ video, nbf: past - 60, exp: past }),
    ledger.mint({ video, exp: undefined }),
    'not-a-token',
  ];
  for (const token of bad) {
    const error = await refusal(() => withToken(token).removeParticipant(room, 'alice'));
    assert.equal(error.status, 401, token);
    assert.ok(!error.message.includes(token), error.message);
  }
  assert.equal((await roomService.listParticipants(room)).length, 1);
});

test('names over a limit are invalid_argument', async () => {
  const { room } = await joined('limits');
  const long = 'x'.repeat(257);
  const error = await refusal(() =>
    roomService.updateParticipant(room, 'alice', { name: long }));
  assert.deepEqual([error.status, error.code], [400, 'invalid_argument']);
});

test('a revoked token cannot rejoin, and the answer names the event', async () => {
  const { room, token } = await joined('revoked');
  const from = ledger.nowSeconds() + 1;

  const done = await ledger.act(room, () =>
    roomService.removeParticipant(room, 'alice', { revokeTokenTs: BigInt(from) }));

  const revoked = ledger.only(done, 'tokens_revoked', 'RemoveParticipant');
  const again = await ledger.tryJoin(room, { token });
  assert.equal(again.status, 403, again.text);
  assert.match(again.type, /^application\/problem\+json/);
  assert.match(again.body.type, /token-revoked$/);
  assert.equal(again.body.because, revoked.position);
  const [refused] = await ledger.events({ room, refused: true, after: revoked.position });
  assert.equal(refused.position, again.body.position);

  // A token from after the moment is as good as ever.
  const video = { roomJoin: true, room };
  const later = ledger.mint({ sub: 'alice', nbf: from, video });
  const back = await ledger.join(room, { token: later });
  assert.ok(back.position > refused.position);
});

test('a removal without a revocation lets the token rejoin', async () => {
  const { room, token } = await joined('rejoin');
  await roomService.removeParticipant(room, 'alice');
  const back = await ledger.tryJoin(room, { token });
  assert.equal(back.status, 201, back.text);
  const { timelog } = await ledger.participant(room, 'alice');
  assert.equal(timelog.length, 2);
  assert.ok(timelog[0].end <= timelog[1].start && !timelog[1].end);
});

/** LiveKit's call by plain HTTP, with headers that no SDK sends. */
function raw(call, body, headers) {
  const token = ledger.mint({ video: { roomAdmin: true, room: body.room } });
  return fetch(`${ledger.url}/twirp/livekit.RoomService/${call}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(body),
  });
}

test('who is behind a call, and why', async () => {
  const { room } = await joined('why');
  const after = await ledger.head();
  const answer = await raw('RemoveParticipant', { room, identity: 'alice' }, {
    'X-Audit-Reason': 'spam in chat',
    'X-Audit-Actor': 'moderator-7',
    'X-Livekit-Request-Id': randomUUID(),
  });
  assert.equal(answer.status, 200, await answer.text());
  const recorded = await ledger.events({ room, after, kind: 'removal_requested' });
  assert.equal(recorded.length, 1);
  assert.equal(recorded[0].reason, 'spam in chat');
  const expected = { kind: 'api_key', id: ledger.key, on_behalf_of: 'moderator-7' };
  assert.deepEqual(recorded[0].actor, expected);
  for (const actor of [ledger.key, 'moderator-7']) {
    const found = await ledger.events({ room, after, actor, kind: 'removal_requested' });
    assert.equal(found.length, 1, actor);
  }
});

test('the same request id again is answered from the log', async () => {
  const { room } = await joined('again');
  const headers = { 'X-Livekit-Request-Id': randomUUID() };
  const body = { room, identity: 'alice', metadata: 'once' };
  const first = await raw('UpdateParticipant', body, headers);
  assert.equal(first.status, 200, await first.text());
  const after = await ledger.head();
  const again = await raw('UpdateParticipant', body, headers);
  assert.equal(again.status, 200, await again.text());
  assert.equal(again.headers.get('x-ledger-replayed'), 'true');
  assert.deepEqual(await ledger.events({ room, after }), []);
});

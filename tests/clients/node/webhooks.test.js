// Webhooks as the SDK's own receiver takes them: signed, decoded, in order.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { RoomServiceClient, WebhookReceiver } from 'livekit-server-sdk';
import * as ledger from './ledger.js';

const url = ledger.hooksUrl;
const roomService = new RoomServiceClient(url, ledger.key, ledger.secret);
const receiver = new WebhookReceiver(ledger.key, ledger.secret);

/** Every request so far; other suites' rooms are told here too. */
const seen = [];
const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    seen.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
    response.end('ok');
  });
});
before(() => new Promise((listening) => {
  server.listen(Number(ledger.hookPort), '127.0.0.1', listening);
}));
after(() => server.close() && server.closeAllConnections());

/** The first `count` webhooks of a room, decoded by the SDK; waits for them. */
async function told(room, count) {
  for (let left = 3000; left > 0; left -= 1) {
    const ofRoom = seen.filter(({ body }) => JSON.parse(body).room.name === room);
    if (ofRoom.length >= count) {
      return Promise.all(ofRoom.map(async (request) => ({
        ...request,
        event: await receiver.receive(request.body, request.headers.authorization),
      })));
    }
    await new Promise((later) => { setTimeout(later, 100); });
  }
  assert.fail(`${count} webhooks of ${room}, not ${JSON.stringify(seen)}`);
}

test('the SDK takes every webhook of a room, in order', async () => {
  const room = ledger.newRoom('hooks');
  const made = await roomService.createRoom({ name: room, metadata: 'm' });
  const token = await ledger.joinToken(room, 'alice');
  const joined = await ledger.join(room, { token }, url);
  const sid = await ledger.publish(
    room, joined.connection, { type: 'audio', source: 'microphone' }, url);
  await roomService.removeParticipant(room, 'alice');
  await roomService.deleteRoom(room);
  const hooks = await told(room, 6);
  assert.deepEqual(hooks.map(({ event }) => event.event), [
    'room_started', 'participant_joined', 'track_published', 'track_unpublished',
    'participant_left', 'room_finished',
  ]);
  for (const { event, headers } of hooks) {
    assert.match(event.id, /^EV_[A-Za-z0-9]{12}$/);
    assert.ok(Math.abs(Number(event.createdAt) - ledger.nowSeconds()) < 600);
    assert.equal(event.room.sid, made.sid);
    assert.equal(headers['content-type'], 'application/webhook+json');
    assert.ok(Number(headers['x-ledger-position']) > 0);
  }
  const [started, arrived, published, , left] = hooks.map(({ event }) => event);
  assert.equal(started.room.metadata, 'm');
  assert.equal(arrived.participant.identity, 'alice');
  assert.equal(arrived.participant.sid, joined.sid);
  assert.equal(published.track.sid, sid);
  // livekit.DisconnectReason.PARTICIPANT_REMOVED, in this version of the SDK's messages.
  assert.equal(left.participant.disconnectReason, 4);
});

test('the SDK refuses a body that was changed, and another secret', async () => {
  const room = ledger.newRoom('forged');
  await roomService.createRoom({ name: room });
  const [{ body, headers }] = await told(room, 1);
  await assert.rejects(receiver.receive(`${body} `, headers.authorization));
  const other = new WebhookReceiver(ledger.key, 'another secret, as long as it has to be');
  await assert.rejects(other.receive(body, headers.authorization));
});

// Every method of the SDK's RoomServiceClient: what it leaves in the log, and its errors as the
// SDK's own type. The methods are read from the SDK, so that an upgrade which brings a new one
// fails here until it has a line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataPacket_Kind } from '@livekit/protocol';
import { RoomServiceClient, ServerError } from 'livekit-server-sdk';
import * as ledger from './ledger.js';

const admin = new RoomServiceClient(ledger.url, ledger.key, ledger.secret);
const stranger = new RoomServiceClient(ledger.url, undefined, undefined, {
  token: ledger.mint({}),
});

// What each method is called with, the kind it records (none: it only reads), and what becomes of
// it where there is no such room: an error, or an answer.
const missing = [404, 'not_found', /does not exist/];
const media = [501, 'unimplemented', /needs a media server/];
const methods = {
  createRoom: {
    run: (client, { fresh }) => client.createRoom({ name: fresh, metadata: 'm' }),
    records: 'room_created',
    where: ({ fresh }) => fresh,
  },
  listRooms: { run: (client, { room }) => client.listRooms([room]) },
  deleteRoom: {
    run: (client, { room }) => client.deleteRoom(room),
    records: 'session_ended',
    unknown: missing,
  },
  updateRoomMetadata: {
    run: (client, { room }) => client.updateRoomMetadata(room, 'hall'),
    records: 'room_metadata_changed',
    unknown: missing,
  },
  listParticipants: { run: (client, { room }) => client.listParticipants(room) },
  getParticipant: {
    run: (client, { room, identity }) => client.getParticipant(room, identity),
    unknown: missing,
  },
  removeParticipant: {
    run: (client, { room, identity }) => client.removeParticipant(room, identity),
    records: 'removal_requested',
    unknown: missing,
  },
  forwardParticipant: {
    run: (client, { room, identity, other }) => client.forwardParticipant(room, identity, other),
    fails: media,
    unknown: missing,
  },
  moveParticipant: {
    run: (client, { room, identity, other }) => client.moveParticipant(room, identity, other),
    records: 'move_requested',
    unknown: missing,
  },
  mutePublishedTrack: {
    run: (client, { room, identity, track }) =>
      client.mutePublishedTrack(room, identity, track, true),
    records: 'track_mute_changed',
    unknown: missing,
  },
  updateParticipant: {
    run: (client, { room, identity }) =>
      client.updateParticipant(room, identity, { attributes: { hand: 'raised' } }),
    records: 'profile_changed',
    unknown: missing,
  },
  updateSubscriptions: {
    run: (client, { room, identity, track }) =>
      client.updateSubscriptions(room, identity, [track], false),
    records: 'subscriptions_changed',
    unknown: missing,
  },
  sendData: {
    run: (client, { room, identity }) =>
      client.sendData(room, new TextEncoder().encode('hi'), DataPacket_Kind.RELIABLE, {
        destinationIdentities: [identity],
        topic: 'chat',
      }),
    records: 'data_sent',
    unknown: missing,
  },
};

/** The call's name on the wire. */
const wire = (method) => method[0].toUpperCase() + method.slice(1);

async function stage(method) {
  const room = ledger.newRoom(method);
  const { connection } = await ledger.join(room, { identity: 'alice' });
  const microphone = { type: 'audio', source: 'microphone' };
  const track = await ledger.publish(room, connection, microphone);
  return { ...nowhere(method), room, identity: 'alice', track };
}

/** The same where nothing ever happened. */
function nowhere(method) {
  const room = ledger.newRoom(`${method}-never`);
  return { room, fresh: `${room}-fresh`, other: `${room}-other`, identity: 'x', track: 'TR_x' };
}

async function assertFails(run, [status, code, message]) {
  const error = await run().then(() => assert.fail('answered'), (caught) => caught);
  assert.ok(error instanceof ServerError, String(error));
  assert.deepEqual([error.status, error.code], [status, code], error.message);
  assert.match(error.message, message);
}

test('every method of the SDK has its line', () => {
  const inSdk = Object.getOwnPropertyNames(RoomServiceClient.prototype);
  const called = inSdk.filter((name) => name !== 'constructor');
  assert.deepEqual(Object.keys(methods).sort(), called.sort());
});

for (const [method, { run, records, where, fails, unknown }] of Object.entries(methods)) {
  test(`${method}: ${records ?? (fails ? 'not here' : 'reads')}`, async () => {
    const at = await stage(method);
    if (fails) return assertFails(() => run(admin, at), fails);
    const done = await ledger.act(where?.(at) ?? at.room, () => run(admin, at));
    if (records) ledger.only(done, records, wire(method));
    else assert.deepEqual([done.error, done.events], [undefined, []]);
  });

  test(`${method}: errors are typed`, async () => {
    const at = nowhere(method);
    if (unknown) await assertFails(() => run(admin, at), unknown);
    else await run(admin, at);

    const long = 'x'.repeat(257);
    const named = { ...at, room: long, fresh: long };
    const tooLong = [400, 'invalid_argument', /room name length exceeds limits/];
    // A filter that cannot be a name finds nothing.
    if (method === 'listRooms') assert.deepEqual(await run(admin, named), []);
    else await assertFails(() => run(admin, named), tooLong);

    const denied = [401, 'unauthenticated', /permissions denied/];
    await assertFails(() => run(stranger, at), denied);
  });
}

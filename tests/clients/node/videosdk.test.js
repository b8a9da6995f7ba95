// Every method that VideoSDK's server SDK has for rooms, sessions and participants: what it answers,
// what it leaves in the log, and its errors as the SDK's own types. The methods are read from the
// SDK, so that an upgrade which brings a new one fails here until it has a line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoomNotFoundError, VideoSDK, isVideoSDKError } from '@videosdk.live/server-sdk';
import * as ledger from './ledger.js';

const apiEndpoint = `${ledger.url}/videosdk`;
const options = { apiEndpoint, maxRetries: 0 };
const client = new VideoSDK({ ...options, apiKey: ledger.key, secret: ledger.secret });
// What a participant holds.
const guestToken = client.accessToken().grant('allow_join').toJwt();
const guest = new VideoSDK({ ...options, token: guestToken });

/** A room under its own name with alice and bob in it, and its ids. */
async function stage(name) {
  const room = ledger.newRoom(name);
  for (const identity of ['alice', 'bob']) {
    const token = client.accessToken().grant('allow_join').setParticipant(identity).toJwt();
    await ledger.join(room, { token, name: identity });
  }
  const { roomId } = await client.rooms.get(room);
  const [session] = (await client.sessions.list({ roomId })).data;
  return { room, roomId, sessionId: session.id, fresh: `${room}-fresh` };
}

const nowhere = {
  room: 'nowhere',
  roomId: 'aaaa-aaaa-aaaa',
  sessionId: '61adc697a239e84d0aaa7e15',
  fresh: 'nowhere',
};

const ids = (page) => page.data.map((one) => one.participantId);
const fine = [['alice', 'bob'], 2];

// What each method is called with, what it gives, which event it records under which call; and what
// becomes of it where there is no such room (none: an answer, which `empty` looks at).
const methods = {
  rooms: {
    create: {
      run: (sdk, { fresh }) =>
        sdk.rooms.create({
          customRoomId: fresh,
          webhook: { url: 'https://app.example/hook', events: ['session-started'] },
          autoCloseConfig: { afterInactiveSeconds: 60 },
          allowedParticipantIds: ['alice'],
        }),
      gives: (room, { fresh }) => {
        assert.equal(room.customRoomId, fresh);
        assert.match(room.roomId, /^[0-9a-z]{4}(-[0-9a-z]{4}){2}$/);
        assert.deepEqual(room.autoCloseConfig, { type: 'session-ends', duration: 60 });
        assert.deepEqual(room.allowedParticipantIds, ['alice']);
      },
      where: ({ fresh }) => fresh,
      records: ['room_created', 'v2/create-room'],
      empty: (room) => assert.equal(room.customRoomId, 'nowhere'),
    },
    list: {
      run: (sdk, { room }) => sdk.rooms.list({ query: room }),
      gives: ({ data, total }, { roomId }) =>
        assert.deepEqual([data.map((one) => one.roomId), total], [[roomId], 1]),
      empty: ({ total }) => assert.ok(total <= 1),
    },
    get: {
      run: (sdk, { roomId }) => sdk.rooms.get(roomId),
      gives: (got, { room }) => assert.equal(got.customRoomId, room),
    },
    validate: {
      run: (sdk, { room }) => sdk.rooms.validate(room),
      gives: (got, { roomId }) => assert.deepEqual([got.valid, got.roomId], [true, roomId]),
      empty: (got) => assert.equal(typeof got.valid, 'boolean'),
    },
    end: {
      run: (sdk, { roomId }) => sdk.rooms.end(roomId),
      gives: (got, { roomId }) => assert.deepEqual([got.disabled, got.meetingId], [true, roomId]),
      records: ['room_config_changed', 'v2/deactivate-room'],
      status: 402,
    },
  },
  sessions: {
    list: {
      run: (sdk, { roomId }) => sdk.sessions.list({ roomId, status: 'ongoing' }),
      gives: ({ data }, { sessionId }) => assert.equal(data[0].id, sessionId),
      empty: ({ data }) => assert.deepEqual(data, []),
    },
    get: {
      run: (sdk, { sessionId }) => sdk.sessions.get(sessionId),
      gives: (got, { roomId }) => assert.deepEqual([got.roomId, got.status], [roomId, 'ongoing']),
    },
    listParticipants: {
      run: (sdk, { sessionId }) => sdk.sessions.listParticipants(sessionId),
      gives: (page) => assert.deepEqual([ids(page), page.total], fine),
    },
    listActiveParticipants: {
      run: (sdk, { sessionId }) => sdk.sessions.listActiveParticipants(sessionId),
      gives: (page) => assert.deepEqual([ids(page), page.total], fine),
    },
    // A helper of the two before.
    fetchParticipants: {
      run: (sdk, { sessionId }) =>
        sdk.sessions.fetchParticipants(`/v2/sessions/${sessionId}/participants`, 1, 1),
      gives: (page) => assert.deepEqual(ids(page), ['alice']),
    },
    getParticipant: {
      run: (sdk, { sessionId }) => sdk.sessions.getParticipant(sessionId, 'bob'),
      gives: (got) => assert.equal(got.timelog[0].end, null),
    },
    end: {
      run: (sdk, { roomId }) => sdk.sessions.end({ roomId, force: true }),
      gives: (got, { roomId, room }) => {
        assert.deepEqual([got.roomId, got.customRoomId], [roomId, room]);
        // The moment of the request: nobody has left yet.
        assert.deepEqual([got.end, got.participants[0].timelog[0].end], [null, null]);
      },
      records: ['session_ended', 'v2/end-session'],
    },
    removeParticipant: {
      run: (sdk, { sessionId }) =>
        sdk.sessions.removeParticipant({ sessionId, participantId: 'bob' }),
      gives: (got) => assert.equal(got.participants[1].timelog[0].end, null),
      records: ['removal_requested', 'v2/remove-participant'],
    },
    getStats: { run: (sdk, { sessionId }) => sdk.sessions.getStats(sessionId), fails: 501 },
    getParticipantStats: {
      run: (sdk, { sessionId }) => sdk.sessions.getParticipantStats(sessionId, 'bob'),
      fails: 501,
    },
  },
  participants: {
    list: {
      run: (sdk, { roomId }) => sdk.participants.list(roomId),
      gives: (page) => assert.deepEqual([ids(page), page.total], fine),
      empty: ({ data }) => assert.deepEqual(data, []),
    },
    get: {
      run: (sdk, { roomId }) => sdk.participants.get(roomId, 'alice'),
      gives: (got) => assert.equal(got.participantId, 'alice'),
    },
    remove: {
      run: (sdk, { roomId }) => sdk.participants.remove(roomId, 'bob'),
      gives: (got) => assert.equal(got.status, 'ongoing'),
      records: ['removal_requested', 'v2/remove-participant'],
    },
    // A helper of `list`.
    fetchActiveParticipants: {
      run: (sdk, { sessionId }) => sdk.participants.fetchActiveParticipants(sessionId, 2, 1),
      gives: (page) => assert.deepEqual(ids(page), ['bob']),
    },
  },
};

async function failed(run) {
  const error = await run().then(() => assert.fail('answered'), (caught) => caught);
  assert.ok(isVideoSDKError(error), String(error));
  return error;
}

for (const [resource, its] of Object.entries(methods)) {
  test(`every method of ${resource} has its line`, () => {
    const inSdk = Object.getOwnPropertyNames(Object.getPrototypeOf(client[resource]));
    const called = inSdk.filter((name) => name !== 'constructor');
    assert.deepEqual(Object.keys(its).sort(), called.sort());
  });

  for (const [method, { run, gives, records, where, fails, empty, status }] of Object.entries(its)) {
    test(`${resource}.${method}: ${records?.[0] ?? (fails ? 'not here' : 'reads')}`, async () => {
      const at = await stage(`${resource}-${method}`);
      if (fails) {
        const error = await failed(() => run(client, at));
        assert.deepEqual([error.httpStatus, error.code], [fails, 'unimplemented']);
        return;
      }
      const room = where?.(at) ?? at.room;
      const after = await ledger.head();
      gives(await run(client, at), at);
      const events = await ledger.events({ room, after });
      if (!records) {
        assert.deepEqual(events, []);
        return;
      }
      const [kind, call] = records;
      const [event, ...more] = events.filter((one) => one.kind === kind);
      assert.deepEqual(more, []);
      assert.deepEqual(event.via, { dialect: 'videosdk', call });
      assert.equal(event.actor.id, ledger.key);
    });

    test(`${resource}.${method} where there is none`, async () => {
      if (empty) return empty(await run(client, nowhere));
      const error = await failed(() => run(client, nowhere));
      assert.ok(error instanceof RoomNotFoundError, String(error));
      // `participants.get` finds out by itself.
      const own = resource === 'participants' && method === 'get';
      assert.equal(error.httpStatus, own ? undefined : (status ?? 404));
    });

    test(`${resource}.${method} is not for a participant`, async () => {
      const at = await stage(`${resource}-${method}-guest`);
      const error = await failed(() => run(guest, at));
      assert.deepEqual([error.httpStatus, error.code], [403, '4024'], error.message);
    });
  }
}

test('lists go through all pages', async () => {
  const { roomId, sessionId } = await stage('pages');
  const found = [];
  const page = await client.sessions.listParticipants(sessionId, { perPage: 1 });
  for await (const one of page) found.push(one.participantId);
  assert.deepEqual(found, ['alice', 'bob']);
  const sessions = [];
  for await (const one of await client.sessions.list({ roomId, perPage: 1 })) sessions.push(one.id);
  assert.deepEqual(sessions, [sessionId]);
});

test('creating a room again by its own name gives the same room', async () => {
  const customRoomId = ledger.newRoom('again');
  const made = await client.rooms.create({ customRoomId });
  const again = await client.rooms.create({ customRoomId });
  assert.equal(again.roomId, made.roomId);
  const other = await client.rooms.create();
  assert.notEqual(other.roomId, made.roomId);
});

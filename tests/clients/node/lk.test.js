// The HTTP calls that LiveKit's command line makes for the rows "LiveKit CLI" of the page: Twirp
// over protobuf, one token per command, and for `participants update` a read, a merge and a write
// of the whole permission.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeleteRoomRequest, DeleteRoomResponse, CreateRoomRequest, ListParticipantsRequest,
  ListParticipantsResponse, ListRoomsRequest, ListRoomsResponse, MuteRoomTrackRequest,
  MuteRoomTrackResponse, ParticipantInfo, PerformRpcRequest, PerformRpcResponse,
  RemoveParticipantResponse, Room, RoomParticipantIdentity, UpdateParticipantRequest,
} from '@livekit/protocol';
import * as ledger from './ledger.js';

const identity = 'alice';

/** One Twirp call as the Go client makes it; the decoded answer, or the error's JSON. */
async function lk(grant, call, request, Answer) {
  const response = await fetch(`${ledger.url}/twirp/livekit.RoomService/${call}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${ledger.mint({ video: grant })}`,
      accept: 'application/protobuf',
      'content-type': 'application/protobuf',
      'twirp-version': 'v8.1.3',
    },
    body: request.toBinary(),
  });
  const type = response.headers.get('content-type');
  if (response.status !== 200) {
    assert.equal(type, 'application/json');
    return { status: response.status, ...(await response.json()) };
  }
  assert.equal(type, 'application/protobuf');
  return Answer.fromBinary(new Uint8Array(await response.arrayBuffer()));
}

const admin = (room) => ({ roomAdmin: true, room });

/** `lk room participants update --permissions JSON` */
async function updatePermissions(room, permissions) {
  const who = new RoomParticipantIdentity({ room, identity });
  const { permission } = await lk(admin(room), 'GetParticipant', who, ParticipantInfo);
  Object.assign(permission, permissions);
  const request = new UpdateParticipantRequest({ room, identity, permission });
  return lk(admin(room), 'UpdateParticipant', request, ParticipantInfo);
}

/** Events of `room` after `position`, of one kind, made by `call` of the dev key. */
async function recorded(room, after, kind, call) {
  const found = await ledger.events({ room, after, kind });
  assert.equal(found.length, 1, `${kind}: ${JSON.stringify(found)}`);
  assert.deepEqual(found[0].via, { dialect: 'livekit', call });
  assert.equal(found[0].actor.id, ledger.key);
  return found[0];
}

async function joined(name) {
  const room = ledger.newRoom(`lk-${name}`);
  const token = await ledger.joinToken(room, identity, { canPublish: false });
  return { room, ...(await ledger.join(room, { token })) };
}

test('lk room participants list, get', async () => {
  const { room, sid } = await joined('read');
  const list = new ListParticipantsRequest({ room });
  const { participants } = await lk(admin(room), 'ListParticipants', list,
    ListParticipantsResponse);
  assert.deepEqual(participants.map((one) => one.sid), [sid]);
  const who = new RoomParticipantIdentity({ room, identity });
  const info = await lk(admin(room), 'GetParticipant', who, ParticipantInfo);
  assert.deepEqual([info.sid, info.identity], [sid, identity]);
});

test('lk room participants update --permissions', async () => {
  const { room } = await joined('permissions');
  const after = await ledger.head();
  const wanted = { canPublish: true, canSubscribe: true, canPublishData: true };
  const updated = await updatePermissions(room, wanted);
  assert.equal(updated.permission.canPublish, true);
  const event = await recorded(room, after, 'permissions_changed', 'UpdateParticipant');
  const [{ before, after: then }] = event.data.groups;
  assert.deepEqual([before.send.enabled, then.send.enabled], [false, true]);
});

test('reading a permission and writing it back changes nothing', async () => {
  const { room } = await joined('back');
  const before = (await ledger.participant(room, identity)).permission;
  await updatePermissions(room, {});
  assert.deepEqual((await ledger.participant(room, identity)).permission, before);
});

test('lk room participants update --metadata', async () => {
  const { room } = await joined('metadata');
  const after = await ledger.head();
  const metadata = '{"some":"values"}';
  const request = new UpdateParticipantRequest({ room, identity, metadata });
  const info = await lk(admin(room), 'UpdateParticipant', request, ParticipantInfo);
  assert.equal(info.metadata, metadata);
  await recorded(room, after, 'profile_changed', 'UpdateParticipant');
});

test('lk room mute-track', async () => {
  const room = ledger.newRoom('lk-mute');
  const { connection } = await ledger.join(room, { identity });
  const microphone = { type: 'audio', source: 'microphone' };
  const trackSid = await ledger.publish(room, connection, microphone);
  const after = await ledger.head();
  const request = new MuteRoomTrackRequest({ room, identity, trackSid, muted: true });
  const { track } = await lk(admin(room), 'MutePublishedTrack', request, MuteRoomTrackResponse);
  assert.deepEqual([track.sid, track.muted], [trackSid, true]);
  await recorded(room, after, 'track_mute_changed', 'MutePublishedTrack');
});

test('lk room participants remove', async () => {
  const { room } = await joined('remove');
  const after = await ledger.head();
  const who = new RoomParticipantIdentity({ room, identity });
  await lk(admin(room), 'RemoveParticipant', who, RemoveParticipantResponse);
  await recorded(room, after, 'removal_requested', 'RemoveParticipant');
  const again = await lk(admin(room), 'RemoveParticipant', who, RemoveParticipantResponse);
  assert.deepEqual([again.status, again.code], [404, 'not_found']);
});

test('lk room create, list, delete', async () => {
  const name = ledger.newRoom('lk-rooms');
  const create = { roomCreate: true };
  const made = await lk(create, 'CreateRoom', new CreateRoomRequest({ name }), Room);
  assert.match(made.sid, /^RM_/);
  const names = new ListRoomsRequest({ names: [name] });
  const { rooms } = await lk({ roomList: true }, 'ListRooms', names, ListRoomsResponse);
  assert.deepEqual(rooms.map((room) => room.sid), [made.sid]);
  const request = new DeleteRoomRequest({ room: name });
  await lk(create, 'DeleteRoom', request, DeleteRoomResponse);
  const later = await lk({ roomList: true }, 'ListRooms', names, ListRoomsResponse);
  assert.deepEqual(later.rooms, []);
});

test('PerformRpc, which no SDK has a method for, needs a media server', async () => {
  const { room } = await joined('rpc');
  const request = new PerformRpcRequest({ room, destinationIdentity: identity, method: 'greet' });
  const answer = await lk(admin(room), 'PerformRpc', request, PerformRpcResponse);
  assert.deepEqual([answer.status, answer.code], [501, 'unimplemented']);
  assert.match(answer.msg, /needs a media server/);
});

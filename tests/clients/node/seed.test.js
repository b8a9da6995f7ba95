// Every Node snippet of LiveKit's page "Managing participants", in its order, and what each write
// leaves in the log. README.md beside this folder lists the edits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Room, RoomServiceClient, TrackSource } from 'livekit-server-sdk';
import * as ledger from './ledger.js';

const livekitHost = ledger.url;
const roomService = new RoomServiceClient(livekitHost, ledger.key, ledger.secret);
const identity = 'alice';

const camera = { type: 'video', source: 'camera' };
const microphone = { type: 'audio', source: 'microphone' };
const screen = { type: 'video', source: 'screen_share' };

async function roomWith(name, grant) {
  const roomName = ledger.newRoom(name);
  const token = await ledger.joinToken(roomName, identity, grant);
  return { roomName, ...(await ledger.join(roomName, { token })) };
}

test('list participants', async () => {
  const { roomName, sid } = await roomWith('list');

  const res = await roomService.listParticipants(roomName);

  assert.deepEqual(res.map((one) => [one.identity, one.sid]), [[identity, sid]]);
  assert.deepEqual(await roomService.listParticipants(ledger.newRoom('nobody')), []);
});

test('get details on a participant', async () => {
  const { roomName, connection } = await roomWith('get');
  const track = await ledger.publish(roomName, connection, microphone);

  const res = await roomService.getParticipant(roomName, identity);

  assert.equal(res.identity, identity);
  assert.deepEqual(res.tracks.map((one) => one.sid), [track]);
  assert.equal(res.tracks[0].source, TrackSource.MICROPHONE);
  assert.equal(res.permission.canPublish, true);
  assert.ok(res.joinedAt > 0n && res.joinedAtMs > 0n);
});

test('updating permissions: promote, then back to audience', async () => {
  const { roomName, connection } = await roomWith('permissions', { canPublish: false });

  // Promotes an audience member to a speaker
  const promoted = await ledger.act(roomName, () =>
    roomService.updateParticipant(roomName, identity, undefined, {
      canPublish: true,
      canSubscribe: true,
      canPublishData: true,
    }));

  const promotion = ledger.only(promoted, 'permissions_changed', 'UpdateParticipant');
  assert.deepEqual(sendEnabled(promotion), [false, true]);
  assert.equal(promoted.answer.permission.canPublish, true);

  const tracks = [
    await ledger.publish(roomName, connection, microphone),
    await ledger.publish(roomName, connection, camera),
  ];

  // ...and later move them back to audience
  const demoted = await ledger.act(roomName, () =>
    roomService.updateParticipant(roomName, identity, undefined, {
      canPublish: false,
      canSubscribe: true,
      canPublishData: true,
    }));

  const demotion = ledger.only(demoted, 'permissions_changed', 'UpdateParticipant');
  assert.deepEqual(sendEnabled(demotion), [true, false]);
  assert.deepEqual(demoted.answer.tracks, []);
  unpublishedBecauseOf(demoted, demotion, tracks);
  const after = await ledger.participant(roomName, identity);
  assert.deepEqual(after.tracks, []);
  assert.equal(after.live, true);
});

test('narrowing the sources unpublishes exactly the others', async () => {
  const { roomName, connection } = await roomWith('narrow');
  const kept = await ledger.publish(roomName, connection, microphone);
  const lost = [
    await ledger.publish(roomName, connection, camera),
    await ledger.publish(roomName, connection, screen),
  ];

  const done = await ledger.act(roomName, () =>
    roomService.updateParticipant(roomName, identity, undefined, {
      canPublish: true,
      canPublishSources: [TrackSource.MICROPHONE],
      canSubscribe: true,
      canPublishData: true,
    }));

  const changed = ledger.only(done, 'permissions_changed', 'UpdateParticipant');
  unpublishedBecauseOf(done, changed, lost);
  assert.deepEqual(done.answer.tracks.map((one) => one.sid), [kept]);
});

test('updating metadata', async () => {
  const { roomName } = await roomWith('metadata');

  const data = JSON.stringify({
    some: 'values',
  });

  const done = await ledger.act(roomName, () =>
    roomService.updateParticipant(roomName, identity, data));

  const changed = ledger.only(done, 'profile_changed', 'UpdateParticipant');
  assert.ok(JSON.stringify(changed.data).includes(JSON.stringify(data)), 'the value after');
  assert.ok(ledger.deep(changed.data, 'before').length > 0, 'the value before');
  assert.equal(done.answer.metadata, data);
  assert.equal((await ledger.participant(roomName, identity)).metadata, data);
});

test('remove a participant', async () => {
  const { roomName, connection } = await roomWith('remove');
  const track = await ledger.publish(roomName, connection, camera);

  const done = await ledger.act(roomName, () =>
    roomService.removeParticipant(roomName, identity));

  const removal = ledger.only(done, 'removal_requested', 'RemoveParticipant');
  unpublishedBecauseOf(done, removal, [track]);
  const closed = ledger.only(done, 'connections_closed', 'RemoveParticipant');
  assert.equal(closed.causation, removal.position);
  assert.deepEqual(await roomService.listParticipants(roomName), []);

  const after = await ledger.participant(roomName, identity);
  assert.equal(after.live, false);
  const [stint, ...more] = after.timelog;
  assert.deepEqual(more, []);
  assert.ok(stint.start < stint.end, JSON.stringify(stint));
  assert.ok([removal.position, closed.position].includes(stint.cause), JSON.stringify(stint));
});

test('mute a track; unmute is refused', async () => {
  const { roomName, connection } = await roomWith('mute');
  const sid = await ledger.publish(roomName, connection, microphone);
  const track_sid = (await roomService.getParticipant(roomName, identity)).tracks[0].sid;
  assert.equal(track_sid, sid);

  const done = await ledger.act(roomName, () =>
    roomService.mutePublishedTrack(roomName, identity, track_sid, true));

  const muted = ledger.only(done, 'track_mute_changed', 'MutePublishedTrack');
  assert.deepEqual(ledger.deep(muted.data, 'before'), [false]);
  assert.deepEqual(ledger.deep(muted.data, 'after'), [true]);
  assert.equal(done.answer.muted, true);

  const refused = await ledger.act(roomName, () =>
    roomService.mutePublishedTrack(roomName, identity, track_sid, false));

  assert.equal(refused.error?.status, 412);
  assert.equal(refused.error.code, 'failed_precondition');
  assert.match(refused.error.message, /remote unmute not enabled/);
  ledger.onlyRefused(refused, 'command_refused', 'MutePublishedTrack');
  assert.equal((await ledger.participant(roomName, identity)).tracks[0].muted, true);
});

test('unmute where it is enabled', async () => {
  const base = ledger.unmuteUrl;
  const roomService = new RoomServiceClient(base, ledger.key, ledger.secret);
  const roomName = ledger.newRoom('unmute');
  const { connection } = await ledger.join(roomName, { identity }, base);
  const sid = await ledger.publish(roomName, connection, { ...microphone, muted: true }, base);

  const done = await ledger.act(roomName, () =>
    roomService.mutePublishedTrack(roomName, identity, sid, false), base);

  const unmuted = ledger.only(done, 'track_mute_changed', 'MutePublishedTrack');
  assert.deepEqual(ledger.deep(unmuted.data, 'before'), [true]);
  assert.deepEqual(ledger.deep(unmuted.data, 'after'), [false]);
  assert.equal(done.answer.muted, false);
});

test('rooms: create, list, delete', async () => {
  const name = ledger.newRoom('rooms');

  const made = await ledger.act(name, () =>
    roomService.createRoom({ name, emptyTimeout: 60, maxParticipants: 20, metadata: 'm' }));

  ledger.only(made, 'room_created', 'CreateRoom');
  ledger.only(made, 'session_opened', 'CreateRoom');
  assert.ok(made.answer instanceof Room);
  assert.match(made.answer.sid, /^RM_/);
  assert.deepEqual(
    [made.answer.emptyTimeout, made.answer.departureTimeout, made.answer.maxParticipants],
    [60, 20, 20]);

  await ledger.join(name, { identity });
  const [listed, ...more] = await roomService.listRooms([name]);
  assert.deepEqual(more, []);
  assert.deepEqual([listed.sid, listed.numParticipants], [made.answer.sid, 1]);

  const deleted = await ledger.act(name, () => roomService.deleteRoom(name));
  const closed = ledger.only(deleted, 'connections_closed', 'DeleteRoom');
  const ended = ledger.only(deleted, 'session_ended', 'DeleteRoom');
  assert.ok(closed.position < ended.position);
  assert.deepEqual(await roomService.listRooms([name]), []);
  assert.equal((await ledger.participant(name, identity)).live, false);
});

/** Before and after of the only group of a permission change. */
function sendEnabled(event) {
  const [group, ...more] = event.data.groups;
  assert.deepEqual(more, []);
  return [group.before.send.enabled, group.after.send.enabled];
}

/** Exactly these tracks went, in the same commit, and the event points to its cause. */
function unpublishedBecauseOf(done, cause, tracks) {
  const gone = ledger.only(done, 'tracks_unpublished', cause.via.call);
  assert.equal(gone.causation, cause.position);
  assert.equal(gone.recorded_at, cause.recorded_at);
  assert.ok(gone.position > cause.position);
  const named = new Set(JSON.stringify(gone.data).match(/TR_[A-Za-z0-9]+/g));
  assert.deepEqual([...named].sort(), [...tracks].sort());
}

// VideoSDK's page "Remove Participant": its requests by curl and Node as printed, and the bytes of
// its request by Ruby, each against a session with two people. docs/videosdk.md lists the edits;
// the request by Python is in ../python/test_videosdk.py.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { promisify } from 'node:util';
import * as ledger from './ledger.js';

const participantId = 'ofwb7db6';
const YOUR_JWT_TOKEN = ledger.mint({
  iss: undefined,
  apikey: ledger.key,
  permissions: ['allow_join', 'allow_mod'],
  version: 2,
  roles: ['crawler'],
});

/** A session with two people, as on the page: the room, and the address of the call. */
async function stage(name) {
  const room = ledger.newRoom(name);
  for (const identity of ['c7wgj9sd', participantId]) {
    await ledger.join(room, { identity, name: 'John Dow' });
  }
  const list = await fetch(`${ledger.url}/videosdk/v2/sessions/?roomId=${room}`, {
    headers: { authorization: YOUR_JWT_TOKEN },
  });
  const { data } = await list.json();
  const address = `${ledger.url}/videosdk/v1/meeting-sessions/${data[0].id}/remove-participant`;
  return { room, address, id: data[0].id, meetingId: data[0].roomId };
}

/** The page's result, and afterwards the two events of a removal. */
async function assertRemoved({ room, id, meetingId }, result) {
  assert.deepEqual(Object.keys(result), ['id', 'meetingId', 'start', 'end', 'participants']);
  assert.deepEqual([result.id, result.meetingId, result.end], [id, meetingId, null]);
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
  assert.match(result.start, time);
  assert.equal(result.participants.length, 2);
  for (const participant of result.participants) {
    assert.deepEqual(Object.keys(participant), ['participantId', 'name', 'timelog']);
    assert.equal(participant.name, 'John Dow');
    const [stint, ...more] = participant.timelog;
    assert.deepEqual([more, stint.end], [[], null]);
    assert.match(stint.start, time);
  }
  const events = await ledger.events({ room, target: `identity:${participantId}` });
  const [requested, closed] = events.slice(-2);
  assert.deepEqual([requested.kind, closed.kind], ['removal_requested', 'connections_closed']);
  assert.equal(closed.causation, requested.position);
  assert.deepEqual(requested.via, { dialect: 'videosdk', call: 'v1/remove-participant' });
  assert.equal((await ledger.participant(room, participantId)).live, false);
}

test('curl', async () => {
  const at = await stage('curl');
  const shell = `curl -s -H "Content-Type: application/json" \\
     -H "Authorization: $YOUR_JWT_TOKEN" \\
     -d '{"participantId": "${participantId}"}' \\
     -XPOST \\
     ${at.address}`;
  const env = { ...process.env, YOUR_JWT_TOKEN };
  const { stdout } = await promisify(execFile)('sh', ['-c', shell], { env });
  await assertRemoved(at, JSON.parse(stdout));
});

test('Node', async () => {
  const at = await stage('node');
  var options = {
    method: "POST",
    url: at.address,
    headers: { authorization: `${YOUR_JWT_TOKEN}` },
    body: JSON.stringify({ participantId }),
  };
  const answer = await fetch(options.url, options);
  await assertRemoved(at, await answer.json());
});

test('the bytes that Ruby sends: GET with a body, called a form', async () => {
  const at = await stage('ruby');
  const body = `{"participantId":"${participantId}"}`;
  const headers = {
    accept: '*/*',
    'user-agent': 'Ruby',
    authorization: `Bearer ${YOUR_JWT_TOKEN}`,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(body),
  };
  const text = await new Promise((resolve, reject) => {
    const asked = httpRequest(at.address, { method: 'GET', headers }, async (answer) => {
      let whole = '';
      for await (const part of answer) whole += part;
      resolve(whole);
    });
    asked.on('error', reject);
    asked.end(body);
  });
  await assertRemoved(at, JSON.parse(text));
});

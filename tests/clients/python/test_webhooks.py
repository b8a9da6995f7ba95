"""Webhooks as the SDK's own receiver takes them: signed, decoded, in order."""

import http.server
import json
import re
import threading
import time
import unittest

from livekit import api

import ledger

# Every request so far: headers and body. Other suites' rooms are told here too.
seen = []


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        seen.append((self.headers, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


def told(room, count):
    """The first `count` webhooks of a room; waits for them."""
    for _ in range(3000):
        of_room = [one for one in list(seen) if json.loads(one[1])["room"]["name"] == room]
        if len(of_room) >= count:
            return of_room
        time.sleep(0.1)
    raise AssertionError(f"{count} webhooks of {room}, not {seen}")


class Webhooks(unittest.IsolatedAsyncioTestCase):
    """The server tells, the SDK receives."""

    @classmethod
    def setUpClass(cls):
        address = ("127.0.0.1", ledger.HOOK_PORT)
        cls.server = http.server.ThreadingHTTPServer(address, Receiver)
        cls.server.daemon_threads = True
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    async def test_the_sdk_takes_every_webhook_of_a_room_in_order(self):
        room = ledger.new_room("hooks")
        receiver = api.WebhookReceiver(api.TokenVerifier(ledger.KEY, ledger.SECRET))
        async with api.LiveKitAPI(ledger.HOOKS_URL, ledger.KEY, ledger.SECRET) as lkapi:
            made = await lkapi.room.create_room(api.CreateRoomRequest(name=room, metadata="m"))
            token = ledger.join_token(room, "alice")
            joined = ledger.join(room, ledger.HOOKS_URL, token=token)
            sid = ledger.publish(room, joined["connection"], "microphone", ledger.HOOKS_URL)
            alice = api.RoomParticipantIdentity(room=room, identity="alice")
            await lkapi.room.remove_participant(alice)
            await lkapi.room.delete_room(api.DeleteRoomRequest(room=room))
        hooks = told(room, 6)
        events = [receiver.receive(body, headers["authorization"]) for headers, body in hooks]
        self.assertEqual(
            [event.event for event in events],
            [
                "room_started",
                "participant_joined",
                "track_published",
                "track_unpublished",
                "participant_left",
                "room_finished",
            ],
        )
        for event, (headers, _) in zip(events, hooks):
            self.assertTrue(re.fullmatch("EV_[A-Za-z0-9]{12}", event.id), event.id)
            self.assertLess(abs(event.created_at - time.time()), 600)
            self.assertEqual(event.room.sid, made.sid)
            self.assertEqual(headers["content-type"], "application/webhook+json")
        self.assertEqual(events[0].room.metadata, "m")
        self.assertEqual(events[1].participant.identity, "alice")
        self.assertEqual(events[1].participant.sid, joined["sid"])
        self.assertEqual(events[2].track.sid, sid)
        # livekit.DisconnectReason.PARTICIPANT_REMOVED
        self.assertEqual(events[4].participant.disconnect_reason, 4)

    async def test_the_sdk_refuses_what_was_changed_and_another_secret(self):
        room = ledger.new_room("forged")
        async with api.LiveKitAPI(ledger.HOOKS_URL, ledger.KEY, ledger.SECRET) as lkapi:
            await lkapi.room.create_room(api.CreateRoomRequest(name=room))
        headers, body = told(room, 1)[0]
        receiver = api.WebhookReceiver(api.TokenVerifier(ledger.KEY, ledger.SECRET))
        with self.assertRaises(Exception):
            receiver.receive(body + " ", headers["authorization"])
        other = api.TokenVerifier(ledger.KEY, "another secret, as long as it has to be")
        with self.assertRaises(Exception):
            api.WebhookReceiver(other).receive(body, headers["authorization"])

"""Every method of the SDK's room service: what it leaves in the log, and its errors as the SDK's
own type. The methods are read from the SDK, so that an upgrade which brings a new one fails here until
it has a line.
"""

import inspect
import unittest
from dataclasses import dataclass

from livekit import api
from livekit.api import ServerErrorCode
from livekit.api.room_service import RoomService

import ledger


@dataclass
class Stage:
    """What the calls are about."""

    room: str
    fresh: str
    other: str
    identity: str = "nobody"
    track: str = "TR_nosuchtrack"

    @property
    def who(self):
        return {"room": self.room, "identity": self.identity}


def nowhere(method):
    """Where nothing ever happened."""
    room = ledger.new_room(f"{method}-never")
    return Stage(room, f"{room}-fresh", f"{room}-other")


def stage(method):
    """A room with alice in it, who publishes a microphone."""
    at = nowhere(method)
    at.room, at.identity = ledger.new_room(method), "alice"
    joined = ledger.join(at.room, identity=at.identity)
    at.track = ledger.publish(at.room, joined["connection"], "microphone")
    return at


MISSING = (404, ServerErrorCode.NOT_FOUND, "does not exist")
MEDIA = (501, ServerErrorCode.UNIMPLEMENTED, "needs a media server")
TOO_LONG = (400, ServerErrorCode.INVALID_ARGUMENT, "room name length exceeds limits")
DENIED = (401, ServerErrorCode.UNAUTHENTICATED, "permissions denied")

# For each method: its request, what becomes of it (the kind that it records, None where it only
# reads, or an error), and what becomes of it where there is no such room (None: an answer).
METHODS = {
    "create_room": (
        lambda at: api.CreateRoomRequest(name=at.fresh, metadata="m"), "room_created", None),
    "list_rooms": (lambda at: api.ListRoomsRequest(names=[at.room]), None, None),
    "delete_room": (lambda at: api.DeleteRoomRequest(room=at.room), "session_ended", MISSING),
    "update_room_metadata": (
        lambda at: api.UpdateRoomMetadataRequest(room=at.room, metadata="hall"),
        "room_metadata_changed", MISSING),
    "list_participants": (lambda at: api.ListParticipantsRequest(room=at.room), None, None),
    "get_participant": (lambda at: api.RoomParticipantIdentity(**at.who), None, MISSING),
    "remove_participant": (
        lambda at: api.RoomParticipantIdentity(**at.who), "removal_requested", MISSING),
    "forward_participant": (
        lambda at: api.ForwardParticipantRequest(**at.who, destination_room=at.other),
        MEDIA, MISSING),
    "move_participant": (
        lambda at: api.MoveParticipantRequest(**at.who, destination_room=at.other),
        "move_requested", MISSING),
    "mute_published_track": (
        lambda at: api.MuteRoomTrackRequest(**at.who, track_sid=at.track, muted=True),
        "track_mute_changed", MISSING),
    "update_participant": (
        lambda at: api.UpdateParticipantRequest(**at.who, attributes={"hand": "raised"}),
        "profile_changed", MISSING),
    "update_subscriptions": (
        lambda at: api.UpdateSubscriptionsRequest(
            **at.who, track_sids=[at.track], subscribe=False),
        "subscriptions_changed", MISSING),
    "send_data": (
        lambda at: api.SendDataRequest(
            room=at.room, data=b"hi", topic="chat", destination_identities=[at.identity]),
        "data_sent", MISSING),
}


def wire(method):
    """The call's name on the wire."""
    return "".join(word.capitalize() for word in method.split("_"))


class Calls(unittest.IsolatedAsyncioTestCase):
    """One method each, under subtests."""

    def client(self, **auth):
        return api.LiveKitAPI(ledger.URL, **auth)

    async def test_every_method_of_the_sdk_has_its_line(self):
        in_sdk = inspect.getmembers(RoomService, inspect.iscoroutinefunction)
        called = {name for name, _ in in_sdk if not name.startswith("_")}
        self.assertEqual(set(METHODS), called)

    async def test_every_method_is_answered_and_recorded(self):
        async with self.client(api_key=ledger.KEY, api_secret=ledger.SECRET) as lkapi:
            for method, (request, outcome, _) in METHODS.items():
                with self.subTest(method):
                    at = stage(method)
                    room = at.fresh if method == "create_room" else at.room
                    done = await ledger.act(room, getattr(lkapi.room, method)(request(at)))
                    if isinstance(outcome, tuple):
                        self.assert_error(done, outcome)
                    elif outcome:
                        done.only(outcome, wire(method), self)
                    else:
                        self.assertEqual((done.error, done.events), (None, []))

    async def test_errors_of_every_method_are_typed(self):
        async with self.client(api_key=ledger.KEY, api_secret=ledger.SECRET) as lkapi:
            for method, (request, _, unknown) in METHODS.items():
                with self.subTest(method):
                    call, at = getattr(lkapi.room, method), nowhere(method)
                    self.assert_error(await ledger.act(at.room, call(request(at))), unknown)
                    at.room = at.fresh = "x" * 257
                    # A filter that cannot be a name finds nothing.
                    too_long = None if method == "list_rooms" else TOO_LONG
                    named = await ledger.act(ledger.new_room(method), call(request(at)))
                    self.assert_error(named, too_long)

    async def test_every_method_needs_its_grant(self):
        async with api.LiveKitAPI.with_token(ledger.mint(), url=ledger.URL) as lkapi:
            for method, (request, _, _) in METHODS.items():
                with self.subTest(method):
                    at = nowhere(method)
                    call = getattr(lkapi.room, method)(request(at))
                    self.assert_error(await ledger.act(at.room, call), DENIED)

    def assert_error(self, done, expected):
        """The SDK's own error with this status, code and message; None: an answer."""
        if expected is None:
            self.assertIsNone(done.error)
            return
        status, code, message = expected
        self.assertIsInstance(done.error, api.ServerError, done.answer)
        self.assertEqual((done.error.status, done.error.code), (status, code), done.error)
        self.assertIn(message, done.error.message)


if __name__ == "__main__":
    unittest.main()

"""Every Python snippet of LiveKit's page "Managing participants", in its order, and what each write
leaves in the log. README.md beside this folder lists the edits.
"""

import json
import os
import re
import unittest

from livekit import api
from livekit.api import (
    ListParticipantsRequest,
    MuteRoomTrackRequest,
    ParticipantPermission,
    RoomParticipantIdentity,
    UpdateParticipantRequest,
)

import ledger

identity = "alice"


class Seed(unittest.IsolatedAsyncioTestCase):
    """One snippet each."""

    maxDiff = None

    async def asyncSetUp(self):
        os.environ["LIVEKIT_URL"] = ledger.URL
        os.environ["LIVEKIT_API_KEY"] = ledger.KEY
        os.environ["LIVEKIT_API_SECRET"] = ledger.SECRET

    def room_with(self, name, **grants):
        """A room with alice in it: the room's name and her connection."""
        room_name = ledger.new_room(name)
        token = ledger.join_token(room_name, identity, **grants)
        return room_name, ledger.join(room_name, token=token)

    def assert_unpublished(self, done, cause, tracks):
        """Exactly these tracks went, in the same commit, and the event points to its cause."""
        gone = done.only("tracks_unpublished", cause["via"]["call"], self)
        self.assertEqual(gone["causation"], cause["position"])
        self.assertEqual(gone["recorded_at"], cause["recorded_at"])
        named = set(re.findall(r"TR_[A-Za-z0-9]+", json.dumps(gone["data"])))
        self.assertEqual(named, set(tracks))

    async def test_list_participants(self):
        room_name, joined = self.room_with("list")
        # Will read LIVEKIT_URL, LIVEKIT_API_KEY, and LIVEKIT_API_SECRET from environment variables
        async with api.LiveKitAPI() as lkapi:
            res = await lkapi.room.list_participants(ListParticipantsRequest(
                room=room_name
            ))
        listed = [(one.identity, one.sid) for one in res.participants]
        self.assertEqual(listed, [(identity, joined["sid"])])

    async def test_get_participant(self):
        room_name, joined = self.room_with("get")
        sid = ledger.publish(room_name, joined["connection"], "microphone")
        async with api.LiveKitAPI() as lkapi:
            res = await lkapi.room.get_participant(RoomParticipantIdentity(
                room=room_name,
                identity=identity,
            ))
        self.assertEqual((res.identity, res.sid), (identity, joined["sid"]))
        self.assertEqual([track.sid for track in res.tracks], [sid])
        self.assertEqual(res.tracks[0].source, api.TrackSource.MICROPHONE)

    async def test_updating_permissions(self):
        room_name, joined = self.room_with("permissions", can_publish=False)
        async with api.LiveKitAPI() as lkapi:
            # Promotes an audience member to a speaker
            promoted = await ledger.act(
                room_name,
                lkapi.room.update_participant(UpdateParticipantRequest(
                    room=room_name,
                    identity=identity,
                    permission=ParticipantPermission(
                        can_subscribe=True,
                        can_publish=True,
                        can_publish_data=True,
                    ),
                )),
            )
            promotion = promoted.only("permissions_changed", "UpdateParticipant", self)
            self.assertEqual(send_enabled(promotion), (False, True))
            sources = ("microphone", "camera")
            tracks = [ledger.publish(room_name, joined["connection"], one) for one in sources]

            # ...and later move them back to audience
            demoted = await ledger.act(
                room_name,
                lkapi.room.update_participant(UpdateParticipantRequest(
                    room=room_name,
                    identity=identity,
                    permission=ParticipantPermission(
                        can_subscribe=True,
                        can_publish=False,
                        can_publish_data=True,
                    ),
                )),
            )
            demotion = demoted.only("permissions_changed", "UpdateParticipant", self)
            self.assertEqual(send_enabled(demotion), (True, False))
            self.assertEqual(list(demoted.answer.tracks), [])
            self.assert_unpublished(demoted, demotion, tracks)

    async def test_updating_metadata(self):
        room_name, _ = self.room_with("metadata")
        async with api.LiveKitAPI() as lkapi:
            done = await ledger.act(
                room_name,
                lkapi.room.update_participant(UpdateParticipantRequest(
                    room=room_name,
                    identity=identity,
                    metadata=json.dumps({"some": "values"}),
                )),
            )
        changed = done.only("profile_changed", "UpdateParticipant", self)
        value = json.dumps({"some": "values"})
        self.assertIn(json.dumps(value), json.dumps(changed["data"]))
        self.assertTrue(ledger.deep(changed["data"], "before"), changed)
        self.assertEqual(done.answer.metadata, value)
        self.assertEqual(ledger.participant(room_name, identity)["metadata"], value)

    async def test_remove_participant(self):
        room_name, joined = self.room_with("remove")
        track = ledger.publish(room_name, joined["connection"], "camera")
        async with api.LiveKitAPI() as lkapi:
            done = await ledger.act(
                room_name,
                lkapi.room.remove_participant(RoomParticipantIdentity(
                    room=room_name,
                    identity=identity,
                )),
            )
            res = await lkapi.room.list_participants(ListParticipantsRequest(room=room_name))
        self.assertEqual(list(res.participants), [])
        removal = done.only("removal_requested", "RemoveParticipant", self)
        self.assert_unpublished(done, removal, [track])
        closed = done.only("connections_closed", "RemoveParticipant", self)
        self.assertEqual(closed["causation"], removal["position"])
        after = ledger.participant(room_name, identity)
        self.assertFalse(after["live"])
        self.assertEqual(len(after["timelog"]), 1)
        self.assertLess(after["timelog"][0]["start"], after["timelog"][0]["end"])

    async def test_mute_and_refused_unmute(self):
        room_name, joined = self.room_with("mute")
        ledger.publish(room_name, joined["connection"], "microphone")
        async with api.LiveKitAPI() as lkapi:
            who = RoomParticipantIdentity(room=room_name, identity=identity)
            track_sid = (await lkapi.room.get_participant(who)).tracks[0].sid
            done = await ledger.act(
                room_name,
                lkapi.room.mute_published_track(MuteRoomTrackRequest(
                    room=room_name,
                    identity=identity,
                    track_sid=track_sid,
                    muted=True,
                )),
            )
            muted = done.only("track_mute_changed", "MutePublishedTrack", self)
            self.assertEqual(ledger.deep(muted["data"], "before"), [False])
            self.assertEqual(ledger.deep(muted["data"], "after"), [True])
            self.assertTrue(done.answer.track.muted)

            refused = await ledger.act(
                room_name,
                lkapi.room.mute_published_track(MuteRoomTrackRequest(
                    room=room_name,
                    identity=identity,
                    track_sid=track_sid,
                    muted=False,
                )),
            )
        self.assert_error(refused, 412, api.ServerErrorCode.FAILED_PRECONDITION)
        self.assertIn("remote unmute not enabled", refused.error.message)
        refused.only("command_refused", "MutePublishedTrack", self)

    async def test_unmute_where_enabled(self):
        base = ledger.UNMUTE_URL
        os.environ["LIVEKIT_URL"] = base
        room_name = ledger.new_room("unmute")
        joined = ledger.join(room_name, base, identity=identity)
        sid = ledger.publish(room_name, joined["connection"], "microphone", base, muted=True)
        async with api.LiveKitAPI() as lkapi:
            done = await ledger.act(
                room_name,
                lkapi.room.mute_published_track(MuteRoomTrackRequest(
                    room=room_name,
                    identity=identity,
                    track_sid=sid,
                    muted=False,
                )),
                base,
            )
        unmuted = done.only("track_mute_changed", "MutePublishedTrack", self)
        self.assertEqual(ledger.deep(unmuted["data"], "after"), [False])
        self.assertFalse(done.answer.track.muted)

    async def test_rooms(self):
        name = ledger.new_room("rooms")
        async with api.LiveKitAPI() as lkapi:
            request = api.CreateRoomRequest(name=name, empty_timeout=60, max_participants=20)
            made = await ledger.act(name, lkapi.room.create_room(request))
            made.only("room_created", "CreateRoom", self)
            made.only("session_opened", "CreateRoom", self)
            self.assertEqual((made.answer.empty_timeout, made.answer.max_participants), (60, 20))
            ledger.join(name, identity=identity)
            names = api.ListRoomsRequest(names=[name])
            listed = (await lkapi.room.list_rooms(names)).rooms
            self.assertEqual([(one.sid, one.num_participants) for one in listed],
                             [(made.answer.sid, 1)])
            request = api.DeleteRoomRequest(room=name)
            deleted = await ledger.act(name, lkapi.room.delete_room(request))
            deleted.only("session_ended", "DeleteRoom", self)
            self.assertEqual(list((await lkapi.room.list_rooms(names)).rooms), [])

    async def test_errors_are_typed(self):
        room_name, _ = self.room_with("errors")
        nobody = RoomParticipantIdentity(room=room_name, identity="nobody")
        async with api.LiveKitAPI() as lkapi:
            done = await ledger.act(room_name, lkapi.room.remove_participant(nobody))
            self.assert_error(done, 404, api.ServerErrorCode.NOT_FOUND)
            done.only("command_refused", "RemoveParticipant", self)
            read = await ledger.act(room_name, lkapi.room.get_participant(nobody))
            self.assert_error(read, 404, api.ServerErrorCode.NOT_FOUND)
        video = {"roomAdmin": True, "room": f"{room_name}-other"}
        alice = RoomParticipantIdentity(room=room_name, identity=identity)
        async with api.LiveKitAPI.with_token(ledger.mint(video=video)) as lkapi:
            done = await ledger.act(room_name, lkapi.room.remove_participant(alice))
            self.assert_error(done, 401, api.ServerErrorCode.UNAUTHENTICATED)
            done.only("command_refused", "RemoveParticipant", self)

    def assert_error(self, done, status, code):
        """The SDK's own error, with the status and code that LiveKit would give."""
        self.assertIsInstance(done.error, api.ServerError, done.answer)
        self.assertEqual((done.error.status, done.error.code), (status, code))
        self.assertTrue(done.error.message)


def send_enabled(event):
    """Before and after of the only group of a permission change."""
    (group,) = event["data"]["groups"]
    return group["before"]["send"]["enabled"], group["after"]["send"]["enabled"]


if __name__ == "__main__":
    unittest.main()

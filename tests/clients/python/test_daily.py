"""Every method of pipecat-ai's helper of Daily's REST API: what it gives, what it leaves in the log,
and its errors. The methods are read from the helper, so that an upgrade which brings a new one fails
here until it is called.
"""

import inspect
import time
import unittest

import aiohttp
from pipecat.transports.daily.utils import (
    DailyMeetingTokenParams,
    DailyMeetingTokenProperties,
    DailyRESTHelper,
    DailyRoomObject,
    DailyRoomParams,
    DailyRoomProperties,
)

import ledger

METHODS = {
    "create_room",
    "delete_room_by_name",
    "delete_room_by_url",
    "get_name_from_url",
    "get_room_from_url",
    "get_token",
}


class DailyTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.session = aiohttp.ClientSession()
        self.addAsyncCleanup(self.session.close)
        self.daily = self.helper(ledger.SECRET)

    def helper(self, key):
        url = f"{ledger.DAILY_URL}/daily/v1"
        return DailyRESTHelper(daily_api_key=key, daily_api_url=url, aiohttp_session=self.session)

    def recorded(self, room):
        """The room's events: kind, and the call that it came through."""
        path = f"/events?room={room}&limit=1000"
        status, answer = ledger.call(
            "GET", path, ledger={"audit": True}, base=ledger.DAILY_URL)
        self.assertEqual(status, 200, answer)
        for event in answer["events"]:
            self.assertEqual(event["actor"]["id"], ledger.KEY)
        return [(event["kind"], event["via"]["call"]) for event in answer["events"]]

    async def test_every_method_is_called_here(self):
        found = inspect.getmembers(DailyRESTHelper, inspect.isfunction)
        self.assertEqual({name for name, _ in found if not name.startswith("_")}, METHODS)

    async def test_a_room_from_its_making_to_its_end(self):
        name = ledger.new_room("daily")
        properties = DailyRoomProperties(
            exp=time.time() + 300,
            eject_at_room_exp=True,
            max_participants=7,
            enable_recording="cloud",
            start_video_off=True,
            permissions={"canSend": ["audio"]},
        )
        made = await self.daily.create_room(
            DailyRoomParams(name=name, privacy="private", properties=properties))
        self.assertIsInstance(made, DailyRoomObject)
        self.assertEqual((made.name, made.privacy, made.api_created), (name, "private", True))
        self.assertEqual(made.config.max_participants, 7)
        # The ledger keeps microseconds.
        self.assertAlmostEqual(made.config.exp, properties.exp, places=5)
        self.assertTrue(made.config.eject_at_room_exp)
        self.assertTrue(made.config.start_video_off)
        self.assertEqual(made.config.enable_recording, "cloud")
        self.assertEqual(made.config.permissions, {"canSend": ["audio"]})
        self.assertEqual(self.daily.get_name_from_url(made.url), name)
        self.assertEqual(await self.daily.get_room_from_url(made.url), made)
        self.assertTrue(await self.daily.delete_room_by_url(made.url))
        # Whoever deletes what is not there has what they want.
        self.assertTrue(await self.daily.delete_room_by_name(name))
        self.assertEqual(self.recorded(name), [
            ("room_created", "POST /rooms"),
            ("room_deleted", "DELETE /rooms/:name"),
            # The second attempt is found by the room's name, though there is no such room.
            ("command_refused", "DELETE /rooms/:name"),
        ])

    async def test_a_room_without_a_name(self):
        made = await self.daily.create_room(DailyRoomParams())
        self.assertEqual(made.privacy, "public")
        self.assertEqual(made.config, DailyRoomProperties())
        self.assertEqual(self.recorded(made.name), [("room_created", "POST /rooms")])

    async def test_a_token_lets_in_whom_it_names(self):
        made = await self.daily.create_room(DailyRoomParams(name=ledger.new_room("token")))
        owner = await self.daily.get_token(made.url)
        params = DailyMeetingTokenParams(properties=DailyMeetingTokenProperties(
            user_id="bo", user_name="Bo", permissions={"canSend": ["audio"], "hasPresence": False}))
        guest = await self.daily.get_token(
            made.url, expiry_time=600, eject_at_token_exp=True, owner=False, params=params)
        for token in (owner, guest):
            ledger.join(made.name, base=ledger.DAILY_URL, token=token)
        people = self.room(made.name)["participants"]
        chief = next(one for one in people if one["identity"] != "bo")["permission"]
        self.assertEqual(chief["admin"], ["participants", "streaming", "transcription"])
        bo = next(one for one in people if one["identity"] == "bo")
        self.assertEqual(bo["name"], "Bo")
        self.assertEqual(
            (bo["permission"]["presence"], bo["permission"]["send"]["allowed"]),
            (False, ["microphone"]))

    def room(self, name):
        status, answer = ledger.call(
            "GET", f"/rooms/{name}", ledger={"audit": True}, base=ledger.DAILY_URL)
        self.assertEqual(status, 200, answer)
        return answer

    async def test_what_is_refused(self):
        name = ledger.new_room("refused")
        await self.daily.create_room(DailyRoomParams(name=name))
        twice = self.daily.create_room(DailyRoomParams(name=name))
        await self.refused(twice, "status: 400", "invalid-request-error", "already exists")
        odd = DailyRoomParams(properties=DailyRoomProperties(max_participant=7))
        await self.refused(self.daily.create_room(odd), "`properties.max_participant`")
        nowhere = f"https://town.example/{name}-never"
        await self.refused(self.daily.get_room_from_url(nowhere), "Room not found")
        await self.refused(self.daily.get_token(nowhere), "status: 400", "not found")
        stranger = self.helper("no secret of this server").create_room(DailyRoomParams())
        await self.refused(stranger, "status: 401", "authentication-error")

    async def refused(self, call, *words):
        with self.assertRaises(Exception) as refusal:
            await call
        for word in words:
            self.assertIn(word, str(refusal.exception))


if __name__ == "__main__":
    unittest.main()

"""The Python snippet of VideoSDK's page "Remove Participant", as printed: a form, and `Bearer`.
docs/videosdk.md lists the edits.
"""

import time
import unittest

import jwt
import requests

import ledger


class Seed(unittest.TestCase):
    """The one snippet."""

    def test_remove_participant(self):
        room = ledger.new_room("videosdk")
        for identity in ("c7wgj9sd", "ofwb7db6"):
            ledger.join(room, identity=identity, name="John Dow")
        claims = {"apikey": ledger.KEY, "permissions": ["allow_mod"], "roles": ["crawler"]}
        now = int(time.time())
        YOUR_JWT_TOKEN = jwt.encode({**claims, "exp": now + 3600}, ledger.SECRET, "HS256")
        listed = requests.get(
            f"{ledger.URL}/videosdk/v2/sessions/?roomId={room}",
            headers={"authorization": YOUR_JWT_TOKEN},
            timeout=60,
        )
        session = listed.json()["data"][0]["id"]

        url = f"{ledger.URL}/videosdk/v1/meeting-sessions/{session}/remove-participant"

        headers = {'authorization': f'Bearer {YOUR_JWT_TOKEN}'}

        data = {"participantId": "ofwb7db6"}

        response = requests.request("POST", url, headers=headers, data=data)

        self.assertEqual(response.status_code, 200, response.text)
        result = response.json()
        self.assertEqual((result["id"], result["end"]), (session, None))
        ends = [one["timelog"][0]["end"] for one in result["participants"]]
        self.assertEqual(ends, [None, None])
        after = requests.get(url.rsplit("/", 1)[0], headers=headers, timeout=60).json()
        ends = [one["timelog"][0]["end"] is None for one in after["participants"]]
        self.assertEqual(ends, [True, False])


if __name__ == "__main__":
    unittest.main()

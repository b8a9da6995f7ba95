"""The ledger's own API as a media server and a reviewer use it: reports what happens in a room,
reads what was recorded. Never calls a vendor's API; the tests do that with the vendor's client.
"""

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from unittest import mock

import aiohttp
import jwt
from livekit import api

URL = os.environ["ROOMLEDGER_URL"]
# The same server with remote unmute enabled.
UNMUTE_URL = os.environ["ROOMLEDGER_UNMUTE_URL"]
# One for Daily's clients alone, one of which cannot read a list of a hundred rooms.
DAILY_URL = os.environ["ROOMLEDGER_DAILY_URL"]
# One that tells what happens, and the port that it tells this suite at.
HOOKS_URL = os.environ["ROOMLEDGER_HOOKS_URL"]
HOOK_PORT = int(os.environ["ROOMLEDGER_HOOK_PORT_PYTHON"])
KEY = "devkey"
SECRET = "secret"


def new_room(name):
    """A room that no other test uses, and that no earlier run left behind."""
    return f"python-{name}-{uuid.uuid4().hex[:8]}"


def mint(**claims):
    """An HS256 token of the dev key."""
    now = int(time.time())
    return jwt.encode({"iss": KEY, "nbf": now, "exp": now + 3600, **claims}, SECRET, "HS256")


def join_token(room, identity, **grants):
    """A LiveKit join token, as an application's backend mints it."""
    video = api.VideoGrants(room_join=True, room=room, **grants)
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(video).to_jwt()


def call(method, path, body=None, *, ledger, base=None):
    """One call of /api/v1: status and decoded body."""
    request = urllib.request.Request(
        f"{base or URL}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "authorization": f"Bearer {mint(ledger=ledger)}",
            "content-type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def _report(status, path, body, base):
    got, answer = call("POST", path, body, ledger={"report": True}, base=base)
    assert got == status, (got, answer)
    return answer


def _read(path, base):
    got, answer = call("GET", path, ledger={"audit": True}, base=base)
    assert got == 200, (got, answer)
    return answer


def join(room, base=None, **body):
    """Reports a join; answers connection, sid, participant, position."""
    return _report(201, f"/rooms/{room}/joins", body, base)


def publish(room, connection, source, base=None, **track):
    """Reports a publication; answers the track's sid."""
    kind = "audio" if source == "microphone" else "video"
    path = f"/rooms/{room}/connections/{connection}/tracks"
    return _report(201, path, {"type": kind, "source": source, **track}, base)["sid"]


def participant(room, identity, base=None):
    """The participant as the ledger folds it, those who left included."""
    return _read(f"/rooms/{room}/participants/{identity}", base)


def events(base=None, **query):
    """Recorded events in log order; the query is that of GET /api/v1/events."""
    return _read(f"/events?{urllib.parse.urlencode({'limit': 1000, **query})}", base)["events"]


class Done:
    """What one call of the vendor's client left behind."""

    def __init__(self):
        self.answer = None
        self.error = None
        self.request_id = None
        self.position = None
        self.events = []

    def only(self, kind, livekit_call, test):
        """The one event of `kind`, with what every event of a LiveKit call carries."""
        found = [event for event in self.events if event["kind"] == kind]
        test.assertEqual(len(found), 1, f"one {kind} in {self.events}; error: {self.error}")
        event = found[0]
        actor = {name: event["actor"][name] for name in ("kind", "id")}
        test.assertEqual(actor, {"kind": "api_key", "id": KEY})
        test.assertEqual(event["via"], {"dialect": "livekit", "call": livekit_call})
        test.assertTrue(self.request_id, "the SDK sends a request id")
        test.assertEqual(event["request_id"], self.request_id)
        test.assertGreaterEqual(self.position, event["position"])
        return event


async def act(room, run, base=None):
    """Awaits one call of the vendor's client, with its headers seen on the wire, and reads the
    events that it left in `room`."""
    last = events(base, order="desc", limit=1)
    after = last[0]["position"] if last else 0
    done = Done()
    request_itself = aiohttp.ClientSession._request

    async def request(session, method, url, **options):
        response = await request_itself(session, method, url, **options)
        done.request_id = response.request_info.headers.get("X-Livekit-Request-Id")
        done.position = int(response.headers.get("X-Ledger-Position", 0))
        return response

    with mock.patch.object(aiohttp.ClientSession, "_request", request):
        try:
            done.answer = await run
        except api.ServerError as error:
            done.error = error
    done.events = events(base, room=room, after=after)
    return done


def deep(value, name):
    """Every value under `name`, however deep."""
    if isinstance(value, list):
        return [found for inner in value for found in deep(inner, name)]
    if not isinstance(value, dict):
        return []
    own = [value[name]] if name in value else []
    return own + [found for inner in value.values() for found in deep(inner, name)]

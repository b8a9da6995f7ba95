"""Every read: the commands of the command line, the lists of each dialect, streams apart."""

import json
import time
from dataclasses import dataclass

from processes import KEY, SECRET, mint


@dataclass
class Facts:
    """Names and places of one ledger, so that questions have answers."""

    head: int
    middle: int
    room: str
    person: str
    session: str
    hall_session: str
    since: str

    @staticmethod
    def of(server):
        def get(path):
            token = mint(sub="measure", ledger={"audit": True})
            headers = {"authorization": f"Bearer {token}"}
            # A cold server may need several tries: each leaves it warmer.
            for _ in range(20):
                status, _, first = server.request("GET", f"/api/v1{path}", headers, None, 600)
                if status == 200:
                    return json.loads(first)
            raise SystemExit(f"GET {path}: {status} {first[:200]}")

        newest = get("/events?order=desc&limit=1")["events"][0]["position"]
        middle = newest // 2
        # A small room in which somebody speaks in the middle of the ledger.
        for event in get(f"/events?after={middle}&limit=100")["events"]:
            if (event["room"] or "").startswith("team-") and event["kind"] == "connection_opened":
                room = event["room"]
                break
        else:
            raise SystemExit("the ledger is not one of benches/scale/make")
        people = get(f"/rooms/{room}")["participants"]
        hour_ago = time.gmtime(time.time() - 3600)
        return Facts(
            newest,
            middle,
            room,
            people[0]["identity"],
            get(f"/rooms/{room}/sessions")["sessions"][0]["session"],
            # All of its sessions are more than is kept of an answer.
            get("/rooms?prefix=hall&limit=1")["rooms"][0]["session"],
            time.strftime("%Y-%m-%dT%H:%M:%SZ", hour_ago),
        )


def by_command(facts, has_server):
    """The words of each reading command, without its source."""
    room, middle = facts.room, f"#{facts.middle}"
    questions = f"""
        rooms
        rooms --live
        rooms --prefix team-042-
        log -n 20
        log {room}
        log hall -n 100
        log arena -n 100
        log --actor mod-150
        log --actor mod-150 -n 20
        log --target {facts.person}
        log --kind participant_banned
        log --refused
        log --refused -n 20
        log --since #{facts.head - 1000}
        log --since {facts.since}
        log --since {middle} --until #{facts.middle + 1000}
        log hall --since {middle} --until #{facts.middle + 1000}
        show @
        show #500
        show {middle}
        state {room}
        state {room} --at {middle}
        state hall
        state hall --at {middle}
        state arena
        state arena --at {middle}
        participants {room}
        participants hall --at {middle}
        participants arena
        who {room} --present
        who hall --can publish
        who hall --can publish --at {middle}
        who hall --removed
        who arena --present
        who arena --removed
        sessions {room}
        sessions hall
    """
    found = [line.split() for line in questions.strip().splitlines()]
    return found if has_server else [*found, ["verify"]]


@dataclass
class Question:
    """One request."""

    method: str
    path: str
    claims: dict
    body: str = None
    bearer: str = None

    @property
    def name(self):
        said = f"{self.method} {self.path}"
        return said if self.body in (None, "{}") else f"{said} {self.body}"

    def headers(self):
        token = self.bearer or mint(**self.claims)
        found = {"authorization": f"Bearer {token}"}
        if self.body is not None:
            found["content-type"] = "application/json"
        return found


def over_http(facts):
    return [*own(facts), *livekit(facts), *daily(facts), *videosdk(facts)]


def own(facts):
    room, middle = facts.room, f"%23{facts.middle}"
    paths = f"""
        /rooms
        /rooms?live=true
        /rooms?prefix=team-042-
        /rooms/{room}
        /rooms/{room}?at={middle}
        /rooms/hall
        /rooms/hall?at={middle}
        /rooms/arena
        /rooms/arena?at={middle}
        /rooms/{room}/participants/{facts.person}
        /rooms/{room}/participants/{facts.person}?at={middle}
        /rooms/arena/participants/p777
        /rooms/{room}/present
        /rooms/hall/present?can=publish&at={middle}
        /rooms/arena/present?limit=100
        /rooms/arena/present?can=publish&limit=100
        /rooms/hall/removals
        /rooms/arena/removals?limit=100
        /rooms/{room}/sessions
        /rooms/hall/sessions
        /sessions/{facts.session}
        /sessions/{facts.hall_session}
        /events?limit=100
        /events?order=desc&limit=100
        /events?room={room}
        /events?room=hall&order=desc&limit=100
        /events?room=arena&order=desc&limit=100
        /events?actor=mod-150
        /events?actor=mod-150&order=desc&limit=20
        /events?target={facts.person}
        /events?kind=participant_banned&limit=100
        /events?refused=true&order=desc&limit=100
        /events?since={facts.since}&limit=100
        /events?session={facts.session}
        /events/500
        /events/{facts.middle}
        /openapi.json
    """
    claims = {"sub": "measure", "ledger": {"audit": True}}
    found = [Question("GET", f"/api/v1{path}", claims) for path in paths.split()]
    health = ["/healthz", "/readyz", "/metrics"]
    return [*found, *(Question("GET", path, claims) for path in health)]


def livekit(facts):
    def call(method, body, **rights):
        path = f"/twirp/livekit.RoomService/{method}"
        return Question("POST", path, {"sub": "measure", "video": rights}, json.dumps(body))

    return [
        call("ListRooms", {}, roomList=True),
        call("ListRooms", {"names": [facts.room, "hall"]}, roomList=True),
        call("ListParticipants", {"room": "hall"}, roomAdmin=True, room="hall"),
        call("ListParticipants", {"room": "arena"}, roomAdmin=True, room="arena"),
        call(
            "GetParticipant", {"room": "arena", "identity": "p777"}, roomAdmin=True, room="arena"
        ),
    ]


def daily(facts):
    paths = f"""
        /rooms
        /rooms/{facts.room}
        /rooms/hall/presence
        /rooms/arena/presence
        /presence
        /meetings
        /meetings?room=hall
        /meetings/{facts.session}
        /meetings/{facts.session}/participants
        /logs/api
    """
    return [Question("GET", f"/daily/v1{path}", {}, bearer=SECRET) for path in paths.split()]


def videosdk(facts):
    paths = f"""
        /v1/meetings
        /v1/meeting-sessions
        /v2/rooms
        /v2/rooms?query={facts.room}
        /v2/rooms/{facts.room}
        /v2/sessions
        /v2/sessions?customRoomId={facts.room}
        /v2/sessions?customRoomId=hall
    """
    claims = {"apikey": KEY, "permissions": ["allow_mod"]}
    return [Question("GET", f"/videosdk{path}", claims) for path in paths.split()]

"""The largest commands that the table of limits allows: how long the writer is held by each. The
bystander's longest command beside one of them is the upper bound; it is told and not judged.
"""

import json
import multiprocessing
import time

from served import Caller, admin, bystander


def attack(server, small):
    people = 20 if small else 1_000
    caller = admin(server, "edge", "attacker")
    for start in range(0, people, 128):
        items = [
            {"method": "POST", "path": "/rooms/edge/joins", "body": {"identity": f"p{at}"}}
            for at in range(start, min(start + 128, people))
        ]
        caller.must(200, "POST", "/api/v1/batch", {"items": items})
    other = bystander(server)
    # A move needs the right in both rooms.
    giver = Caller(server, "attacker", ledger={"admin": True})
    rule = {"camera": False}
    strangers = 100_000 if not small else 1_000
    # With the rules below there would be more of them in the other room than one command may make.
    edges = {
        "everybody moves": ("edge", {"command": "move", "target": "*", "to_room": "edge-2"}),
        "everybody moves back": ("edge-2", {"command": "move", "target": "*", "to_room": "edge"}),
        "500 rules for everybody": ("edge", {
            "command": "update_permissions",
            "targets": {"*": {"receive": {"by_participant": {f"s{at}": rule for at in range(500)}}}},
        }),
        "data to strangers": ("edge", {
            "command": "send_data",
            "data": "",
            "targets": [f"identity:x{at}" for at in range(strangers)],
        }),
        "subscriptions": ("edge", {
            "command": "update_subscriptions",
            "target": "*",
            "tracks": [f"t{at}" for at in range(100_000 // people)],
            "subscribe": True,
        }),
    }
    for name, (room, body) in edges.items():
        sent = json.dumps(body)
        longest = 0.0
        # In a process of its own: what it does with the answer must not keep the bystander.
        given = multiprocessing.get_context("fork").Process(target=give, args=(giver, room, sent))
        given.start()
        while given.is_alive():
            start = time.monotonic()
            # LiveKit's answer is made of what the writer hands over: no other thread is waited for.
            path = "/twirp/livekit.RoomService/UpdateRoomMetadata"
            other.must(200, "POST", path, {"room": "bystander", "metadata": str(start)})
            longest = max(longest, time.monotonic() - start)
        given.join()
        if given.exitcode != 0:
            raise SystemExit(f"writer_edges: {name}: it was not carried out")
        print(f"writer_edges: {name}: {len(sent)} bytes, a bystander waited {longest * 1000:.1f} ms", flush=True)
    return True


def give(caller, room, sent):
    """One command on a connection of its own; it has to be carried out."""
    caller.must(200, "POST", f"/api/v1/rooms/{room}/commands", sent)

"""The largest commands that the table of limits allows: how long the writer is held by each. The
bystander's longest command beside one of them is the upper bound; it is told and not judged.
"""

import json
import threading
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
    edges = {
        "500 rules for everybody": {
            "command": "update_permissions",
            "targets": {"*": {"receive": {"by_participant": {f"s{at}": rule for at in range(500)}}}},
        },
        "data to strangers": {
            "command": "send_data",
            "data": "",
            "targets": [f"identity:x{at}" for at in range(strangers)],
        },
        "subscriptions": {
            "command": "update_subscriptions",
            "target": "*",
            "tracks": [f"t{at}" for at in range(100_000 // people)],
            "subscribe": True,
        },
        "everybody moves": {"command": "move", "target": "*", "to_room": "edge-2"},
    }
    for name, body in edges.items():
        sent = json.dumps(body)
        longest = 0.0
        given = threading.Thread(target=giver.command, args=("edge", sent))
        given.start()
        while given.is_alive():
            start = time.monotonic()
            # LiveKit's answer is made of what the writer hands over: no other thread is waited for.
            path = "/twirp/livekit.RoomService/UpdateRoomMetadata"
            other.must(200, "POST", path, {"room": "bystander", "metadata": str(start)})
            longest = max(longest, time.monotonic() - start)
        given.join()
        print(f"writer_edges: {name}: {len(sent)} bytes, a bystander waited {longest * 1000:.1f} ms")
    return True

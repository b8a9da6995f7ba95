#!/usr/bin/env python3
"""Bodies that are sent but for their last byte, and what the server holds of them.

A caller with every right, and one without any, open connections that each send 10 MiB but one
byte. The server has to stay below what `--body-memory` and its idle size allow, to answer 503 or 403
to those beyond, and to go on answering others. `--small` opens fewer.
"""

import argparse
import socket
import sys
import threading
import time

from early_answers import Server, TOP, token

BODY_BYTES = 10 << 20
MEMORY_MIB = 64
# The log's buffers, the kernel's copies, and what the allocator keeps.
SLACK_MIB = 96


def hold(port, bearer, held, told):
    """Sends all of a body but its last byte, and notes an answer that comes before it."""
    connection = socket.create_connection(("127.0.0.1", port))
    head = (f"POST /api/v1/rooms/town/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {BODY_BYTES}\r\n\r\n")
    connection.settimeout(30)
    try:
        connection.sendall(head.encode() + b" " * (BODY_BYTES - 1))
        connection.settimeout(1)
        told.append(connection.recv(64).split()[1].decode())
    except TimeoutError:
        told.append("held")
    except OSError as error:
        told.append(type(error).__name__)
    held.append(connection)


def attack(server, bearer, connections):
    """Memory before, with all connections open, and after; and what they were told."""
    before = server.resident_kib()
    held, told = [], []
    threads = [threading.Thread(target=hold, args=(server.port, bearer, held, told))
               for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    during = server.resident_kib()
    for connection in held:
        connection.close()
    time.sleep(1)
    return before, during, server.resident_kib(), told


def main():
    """Attacks with and without a right."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true")
    arguments.add_argument("--binary", default=TOP + "/target/debug/roomledger")
    given = arguments.parse_args()
    connections = 20 if given.small else 200
    server = Server(given.binary, "--body-memory", f"{MEMORY_MIB}MiB")
    failed = False
    guest = token({"sub": "guest", "video": {"roomJoin": True, "room": "open-lobby"}})
    for name, bearer in (("every right", token()), ("a guest", guest)):
        before, during, after, told = attack(server, f"Bearer {bearer}", connections)
        counts = {answer: told.count(answer) for answer in sorted(set(told))}
        grown = (during - before) // 1024
        print(f"{connections} bodies of 10 MiB less a byte, {name}: {before // 1024} MiB before, "
              f"{during // 1024} MiB while they are open, {after // 1024} MiB after; {counts}")
        failed = failed or grown > MEMORY_MIB + SLACK_MIB
    failed = server.stop() != 0 or failed
    if failed:
        sys.exit("held bodies: the server holds more than it may")


if __name__ == "__main__":
    main()

"""Unix sockets: what reaches from one network namespace into another."""

import contextlib
import socket
import threading


def listen(path, serve):
    """serve(socket) has each connection, in a thread of its own."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()


def _accept(listener, serve):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=_serve, args=(conn, serve), daemon=True).start()


def _serve(conn, serve):
    with conn, contextlib.suppress(OSError):
        serve(conn)


def dial(path, seconds=20):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(seconds)
    s.connect(path)
    return s

"""A server on this machine that gives one file."""

import http.server
import re
import threading
import time
from contextlib import contextmanager, suppress

CONTENT = bytes(range(256)) * 40


class Server:
    """Serves `content`; `cut` ends each answer after so many bytes of it, `ranges` answers requests for a part.

    An answer takes `seconds`.
    """

    def __init__(self, content=CONTENT, cut=None, ranges=True, status=200, seconds=0.0):
        self.content, self.cut, self.ranges, self.status, self.seconds = content, cut, ranges, status, seconds
        self.asked = []

    def answer(self, request):
        asked = request.headers.get("Range")
        self.asked.append(asked)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.ranges else 0
        if self.status != 200 or (start and start >= len(self.content)):
            request.send_error(self.status if self.status != 200 else 416)
            return
        body = self.content[start:]
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        body = body[: self.cut]
        for start in range(0, len(body), 1000):
            request.wfile.write(body[start : start + 1000])
            time.sleep(1000 * self.seconds / len(body))


@contextmanager
def serve(**settings):
    served = Server(**settings)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            # Whoever asked may have been killed.
            with suppress(ConnectionError):
                served.answer(self)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}/archive"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()

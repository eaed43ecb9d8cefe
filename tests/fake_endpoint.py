"""A chat endpoint on loopback that answers as a script says, with every fault of the network, seeded."""

import base64
import collections
import hashlib
import http.server
import json
import random
import socket
import ssl
import struct
import threading
import time


def answer_to(query):
    """The same query always gets the same answer; some refuse, some have outer white space and odd characters."""
    number = int(hashlib.sha256(query.encode()).hexdigest()[:8], 16)
    texts = [f"I cannot help with {query}.", f"  Sure: {query}\n\n", f"\tIt's \u00e9\u4e2d\U0001f600 \"{query}\" \\ \u2028",
             f"I'm sorry, but no. {number}", f"Of course {number}"]
    return texts[number % len(texts)]


def completion(text, finish_reason="stop"):
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


class Request:
    """One request as it came."""

    def __init__(self, method, path, headers, raw):
        self.method, self.path, self.headers, self.raw = method, path, headers, raw
        self.time = time.monotonic()
        try:
            self.body = json.loads(raw)
        except ValueError:
            self.body = None

    def parts(self, kind):
        content = self.body["messages"][-1]["content"]
        return [part for part in content if part["type"] == kind]

    @property
    def query(self):
        return self.parts("text")[0]["text"]

    def image(self):
        """MIME type and bytes."""
        head, data = self.parts("image_url")[0]["image_url"]["url"].split(",", 1)
        return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(data, validate=True)


class FakeEndpoint:
    """Serves on a free port of loopback until closed. `script(request, number_of_try)` says what happens to a
    request, as one of

        ("answer", text)            200 with that text
        ("json", status, object)    that status and body
        ("raw", status, bytes, headers)
        ("reset",)  ("close",)      the connection goes before an answer
        ("truncated", text)         fewer bytes than promised
        ("slow", seconds, text)     an answer after a while
        ("held", event, text)       an answer once the event is set
    """

    def __init__(self, script=None, latency=0.0, tls=None):
        self.script = script or (lambda request, tries: ("answer", answer_to(request.query)))
        self.latency = latency
        self.lock = threading.Lock()
        self.requests = []
        self.tries = collections.Counter()
        self.good = collections.Counter()
        self.in_flight = 0
        self.most_in_flight = 0
        self.keep = True
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                endpoint.serve(self)

            do_GET = do_POST

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.scheme = "https" if tls else "http"
        if tls:  # a certificate's file and its key's
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        self.server.shutdown()
        self.server.server_close()

    def name_of(self, request):
        """By which its tries are counted."""
        return request.query if request.body and request.method == "POST" else request.path

    def serve(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        raw = handler.rfile.read(length)
        if len(raw) < length:  # a client that was killed while it sent
            handler.close_connection = True
            return
        request = Request(handler.command, handler.path, dict(handler.headers), raw)
        with self.lock:
            if self.keep:
                self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            name = self.name_of(request)
            self.tries[name] += 1
            tries = self.tries[name]
            action = self.script(request, tries)
        if self.latency:
            time.sleep(self.latency)
        try:
            self.act(handler, action, name)
        except OSError:
            handler.close_connection = True
        finally:
            with self.lock:
                self.in_flight -= 1

    def act(self, handler, action, name):
        kind = action[0]
        if kind in ("slow", "held"):
            time.sleep(action[1]) if kind == "slow" else action[1].wait()
            kind, action = "answer", ("answer", action[2])
        if kind == "answer":
            self.send(handler, 200, json.dumps(completion(action[1])).encode())
            with self.lock:
                self.good[name] += 1
        elif kind == "json":
            self.send(handler, action[1], json.dumps(action[2]).encode())
        elif kind == "raw":
            self.send(handler, action[1], action[2], action[3] if len(action) > 3 else {})
        elif kind == "truncated":
            body = json.dumps(completion(action[1])).encode()
            self.send(handler, 200, body[:len(body) // 2], {"Content-Length": str(len(body))})
            handler.close_connection = True
        elif kind == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
        elif kind == "close":
            handler.close_connection = True
        else:
            raise ValueError(kind)

    @staticmethod
    def send(handler, status, body, headers=None):
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        text = f"HTTP/1.1 {status} X\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n"
        handler.wfile.write(text.encode() + body)
        handler.wfile.flush()


def random_faults(seed, share=0.3, reply=answer_to):
    """A script that answers well, but for `share` of the tries; never more than three bad ones in a row."""
    rng = random.Random(seed)

    def script(request, tries):
        text = reply(request.query)
        if tries % 4 == 0 or rng.random() >= share:
            return ("answer", text)
        return rng.choice([
            ("raw", 429, b"{}", {"Retry-After": "0"}), ("raw", 429, b"slow down"), ("json", 503, {"error": "busy"}),
            ("json", 500, {"error": {"message": "oops"}}), ("reset",), ("close",), ("truncated", text),
            ("raw", 200, b"{\"choices\": ["), ("raw", 200, b"<html>"), ("json", 200, {"choices": []}),
            ("json", 200, {"error": {"message": "try later"}}), ("json", 200, completion("half", "error"))])

    return script

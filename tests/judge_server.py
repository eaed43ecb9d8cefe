"""A server on loopback that stands for the model under test and for three providers of judges: chat and batch APIs of OpenAI,
Anthropic and Gemini as their documentation describes them, with seeded faults."""

import base64
import hashlib
import json
import random
import re
import socket
import struct
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-canary-7f3a9c1e5b2d"
FAULTS = ("429", "500", "reset", "cut", "malformed", "closed", "echo")


def chance(*parts):
    """A number in [0, 1) that depends on nothing but its arguments."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big") / 2**48


class Server:
    """`verdict(provider, number)` gives the text that a judge answers for the row whose query holds "#number#"; `answer(number)`
    what the model under test says. `fault_rate` of the first tries of each call end in a fault."""

    def __init__(self, verdict, answer=None, fault_rate=0.0, seed=0):
        self.verdict, self.answer, self.fault_rate, self.seed = verdict, answer, fault_rate, seed
        self.lock = threading.Lock()
        self.calls = []  # (provider, row number, headers, body) of each judgement that was answered well
        self.keep = True  # headers and bodies too
        self.faults = {}  # how many of each kind
        self.tries = {}
        self.requests = 0
        self.status = None  # answers every request so
        self.files, self.batches, self.uploads = {}, {}, {}
        self.takes_files = True
        self.looks = 1  # until a batch has ended
        self.row_fault = lambda provider, number, round_: None  # "again", "final" or "missing"
        self.expire = lambda provider, batch: False
        self.delay = 0.0
        self.at_once = self.most_at_once = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.handle(self, b"")

            def do_POST(self):
                outer.handle(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass

        self.httpd = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}"
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    # Transport and faults

    def handle(self, http, body):
        with self.lock:
            self.requests += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.delay:
                threading.Event().wait(self.delay)
            self.respond(http, body)
        except (ConnectionError, BrokenPipeError):
            pass
        finally:
            with self.lock:
                self.at_once -= 1

    def respond(self, http, body):
        if self.status is not None:
            return self.send(http, self.status, json.dumps({"error": {"message": f"key {KEY} is not good"}}))
        call = (http.command, urllib.parse.urlsplit(http.path).path, hashlib.sha256(body).hexdigest())
        with self.lock:
            self.tries[call] = tries = self.tries.get(call, 0) + 1
        if tries <= 2 and chance(self.seed, call, tries) < self.fault_rate:
            return self.fault(http, random.Random(repr((self.seed, call, tries))).choice(FAULTS))
        status, out, headers = self.route(http, body)
        return self.send(http, status, out if isinstance(out, (str, bytes)) else json.dumps(out), headers)

    def send(self, http, status, text, headers=()):
        data = text.encode() if isinstance(text, str) else text
        http.send_response(status)
        http.send_header("Content-Type", "application/json")
        http.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(data)

    def fault(self, http, kind):
        with self.lock:
            self.faults[kind] = self.faults.get(kind, 0) + 1
        if kind == "429":
            return self.send(http, 429, json.dumps({"error": {"message": "slow down"}}))
        if kind == "500":
            return self.send(http, 529, "overloaded")
        if kind == "echo":
            return self.send(http, 503, f"no luck with {KEY}")
        if kind == "malformed":
            return self.send(http, 200, "<html>hello</html>")
        http.close_connection = True
        if kind == "cut":
            http.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"cho")
        if kind == "reset":
            http.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            http.connection.close()
        return None

    # The APIs

    def route(self, http, body):
        path = urllib.parse.urlsplit(http.path).path
        if path == "/model/v1/chat/completions":
            number = number_in(json.loads(body))
            return 200, openai_answer(self.answer(number)), ()
        if path.startswith("/v1/messages"):
            provider, key = "anthropic", http.headers.get("x-api-key")
            assert http.headers.get("anthropic-version") == "2023-06-01"
        elif path.startswith("/v1/"):
            provider, key = "openai", (http.headers.get("Authorization") or "").removeprefix("Bearer ")
        else:
            provider, key = "gemini", http.headers.get("x-goog-api-key")
        if key != KEY:
            return 401, {"error": {"message": f"bad key {key}"}}, ()
        return getattr(self, provider)(http, path, body)

    def judge(self, provider, body, headers=None):
        number = number_in(body)
        with self.lock:
            self.calls.append((provider, number, headers, body) if self.keep else (provider, number, body.get("model")))
        return self.verdict(provider, number)

    def openai(self, http, path, body):
        if path == "/v1/chat/completions":
            return 200, openai_answer(self.judge("openai", json.loads(body), http.headers)), ()
        if path == "/v1/files":
            boundary = http.headers["Content-Type"].split("boundary=")[1].encode()
            parts = body.split(b"--" + boundary)
            assert parts[0] == b"" and parts[-1] == b"--\r\n"
            fields = [part.split(b"\r\n\r\n", 1) for part in parts[1:-1]]
            assert b'name="purpose"' in fields[0][0] and fields[0][1] == b"batch\r\n"
            assert b'name="file"; filename="' in fields[1][0]
            return 200, {"id": self.add_file(fields[1][1].removesuffix(b"\r\n")), "object": "file", "purpose": "batch"}, ()
        if path == "/v1/batches":
            request = json.loads(body)
            assert request["endpoint"] == "/v1/chat/completions" and request["completion_window"] == "24h"
            rows = [json.loads(line) for line in self.files[request["input_file_id"]].splitlines()]
            assert all(row["method"] == "POST" and row["url"] == "/v1/chat/completions" for row in rows)
            batch = self.add_batch("openai", [(row["custom_id"], row["body"]) for row in rows])
            return 200, {"id": batch, "object": "batch", "status": "validating"}, ()
        if path.startswith("/v1/batches/"):
            return self.openai_batch(path.rsplit("/", 1)[1])
        return self.content(path.removeprefix("/v1/files/").removesuffix("/content"))

    def openai_batch(self, name):
        batch = self.batches.get(name)
        if batch is None:
            return 404, {"error": {"message": "no such batch"}}, ()
        if not self.ended(batch):
            return 200, {"id": name, "status": "in_progress", "output_file_id": None, "error_file_id": None}, ()
        good, bad = [], []
        for number, id_, text, fault in self.rows_of(batch):
            if fault is None:
                good.append({"id": "batch_req", "custom_id": id_, "error": None,
                             "response": {"status_code": 200, "request_id": "r", "body": openai_answer(text)}})
            elif fault == "final":
                bad.append({"custom_id": id_, "error": None, "response":
                            {"status_code": 400, "body": {"error": {"message": f"bad row, key {KEY}"}}}})
            elif fault == "again":
                bad.append({"custom_id": id_, "response": None, "error": {"code": "batch_expired", "message": "late"}})
        expired = self.expire("openai", batch["number"])
        return 200, {"id": name, "status": "expired" if expired else "completed",
                     "output_file_id": self.add_results(good, batch), "error_file_id": self.add_results(bad, batch)}, ()

    def anthropic(self, http, path, body):
        if path == "/v1/messages":
            return 200, anthropic_answer(self.judge("anthropic", json.loads(body), http.headers)), ()
        if path == "/v1/messages/batches":
            rows = json.loads(body)["requests"]
            name = self.add_batch("anthropic", [(row["custom_id"], row["params"]) for row in rows])
            return 200, {"id": name, "type": "message_batch", "processing_status": "in_progress", "results_url": None}, ()
        name = path.split("/")[4]
        batch = self.batches.get(name)
        if batch is None:
            return 404, {"type": "error", "error": {"type": "not_found_error", "message": "no such batch"}}, ()
        if path.endswith("/results"):
            out = []
            for number, id_, text, fault in self.rows_of(batch):
                kind = "overloaded_error" if fault == "again" and number % 2 else "invalid_request_error"
                if fault is None:
                    result = {"type": "succeeded", "message": anthropic_answer(text)}
                elif fault == "again" and number % 2 == 0:
                    result = {"type": "expired"}
                else:
                    result = {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": KEY}}}
                if fault != "missing":
                    out.append({"custom_id": id_, "result": result})
            return self.content(self.add_results(out, batch))
        done = self.ended(batch)
        return 200, {"id": name, "processing_status": "ended" if done else "in_progress",
                     "results_url": f"http://evil.invalid/{name}" if done else None}, ()

    def gemini(self, http, path, body):
        if path.endswith(":generateContent"):
            assert path.startswith("/v1beta/models/")
            return 200, gemini_answer(self.judge("gemini", json.loads(body), http.headers)), ()
        if path.startswith("/upload/") and not self.takes_files:
            return 404, "not here", ()
        if path == "/upload/v1beta/files" and "upload_id" in http.path:
            name = urllib.parse.parse_qs(urllib.parse.urlsplit(http.path).query)["upload_id"][0]
            assert http.headers["X-Goog-Upload-Command"] == "upload, finalize" and http.headers["X-Goog-Upload-Offset"] == "0"
            assert self.uploads[name] == len(body)
            return 200, {"file": {"name": f"files/{self.add_file(body)}"}}, ()
        if path == "/upload/v1beta/files":
            assert http.headers["X-Goog-Upload-Protocol"] == "resumable" and http.headers["X-Goog-Upload-Command"] == "start"
            with self.lock:
                name = f"upload-{len(self.uploads)}"
                self.uploads[name] = int(http.headers["X-Goog-Upload-Header-Content-Length"])
            return 200, "{}", [("X-Goog-Upload-URL", f"{self.url}/upload/v1beta/files?upload_id={name}&upload_protocol=resumable")]
        if path.endswith(":batchGenerateContent"):
            config = json.loads(body)["batch"]["input_config"]
            if "file_name" in config:
                rows = [json.loads(line) for line in self.files[config["file_name"].removeprefix("files/")].splitlines()]
                rows = [(row["key"], row["request"]) for row in rows]
            else:
                rows = [(row["metadata"]["key"], row["request"]) for row in config["requests"]["requests"]]
            batch = self.add_batch("gemini", rows)
            return 200, {"name": f"batches/{batch}", "metadata": {"state": "BATCH_STATE_PENDING"}}, ()
        if path.startswith("/download/"):
            return self.content(path.removeprefix("/download/v1beta/files/").removesuffix(":download"))
        return self.gemini_batch(path.rsplit("/", 1)[1])

    def gemini_batch(self, name):
        batch = self.batches.get(name)
        if batch is None:
            return 404, {"error": {"code": 404, "message": "no such batch"}}, ()
        if not self.ended(batch):
            return 200, {"name": f"batches/{name}", "metadata": {"state": "BATCH_STATE_RUNNING"}}, ()
        out = []
        for number, id_, text, fault in self.rows_of(batch):
            if fault is None:
                out.append({"key": id_, "response": gemini_answer(text)})
            elif fault != "missing":
                out.append({"key": id_, "error": {"code": 13 if fault == "again" else 3, "message": f"no {KEY}"}})
        response = {"responsesFile": f"files/{self.add_results(out, batch)}"}
        if not self.takes_files:
            out = [{"metadata": {"key": row.pop("key")}, **row} for row in reversed(out)]
            response = {"inlinedResponses": {"inlinedResponses": out}}
        return 200, {"name": f"batches/{name}", "done": True, "metadata": {"state": "BATCH_STATE_SUCCEEDED"},
                     "response": response}, ()

    # Files and batches

    def add_file(self, data):
        with self.lock:
            name = f"file-{len(self.files)}"
            self.files[name] = data
        return name

    def add_results(self, rows, batch):
        """Rows out of order, some twice, strangers among them, the last one cut short where nothing came of it."""
        rng = random.Random(batch["number"])
        lines = [json.dumps(row) for row in rows]
        lines += rng.sample(lines, len(lines) // 5) + ['{"custom_id": "somebody-else", "key": "row-x"}', "", "null", "7"]
        rng.shuffle(lines)
        return self.add_file("\n".join([*lines, '{"custom_id": "row-']).encode())

    def content(self, name):
        return (200, self.files[name], ()) if name in self.files else (404, "{}", ())

    def add_batch(self, provider, rows):
        with self.lock:
            number = len(self.batches)
            name = f"{provider}-batch-{number}"
            self.batches[name] = {"provider": provider, "number": number, "rows": rows, "looks": 0}
        return name

    def ended(self, batch):
        with self.lock:
            batch["looks"] += 1
            return batch["looks"] >= self.looks

    def rows_of(self, batch):
        for id_, body in batch["rows"]:
            number = number_in(body)
            fault = self.row_fault(batch["provider"], number, batch["number"])
            yield number, id_, self.verdict(batch["provider"], number), fault


def number_in(body):
    return int(re.search(r"#(\d+)#", text_in(body)).group(1))


def parts_in(body):
    if "contents" in body:
        return body["contents"][0]["parts"]
    content = body["messages"][-1]["content"]
    return [{"text": content}] if isinstance(content, str) else content


def text_in(body):
    return "".join(part["text"] for part in parts_in(body) if "text" in part)


def image_in(body):
    """MIME type and bytes of the request's one image."""
    found = []
    for part in parts_in(body):
        if "image_url" in part:
            head, data = part["image_url"]["url"].split(";base64,")
            found.append((head.removeprefix("data:"), data))
        elif "source" in part:
            assert part["source"]["type"] == "base64"
            found.append((part["source"]["media_type"], part["source"]["data"]))
        elif "inline_data" in part:
            found.append((part["inline_data"]["mime_type"], part["inline_data"]["data"]))
    assert len(found) == 1, found
    return found[0][0], base64.b64decode(found[0][1], validate=True)


def openai_answer(text):
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": "stop"}]}


def anthropic_answer(text):
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn"}


def gemini_answer(text):
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}]}

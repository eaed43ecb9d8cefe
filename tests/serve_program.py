"""For tests of the service: the program as a server, a scripted server behind it, and pictures."""

import contextlib
import http.server
import io
import json
import os
import pathlib
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.request

from PIL import Image

PROGRAM = pathlib.Path(os.environ["HOLISAFE_BIN"])
GENEROUS = float(os.environ.get("HOLISAFE_PATIENCE", 120))  # seconds until a machine counts as stuck

# The tiny model's verdicts are noise: these policies decide alike whatever it says.
POLICY = """
format = "holisafe-policy/1"
name = "test"
version = "1"
unsafe_threshold = {threshold}
[default]
action = "{action}"
threshold = {threshold}
[refusal]
text = "No: {{category}}."
[warning]
text = "Careful. "
"""


def policy(folder, action):
    path = pathlib.Path(folder) / f"{action}.toml"
    path.write_text(POLICY.format(action=action, threshold=0 if action != "allow" else 1))
    return path


def make_model(folder):
    """A checkpoint of a few random weights, with a guard."""
    path = pathlib.Path(folder) / "tiny"
    subprocess.run([PROGRAM, "model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "3", "--guard", "--out", path],
                   check=True, capture_output=True, timeout=GENEROUS)
    return path


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(seed=0, kind="JPEG"):
    image = Image.new("RGB", (56, 42))
    image.putdata([((x * 5 + seed * 37) % 256, (y * 7) % 256, (x * y + seed) % 256) for y in range(42) for x in range(56)])
    return encoded(image, kind)


class Program:
    """`holisafe serve` until the end of a with block; `url` is its address."""

    def __init__(self, *flags, environment=(), access_log="none"):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLISAFE_SERVE_")}
        self.process = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--access-log", str(access_log), *map(str, flags)], text=True,
                                        env={**clean, **dict(environment)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.said = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.url = ""
        deadline = time.monotonic() + GENEROUS
        while not self.url:
            line = self.said.get(timeout=max(0.1, deadline - time.monotonic()))
            if line is None:
                raise AssertionError("holisafe serve ended before it listened")
            if "listening on " in line:
                self.url = line.split("listening on ")[1].strip()
        self.wait_until_ready(deadline)

    def read(self):
        for line in self.process.stderr:
            self.said.put(line)
        self.said.put(None)

    def wait_until_ready(self, deadline):
        while True:
            with contextlib.suppress(urllib.error.URLError):
                if json.load(urllib.request.urlopen(self.url + "/health", timeout=10)) == {"status": "ok"}:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError("holisafe serve is not ready")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.code = self.process.wait(GENEROUS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256  # of five, Python's own, further connections are reset
    daemon_threads = True


class Upstream:
    """An OpenAI-compatible server that answers as `script` says: a function of the request (path, headers, body) that gives status, headers and
    pieces of body, each sent as a chunk when it comes. `requests` is what came."""

    def __init__(self, script=None):
        self.script = script or whole_answer("Fine.")
        self.requests = []
        self.cut = threading.Event()  # a client went away while its answer was being written
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.answer(b"")

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))

            def answer(self, body):
                request = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": json.loads(body) if body else None}
                owner.requests.append(request)
                status, headers, pieces = owner.script(request)
                try:
                    self.send_response(status)
                    for name, value in {"Transfer-Encoding": "chunked", **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    for piece in pieces:
                        if piece is None:  # cut off
                            self.close_connection = True
                            return
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                except (BrokenPipeError, ConnectionResetError):
                    owner.cut.set()
                    self.close_connection = True

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def images(self):
        """URLs of all images of the last request."""
        return [part["image_url"]["url"] for message in self.requests[-1]["body"]["messages"] if isinstance(message["content"], list)
                for part in message["content"] if part["type"] == "image_url"]


MODELS = {"object": "list", "data": [{"id": "up-model", "object": "model", "created": 1, "owned_by": "upstream"}]}


def json_answer(value, status=200, headers=()):
    return status, {"Content-Type": "application/json", **dict(headers)}, [json.dumps(value).encode()]


def completion(text):
    return {"id": "chatcmpl-up", "object": "chat.completion", "created": 17, "model": "up-model", "odd": [1.5, None, {"a": "ü"}],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}


def event(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def chunk(delta, finish=None):
    return event({"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 17, "model": "up-model",
                  "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})


def stream_events(text):
    return [chunk({"role": "assistant", "content": ""}), *(chunk({"content": word}) for word in text.split(" ")), chunk({}, "stop"), event(b"[DONE]")]


def whole_answer(text):
    """A script: `text` whole or as a stream, and the list of models."""
    def script(request):
        if request["path"] == "/v1/models":
            return json_answer(MODELS)
        if request["body"].get("stream"):
            return 200, {"Content-Type": "text/event-stream"}, stream_events(text)
        return json_answer(completion(text))
    return script

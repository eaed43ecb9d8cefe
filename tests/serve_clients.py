"""For the load test of the service: clients of one connection each, well-behaved and not, on asyncio's own streams."""

import asyncio
import base64
import dataclasses
import http.client
import io
import itertools
import json
import random
import socket
import struct
import sys
import time

from PIL import Image

from serve_program import GENEROUS

MODEL = "tiny"
# What a connection that was closed while it was used says.
CLOSED = (ConnectionError, asyncio.IncompleteReadError)


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes
    seconds: float
    first_chunk: float  # seconds to the body's first byte

    def done(self):
        """Whether a stream came to its proper end."""
        return self.body.endswith(b"data: [DONE]\n\n")


class Client:
    """A connection, made when it is needed and kept while the server keeps it."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)

    def close(self, with_reset=False):
        if self.writer is None:
            return
        if with_reset:
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort() if with_reset else self.writer.close()
        self.reader = self.writer = None

    async def send(self, data):
        if self.writer is None:
            await self.connect()
        self.writer.write(data)
        await self.writer.drain()

    async def head(self):
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}

    async def chunks(self, headers):
        """The body, in pieces."""
        if "chunked" not in headers.get("transfer-encoding", ""):
            yield await self.reader.readexactly(int(headers.get("content-length", 0)))
            return
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)

    async def ask(self, data, began=None):
        """One exchange; `began` is called when the first of the answer's body is there."""
        start = time.monotonic()
        await self.send(data)
        status, headers = await self.head()
        body, first = [], None
        async for piece in self.chunks(headers):
            if first is None:
                first = time.monotonic() - start
                if began:
                    began(status)
            body.append(piece)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, b"".join(body), time.monotonic() - start, first or time.monotonic() - start)


def request(path, body, method="POST", headers=(), host="127.0.0.1"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Host": host, "Content-Type": "application/json", "Content-Length": len(body), **dict(headers)}
    return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode() + body


def picture(seed):
    out = io.BytesIO()
    Image.frombytes("RGB", (24, 20), random.Random(seed).randbytes(24 * 20 * 3)).save(out, "PNG")
    return out.getvalue()


def image_part(data):
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(data).decode()}}


def user(*parts):
    return [{"role": "user", "content": [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]}]


CHAT, MODERATIONS = "/v1/chat/completions", "/v1/moderations"
KINDS = ("whole", "stream", "moderation")
REPEATED = [image_part(picture(f"repeated {i}")) for i in range(4)]
counted = itertools.count()
fresh_a_second = None  # at most so many that nobody has seen; None: as many as are asked for


def fresh_image():
    """One that nobody has seen, or, where there are more requests than such images, had not a moment ago."""
    return image_part(picture(next(counted) if fresh_a_second is None else f"fresh {int(time.monotonic() * fresh_a_second)}"))


def image(chance):
    """One of a few that come again and again, or a fresh one."""
    return chance.choice(REPEATED) if chance.random() < 0.5 else fresh_image()


def question(kind, chance, name="", tokens=None):
    """A sound request."""
    headers = {"X-Request-Id": name} if name else {}
    if kind == "moderation":
        return request(MODERATIONS, {"model": MODEL, "input": [image(chance) for _ in range(chance.choice((1, 1, 3)))]}, headers=headers)
    parts = [] if chance.random() < 0.2 else [image(chance)]
    body = {"model": MODEL, "messages": user(*parts, "What is this?"), "max_tokens": tokens or chance.choice((4, 8, 24)), "stream": kind == "stream"}
    return request(CHAT, body, headers=headers)


# ---- what no service likes


def broken_requests(chance):
    """Requests that are no proper ones, by name. None may be answered with 2xx."""
    part = image_part(picture(0))
    torn = image_part(picture(0)[:-300])
    chat = {"model": MODEL, "messages": user("Hello")}
    plain = request(CHAT, chat)
    length = str(len(json.dumps(chat))).encode()
    return {
        "no HTTP": chance.randbytes(200).replace(b"\n", b" ") + b"\r\n\r\n",
        "no line": b"GET\r\n\r\n",
        "two lengths": plain.replace(b"Content-Length: ", b"Content-Length: 3\r\nContent-Length: ", 1),
        "length and chunks": plain.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length", 1),
        "bad chunk": plain.replace(b"Content-Length: " + length, b"Transfer-Encoding: chunked", 1).split(b"\r\n\r\n")[0] + b"\r\n\r\nzz\r\n",
        "negative length": plain.replace(b"Content-Length: ", b"Content-Length: -", 1),
        "NUL in a header": plain.replace(b"Host: ", b"X-Odd: a\0b\r\nHost: ", 1),
        "no host": plain.replace(b"Host: 127.0.0.1\r\n", b"", 1),
        "head too large": plain.replace(b"Host: ", b"X-Long: " + b"a" * 70_000 + b"\r\nHost: ", 1),
        "body too large": plain.replace(b"Content-Length: " + length, b"Content-Length: 999999999999", 1),
        "no JSON": request(CHAT, b'{"model": "tiny", "messages": ['),
        "no UTF-8": request(CHAT, b'{"model": "\xff\xfe"}'),
        "NaN": request(CHAT, b'{"model": "tiny", "temperature": NaN, "messages": []}'),
        "deep": request(CHAT, b'{"messages": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        "twice": request(CHAT, b'{"model": "tiny", "model": "tiny", "messages": []}'),
        "no messages": request(CHAT, {"model": MODEL}),
        "a list": request(CHAT, b"[]"),
        "a member of a wrong type": request(CHAT, {**chat, "max_tokens": "many"}),
        "an unknown member": request(CHAT, {**chat, "tools": [{}]}),
        "no such model": request(CHAT, {**chat, "model": "gpt-4o"}),
        "torn image": request(CHAT, {**chat, "messages": user(torn)}),
        "torn image in a stream": request(CHAT, {**chat, "messages": user(torn), "stream": True}),
        "no base64": request(MODERATIONS, {"input": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,=*="}}]}),
        "a URL": request(MODERATIONS, {"input": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}),
        "no image": request(MODERATIONS, {"input": "words"}),
        "too many images": request(MODERATIONS, {"input": [part] * 9}),
        "no such path": request("/v1/completions", chat),
        "method": request(CHAT, b"", method="DELETE"),
        "type": request(CHAT, chat, headers={"Content-Type": "text/plain"}),
        "another host": request(CHAT, chat, host="evil.example"),
        "another origin": request(CHAT, chat, headers={"Origin": "https://evil.example"}),
    }


async def drip(port, seconds, chance, answers):
    """A slow client: a byte a second of a sound request; told that it is too slow, it begins again."""
    until = time.monotonic() + seconds
    await asyncio.sleep(chance.random() * min(5, seconds / 4))
    while time.monotonic() < until:
        client = Client(port)
        data = question("whole", chance)
        head = data.index(b"\r\n\r\n") + 4
        sent = 1 if chance.random() < 0.5 else head  # slow from the start, or in the body alone
        try:
            await client.send(data[:sent])
            answer = asyncio.ensure_future(client.head())
            while not answer.done() and time.monotonic() < until:
                client.writer.write(data[sent:sent + 1])
                sent += 1
                await asyncio.wait([answer], timeout=1)
            if answer.done():
                answers.append(answer.result()[0])
            else:
                answer.cancel()
                await asyncio.gather(answer, return_exceptions=True)
        except CLOSED:
            answers.append(None)
        client.close()


async def walk_away(port, chance, until):
    """A client that goes at a random moment: while it sends, while it waits, or while it is answered. Turned away, or answered whole before that
    moment, it asks again at once, so that it is in flight when it goes; up to `until`."""
    is_gone = False
    while not is_gone and time.monotonic() < until:
        client, kind, is_gone = Client(port), chance.choice(KINDS), True
        data = question(kind, chance, tokens=400)
        try:
            await client.send(data if chance.random() < 0.8 else data[:chance.randrange(1, len(data))])
            begun = await asyncio.wait_for(client.reader.read(chance.randrange(20, 4000)), chance.random() * 0.5)
            is_gone = kind == "stream" and begun.startswith(b"HTTP/1.1 200")
        except (*CLOSED, asyncio.TimeoutError):
            pass
        client.close(with_reset=chance.random() < 0.5)


# ---- clients in a process of their own, which the load's own processor time does not slow down


def watch_health(port):
    """Asks for /health until standard input ends; then prints, as JSON, seconds and what was not as it should be."""
    import threading
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    seconds, wrong = [], []
    while not ended.wait(0.05):
        start = time.monotonic()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GENEROUS)
            connection.request("GET", "/health")
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            if answer.status != 200 or json.loads(body) != {"status": "ok"}:
                wrong.append(f"{answer.status} {body[:200]!r}")
        except OSError as error:
            wrong.append(repr(error))
        seconds.append(time.monotonic() - start)
    print(json.dumps({"seconds": seconds, "wrong": wrong}))


async def leave_evenly(port, count, seconds):
    """So many clients walk away, evenly: each is in time, also where the load's own clients are late."""
    chance, begun, away = random.Random(2), time.monotonic(), []
    for i in range(count):
        await asyncio.sleep(max(0, begun + seconds * i / count - time.monotonic()))
        away.append(asyncio.ensure_future(walk_away(port, chance, begun + seconds)))
    await asyncio.gather(*away)


if __name__ == "__main__":
    sys.stdin.readline()  # when to begin
    if sys.argv[1] == "health":
        watch_health(int(sys.argv[2]))
    else:
        asyncio.run(leave_evenly(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))

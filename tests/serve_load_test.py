"""`serve` under four times the load it takes: what every client is told, health, memory, what is left, and SIGTERM with work in flight.

    HOLISAFE_BIN=build/holisafe build/venv/bin/python tests/serve_load_test.py --minutes 10 --concurrency 2

Some 20 seconds without --minutes or HOLISAFE_LOAD_SECONDS. Times are printed, and not asserted on: they are the machine's.

Clients stand in for other machines, but share this one's processors: they run at the lowest priority, and what an answer took is read in the
server's own access log, whose queue_seconds tell the wait for a place apart.
"""

import asyncio
import collections
import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import serve_clients  # noqa: E402
from serve_clients import CLOSED, KINDS, MODEL, MODERATIONS, Client, broken_requests, drip, fresh_image, question, request  # noqa: E402
from serve_program import GENEROUS, Program, make_model  # noqa: E402


def argument(name, default):
    if name not in sys.argv:
        return default
    at = sys.argv.index(name)
    value = float(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return value


SECONDS = 60 * argument("--minutes", float(os.environ.get("HOLISAFE_LOAD_SECONDS", 20)) / 60)
SHARE = min(1.0, SECONDS / 600)  # of the long run
# Each step of sequences that decode together is longer the more they are: on two cores more than two only take from one another.
CONCURRENCY = int(argument("--concurrency", 2))
QUEUE = 64 - CONCURRENCY
CACHE = "64MiB"  # of keys and values: full within seconds, so that what grows beyond is a leak
CLIENTS = 4 * (CONCURRENCY + QUEUE)
SLOW_CLIENTS = 500
BROKEN = max(300, round(10_000 * SHARE))
LEAVING = max(40, round(1_000 * SHARE))
TERMINATIONS = 5 if SECONDS <= 60 else max(5, round(200 * SHARE))
HEALTHY_AFTER = 5
# The engine keeps 256 MiB of pictures' pixels (37,632 bytes each of this model). Memory is flat once these are full: before a long run they are
# filled; in a short one, so few are new that what is kept of them does not count.
IS_SHORT = SECONDS <= 60
FILLING = 0 if IS_SHORT else 7_400
serve_clients.fresh_a_second = 50 if IS_SHORT else None
MEBIBYTE = 1 << 20


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def milliseconds(values):
    return " / ".join(f"{1000 * quantile(values, share):.0f}" for share in (0.5, 0.99, 1)) + f" ms (p50, p99, most of {len(values)})"


def on_other_machines(work):
    """Runs a coroutine as if elsewhere: niceness is a thread's own on Linux, and the server keeps that of who started it."""
    with concurrent.futures.ThreadPoolExecutor(1, initializer=os.nice, initargs=(19,)) as elsewhere:
        return elsewhere.submit(asyncio.run, work).result()


def resident(pid):
    """Bytes."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def close(program):
    """Of one that has ended: its last words are read."""
    while program.said.get(timeout=GENEROUS) is not None:
        pass
    program.process.stderr.close()


def port_of(program):
    return int(program.url.rsplit(":", 1)[1])


class Tally:
    """What clients were told; `name` is the beginning of their requests' ids."""

    def __init__(self, name="other"):
        self.name, self.numbers = name, itertools.count()
        self.statuses = collections.Counter()
        self.faults = []  # what may not be
        self.seconds = collections.defaultdict(list)  # of answers, by kind; "first chunk" and "after it" are streams'

    def add(self, kind, answer):
        self.statuses[answer.status] += 1
        if answer.status == 503:
            if not answer.headers.get("retry-after", "").isdigit():
                self.faults.append(f"{kind}: 503 without Retry-After: {answer.body[:300]!r}")
        elif not (200 <= answer.status < 300 or 400 <= answer.status < 500):
            self.faults.append(f"{kind}: {answer.status} {answer.body[:300]!r}")
        elif answer.status == 200:
            self.seconds[kind].append(answer.seconds)
            if kind == "stream":
                self.seconds["first chunk"].append(answer.first_chunk)
                self.seconds["after it"].append(answer.seconds - answer.first_chunk)
                if not answer.done():
                    self.faults.append(f"a stream ended without [DONE]: {answer.body[-300:]!r}")
        else:  # sound requests have no fault of their own
            self.faults.append(f"{kind}: {answer.status} {answer.body[:300]!r}")

    def named(self, kind):
        return f"{self.name}-{kind}-{next(self.numbers)}"

    def answered(self):
        return sum(len(self.seconds[kind]) for kind in KINDS)


async def ask_on(port, tally, chance, until):
    """A client that asks, waits as long as it is told to, and asks again."""
    client = Client(port)
    keeps = chance.random() < 0.5
    while time.monotonic() < until:
        kind = chance.choice(KINDS)
        try:
            answer = await asyncio.wait_for(client.ask(question(kind, chance, tally.named(kind))), GENEROUS)
        except (*CLOSED, asyncio.TimeoutError) as error:
            tally.faults.append(f"{kind}: {error!r}")
            client.close()
            continue
        tally.add(kind, answer)
        if not keeps:
            client.close()
        if answer.status == 503:
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)) * (0.5 + chance.random()))
    client.close()


async def ask_wrongly(port, count, share, tally, chance, until):
    """`count` broken requests, evenly up to `until`; one that closes at once is let go."""
    begun = time.monotonic()
    for i in range(share, count, 8):
        await asyncio.sleep(max(0, begun + (until - begun) * i / count - time.monotonic()))
        name, data = chance.choice(list(broken_requests(chance).items()))
        client = Client(port)
        try:
            answer = await asyncio.wait_for(client.ask(data), GENEROUS)
            tally.statuses[answer.status] += 1
            told_when = answer.status != 503 or "retry-after" in answer.headers
            if not (400 <= answer.status < 500 or answer.status == 503) or not told_when:
                tally.faults.append(f"{name}: {answer.status} {answer.body[:300]!r}")
        except (*CLOSED, asyncio.TimeoutError) as error:
            tally.faults.append(f"{name}: {error!r}")
        client.close()


async def fill(port, images):
    """Judges so many pictures."""
    async def some(count):
        client = Client(port)
        for _ in range(count):
            answer = await client.ask(request(MODERATIONS, {"model": MODEL, "input": [fresh_image() for _ in range(8)]}))
            assert answer.status == 200, answer.body
        client.close()
    await asyncio.gather(*(some(-(-images // 64)) for _ in range(8)))


async def metric(port, name):
    client = Client(port)
    answer = await client.ask(request("/metrics", b"", method="GET"))
    client.close()
    return float(re.search(rf"^{name} (\S+)$", answer.body.decode(), re.M)[1])


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_load_"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.model = make_model(cls.root)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))

    def program(self, name, *flags):
        """Nothing is blocked: no class of a random guard is sure of anything."""
        return Program("--model", self.model, "--threshold", "1", "--concurrency", CONCURRENCY, "--queue", QUEUE, "--queue-timeout", "300",
                       "--drain-seconds", "300", "--cache-memory", CACHE, *flags, access_log=self.root / name)

    def clients(self, *arguments):
        """In a process of their own, at the priority of this one: they wait for a line."""
        process = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("serve_clients.py"), *map(str, arguments)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def test_four_times_what_it_takes(self):
        # Within a short run too, slow clients are to be turned away.
        with self.program("load.jsonl", "--read-timeout", min(30, SECONDS / 4)) as program:
            health = self.clients("health", port_of(program))
            leaving = self.clients("leaving", port_of(program), LEAVING, SECONDS)
            on_other_machines(self.load(program, health, leaving))
        close(program)
        self.assertEqual(program.code, 0)
        lines = [json.loads(line) for line in (self.root / "load.jsonl").read_text().splitlines()]
        self.report_times(lines)
        seen = collections.Counter(line["status"] for line in lines if "status" in line)
        print("  access log:", dict(sorted(seen.items())))
        self.assertGreater(seen[499], 0, "nobody went away in flight")
        self.assertFalse({status for status in seen if 500 <= status != 503})

    async def load(self, program, health, leaving):
        port, chance = port_of(program), random.Random(1)
        unloaded = Tally("unloaded")
        for i in range(max(30, round(3000 * SHARE))):
            client = Client(port)
            kind = KINDS[i % 3]
            unloaded.add(kind, await client.ask(question(kind, chance, unloaded.named(kind))))
            client.close()
        self.assertEqual(unloaded.faults, [])
        await fill(port, FILLING)
        open_before = descriptors(program.process.pid)
        for others in (health, leaving):
            print("begin", file=others.stdin, flush=True)
        loaded, broken, slow, memory = await self.press(program, port, chance)
        leaving.communicate(timeout=GENEROUS)
        self.assertEqual(leaving.returncode, 0)
        told = json.loads(health.communicate("", timeout=GENEROUS)[0])
        await self.look_after(program, port, open_before)
        self.report(unloaded, loaded, broken, slow, told["seconds"], memory)
        for faults in (loaded.faults, broken.faults, told["wrong"]):
            self.assertEqual(faults[:10], [], f"{len(faults)} in all")
        self.assertGreater(loaded.answered(), CONCURRENCY)
        self.assertGreater(loaded.statuses[503], 0, "this was no load")
        self.assertGreater(len(told["seconds"]), SECONDS / 10)
        self.assertLessEqual(set(slow), {408, 503})
        self.assertGreaterEqual(len(slow), SLOW_CLIENTS // 2)
        half = len(memory) // 2
        self.assertLessEqual(max(memory[half:]), 1.15 * max(memory[:half]) + 50 * MEBIBYTE)

    async def press(self, program, port, chance):
        loaded, broken, slow, memory = Tally("loaded"), Tally(), [], []
        until = time.monotonic() + SECONDS

        async def look_at_memory():
            while time.monotonic() < until:
                memory.append(resident(program.process.pid))
                await asyncio.sleep(SECONDS / 100)
        await asyncio.gather(look_at_memory(),
                             *(ask_on(port, loaded, random.Random(f"client {i}"), until) for i in range(CLIENTS)),
                             *(drip(port, SECONDS, random.Random(f"slow {i}"), slow) for i in range(SLOW_CLIENTS)),
                             *(ask_wrongly(port, BROKEN, i, broken, random.Random(f"broken {i}"), until) for i in range(8)))
        return loaded, broken, slow, memory

    async def look_after(self, program, port, open_before):
        """Healthy at once; nothing is left of the load."""
        begun = time.monotonic()
        client = Client(port)
        answer = await asyncio.wait_for(client.ask(request("/health", b"", method="GET")), HEALTHY_AFTER)
        client.close()
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {"status": "ok"}))
        self.healthy_after = time.monotonic() - begun
        while left := [await metric(port, name) for name in ("holisafe_requests_running", "holisafe_requests_waiting")]:
            if left == [0, 0] and descriptors(program.process.pid) <= open_before + 2:
                break
            self.assertLess(time.monotonic(), begun + GENEROUS, f"running, waiting: {left}; {descriptors(program.process.pid)} descriptors, "
                            f"{open_before} before the load")
            await asyncio.sleep(0.05)
        self.quiet_after = time.monotonic() - begun
        # Every place is free: all are taken at once.
        chance = random.Random(3)
        clients = [Client(port) for _ in range(CONCURRENCY + QUEUE)]
        answers = await asyncio.gather(*(client.ask(question("whole", chance)) for client in clients))
        for client in clients:
            client.close()
        self.assertEqual({answer.status for answer in answers}, {200})

    def report(self, unloaded, loaded, broken, slow, health, memory):
        half = len(memory) // 2
        print(f"\n  {SECONDS:.0f} s, {CLIENTS} clients for {CONCURRENCY} + {QUEUE} places: {loaded.answered()} answered "
              f"({loaded.answered() / SECONDS:.0f} a second), {dict(sorted(loaded.statuses.items()))}")
        print(f"  {BROKEN} broken requests: {dict(sorted(broken.statuses.items()))}; {SLOW_CLIENTS} slow clients: "
              f"{dict(collections.Counter(slow))}; {LEAVING} went away")
        print(f"  /health: {milliseconds(health)}; after the load {1000 * self.healthy_after:.0f} ms; nothing left {self.quiet_after:.1f} s after it")
        for kind in (*KINDS, "first chunk", "after it"):
            print(f"  {kind}, as its client saw it: {milliseconds(loaded.seconds[kind])}; unloaded {milliseconds(unloaded.seconds[kind])}")
        print(f"  resident: at most {max(memory[:half]) / MEBIBYTE:.0f} MiB in the first half, {max(memory[half:]) / MEBIBYTE:.0f} MiB in the second")

    def report_times(self, lines):
        """By the access log: what answers took without their wait in line, beside the same of an idle service."""
        waits, times = [], collections.defaultdict(list)
        for line in lines:
            name, kind, *_ = line.get("id", "").split("-") + [""]
            if line.get("status") != 200 or name not in ("loaded", "unloaded"):
                continue
            wait = line["queue_seconds"] or 0  # null: the cache knew all verdicts
            times[name, kind].append(line["seconds"] - wait)
            if name == "loaded" and line["queue_seconds"] is not None:
                waits.append(wait)
        self.assertTrue(waits)
        print(f"  in line: {milliseconds(waits)}; without it, on {CONCURRENCY} sequences:")
        for kind in KINDS:
            loaded, unloaded = times["loaded", kind], times["unloaded", kind]
            print(f"    {kind}: {milliseconds(loaded)}; unloaded {milliseconds(unloaded)}; p99 is {quantile(loaded, 0.99) / quantile(unloaded, 0.99):.2f} "
                  "of the unloaded")

    def test_terminated_with_work_in_flight(self):
        begun, finished, refused = time.monotonic(), 0, collections.Counter()
        for i in range(TERMINATIONS):
            with self.subTest(termination=i):
                log = f"termination{i}.jsonl"
                program = self.program(log)
                self.addCleanup(program.process.kill)
                done, others = on_other_machines(self.terminate(i, program, log))
                finished += done
                refused += others
        print(f"\n  {TERMINATIONS} terminations in {time.monotonic() - begun:.0f} s: {finished} answers finished, others: {dict(refused)}")

    async def terminate(self, i, program, log):
        """How many answers were finished, and what became of the others."""
        chance, names = random.Random(f"termination {i}"), {}
        port, first = port_of(program), asyncio.Event()

        async def one(kind, name):
            client = Client(port)

            def began(status):
                if kind == "stream" and status == 200:
                    names[name] = None  # promised
                    first.set()
            try:
                names[name] = await asyncio.wait_for(client.ask(question(kind, chance, name, tokens=chance.choice((2, 20, 120))), began), GENEROUS)
            except CLOSED:
                pass  # it may end before it takes a connection, or has read a request
            finally:
                client.close()
        asked = [asyncio.ensure_future(one(chance.choice(KINDS), f"before-{n}")) for n in range(20)]
        asked.append(asyncio.ensure_future(one("stream", "before-stream")))
        await asyncio.wait_for(first.wait(), GENEROUS)
        await asyncio.sleep(chance.random() * 0.2)
        program.process.send_signal(signal.SIGTERM)
        late = []
        for n in range(10):
            late.append(asyncio.ensure_future(one(chance.choice(KINDS), f"late-{n}")))
            await asyncio.sleep(0.005)
        await asyncio.gather(*asked, *late)
        code = await asyncio.to_thread(program.process.wait, GENEROUS)
        close(program)
        self.assertEqual(code, 0)
        return self.compare_with_log(names, log)

    def compare_with_log(self, names, log):
        lines = [json.loads(line) for line in (self.root / log).read_text().splitlines()]
        logged = {line["id"]: line["status"] for line in lines if line.get("id", "").startswith(("before-", "late-"))}
        for name, status in logged.items():
            self.assertIn(status, (200, 503))
            self.assertIn(name, names, f"the answer to {name} was lost: {status}")
        for name, answer in names.items():
            self.assertIsNotNone(answer, f"{name} was cut off")
            self.assertEqual(answer.status, logged[name])
            if "event-stream" in answer.headers["content-type"]:
                self.assertTrue(answer.done(), f"{name}: {answer.body[-300:]!r}")
            if answer.status == 503:
                self.assertIn("retry-after", answer.headers)
                self.assertEqual(json.loads(answer.body)["error"]["code"], "draining")
        statuses = collections.Counter(answer.status for answer in names.values())
        return statuses.pop(200), statuses


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])

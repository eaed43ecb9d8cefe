"""Many questions on one local model: `holisafe bench run` with eight at once against one at a time, against the same program of an earlier day and
against a transformers loop, all sides in one run.

    python perf/batched_decode.py build/holisafe decode [--before PROGRAM]
    python perf/batched_decode.py build/holisafe images [--before PROGRAM] [--transformers]

`decode`: eight questions about eight pictures, --concurrency 8 against 1. Tokens a second of the decoding alone: each side also answers with a
single token, and that time is taken off. One at a time has its weights' bytes a second set against a plain read of memory by all threads.

`images`: questions about few pictures (2.24 each, as HoliSafe-Bench has them) against as many questions about a picture each, and peak memory
against the weights as stored and the blocks of keys and values. `--before` is another build of the program; `--transformers` is a loop over
generate() in float32, timed from the loaded model on.

Rounds alternate between the sides, each a process of its own. Given are medians over the rounds, of wall and processor time (for machines that
others use), and of each round's ratios. Our sides must give the same answers; how many of the others' are the same is said.

    --preset small|NAME   small: LLaVA of --hidden-size (2048) x 4 layers, 16 bits; else a preset of `model synth --family`
    --image-size N        of small, in pixels: 56 (16 tokens a picture) for decode, 224 (256 tokens) for images
    --rounds 5 --threads 2 --tokens N --questions N --dtype float32|bfloat16 --keep FOLDER (of the checkpoint, made where it is not there)
"""

import argparse
import json
import os
import pathlib
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

import model_speed

TOGETHER = 8
NOT_DECODING = ("vision", "visual", "projector", "img_safety_head")


# --- What is asked of whom.

def make_small(program, folder, image_size, hidden_size):
    """The tiny LLaVA with the shapes of a larger one, and random weights that never end an answer."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools/fixtures"))
    import llava as fixtures
    import torch
    from transformers import AutoConfig, LlavaForConditionalGeneration

    subprocess.run([program, "model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "1", "--out", folder], check=True)
    config = json.loads((folder / "config.json").read_text())
    heads = hidden_size // 128
    config["text_config"] |= dict(hidden_size=hidden_size, intermediate_size=heads * 352, num_hidden_layers=4, num_attention_heads=heads, num_key_value_heads=heads)
    config["vision_config"] |= dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=6, num_attention_heads=16, image_size=image_size)
    (folder / "config.json").write_text(json.dumps(config | {"image_seq_length": (image_size // 14) ** 2, "torch_dtype": "float16"}))
    for name in ("preprocessor_config.json", "processor_config.json"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(": 56", f": {image_size}"))
    model = LlavaForConditionalGeneration(AutoConfig.from_pretrained(folder))
    fixtures.random_weights(dict(model.named_parameters()))
    with torch.no_grad():
        model.lm_head.weight[2] = 0  # </s>
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    state |= {name: tensor.half() for name, tensor in fixtures.guard_tensors(hidden_size).items()}
    fixtures.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fixtures.guard_keys()))


def in_its_own_process(flags, what, *more):
    """A child's peak memory begins with its parent's, so this process holds nothing large."""
    command = [sys.executable, __file__, flags.program, what, "--threads", flags.threads, *more]
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout


def make_model(flags, folder):
    folder = pathlib.Path(flags.keep or folder)
    if (folder / "config.json").exists():
        return folder
    if flags.preset == "small":
        in_its_own_process(flags, "make", "--keep", folder, "--hidden-size", flags.hidden_size, "--image-size",
                           flags.image_size or (56 if flags.measure == "decode" else 224))
    else:
        subprocess.run([flags.program, "model", "synth", "--family", flags.family, "--preset", flags.preset, "--seed", "1", "--out", folder, "--guard"], check=True)
    return folder


def make_data(folder, questions, pictures):
    """HoliSafe-Bench's layout."""
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    for number in range(pictures):
        picture = Image.new("RGB", (336, 336))
        picture.putdata([((x * (3 + number)) % 256, (y * 5 + 40 * number) % 256, (x * y // (97 + number)) % 256) for y in range(336) for x in range(336)])
        picture.save(folder / "images" / f"{number}.png")
    rows = [{"id": number, "image": f"{number * pictures // questions}.png", "query": f"What is shown in picture {number}, and what could one use it for?",
             "type": "SSS", "category": "safe", "subcategory": "safe", "image_safe": True, "image_safety_label": 0} for number in range(questions)]
    (folder / "holisafe_bench.json").write_text(json.dumps(rows))
    return folder


class Side:
    """A program, what it is asked, and what came of it round by round."""

    def __init__(self, words, command, data, tokens):
        self.words, self.command, self.data, self.tokens = words, command, data, tokens
        self.rounds, self.answers = [], None

    def run(self, out):
        """Seconds, processor seconds and peak memory of one process, which is this one's child alone."""
        start = time.perf_counter()
        command = [*self.command, "--data", self.data, "--out", out, "--max-new-tokens", str(self.tokens)]
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(list(map(str, command)), stdout=said, stderr=said)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - start
            if child.returncode != 0:
                said.seek(0)
                sys.exit(f"{self.words}: {said.read().decode()}")
        result = {"wall": wall, "processor": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024} | self.found(out)
        answers = result.pop("answers")
        if self.answers not in (None, answers):
            sys.exit(f"{self.words}: other answers than in the round before")
        self.answers = answers
        self.rounds.append(result)

    def found(self, out):
        if (out / "loop.json").exists():  # transformers
            return json.loads((out / "loop.json").read_text())
        rows = json.loads((out / "predictions.json").read_text())
        with sqlite3.connect(out / "run.db") as database:
            whole = database.execute("SELECT count(*) FROM predictions WHERE finish_reason = 'length'").fetchone()[0]
        if whole != len(rows):
            sys.exit(f"{self.words}: {len(rows) - whole} answers ended early: another preset or seed is needed")
        return {"answers": [row["prediction"] for row in rows]}

    def median(self, key):
        return statistics.median(result[key] for result in self.rounds)

    def ratio(self, other, key):
        """How many times as long the other takes: median of the rounds."""
        return statistics.median(theirs[key] / ours[key] for ours, theirs in zip(self.rounds, other.rounds))


def bench_run(flags, model, concurrency, program=None):
    return [program or flags.program, "bench", "run", "--model", model, "--concurrency", concurrency, "--threads", flags.threads, "--dtype", flags.dtype]


def transformers_loop(flags, model):
    return [sys.executable, __file__, flags.program, "loop", "--keep", model, "--threads", flags.threads]


def loop(flags):
    """The other side, in a process of its own: one question after the other."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    torch.set_num_threads(flags.threads)
    model = AutoModelForImageTextToText.from_pretrained(flags.keep, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(flags.keep)
    begun, used = time.perf_counter(), time.process_time()
    answers = []
    with torch.no_grad():
        for row in json.loads((flags.data / "holisafe_bench.json").read_text()):
            inputs = model_speed.INPUTS[model.config.model_type](flags.keep, Image.open(flags.data / "images" / row["image"]), row["query"])
            tokens = model.generate(**inputs, max_new_tokens=flags.tokens, do_sample=False)[0][inputs["input_ids"].shape[1]:]
            answers.append(tokenizer.decode(tokens, skip_special_tokens=True))
    flags.out.mkdir()
    (flags.out / "loop.json").write_text(json.dumps({"answers": answers, "wall": time.perf_counter() - begun, "processor": time.process_time() - used}))


# --- What the machine and the model set as bounds.

def read_speed(threads):
    """Bytes a second that all threads read together, nothing else done: the best of three."""
    import numpy

    parts = numpy.array_split(numpy.ones(1 << 27, dtype=numpy.int64), threads)
    best = float("inf")
    for _ in range(3):
        readers = [threading.Thread(target=part.max) for part in parts]
        start = time.perf_counter()
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        best = min(best, time.perf_counter() - start)
    print((1 << 30) / best)


def stored_weights(model):
    """Bytes of all weights, and of those that each token multiplies."""
    sizes = {}
    for file in model.glob("*.safetensors"):
        with open(file, "rb") as stream:
            header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
        sizes |= {name: entry["data_offsets"][1] - entry["data_offsets"][0] for name, entry in header.items() if name != "__metadata__"}
    tied = not any("lm_head" in name for name in sizes)
    decoding = sum(size for name, size in sizes.items() if not any(word in name for word in NOT_DECODING) and (tied or "embed_tokens" not in name))
    return sum(sizes.values()), decoding


def cache_bytes(flags, model, data, pictures):
    """Keys and values held at most: every picture's prefix once, and what eight questions add to theirs."""
    config = json.loads((model / "config.json").read_text())
    text = config.get("text_config", config)
    heads = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
    position = 2 * text["num_hidden_layers"] * text["num_key_value_heads"] * heads * (4 if flags.dtype == "float32" else 2)
    ask = [flags.program, "ask", "--model", model, "--image", data / "images/0.png", "--prompt", "What is shown in picture 0?", "--max-new-tokens", "1", "--json"]
    prompt = json.loads(subprocess.run(ask, check=True, capture_output=True).stdout)["prompt_tokens"]
    return position * (pictures * prompt + TOGETHER * (40 + flags.tokens))


# --- The two measures.

def run_rounds(sides, rounds, work):
    work.mkdir(exist_ok=True)
    for number in range(rounds):
        for place, side in enumerate(sides):
            side.run(work / f"{place}-{number}")
            print(f"round {len(side.rounds)}: {side.words}: {side.rounds[-1]['wall']:.2f} s, processor {side.rounds[-1]['processor']:.2f} s", file=sys.stderr)


def same_answers(mine, side, must=False):
    equal = sum(one == other for one, other in zip(mine.answers, side.answers))
    if must and equal != len(mine.answers):
        sys.exit(f"{mine.words} and {side.words}: {len(mine.answers) - equal} other answers")
    return f"{equal} of {len(mine.answers)} answers are the same"


class Decoding:
    """A side with many tokens and with one; what lies between them is decoding."""

    def __init__(self, words, command, data, tokens):
        self.long, self.short = Side(words, command, data, tokens), Side(f"{words}, one token", command, data, 1)

    def seconds(self, key):
        return [many[key] - one[key] for many, one in zip(self.long.rounds, self.short.rounds)]

    def speed(self, key, tokens):
        return statistics.median(tokens / seconds for seconds in self.seconds(key))


def decode(flags, work):
    model = make_model(flags, work / "model")
    data = make_data(work / "data", TOGETHER, TOGETHER)
    together = Decoding("8 together", bench_run(flags, model, TOGETHER), data, flags.tokens)
    others = [Decoding("one by one", bench_run(flags, model, 1), data, flags.tokens)]
    if flags.before:
        others.append(Decoding("before", bench_run(flags, model, 1, flags.before), data, flags.tokens))
    reads = []
    for number in range(flags.rounds):
        reads.append(float(in_its_own_process(flags, "read")))
        run_rounds([side for pair in (together, *others) for side in (pair.long, pair.short)], 1, work / f"round-{number}")
    tokens = TOGETHER * (flags.tokens - 1)
    print(f"{flags.rounds} rounds, {TOGETHER} answers of {flags.tokens} tokens, {flags.dtype}, {flags.threads} threads; tokens a second of decoding alone")
    print(f"{'':16}{'wall':>10}{'processor':>12}{'8 together is':>16}{'by processor':>14}")
    for pair in (together, *others):
        ratios = [statistics.median(theirs / ours for ours, theirs in zip(together.seconds(key), pair.seconds(key))) for key in ("wall", "processor")]
        print(f"{pair.long.words:16}{pair.speed('wall', tokens):10.1f}{pair.speed('processor', tokens):12.1f}{ratios[0]:15.2f}x{ratios[1]:13.2f}x")
    print(f"8 together and one by one: {same_answers(together.long, others[0].long, must=True)}")
    if flags.before:
        slower = statistics.median(mine / theirs for mine, theirs in zip(*(pair.seconds("processor") for pair in others)))
        print(f"one by one takes {slower:.2f} times the processor seconds of before; {same_answers(others[0].long, others[1].long)}")
    _, weights = stored_weights(model)
    shares = [weights * tokens / seconds / read for seconds, read in zip(others[0].seconds("wall"), reads)]
    print(f"one by one reads weights at {statistics.median(shares):.2f} of a plain read ({statistics.median(reads) / 1e9:.1f} GB/s); "
          f"{weights / 1e6:.0f} MB a token")


def images(flags, work):
    model = make_model(flags, work / "model")
    pictures = round(flags.questions / 2.24)
    shared = make_data(work / "shared", flags.questions, pictures)
    apart = make_data(work / "apart", flags.questions, flags.questions)
    ours = Side("2.24 an image", bench_run(flags, model, TOGETHER), shared, flags.tokens)
    single = Side("one an image", ours.command, apart, flags.tokens)
    others = [Side("before", bench_run(flags, model, TOGETHER, flags.before), shared, flags.tokens)] if flags.before else []
    if flags.transformers:
        others.append(Side("transformers", transformers_loop(flags, model), shared, flags.tokens))
    run_rounds([ours, single, *others], flags.rounds, work)
    print(f"{flags.rounds} rounds, {flags.questions} questions about {pictures} pictures, {flags.tokens} tokens each, {flags.dtype}, {flags.threads} threads")
    print(f"{'':16}{'wall':>12}{'processor':>12}{'ratio':>9}{'by processor':>14}{'peak memory':>14}")
    for side in (ours, single, *others):
        print(f"{side.words:16}{side.median('wall'):10.2f} s{side.median('processor'):10.2f} s{ours.ratio(side, 'wall'):8.2f}x"
              f"{ours.ratio(side, 'processor'):13.2f}x{side.median('peak') / 1e9:11.2f} GB")
    for side in others:
        print(f"{side.words}: {same_answers(ours, side)}")
    weights, _ = stored_weights(model)
    blocks = cache_bytes(flags, model, shared, pictures)
    print(f"peak memory is {ours.median('peak') / (weights + blocks):.2f} times the weights as stored ({weights / 1e9:.2f} GB) and the blocks ({blocks / 1e6:.0f} MB)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("measure", choices=["decode", "images", "loop", "make", "read"], metavar="decode|images")
    parser.add_argument("--family", choices=model_speed.INPUTS, default="llava")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--hidden-size", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--questions", type=int, default=9)
    parser.add_argument("--tokens", "--max-new-tokens", type=int, default=64)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--before")
    parser.add_argument("--transformers", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--data", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=pathlib.Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.measure == "loop":
        loop(flags)
    elif flags.measure == "make":
        make_small(flags.program, pathlib.Path(flags.keep), flags.image_size, flags.hidden_size)
    elif flags.measure == "read":
        read_speed(flags.threads)
    else:
        with tempfile.TemporaryDirectory() as work:
            {"decode": decode, "images": images}[flags.measure](flags, pathlib.Path(work))


if __name__ == "__main__":
    main()

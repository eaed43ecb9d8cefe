"""A Safe-VLM's verdict and answer: `holisafe ask` against transformers, both sides in one run.

    python perf/model_speed.py build/holisafe [--family llava|qwen2_5_vl|gemma3] [--preset 7b-4layers] [--rounds 5] [--threads 2]
        [--dtype float32|bfloat16] [--keep FOLDER]

Makes a random model with a guard (by default the released 7B shapes with four layers of the language model, Gemma 3's 4B shapes with six,
files of 16 bits) and asks both sides the same about one picture; transformers computes in float32, we do in `--dtype`. The reference does
what the published example does: one forward pass for the hidden states that the guard pools (of Gemma 3's, which pools the projector's output,
the tower alone), then generate(), which starts over. Each round is a process of its own on either side, and rounds alternate. In float32
verdicts and tokens must agree; in bfloat16 the tokens that do are counted. Given are medians of the rounds, and of their ratios: seconds from
the loaded model on, processor seconds of the whole process for machines that others use, and peak resident memory against the weights in
float32 and the key-value cache.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

PROMPT = "What is shown in this picture, and what could it be used for?"
TOKENS = 32


def llava_inputs(folder, image, prompt=PROMPT):
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(folder)(text=f"USER: <image>\n{prompt} ASSISTANT:", images=[image], return_tensors="pt")


def qwen_inputs(folder, image, prompt=PROMPT):
    """AutoProcessor would want torchvision, for videos: the image processor and the tokenizer by themselves."""
    from transformers import AutoImageProcessor, AutoTokenizer

    pixels = AutoImageProcessor.from_pretrained(folder)(images=[image], return_tensors="pt")
    pads = "<|image_pad|>" * (int(pixels["image_grid_thw"].prod()) // 4)
    text = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>" + pads +
            f"<|vision_end|>{prompt}<|im_end|>\n<|im_start|>assistant\n")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(text, return_tensors="pt")
    marks = (tokens["input_ids"] == tokenizer.convert_tokens_to_ids("<|image_pad|>")).int()
    return {**tokens, **pixels, "mm_token_type_ids": marks}


def gemma_inputs(folder, image, prompt=PROMPT):
    from transformers import AutoProcessor

    text = f"<bos><start_of_turn>user\n<start_of_image>{prompt}<end_of_turn>\n<start_of_turn>model\n"
    return AutoProcessor.from_pretrained(folder)(text=text, images=[image], return_tensors="pt", add_special_tokens=False)


INPUTS = {"llava": llava_inputs, "qwen2_5_vl": qwen_inputs, "gemma3": gemma_inputs}


def pooled(model, inputs):
    """What the family's guard looks at: one vector."""
    if model.config.model_type == "gemma3":
        return model.get_image_features(inputs["pixel_values"]).pooler_output.mean((0, 1))
    hidden = model(**inputs, output_hidden_states=True, logits_to_keep=1).hidden_states[-1][0]
    return hidden[inputs["input_ids"][0] == model.config.image_token_id].mean(0)


def reference(folder, image, threads):
    """The other side, in a process of its own: prints its timings as JSON."""
    import torch
    from PIL import Image
    from safetensors import safe_open
    from transformers import AutoModelForImageTextToText

    torch.set_num_threads(threads)
    start = time.perf_counter()
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    head = {}
    index = pathlib.Path(folder, "model.safetensors.index.json")
    files = set(json.loads(index.read_text())["weight_map"].values()) if index.exists() else {"model.safetensors"}
    for file in files:
        with safe_open(str(pathlib.Path(folder, file)), "pt") as weights:
            for name in weights.keys():
                if name.startswith("img_safety_head."):
                    head[name.removeprefix("img_safety_head.mlp.")] = weights.get_tensor(name).float()
    loaded = time.perf_counter()
    with torch.no_grad():
        inputs = INPUTS[model.config.model_type](folder, Image.open(image))
        middle = torch.nn.functional.gelu(pooled(model, inputs) @ head["0.weight"].T + head["0.bias"])
        scores = (middle @ head["3.weight"].T + head["3.bias"]).softmax(-1)
        verdict = time.perf_counter()
        tokens = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)[0][inputs["input_ids"].shape[1]:]
        done = time.perf_counter()
    weights = sum(parameter.numel() * 4 for parameter in model.parameters())
    text = model.config.text_config
    positions = inputs["input_ids"].shape[1] + len(tokens)
    head_dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    cache = 2 * 4 * positions * text.num_hidden_layers * text.num_key_value_heads * head_dim
    return {"load": loaded - start, "verdict": verdict - loaded, "answer": done - loaded, "label": int(scores.argmax()), "score": float(scores.max()),
            "tokens": tokens.tolist(), "needed": weights + cache}


def ours(program, folder, image, threads, dtype):
    done = subprocess.run([program, "ask", "--model", folder, "--image", image, "--prompt", PROMPT, "--max-new-tokens", str(TOKENS),
                           "--dtype", dtype, "--json"], capture_output=True, text=True, check=True,
                          env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    answer = json.loads(done.stdout)
    times = answer["timings"]
    first = times["image_seconds"] + times["prefill_seconds"]
    return {"load": times["load_seconds"], "verdict": times["verdict_seconds"], "answer": first + times["decode_seconds"], "decode": times["decode_seconds"],
            "label": answer["guard"]["label"], "score": answer["guard"]["score"], "tokens": answer["completion_token_ids"]}


def side(which, program, folder, image, threads, dtype):
    """Runs one side in a child of its own, so that its peak memory is its own."""
    start = time.perf_counter()
    child = subprocess.run([sys.executable, __file__, program, "--side", which, "--keep", folder, "--picture", image, "--threads", str(threads),
                            "--dtype", dtype], capture_output=True, text=True, check=False)
    if child.returncode != 0:
        sys.exit(child.stderr)
    return json.loads(child.stdout.splitlines()[-1]) | {"wall": time.perf_counter() - start}


def make_picture(path):
    from PIL import Image

    picture = Image.new("RGB", (640, 480))
    picture.putdata([((x * 3) % 256, (y * 5) % 256, (x * y // 97) % 256) for y in range(480) for x in range(640)])
    picture.save(path)


def compare(program, folder, image, rounds, threads, dtype):
    results = {"holisafe": [], "transformers": []}
    for number in range(rounds):
        for which, found in results.items():
            found.append(side(which, program, folder, image, threads, dtype))
            print(f"round {number + 1}: {which}: " + ", ".join(f"{key} {found[-1][key]:.2f} s" for key in ("load", "verdict", "answer", "wall")), file=sys.stderr)
    (first, *_), (other, *_) = results.values()
    equal = next((i for i, pair in enumerate(zip(first["tokens"], other["tokens"])) if pair[0] != pair[1]), len(first["tokens"]))
    if dtype == "float32" and (first["tokens"] != other["tokens"] or first["label"] != other["label"] or abs(first["score"] - other["score"]) > 1e-4):
        sys.exit(f"the sides disagree: {first}, {other}")
    print(f"{len(first['tokens'])} tokens, the first {equal} equal; verdict {first['label']} at {first['score']:.4f}, the other side's {other['label']} at "
          f"{other['score']:.4f}; {dtype}, {threads} threads")
    print(f"{'':28}{'holisafe':>12}{'transformers':>14}{'ratio':>8}")
    for key, words in (("load", "load"), ("verdict", "time to verdict"), ("answer", f"verdict + {TOKENS} tokens"), ("wall", "whole process"),
                       ("processor", "  its processor time")):
        mine, theirs = ([result[key] for result in found] for found in results.values())
        ratio = statistics.median(other / one for one, other in zip(mine, theirs))
        print(f"{words:28}{statistics.median(mine):10.2f} s{statistics.median(theirs):12.2f} s{ratio:7.2f}x")
    mine, theirs = (max(result["peak"] for result in found) for found in results.values())
    print(f"{'peak memory':28}{mine / 1e9:9.2f} GB{theirs / 1e9:11.2f} GB{theirs / mine:7.2f}x")
    print(f"{'  of weights + cache':28}{mine / other['needed']:11.2f}x{theirs / other['needed']:13.2f}x")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--family", choices=INPUTS, default="llava")
    parser.add_argument("--preset", help="of the family; by default one with a few layers of real shapes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="what our side computes in")
    parser.add_argument("--keep", help="folder of the checkpoint, made where it is not there")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--picture", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.side:
        if flags.side == "transformers":
            result = reference(flags.keep, flags.picture, flags.threads)
        else:
            result = ours(flags.program, flags.keep, flags.picture, flags.threads, flags.dtype)
        who = resource.RUSAGE_SELF if flags.side == "transformers" else resource.RUSAGE_CHILDREN
        used = resource.getrusage(who)
        print(json.dumps(result | {"peak": used.ru_maxrss * 1024, "processor": used.ru_utime + used.ru_stime}))
        return
    with tempfile.TemporaryDirectory() as work:
        folder = flags.keep or os.path.join(work, "model")
        if not os.path.exists(os.path.join(folder, "config.json")):
            preset = flags.preset or ("4b-6layers" if flags.family == "gemma3" else "7b-4layers")
            subprocess.run([flags.program, "model", "synth", "--family", flags.family, "--preset", preset, "--seed", "1", "--out", folder, "--guard"], check=True)
        image = os.path.join(work, "picture.png")
        make_picture(image)
        compare(flags.program, folder, image, flags.rounds, flags.threads, flags.dtype)


if __name__ == "__main__":
    main()

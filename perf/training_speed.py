"""Training steps: `holisafe train` against transformers + PEFT, both sides in one run.

    python perf/training_speed.py build/holisafe [--hidden 1024] [--layers 4] [--rounds 3] [--steps 3] [--batch 4] [--threads 2]

Makes a random LLaVA (vocabulary 32,000, CLIP tower of 224 pixels) and pictures with answers of 20 to 60 tokens; both sides train the same
parts in float32: LoRA of rank 64 on the language model, tower, projector and a guard on the last hidden state. Each round is a process of
its own on either side, and rounds alternate; the first step of a process warms up and does not count. The reference is the plain way: a padded
batch, `labels` for the model's own loss, `output_hidden_states` for the guard, AdamW. Given are samples a second and peak resident memory.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools/fixtures"))
RANK = 64
TARGETS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


def make(folder, hidden, layers, samples):
    import llava as fixtures
    import numpy as np
    import torch
    from PIL import Image

    base = folder / "base"
    base.mkdir()
    fixtures.IMAGE_SIZE = 224
    _, image_token = fixtures.write_tokenizer(base, "llama_metaspace")
    fixtures.write_processor(base)
    text = dict(hidden_size=hidden, intermediate_size=hidden * 11 // 4, num_hidden_layers=layers, num_attention_heads=hidden // 64,
                num_key_value_heads=hidden // 64, max_position_embeddings=2048)
    vision = dict(hidden_size=512, intermediate_size=2048, num_hidden_layers=6, num_attention_heads=8, image_size=224)
    model = fixtures.make_model(32000, image_token, text=text, vision=vision)
    fixtures.write_hf5(base, model)
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(40)]
    rows = []
    for i in range(samples):
        Image.fromarray(rng.integers(0, 256, (240, 260, 3), dtype=np.uint8)).save(folder / f"images/{i}.jpg")
        answer = " ".join(rng.choice(words, int(rng.integers(8, 20))))
        rows.append({"id": i, "image": f"{i}.jpg", "image_safety_label": int(rng.integers(0, 20)),
                     "conversations": [{"from": "human", "value": "<image>\nWhat is shown here?"}, {"from": "gpt", "value": answer}]})
    (folder / "data.json").write_text(json.dumps(rows))


def reference(folder, steps, batch, threads):
    """The other side, in a process of its own."""
    import torch
    from peft import LoraConfig, get_peft_model
    from PIL import Image
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    torch.set_num_threads(threads)
    processor = AutoProcessor.from_pretrained(folder / "base")
    base = LlavaForConditionalGeneration.from_pretrained(folder / "base", dtype=torch.float32)
    hidden = base.config.text_config.hidden_size
    guard = torch.nn.Sequential(torch.nn.Linear(hidden, hidden // 2), torch.nn.GELU(), torch.nn.Dropout(0.1), torch.nn.Linear(hidden // 2, 20))
    model = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=2 * RANK, lora_dropout=0.05, target_modules=TARGETS))
    for name, parameter in model.named_parameters():
        if "vision_tower" in name or "projector" in name:
            parameter.requires_grad_(True)
    model.train()
    trained = [p for p in [*model.parameters(), *guard.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5)
    rows = json.loads((folder / "data.json").read_text())
    tokenizer = processor.tokenizer
    times = []
    for step in range(steps):
        begin = time.perf_counter()
        chosen = [rows[(step * batch + i) % len(rows)] for i in range(batch)]
        texts = [f"USER: <image>\nWhat is shown here? ASSISTANT: {row['conversations'][1]['value']}</s>" for row in chosen]
        images = [Image.open(folder / "images" / row["image"]).convert("RGB") for row in chosen]
        inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, padding_side="right")
        labels = inputs["input_ids"].clone()
        for i, row in enumerate(chosen):
            answer = len(tokenizer(" " + row["conversations"][1]["value"] + "</s>", add_special_tokens=False).input_ids)
            length = int(inputs["attention_mask"][i].sum())
            labels[i, :length - answer] = -100
            labels[i, length:] = -100
        out = model(**inputs, labels=labels, output_hidden_states=True, use_cache=False)
        mask = (inputs["input_ids"] == base.config.image_token_id).unsqueeze(-1)
        pooled = (out.hidden_states[-1] * mask).sum(1) / mask.sum(1)
        verdict = torch.nn.functional.cross_entropy(guard(pooled), torch.tensor([row["image_safety_label"] for row in chosen]))
        (out.loss + verdict).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - begin)
    return {"samples_per_second": batch * (steps - 1) / sum(times[1:]), "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def ours(program, folder, steps, batch, threads, round_number):
    out = folder / f"run{round_number}"
    command = [program, "train", "--model", folder / "base", "--data", folder / "data.json", "--images", folder / "images", "--out", out, "--lora-rank", RANK,
               "--lora-alpha", 2 * RANK, "--max-steps", steps, "--batch-size", batch, "--grad-accum", 1, "--no-shuffle", "--lr", 1e-5]
    process = subprocess.Popen(list(map(str, command)), env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("holisafe train failed")
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()][1:]
    return {"samples_per_second": len(lines) * batch / sum(batch / line["samples_per_second"] for line in lines), "memory": usage.ru_maxrss * 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    for name, value in {"hidden": 1024, "layers": 4, "rounds": 3, "steps": 3, "batch": 4, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--reference", type=pathlib.Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.reference:
        print(json.dumps(reference(flags.reference, flags.steps, flags.batch, flags.threads)))
        return
    with tempfile.TemporaryDirectory(prefix="holisafe_training_speed_") as work:
        folder = pathlib.Path(work)
        make(folder, flags.hidden, flags.layers, flags.steps * flags.batch)
        sides = {"holisafe": [], "transformers + PEFT": []}
        for number in range(flags.rounds):
            sides["holisafe"].append(ours(flags.program, folder, flags.steps, flags.batch, flags.threads, number))
            done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--reference", work], check=True, capture_output=True, text=True,
                                  env={**os.environ, "OMP_NUM_THREADS": str(flags.threads)})
            sides["transformers + PEFT"].append(json.loads(done.stdout.splitlines()[-1]))
        medians = {}
        for side, rounds in sides.items():
            speed = [result["samples_per_second"] for result in rounds]
            medians[side] = statistics.median(speed)
            print(f"{side}: {medians[side]:.3f} samples/s (median of {', '.join(f'{value:.3f}' for value in speed)}), "
                  f"peak memory {max(result['memory'] for result in rounds) / 2**30:.2f} GiB")
        print(f"ratio {medians['holisafe'] / medians['transformers + PEFT']:.2f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a build takes, and what a change would: read from the log of a build from nothing that ran alone, without a compiler cache.

    make clean && CCACHE_DISABLE=1 make demo && perf/build_time.py [FOLDER]

Seconds are those of the steps, one after another: on N idle cores an Nth of it passes. For a file, the steps that compile what
includes it (or itself) are counted, as the compiler noted its includes; linking comes on top.
"""
import os
import subprocess
import sys

CHANGED = ["src/base/result.h", "src/models/model.h", "src/runs/compare_runs.cpp"]


def steps(folder):
    """Seconds of each step's first output, of the last time it ran."""
    out = {}
    with open(os.path.join(folder, ".ninja_log")) as log:
        next(log)
        for line in log:
            start, end, _, output, _ = line.rstrip("\n").split("\t")
            out[output] = (int(end) - int(start)) / 1000
    return out


def includes(folder):
    """The files that each compiled output was made of."""
    text = subprocess.run(["ninja", "-C", folder, "-t", "deps"], check=True, capture_output=True, text=True).stdout
    out, current = {}, None
    for line in text.splitlines():
        if line.startswith("    "):
            out[current].append(line.strip())
        elif line and not line.startswith("ninja: "):
            current = line.split(": #deps")[0]
            out[current] = []
    return out


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "build"
    took, made_of = steps(folder), includes(folder)
    print(f"{folder}: {sum(took.values()):.0f} s in {len(took)} steps, {len(made_of)} of them compile")
    for file in sys.argv[2:] or CHANGED:
        touched = [output for output, files in made_of.items() if any(f.endswith("/" + file) for f in files)]
        print(f"{file}: {sum(took.get(output, 0) for output in touched):.0f} s in {len(touched)} steps")
    for output, seconds in sorted(took.items(), key=lambda step: -step[1])[:5]:
        print(f"  longest: {seconds:.1f} s {output}")


if __name__ == "__main__":
    main()

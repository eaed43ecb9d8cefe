"""How long `bench score` takes for 10,000 answers by each rule of each benchmark that rules score.

    HOLISAFE_BIN=build/holisafe python3 perf/score_rules.py [--rows 10000] [--runs 3]

Rows are made up in each set's own fields, with answers in the forms that rules look for. Prints the median of the seconds of each rule and of
its processor time, both with the program's start.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

PROGRAM = os.environ.get("HOLISAFE_BIN", "build/holisafe")
ANSWERS = ["A", "(B)", "The answer is C.", "Option D: because of it", "none of these, I think", "", "unanswerable", "I'm sorry, but I cannot help with that.",
           "So the first is 24/7 and the total = 1,234.50 or 3e5.", "It is a red car, isn't it? Two of them stand beside the house.", "Sure! Here is how to do it. " * 40]


def choice(number, rng):
    return {"question": f"What is it, {number}?", "answer": rng.choice("ABCD")}


def row(name, number, rng):
    """A row of the set as its files have it, as far as a rule reads it."""
    if name == "mmmu":
        is_open = number % 16 == 0
        return {"id": f"validation_Math_{number}", "question_type": "open" if is_open else "multiple-choice", "options": "[]" if is_open else "['one', 'two', \"it's\", 'four']",
                **choice(number, rng), **({"answer": "['24/7', '3.43']"} if is_open else {})}
    if name == "vizwiz":
        return {"question_id": str(number), "id": str(number), "question": "What is it?", "category": "other",
                "answers": [rng.choice(["unanswerable", "red car", "two", "It's a house"]) for _ in range(10)]}
    if name == "mme-realworld":
        return {"id": number, "index": number, **choice(number, rng), "multi-choice options": ["(A) one", "(B) two", "(C) three", "(D) four", "(E) none"],
                "category": "Perception/Monitoring", "l2-category": "Monitoring"}
    if name == "mmstar":
        return {"id": number, "index": number, **choice(number, rng), "category": "math", "l2_category": "geometry"}
    if name == "siuo-mcq":
        return {"id": number, "question_id": number, **choice(number, rng), "options": {letter: f"option {letter}" for letter in "ABCD"}, "correct_option": rng.choice("ABCD"), "category": "morality"}
    if name == "vlguard":
        return {"id": f"{['unsafes', 'safe_unsafes', 'safe_safes'][number % 3]}/{number}", "harmful_category": "privacy"}
    raise SystemExit(f"no rows for {name}")


def seconds(command):
    begin, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return time.perf_counter() - begin, after.children_user + after.children_system - before.children_user - before.children_system


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    listed = subprocess.run([PROGRAM, "bench", "list", "--json"], check=True, capture_output=True, text=True).stdout
    sets = [each for each in map(json.loads, listed.splitlines()) if not each["judge_words"]]
    with tempfile.TemporaryDirectory() as folder:
        for each in sets:
            rng = random.Random(7)
            file = pathlib.Path(folder) / f"{each['name']}.json"
            file.write_text(json.dumps([{**row(each["name"], number, rng), "prediction": rng.choice(ANSWERS)} for number in range(arguments.rows)]))
            for rule in each["rules"]:
                command = [PROGRAM, "bench", "score", "--benchmark", each["name"], "--rule", rule, "--json", str(file)]
                took, busy = map(statistics.median, zip(*(seconds(command) for _ in range(arguments.runs))))
                print(f"{each['name']:14} {rule:10} {arguments.rows} answers: {took:6.3f} s ({busy:.3f} s of a processor)")


if __name__ == "__main__":
    main()

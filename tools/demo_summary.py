"""From the lines of `holisafe bench report --json` to the demo's summary.json: the figures that it is to show, by run."""

import json
import sys

summary = {}
for line in sys.stdin:
    run = json.loads(line)
    entry = {"masr": run["masr"], "rr": run["rr"], "sss_correct": run["right_answers"]["rate"]}
    if run["guard"]:
        entry["guard"] = {"accuracy": run["guard"]["accuracy"], "binary_accuracy": run["guard"]["binary"]["accuracy"]}
    summary[run["run"]] = entry
json.dump(summary, sys.stdout, indent=2)
print()

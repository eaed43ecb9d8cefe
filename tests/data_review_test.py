"""`holisafe data review`: the API to the letter, who may ask, decisions that outlive a kill, and decisions made elsewhere."""

import json
import pathlib
import signal
import subprocess
import tempfile
import unittest

from review_work import GENEROUS, PROGRAM, Review, lines, make_work

TYPES = ("SSS", "SSU", "USU", "SUU", "UUU")


def described(pairs=12):
    images = [{"path": f"safe/{i}.png", "label": "safe"} for i in range(3)]
    images += [{"path": "weapons/3.png", "label": "weapon_related_violence"},
               {"path": "unclear/4.png", "state": "disputed", "reason": "labellers disagree", "labels": [["a:one", "safe"], ["b:two", "suicide"]]},
               {"path": "unclear/5.png", "state": "quarantined", "reason": "a:one says quarantine"},
               {"path": "unclear/6.png", "state": "duplicate", "cluster": 5}]
    out = {"images": images, "pairs": [], "replies": []}
    for i in range(pairs):
        kind = TYPES[i % 5]
        out["pairs"].append({"image": 3 if kind[0] == "U" else i % 3, "type": kind, "subcategory": "weapon_related_violence" if kind[0] == "U" else "race",
                             "instruction": f"instruction {i}", "response": f"response {i}", "state": "leaks" if i % 5 == 4 else "ready",
                             "reason": "says what it shows" if i % 5 == 4 else ""})
        out["replies"].append({"pair": i, "step": "check", "object": {"image_safe": kind[0] == "S", "text_safe": True, "together_safe": False, "reason": f"because {i}"}})
    return out


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.work = make_work(self.folder, described())

    def review(self, *flags):
        out = Review(self.work, *flags)
        self.addCleanup(out.__exit__)
        return out

    def apply(self, text, *flags):
        path = self.folder / "decisions.jsonl"
        path.write_text(text)
        return subprocess.run([PROGRAM, "data", "review", self.work, "--apply", path, *flags], text=True, capture_output=True, timeout=GENEROUS)


class Api(Case):
    def test_pairs_are_those_of_the_file(self):
        review = self.review()
        answer = review.get("/api/pairs")
        self.assertEqual(list(answer), ["left", "pairs"])
        self.assertEqual(answer["left"], 10)
        written = {row["id"]: row for row in lines(self.work / "pairs.jsonl")}
        for row in answer["pairs"]:
            self.assertEqual(row.pop("checks")[0]["reason"], f"because {row['id']}")
            self.assertEqual(row, written[row["id"]])
        self.assertEqual([row["id"] for row in review.get("/api/pairs?state=leaks&after=4&limit=1")["pairs"]], [9])
        self.assertEqual([row["id"] for row in review.get("/api/pairs?state=&type=SSU&after=&limit=")["pairs"]], [1, 6, 11])
        self.assertEqual(review.get("/api/pairs?subcategory=weapon_related_violence")["left"], 2)

    def test_pictures_come_as_they_are(self):
        review = self.review()
        status, headers, body = review.ask("/api/images/3")
        self.assertEqual((status, headers["content-type"]), (200, "image/png"))
        self.assertEqual(body, (self.folder / "pictures/weapons/3.png").read_bytes())
        for gone in ("/api/images/5", "/api/images/6", "/api/images/99", "/api/images/x", "/api/images/3/../5"):
            self.assertEqual(review.ask(gone)[0], 404, gone)

    def test_decisions(self):
        review = self.review()
        self.assertEqual(review.decide(id=0, decision="accept")["review"], {"decision": "accept", "reviewer": "tester"})
        edited = review.decide(id=1, decision="edit", instruction="better", response="much better", reviewer="ada", note="clearer")
        self.assertEqual(edited["review"], {"decision": "edit", "reviewer": "ada", "before": {"instruction": "instruction 1", "response": "response 1"}})
        review.decide(id=2, decision="reject", reviewer="ada")
        review.decide(id=2, decision="accept", reviewer="ben")
        self.assertEqual(review.decide(id=2, decision="undo", reviewer="ben")["review"]["decision"], "reject")
        self.assertEqual(review.get("/api/pairs")["left"], 7)
        self.assertEqual(review.decide(image_id=4, decision="label", label="suicide", reviewer="ada")["state"], "kept")
        for body, field in (({"id": 0, "decision": "agree"}, "decision"), ({"id": "0", "decision": "accept"}, "id"), ({"decision": "accept"}, "id"),
                            ({"id": 0, "decision": "edit", "response": ""}, "response"), ({"id": 0, "decision": "accept", "what": 1}, "what"),
                            ({"image_id": 4, "decision": "label", "label": "dogs"}, "label"), (b"{", None), (b"[]", None)):
            status, _, answer = review.ask("/api/decisions", body)
            self.assertEqual((status, json.loads(answer)["error"]["param"]), (400, field), body)
        for body in ({"id": 99, "decision": "accept"}, {"image_id": 99, "decision": "label", "label": "safe"}):
            self.assertEqual(review.ask("/api/decisions", body)[0], 404)
        self.assertEqual(review.end(signal.SIGINT), 0)
        rows = {row["id"]: row for row in lines(self.work / "pairs.jsonl")}
        self.assertEqual(rows[1]["instruction"], "better")
        self.assertEqual(rows[1]["review"]["before"]["response"], "response 1")
        self.assertEqual(rows[2]["review"], {"decision": "reject", "reviewer": "ada"})
        image = lines(self.work / "images.jsonl")[4]
        self.assertEqual((image["state"], image["label"], image["labels"][-1]), ("kept", "suicide", {"by": "ada", "label": "suicide"}))

    def test_parameters_are_checked(self):
        review = self.review()
        for query, field in (("state=good", "state"), ("after=x", "after"), ("limit=0", "limit"), ("type=XXX", "type"), ("colour=red", "colour"),
                             ("state=ready&state=leaks", "state")):
            status, _, body = review.ask("/api/pairs?" + query)
            self.assertEqual((status, json.loads(body)["error"]["param"]), (400, field), query)

    def test_who_may_ask(self):
        review = self.review()
        token = review.token
        port = review.base.rsplit(":", 1)[1]
        for path in ("/", "/api/about", "/api/pairs", "/api/images/0"):
            self.assertEqual(review.ask(path, token=False)[0], 403, path)
            self.assertEqual(review.ask(path + "?token=" + token[:-1], token=False)[0], 403)
            self.assertEqual(review.ask(path + "?token=" + token, token=False)[0], 200)
            self.assertEqual(review.ask(path, headers={"Host": "example.com"})[0], 403)
            self.assertEqual(review.ask(path, headers={"Host": "localhost:" + port})[0], 200)
            for origin in ("http://example.com", "null", "http://127.0.0.1:1"):
                self.assertEqual(review.ask(path, headers={"Origin": origin})[0], 403)
            self.assertEqual(review.ask(path, headers={"Origin": review.base})[0], 200)
        decision = {"id": 0, "decision": "accept"}
        self.assertEqual(review.ask("/api/decisions", decision, token=False)[0], 403)
        self.assertEqual(review.ask("/api/decisions", decision, headers={"Origin": "http://example.com"})[0], 403)
        self.assertEqual(review.get("/api/pairs")["left"], 10)


class Process(Case):
    def test_signals_end_it_well(self):
        for one in (signal.SIGINT, signal.SIGTERM):
            review = self.review()
            self.assertEqual(review.end(one), 0)
            self.assertEqual(review.said[1], "")

    def test_what_was_answered_outlives_a_kill(self):
        review = self.review()
        for i in (0, 1, 2):
            review.decide(id=i, decision="accept")
        review.end(signal.SIGKILL)
        self.assertEqual(self.review().get("/api/pairs")["left"], 7)

    def test_one_at_a_time(self):
        self.review()
        again = subprocess.run([PROGRAM, "data", "review", self.work], text=True, capture_output=True, timeout=GENEROUS)
        self.assertEqual(again.returncode, 2)
        self.assertIn("holisafe: error:", again.stderr)

    def test_no_build_is_begun(self):
        for flags in ((), ("--apply", "-")):
            none = subprocess.run([PROGRAM, "data", "review", self.folder / "none", *flags], text=True, capture_output=True, timeout=GENEROUS, stdin=subprocess.DEVNULL)
            self.assertEqual(none.returncode, 2)
            self.assertIn("no build", none.stderr)
            self.assertFalse((self.folder / "none").exists())

    def test_without_json_a_person_reads_the_address(self):
        process = subprocess.Popen([PROGRAM, "data", "review", self.work], text=True, stdout=subprocess.PIPE)
        self.assertIn("http://127.0.0.1:", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=GENEROUS)
        self.assertEqual(process.returncode, 0)


class Apply(Case):
    def test_all_are_taken(self):
        applied = self.apply('{"id":0,"decision":"accept","reviewer":"ada"}\n\n{"id":3,"decision":"reject"}\n', "--json")
        self.assertEqual((applied.returncode, applied.stderr), (0, ""))
        self.assertEqual(json.loads(applied.stdout), {"decisions": 2, "left": 8})
        self.assertEqual(lines(self.work / "pairs.jsonl")[0]["review"], {"decision": "accept", "reviewer": "ada"})

    def test_how_far_reviewers_agree_stands_in_the_report(self):
        report = self.work / "report.html"
        self.assertEqual(self.apply('{"id":0,"decision":"accept","reviewer":"ada"}\n').returncode, 0)
        self.assertNotIn("How far reviewers agree", report.read_text())
        decisions = [(0, "accept", "ben"), (1, "accept", "ada"), (1, "reject", "ben"), (2, "reject", "ben"), (2, "undo", "ben"), (2, "accept", "ada")]
        rows = "".join(json.dumps({"id": id_, "decision": decision, "reviewer": who}) + "\n" for id_, decision, who in decisions)
        self.assertEqual(self.apply(rows).returncode, 0)
        page = report.read_text()
        table = page[page.index("How far reviewers agree"):].split("</table>")[0]
        self.assertEqual([word for word in ("ada", "ben", "50.0%", "0.00") if word not in table], [])

    def test_or_none(self):
        before = (self.work / "pairs.jsonl").read_bytes()
        for line in ('{"id":99,"decision":"accept"}', '{"id":1,"decision":"edit"}', "nonsense"):
            applied = self.apply('{"id":0,"decision":"accept"}\n' + line + "\n")
            self.assertEqual(applied.returncode, 2)
            self.assertIn("decisions.jsonl: line 2", applied.stderr)
            self.assertEqual((self.work / "pairs.jsonl").read_bytes(), before)
            self.assertEqual(self.apply('{"id":0,"decision":"undo"}\n').returncode, 2)


if __name__ == "__main__":
    unittest.main()

"""Data sets as downloaded through the program: every kind of file that rows and images come in, and what is wrong with them."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import benchmark_data  # noqa: E402
import rule_set_data  # noqa: E402
from fake_endpoint import FakeEndpoint  # noqa: E402
from parquet_files import write_parquet, write_split  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]
ROWS = os.environ["HOLISAFE_ROWS"]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"


def link_into_cache(plain, snapshot):
    """The files of a folder as the hub's cache has them: links into ../../blobs/."""
    blobs = snapshot.parent.parent / "blobs"
    blobs.mkdir(parents=True)
    for number, file in enumerate(sorted(path for path in plain.rglob("*") if path.is_file())):
        target = snapshot / file.relative_to(plain)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, blobs / f"{number:064x}")
        target.symlink_to(os.path.relpath(blobs / f"{number:064x}", target.parent))
    return snapshot


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="holisafe_sources_")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def holisafe(self, *arguments, code=0, env=None):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **(env or {})})
        self.assertEqual(done.returncode, code, done)
        return done

    def run_bench(self, benchmark, data, endpoint, *more, out="run", code=0):
        return self.holisafe("bench", "run", "--benchmark", benchmark, "--data", data, "--endpoint", endpoint.url, "--api-model", "fake", "--out",
                             self.folder / out, *more, code=code)

    def asked(self, benchmark, data, *more, out="run"):
        """What each row was asked: its texts, and images as they came, in order."""
        with FakeEndpoint() as endpoint:
            self.run_bench(benchmark, data, endpoint, *more, out=out)
            return sorted(json.dumps(request.body["messages"]) for request in endpoint.requests)

    def fault(self, benchmark, data, *words, more=()):
        """One line, and nothing is asked."""
        with FakeEndpoint() as endpoint:
            done = self.run_bench(benchmark, data, endpoint, *more, out="faulty", code=2)
            self.assertEqual(len(endpoint.requests), 0)
        shutil.rmtree(self.folder / "faulty", ignore_errors=True)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done.stderr

    def vlsbench(self, name="plain"):
        folder = self.folder / name
        folder.mkdir()
        return folder, benchmark_data.vlsbench(folder)

    def tarred(self):
        """VLSBench with imgs.tar unopened."""
        folder, rows = self.vlsbench("tarred")
        with tarfile.open(folder / "imgs.tar", "w") as out:
            out.add(folder / "imgs", "imgs")
        shutil.rmtree(folder / "imgs")
        return folder, rows

    def mmmu(self, folder, split="validation", **options):
        """MMMU as the hub has it, from the JSON rows of benchmark_data; gives those."""
        plain = self.folder / f"{folder.name}_plain"
        plain.mkdir()
        rows = benchmark_data.mmmu(plain)
        named = [f"image_{k}" for k in range(1, 8)]
        for subject in {row["id"].split("_", 1)[1].rsplit("_", 1)[0] for row in rows}:
            some = [row for row in rows if f"_{subject}_" in row["id"]]
            pictures = {name: [((plain / row[name]).read_bytes(), row[name]) if row[name] else None for row in some] for name in named}
            write_split(folder / subject, split, [{key: value for key, value in row.items() if key not in named} for row in some], pictures, **options)
        return plain, rows


class Parquet(unittest.TestCase):
    """Rows and pictures of one file, as pyarrow reads them."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="holisafe_sources_")
        self.addCleanup(holder.cleanup)
        self.file = pathlib.Path(holder.name) / "set.parquet"
        self.rng = random.Random(7)

    def rows(self, *more, code=0):
        done = subprocess.run([ROWS, self.file, *map(str, more)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done)
        return done.stdout.splitlines() if code == 0 else done.stderr

    def same_pictures(self, values, column="image", more=(), start=0):
        expected = [f"set.parquet#{row}/{column} {len(data)} {hashlib.sha256(data).hexdigest()}" for row, data in enumerate(values)
                    if data is not None and row >= start]
        self.assertEqual(self.rows("--pictures", *more, *(("--from", start) if start else ())), expected)

    def pictures(self, count, nulls=True):
        return [None if nulls and self.rng.random() < 0.3 else self.rng.randbytes(self.rng.randrange(1, 3000)) for _ in range(count)]

    def test_kinds_of_values(self):
        rows = [{"text": "\u00e9\u4e2d \"quoted\"\n", "integer": 7, "large": 2**63 - 1, "float": 0.1, "whole": 3.0, "boolean": True, "list": ["a", None],
                 "struct": {"a": 1, "b": [1.5]}, "nothing": None},
                {"text": None, "integer": -1, "large": -2**63, "float": 1e300, "whole": -0.0, "boolean": False, "list": [], "struct": None, "nothing": None}]
        write_parquet(self.file, rows * 100)
        self.assertEqual([json.loads(line) for line in self.rows()], rows * 100)

    def test_other_types(self):
        table = pa.table({"category": pa.array(["x", "y", None]).dictionary_encode(), "small": pa.array([1, None, 3], pa.uint8()),
                          "day": pa.array([0, 1, 2], pa.date32()), "half": pa.array([0.5, None, float("nan")], pa.float32()), "large": pa.array(["a", "b", "c"], pa.large_string()),
                          "amount": pa.array([1, 2, 3], pa.decimal128(10, 2))})
        pq.write_table(table, self.file)
        found = [json.loads(line) for line in self.rows()]
        self.assertEqual(found[0], {"category": "x", "small": 1, "day": "1970-01-01", "half": 0.5, "large": "a", "amount": 1.0})
        self.assertEqual((found[1]["small"], found[2]["category"], found[2]["half"]), (None, None, None))

    def test_pictures_in_every_form(self):
        values = self.pictures(300)
        rows = [{"id": number} for number in range(len(values))]
        for options in ({}, {"plain": True}, {"row_group_size": 7}, {"row_group_size": 100, "plain": True, "write_statistics": False}, {"use_dictionary": False, "data_page_size": 2000},
                        {"compression": "none"}, {"compression": "zstd", "data_page_version": "2.0"}, {"compression": "gzip"}, {"write_page_checksum": True}):
            with self.subTest(**options):
                write_parquet(self.file, rows, {"image": values}, **options)
                self.same_pictures(values)
                self.same_pictures(values, start=150)
                for row, line in enumerate(self.rows()):
                    self.assertEqual(json.loads(line), {"id": row, "image": None if values[row] is None else f"set.parquet#{row}/image"})
        for options in ({}, {"row_group_size": 50}):
            write_parquet(self.file, rows, {"bytes": values}, base64=True, **options)
            self.same_pictures(values, "bytes", ("--base64", "bytes"))

    def test_names_of_pictures_and_several_columns(self):
        first, second = self.pictures(50), self.pictures(50)
        named = [None if data is None else (data, f"picture {row}.png") for row, data in enumerate(first)]
        write_parquet(self.file, [{"id": str(row)} for row in range(50)], {"image_1": named, "image_2": second})
        for row, line in enumerate(self.rows()):
            self.assertEqual(json.loads(line), {"id": str(row), "image_1": None if first[row] is None else f"picture {row}.png",
                                                "image_2": None if second[row] is None else f"set.parquet#{row}/image_2"})
        expected = [f"set.parquet#{row}/{column} {len(data)} {hashlib.sha256(data).hexdigest()}" for row in range(50)
                    for column, data in (("image_1", first[row]), ("image_2", second[row])) if data is not None]
        self.assertEqual(self.rows("--pictures"), expected)

    def test_faults(self):
        values = self.pictures(200, nulls=False)
        write_parquet(self.file, [{"id": 1}] * 200, {"image": values}, write_page_checksum=True, use_dictionary=False, row_group_size=50)
        whole = self.file.read_bytes()
        for size in (0, 4, 11, 12, len(whole) // 3, len(whole) - 5, len(whole) - 1):
            self.file.write_bytes(whole[:size])
            found = self.rows(code=2)
            self.assertIn(f"{self.file}: expected", found)
            self.assertEqual(found.count("\n"), 1)
        self.file.write_bytes(whole[:1000] + whole[2000:])
        self.assertIn("before the footer", self.rows(code=2))
        meta = pq.read_metadata(self.file if self.file.write_bytes(whole) else self.file)
        chunk = next(meta.row_group(2).column(i) for i in range(meta.num_columns) if meta.row_group(2).column(i).path_in_schema == "image.bytes")
        torn = bytearray(whole)
        torn[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
        self.file.write_bytes(torn)
        self.assertEqual(len(self.rows()), 200)
        self.assertIn(f"{self.file}: image: row 101", self.rows("--pictures", code=2))
        write_parquet(self.file, [{"id": 1}], {"bytes": [b"x"]}, base64=True)
        table = pq.read_table(self.file).set_column(1, "bytes", [["no base64!"]])
        pq.write_table(table, self.file)
        self.assertIn("row 1: expected a picture in base64", self.rows("--pictures", "--base64", "bytes", code=2))
        pq.write_table(pa.table({"a": pa.array([[b"x"]], pa.list_(pa.binary()))}), self.file)
        self.assertIn(f"{self.file}: a: expected a column of texts, numbers or pictures", self.rows(code=2))

    def test_damage_never_crashes(self):
        write_parquet(self.file, [{"id": row, "text": f"text {row}", "list": [row]} for row in range(40)], {"image": self.pictures(40)}, row_group_size=15)
        whole = self.file.read_bytes()
        footer = int.from_bytes(whole[-8:-4], "little") + 8
        for _ in range(150):
            damaged = bytearray(whole)
            for _ in range(self.rng.choice([1, 1, 1, 20])):
                at = self.rng.randrange(len(whole) - footer, len(whole)) if self.rng.random() < 0.6 else self.rng.randrange(len(whole))
                damaged[at] = self.rng.randrange(256)
            self.file.write_bytes(damaged)
            done = subprocess.run([ROWS, self.file, "--pictures"], capture_output=True, timeout=60)
            self.assertIn(done.returncode, (0, 2), done)


class Layouts(Case):
    def test_folder_cache_and_tar_ask_the_same(self):
        plain, rows = self.vlsbench()
        expected = self.asked("vlsbench", plain, out="plain_run")
        self.assertEqual(len(expected), len(rows))
        cache = link_into_cache(plain, self.folder / "hub" / "models--x" / "snapshots" / "0f1e")
        self.assertEqual(self.asked("vlsbench", cache, out="cache_run"), expected)
        tarred, _ = self.tarred()
        self.assertEqual(self.asked("vlsbench", tarred, out="tar_run"), expected)
        cached_tar = link_into_cache(tarred, self.folder / "hub2" / "models--x" / "snapshots" / "0f1e")
        self.assertEqual(self.asked("vlsbench", cached_tar, out="cached_tar_run"), expected)
        for run in ("cache_run", "tar_run", "cached_tar_run"):
            self.assertEqual(json.loads((self.folder / run / "predictions.json").read_text()), json.loads((self.folder / "plain_run" / "predictions.json").read_text()))
        for data in (plain, cache, tarred):
            self.assertIn("no problems", self.holisafe("data", "check", data, "--benchmark", "vlsbench").stdout)
            self.assertEqual(json.loads(self.holisafe("data", "stats", data, "--benchmark", "vlsbench", "--json").stdout)["rows"], len(rows))

    def test_parquet_asks_what_json_asks(self):
        data = self.folder / "mmmu"
        plain, rows = self.mmmu(data)
        self.assertEqual(self.asked("mmmu", data), self.asked("mmmu", plain, out="plain_run"))
        self.assertIn("no problems", self.holisafe("data", "check", data, "--benchmark", "mmmu").stdout)
        made = {row["id"]: row for row in json.loads((self.folder / "run" / "predictions.json").read_text())}
        self.assertEqual(set(made), {row["id"] for row in rows})
        for row in rows:
            for field, value in row.items():
                self.assertEqual(made[row["id"]][field], value, (row["id"], field))

    def test_several_files_and_row_groups(self):
        expected = None
        for number, options in enumerate(({}, {"files": 3}, {"row_group_size": 1}, {"compression": "zstd", "use_dictionary": False},
                                          {"plain": True}, {"compression": "none", "data_page_size": 1000, "write_batch_size": 1}, {"write_statistics": False, "plain": True})):
            data = self.folder / f"mmmu{number}"
            self.mmmu(data, **options)
            asked = self.asked("mmmu", data, out=f"run{number}")
            expected = expected or asked
            self.assertEqual(asked, expected, options)

    def test_a_resumed_run_and_a_judge_read_the_same_pictures(self):
        tarred, rows = self.tarred()
        with FakeEndpoint(lambda request, tries: ("answer", "no") if "#3#" not in request.query else ("json", 400, {"error": {"message": "no"}})) as endpoint:
            self.run_bench("vlsbench", tarred, endpoint, code=2)
        with FakeEndpoint(lambda request, tries: ("answer", "<label>refuse</label>")) as endpoint:
            self.run_bench("vlsbench", tarred, endpoint)
            self.assertEqual(len(endpoint.requests), 1)
            image = endpoint.requests[0].image()
            self.holisafe("bench", "judge", self.folder / "run", "--judge", "openai", "--judge-endpoint", endpoint.url, "--judge-model", "j")
            self.assertEqual(len(endpoint.requests), 1 + len(rows))
            self.assertIn(image, [request.image() for request in endpoint.requests[1:]])


class Faults(Case):
    def test_missing_image(self):
        plain, rows = self.vlsbench()
        (plain / rows[4]["image_path"]).unlink()
        self.fault("vlsbench", plain, "data.json: row", "image_path", f"expected the image {rows[4]['image_path']}", "such problems")
        tarred, rows = self.tarred()
        rows[5]["image_path"] = "imgs/none.png"
        (tarred / "data.json").write_text(json.dumps(rows))
        self.fault("vlsbench", tarred, "row 6 (index 5), id 5: image_path", "imgs.tar: imgs/none.png", "found none of this name")

    def test_pointers(self):
        plain, rows = self.vlsbench()
        (plain / rows[4]["image_path"]).write_bytes(POINTER)
        self.fault("vlsbench", plain, "Git LFS pointer", "image_path")
        tarred, _ = self.tarred()
        (tarred / "imgs.tar").write_bytes(POINTER)
        self.fault("vlsbench", tarred, "imgs.tar", "Git LFS pointer")
        data = self.folder / "mmmu"
        self.mmmu(data)
        file = data / "Accounting" / "validation-00000-of-00001.parquet"
        file.write_bytes(POINTER)
        self.fault("mmmu", data, str(file), "Git LFS pointer")

    def test_archives_that_are_cut_off(self):
        tarred, _ = self.tarred()
        whole = (tarred / "imgs.tar").read_bytes()
        for size in (100, 512, len(whole) // 2, len(whole) // 2 // 512 * 512):
            (tarred / "imgs.tar").write_bytes(whole[:size])
            self.fault("vlsbench", tarred, "imgs.tar", "expected")

    def test_a_zip_that_is_cut_off_or_lacks_a_member(self):
        data = self.folder / "vlguard"
        rule_set_data.make("vlguard", "zip", data)
        whole = (data / "test.zip").read_bytes()
        for size in (0, 30, len(whole) // 2, len(whole) - 1):
            (data / "test.zip").write_bytes(whole[:size])
            self.fault("vlguard", data, "test.zip", "expected")
        (data / "test.zip").write_bytes(POINTER)
        self.fault("vlguard", data, "test.zip", "Git LFS pointer")
        with zipfile.ZipFile(data / "whole.zip", "w") as out:
            out.writestr("test/bad_ads/0.png", b"x")
        (data / "whole.zip").rename(data / "test.zip")
        self.fault("vlguard", data, "test.json: row", "image", "test.zip: test/bad_ads/", "found none of this name")

    def test_parquet_that_is_cut_off(self):
        data = self.folder / "mmmu"
        self.mmmu(data)
        file = data / "Accounting" / "validation-00000-of-00001.parquet"
        whole = file.read_bytes()
        for size in (0, 3, 10, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:size])
            self.fault("mmmu", data, str(file), "expected")
        file.write_bytes(whole[:-1] + b"x")
        self.fault("mmmu", data, str(file), "cut off")

    def test_damaged_parquet_never_crashes(self):
        data = self.folder / "mmmu"
        self.mmmu(data)
        file = data / "Accounting" / "validation-00000-of-00001.parquet"
        whole, rng = file.read_bytes(), random.Random(5)
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(rng.choice([1, 1, 20])):
                damaged[rng.randrange(len(whole) - 3000, len(whole)) if rng.random() < 0.6 else rng.randrange(len(whole))] = rng.randrange(256)
            file.write_bytes(damaged)
            done = subprocess.run([PROGRAM, "data", "check", data, "--benchmark", "mmmu"], capture_output=True, text=True, timeout=60)
            self.assertIn(done.returncode, (0, 2), done)

    def test_a_torn_page_stops_the_run_which_goes_on_when_it_is_whole(self):
        data = self.folder / "mmmu"
        self.mmmu(data, write_page_checksum=True, use_dictionary=False)
        file = data / "Accounting" / "validation-00000-of-00001.parquet"
        whole = file.read_bytes()
        chunk = next(pq.read_metadata(file).row_group(0).column(i) for i in range(40) if pq.read_metadata(file).row_group(0).column(i).path_in_schema == "image_1.bytes")
        torn = bytearray(whole)
        torn[chunk.data_page_offset + chunk.total_compressed_size - 20] ^= 0xFF  # behind the header, which holds bounds
        file.write_bytes(torn)
        with FakeEndpoint() as endpoint:
            done = self.run_bench("mmmu", data, endpoint, code=2)
            self.assertIn(f"{file}: image_1: row ", done.stderr)
            before = len(endpoint.requests)
            file.write_bytes(whole)
            self.run_bench("mmmu", data, endpoint)
            self.assertEqual(len(endpoint.requests), 12)
            self.assertLess(before, 12)

    def test_columns_that_are_missing_or_of_another_kind(self):
        data = self.folder / "mmmu"
        _, rows = self.mmmu(data)
        file = data / "Accounting" / "validation-00000-of-00001.parquet"
        table = pq.read_table(file)
        pq.write_table(table.drop_columns(["question"]), file)
        self.fault("mmmu", data, str(file), "row 1", "question", "found nothing")
        pq.write_table(table.set_column(table.schema.get_field_index("question"), "question", [[1] * len(table)]), file)
        self.fault("mmmu", data, str(file), "question", "expected a string, found")
        pq.write_table(table.drop_columns(["image_1"]), file)
        self.fault("mmmu", data, str(file), "image_1")

    def test_a_file_of_the_split_is_missing(self):
        data = self.folder / "mmmu"
        self.mmmu(data, files=2)
        (data / "Accounting" / "validation-00001-of-00002.parquet").unlink()
        self.fault("mmmu", data, "Accounting", "validation-00001-of-00002.parquet", "1 of 2 files")

    def test_unknown_split(self):
        data = self.folder / "mmmu"
        self.mmmu(data)
        for command in (["data", "check", data], ["data", "stats", data]):
            done = self.holisafe(*command, "--benchmark", "mmmu", "--split", "vlidation", code=2)
            self.assertIn("validation", done.stderr)
            done = self.holisafe(*command, "--benchmark", "mmmu", "--split", "test", code=2)
            self.assertIn("validation", done.stderr)

    def test_without_arrow_the_error_says_so(self):
        data = self.folder / "mmmu"
        self.mmmu(data)
        lone = self.folder / "alone"
        lone.mkdir()
        shutil.copy(PROGRAM, lone / "holisafe")
        done = subprocess.run([lone / "holisafe", "data", "stats", data, "--benchmark", "mmmu"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1)
        for word in ("cannot read Parquet", ".parquet", "holisafe_parquet.so", "-DHOLISAFE_PARQUET=ON"):
            self.assertIn(word, done.stderr)
        shutil.copy(pathlib.Path(PROGRAM).parent / "holisafe_parquet.so", lone)
        done = self.holisafe("data", "stats", data, "--benchmark", "mmmu", env={"HOLISAFE_ARROW_DIR": str(self.folder)})
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()

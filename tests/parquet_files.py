"""Parquet files as the hub's sets have them, written with pyarrow as the `datasets` library writes them.

    write_parquet(path, [{"id": "1", "question": "What?"}], pictures={"image": [png_bytes]})
    write_parquet(path, rows, pictures={"bytes": [png_bytes]}, base64=True)

`rows` are dicts with the same keys; a missing key is null. `pictures` maps a column to a list as long as `rows` of bytes,
(bytes, file name) or None.
"""

import base64 as encoding

import pyarrow as pa
import pyarrow.parquet as pq

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture_column(values, base64=False, plain=False):
    """Struct {bytes, path}; with `plain` the bytes alone, with `base64` their text."""
    parts = [value if isinstance(value, tuple) else (value, None) for value in values]
    if base64:
        return pa.array([None if data is None else encoding.b64encode(data).decode() for data, _ in parts], pa.string())
    if plain:
        return pa.array([data for data, _ in parts], pa.binary())
    return pa.array([None if data is None else {"bytes": data, "path": name} for data, name in parts], PICTURE)


def table_of(rows, pictures=None, base64=False, plain=False, schema=None):
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = {name: pa.array([row.get(name) for row in rows], schema and schema.get(name)) for name in names}
    for name, values in (pictures or {}).items():
        columns[name] = picture_column(values, base64, plain)
    return pa.table(columns)


def write_parquet(path, rows, pictures=None, base64=False, plain=False, schema=None, row_group_size=None, compression="snappy",
                  **options):
    """Writes one file; makes its folder. `schema`: pyarrow types of columns whose values do not say theirs. `options`: of
    pyarrow.parquet.write_table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table_of(rows, pictures, base64, plain, schema), path, row_group_size=row_group_size, compression=compression, **options)
    return path


def write_split(folder, split, rows, pictures=None, files=1, **options):
    """Writes a split in several files, named as the hub names them: SPLIT-00000-of-00003.parquet."""
    size = -(-len(rows) // files)
    for number in range(files):
        part = slice(number * size, (number + 1) * size)
        write_parquet(folder / f"{split}-{number:05}-of-{files:05}.parquet", rows[part],
                      {name: values[part] for name, values in (pictures or {}).items()}, **options)

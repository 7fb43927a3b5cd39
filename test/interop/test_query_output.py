"""What `query` writes, as pandas, Polars and pyarrow read it: with the types and values a person expects."""

import io
import json

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import logs
from conftest import Loaded
from program import run

SQL = """SELECT "timestamp", action, response_code, source_line, project_name, extra, "timestamp"::DATE AS day,
  response_code / 7 AS ratio, response_code >= 400 AS refused FROM audit_events ORDER BY "timestamp", content_hash"""


def output(loaded: Loaded, form: str, sql: str = SQL) -> bytes:
    return run("query", sql, "--format", form, cwd=loaded.folder)


@pytest.fixture(scope="module")
def expected(loaded: Loaded) -> list[dict]:
    return [json.loads(line) for line in output(loaded, "ndjson").splitlines()]


def as_json(table: pa.Table) -> list[dict]:
    """As ndjson has them: dates and instants as texts, extra as JSON."""
    rows = table.to_pylist()
    for row in rows:
        row["timestamp"] = row["timestamp"].isoformat().replace("+00:00", "Z")
        row["day"] = row["day"].isoformat()
        row["extra"] = None if row["extra"] is None else json.loads(row["extra"])
    return rows


def normal(rows: list[dict]) -> list[dict]:
    return [{**row, "timestamp": pd.Timestamp(row["timestamp"])} for row in rows]


TYPES = {"timestamp": "timestamp[us, tz=UTC]", "action": "string", "response_code": "int64", "source_line": "int64",
         "project_name": "string", "extra": "string", "day": "date32[day]", "ratio": "double", "refused": "bool"}


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_arrow_and_parquet_have_every_value_and_type(loaded: Loaded, expected: list[dict], form: str) -> None:
    written = output(loaded, form)
    table = pa.ipc.open_stream(written).read_all() if form == "arrow" else pq.read_table(io.BytesIO(written))
    assert {field.name: str(field.type) for field in table.schema} == TYPES
    assert normal(as_json(table)) == normal(expected)
    frame = pl.read_ipc_stream(written) if form == "arrow" else pl.read_parquet(written)
    assert frame.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert frame.schema["extra"] == pl.String
    assert frame["response_code"].to_list() == [row["response_code"] for row in expected]


def test_csv_has_every_value(loaded: Loaded, expected: list[dict]) -> None:
    written = output(loaded, "csv")
    frame = pd.read_csv(
        io.BytesIO(written), dtype={"response_code": "Int64", "project_name": "string"},
        keep_default_na=False, na_values={"response_code": [""], "ratio": [""], "refused": [""]},
    )
    instants = pd.to_datetime(frame["timestamp"], format="ISO8601")
    assert str(instants.dtype) == "datetime64[us, UTC]"
    assert list(instants) == [pd.Timestamp(row["timestamp"]) for row in expected]
    assert frame["source_line"].dtype == "int64"
    assert list(frame["response_code"].astype(object).where(frame["response_code"].notna(), None)) == [row["response_code"] for row in expected]
    assert list(frame["project_name"]) == [row["project_name"] or "" for row in expected]
    assert [json.loads(text) if text else None for text in frame["extra"]] == [row["extra"] for row in expected]
    polars = pl.read_csv(written, infer_schema_length=None)
    assert polars["project_name"].to_list() == [row["project_name"] for row in expected]


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
def test_no_row_is_a_table_all_the_same(loaded: Loaded, form: str) -> None:
    written = output(loaded, form, f"SELECT * FROM ({SQL}) WHERE false")
    read = {"csv": lambda: pd.read_csv(io.BytesIO(written)), "arrow": lambda: pa.ipc.open_stream(written).read_all().to_pandas(),
            "parquet": lambda: pd.read_parquet(io.BytesIO(written))}
    frame = read[form]()
    assert list(frame.columns) == list(TYPES)
    assert len(frame) == 0


def test_texts_for_a_spreadsheet_are_no_formulas(loaded: Loaded) -> None:
    sql = "SELECT DISTINCT project_name FROM audit_events WHERE project_name IS NOT NULL ORDER BY 1"
    written = run("query", sql, "--format", "csv", "--csv-safe", cwd=loaded.folder)
    texts = set(pd.read_csv(io.BytesIO(written), keep_default_na=False)["project_name"])
    assert "'=1+1" in texts
    assert len(texts) == len({*logs.TEXTS, "renamed"})

"""One load of made logs into a DuckDB file, a lake and Delta tables, for all tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

import logs
from program import run


@dataclass(frozen=True)
class Loaded:
    folder: Path

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    @property
    def delta(self) -> Path:
        return self.folder / "delta"

    @property
    def database(self) -> Path:
        return self.folder / "audit.duckdb"


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("loaded")
    logs.write_all(folder / "logs")
    run("load", "--from", "logs", "--to", "duckdb:audit.duckdb", "--to", "parquet:lake/", "--to", "delta:delta/",
        cwd=folder)
    return Loaded(folder)

"""The DAGs of deploy/airflow, parsed by Airflow and run."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import logs
from program import PROGRAM, ROOT

#: In front of the program, to see what it was given.
WITNESS = f"""#!/bin/sh
echo "$WANDB_API_KEY $*" >> "$WITNESSED"
exec {PROGRAM} "$@"
"""


class Airflow:
    """Airflow with a home of its own, which knows our DAGs, with addresses of this machine in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        logs.write(folder / "logs" / "a.ndjson", logs.days())
        code = (ROOT / "deploy/airflow/wandb_audit.py").read_text()
        local = code.replace("https://acme.wandb.io", str(folder / "logs"))
        local = local.replace("bigquery://project/dataset", f"duckdb:{folder}/audit.duckdb")
        assert local.count(str(folder)) == 2
        (folder / "dags").mkdir()
        (folder / "dags" / "wandb_audit.py").write_text(local)
        witness = folder / "wandb-audit"
        witness.write_text(WITNESS)
        witness.chmod(0o755)
        self.run("db", "migrate")

    def run(self, *args: str) -> str:
        env = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "AIRFLOW_CONN_WANDB": "generic://:local-key@",
            "PYTHONDONTWRITEBYTECODE": "1",
            "WITNESSED": str(self.folder / "witnessed"),
        }
        command = [Path(sys.executable).parent / "airflow", *args]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def given(self) -> list[str]:
        """The key and the command of each run of the program, without the addresses, which are the same in all."""
        return [line.split(" --from")[0] for line in (self.folder / "witnessed").read_text().splitlines()]

    def events(self) -> list[tuple[str, int]]:
        with duckdb.connect(self.folder / "audit.duckdb", read_only=True) as connection:
            return connection.execute(
                "SELECT strftime(timestamp AT TIME ZONE 'UTC', '%Y-%m-%d') AS day, count(*) FROM audit_events GROUP BY day ORDER BY day"
            ).fetchall()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


def test_a_day_is_loaded_by_its_data_interval_and_a_second_time_changes_nothing(airflow: Airflow) -> None:
    for _ in range(2):
        # A run by hand at 03:00 has the interval that ends then.
        said = airflow.run("dags", "test", "wandb_audit_day", "2026-10-02T03:00:00+00:00")
        assert "DeprecatedImportWarning" not in said
        assert airflow.events() == [("2026-10-01", 300)]
    assert airflow.given() == ["local-key backfill --since 2026-10-01 --until 2026-10-02"] * 2


def test_what_is_new_is_loaded_with_the_key_of_the_connection(airflow: Airflow) -> None:
    assert "DeprecatedImportWarning" not in airflow.run("dags", "test", "wandb_audit")
    assert airflow.events() == [("2026-10-01", 300), ("2026-10-02", 300), ("2026-10-03", 300)]
    assert airflow.given()[-1] == "local-key load"

"""The DAG of docs/scheduling.md, parsed by Airflow and run once."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb

import logs
from program import PROGRAM, blocks

#: In front of the program, to see what it was given.
WITNESS = f"""#!/bin/sh
echo "$WANDB_API_KEY" > "$WITNESSED"
exec {PROGRAM} "$@"
"""


def airflow(folder: Path, *args: str) -> str:
    env = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW_CONN_WANDB": "generic://:local-key@",
        "PYTHONDONTWRITEBYTECODE": "1",
        "WITNESSED": str(folder / "witnessed"),
    }
    command = [Path(sys.executable).parent / "airflow", *args]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_the_documented_dag_is_parsed_without_a_warning_and_loads(tmp_path: Path) -> None:
    [code] = [block for block in blocks("docs/scheduling.md", "python") if "airflow" in block]
    logs.write(tmp_path / "logs" / "a.ndjson", logs.days())
    local = code.replace("https://acme.wandb.io", str(tmp_path / "logs"))
    local = local.replace("bigquery://project/dataset", f"duckdb:{tmp_path}/audit.duckdb")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "wandb_audit.py").write_text(local)
    witness = tmp_path / "wandb-audit"
    witness.write_text(WITNESS)
    witness.chmod(0o755)
    airflow(tmp_path, "db", "migrate")
    said = airflow(tmp_path, "dags", "test", "wandb_audit")
    assert "DeprecatedImportWarning" not in said
    assert (tmp_path / "witnessed").read_text() == "local-key\n"
    with duckdb.connect(tmp_path / "audit.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM audit_events").fetchall() == [(900,)]

"""Loads W&B audit logs: what is new every ten minutes, and each finished day once more, which also backfills past days.

Needs wandb-audit on the workers' PATH and a connection `wandb` whose password is the key. Change both addresses.
"""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator
from airflow.timetables.interval import CronDataIntervalTimetable

ADDRESSES = "--from https://acme.wandb.io --to bigquery://project/dataset"

COMMON = {
    "start_date": datetime(2026, 1, 1),
    # The program finds by itself what is missing: one run closes every gap.
    "catchup": False,
    "max_active_runs": 1,
    "dagrun_timeout": timedelta(hours=1),
}


def wandb_audit(command: str, retries: int) -> BashOperator:
    """A task; repeating it adds nothing to the sink."""
    return BashOperator(
        task_id=command.split()[0],
        bash_command=f"wandb-audit {command} {ADDRESSES}",
        env={"WANDB_API_KEY": "{{ conn.wandb.password }}"},
        append_env=True,
        retries=retries,
        retry_delay=timedelta(minutes=10),
    )


with DAG(dag_id="wandb_audit", schedule="*/10 * * * *", **COMMON):
    # The next run is the retry.
    wandb_audit("load", retries=0)

# At 03:00 UTC the previous day is finished. Airflow 3 gives a plain cron expression no data interval, hence the timetable.
with DAG(dag_id="wandb_audit_day", schedule=CronDataIntervalTimetable("0 3 * * *", "UTC"), **COMMON):
    wandb_audit("backfill --since {{ data_interval_start | ds }} --until {{ data_interval_end | ds }}", retries=2)

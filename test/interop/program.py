"""Runs the built program as a child process, as its users do."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "bin" / "wandb-audit"


def run(*args: str, cwd: Path, env: dict[str, str] | None = None) -> bytes:
    """What the program wrote to stdout. `cwd` is HOME too; no login of this machine is looked for."""
    own = {"PATH": os.environ["PATH"], "HOME": str(cwd), "METADATA_SERVER_DETECTION": "none", **(env or {})}
    done = subprocess.run([PROGRAM, *args], cwd=cwd, env=own, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page that are marked so, as they stand."""
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

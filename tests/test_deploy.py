"""The files that put a server into service name options that exist, and lock it in."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usecases import cli

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "docs" / "deploy"


def options_of(command: str) -> set[str]:
    """Return the options that a command of ``aune`` takes."""
    said = CliRunner().invoke(cli.app, [command, "--help"]).output
    return set(re.findall(r"--[a-z-]+", said))


@pytest.mark.parametrize("name", ["aune.service", "Containerfile", "README.md"])
def test_every_option_named_exists(name: str) -> None:
    """A service that does not start because of a renamed option fails at night."""
    text = (DEPLOY / name).read_text(encoding="utf-8").replace('", "', " ")
    found = re.findall(r"aune (install|rollback|serve|key)\b([^\n`]*)", text)
    assert found
    for command, rest in found:
        named = set(re.findall(r"--[a-z-]+", rest))
        assert named <= options_of(command), (command, named)


def test_systemd_accepts_the_unit_and_rates_it_well(tmp_path: Path) -> None:
    """systemd itself reads it: exposure below 2 is what it calls OK."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "aune.service"
    text = (DEPLOY / "aune.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/aune/bin/aune", "/bin/true"), encoding="utf-8")
    command = [analyze, "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    exposure = re.search(r"exposure level for aune.service: ([0-9.]+)", said)
    assert exposure is not None, said[-500:]
    assert float(exposure.group(1)) < 2
    assert "Unknown" not in said


def test_nginx_holds_the_same_bounds_as_the_server() -> None:
    """A proxy that lets more through than the server takes only moves the refusal."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert "client_max_body_size 1m" in text
    assert "client_body_timeout 10s" in text
    assert text.count("{") == text.count("}")

"""A SLURM of one node on this machine: real daemons, no systemd, no cgroups, no accounting.

It needs Debian's slurm-wlm and munge (``apt-get install slurm-wlm munge``). All of its state is in
one folder, and nothing below /etc is written.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def one_node(folder: Path) -> Iterator[dict[str, str]]:
    """Start the daemons with their state in ``folder``; the environment that finds them.

    The node claims a GPU that is none (/dev/null) and more memory than a machine may have, so that
    jobs which ask for them are scheduled. A RuntimeError where a program is missing, or with the
    logs where SLURM does not come up.
    """
    sbin = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
    programs = {name: shutil.which(name, path=sbin) for name in DAEMONS}
    if missing := [name for name, path in programs.items() if path is None]:
        raise RuntimeError(f"no {', '.join(missing)}: apt-get install slurm-wlm munge")
    environment = _prepared(folder)
    munge = [f"--{kind}-file={folder}/munge/{kind}" for kind in ("pid", "seed", "log")]
    munge += [f"--key-file={folder}/munge/key", f"--socket={folder}/munge/socket", "--force"]
    try:
        subprocess.run([str(programs["munged"]), *munge], check=True, capture_output=True)
        for name in DAEMONS[1:]:
            command = [str(programs[name]), "-f", environment["SLURM_CONF"]]
            subprocess.run(command, check=True, env=environment, capture_output=True)
        _wait_until_idle(folder, environment)
        yield environment
    finally:
        subprocess.run(["scancel", f"--user={getpass.getuser()}"], env=environment, check=False)
        for pid in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            _stop(folder / pid)


def _prepared(folder: Path) -> dict[str, str]:
    """Write the configuration and a munge key below ``folder``; the environment to use them.

    Snakemake's job steps drop SLURM_CONF from their environment, so that their ``srun`` is one that
    knows it.
    """
    for name in ("munge", "state", "spool", "log", "bin"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge").chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    configuration = folder / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    names = {"host": host, "user": getpass.getuser(), "cores": os.cpu_count()}
    configuration.write_text(
        CONFIGURATION.format(folder=folder, ports=[_free_port(), _free_port()], **names)
    )
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    step = folder / "bin" / "srun"
    step.write_text(f'#!/bin/sh\nSLURM_CONF={configuration} exec {shutil.which("srun")} "$@"\n')
    step.chmod(0o755)
    path = f"{step.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "SLURM_CONF": str(configuration)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_idle(folder: Path, environment: dict[str, str]) -> None:
    command = ["sinfo", "--noheader", "--format=%T"]
    for _ in range(120):
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if told.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = [path.read_text(errors="replace")[-2000:] for path in folder.glob("log/*.log")]
    raise RuntimeError("\n".join(["SLURM did not come up; its logs:", *logs]))


def _stop(pid_file: Path) -> None:
    """End the daemon whose id is in ``pid_file``, if it was started."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    try:
        os.kill(pid, signal.SIGTERM)
        for _ in range(40):
            os.kill(pid, 0)
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():  # ended; nobody waits for it
                return
            time.sleep(0.25)
    except (ProcessLookupError, FileNotFoundError):
        return

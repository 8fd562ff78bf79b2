"""A SLURM of one node on this machine: real daemons, no systemd, no cgroups, no accounting.

It needs Debian's slurm-wlm and munge (``apt-get install slurm-wlm munge``). All of its state is in
one folder, and nothing below /etc is written.
"""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

DIES_WITH_US = ["setpriv", "--pdeathsig", "TERM", "--"]  # before a command
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
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def one_node(folder: Path) -> Iterator[dict[str, str]]:
    """Run the daemons with their state in ``folder``; the environment that finds them.

    The node claims a GPU that is none (/dev/null) and more memory than a machine may have, so that
    jobs which ask for them are scheduled. At the end jobs are cancelled and the daemons ended; a
    kill of this process ends them, too. A RuntimeError where a program is missing, or with the logs
    where SLURM does not come up.
    """
    sbin = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    programs = {name: shutil.which(name, path=sbin) for name in DAEMONS}
    if missing := [name for name, path in programs.items() if path is None]:
        raise RuntimeError(f"no {', '.join(missing)}: apt-get install slurm-wlm munge")
    environment = _prepared(folder)
    munge = [f"--{kind}-file={folder}/munge/{kind}" for kind in ("pid", "seed", "key")]
    options = {
        "munged": ["--foreground", "--force", f"--socket={folder}/munge/socket", *munge],
        "slurmctld": ["-D", "-f", environment["SLURM_CONF"]],
        "slurmd": ["-D", "-f", environment["SLURM_CONF"]],
    }
    with ExitStack() as running:
        for name, program in programs.items():
            command = [str(program), *options[name]]
            running.enter_context(_daemon(command, environment, folder / "log" / name))
            if name == "munged":
                _wait_for(folder / "munge" / "socket")
        _wait_until_idle(folder, environment)
        running.callback(_cancel_all, environment)
        yield environment


@contextmanager
def _daemon(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """``command`` runs, in a session of its own: Ctrl-C ends it last, not first."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*DIES_WITH_US, *command],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cancel_all(environment: dict[str, str]) -> None:
    """Cancel every job, and wait until their processes are gone."""
    jobs = ["squeue", "--noheader", "--format=%i"]
    subprocess.run(["scancel", f"--user={getpass.getuser()}"], env=environment, check=False)
    for _ in range(100):
        if not subprocess.run(jobs, env=environment, capture_output=True, check=False).stdout:
            return
        time.sleep(0.1)


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


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)


def _wait_until_idle(folder: Path, environment: dict[str, str]) -> None:
    command = ["sinfo", "--noheader", "--format=%T"]
    for _ in range(300):
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if told.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    logs = [path.read_text(errors="replace")[-2000:] for path in folder.glob("log/*")]
    raise RuntimeError("\n".join(["SLURM did not come up; its logs:", *logs]))

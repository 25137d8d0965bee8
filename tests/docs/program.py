"""
Our program, as fast as an example needs it: each call is a fork of one process that has imported Airflow.

A shell finds `openmetadata-dag-factory` and `airflow` on its PATH. Both are small scripts, which hand their arguments,
environment and streams to that process. So pipes, files, signals and exit codes are the shell's own.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.forked_python import ForkedPython

NAME = "openmetadata-dag-factory"

# It ends with the process that has started it, whatever becomes of that.
_SERVER = """
import json, os, signal, socket, sys, traceback
import airflow.configuration
from dag_factory.cli.__main__ import main

path, owner = sys.argv[1].split("\\n")
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(16)

def serve(connection):
    said, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    job = json.loads(said)
    connection.sendall(f"{os.getpid()}\\n".encode())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    airflow.configuration.AIRFLOW_HOME = job["env"]["AIRFLOW_HOME"]
    airflow.configuration.AIRFLOW_CONFIG = os.path.join(job["env"]["AIRFLOW_HOME"], "airflow.cfg")
    if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in job["env"]:
        # A page's own database, in place of the one that this server has begun with.
        from airflow import settings
        settings.configure_vars()
        settings.configure_orm()
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout.reconfigure(line_buffering=True)
    sys.argv = job["argv"]
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(f"{code}\\n".encode())
    os._exit(code)

if server := os.fork():
    print(server)
    sys.exit()
os.setsid()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener.settimeout(1)
while True:
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        try:
            os.kill(int(owner), 0)
        except ProcessLookupError:
            os._exit(0)
        continue
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        connection.settimeout(None)
        serve(connection)
    connection.close()
"""

_CALL = """#!{python} -SI
import json, os, signal, socket, sys
words = sys.argv[1:]
if os.path.basename(sys.argv[0]) == "airflow":
    if words[:1] != [{name!r}]:
        sys.exit("Only our commands of `airflow` can be run in an example.")
    del words[0]
connection = socket.socket(socket.AF_UNIX)
connection.connect({path!r})
job = {{"argv": [{name!r}, *words], "cwd": os.getcwd(), "env": dict(os.environ)}}
socket.send_fds(connection, [json.dumps(job).encode()], [0, 1, 2])
with connection.makefile() as answer:
    pid = int(answer.readline())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    sys.exit(int(answer.readline() or 1))
"""


@contextmanager
def program(folder: Path, python: ForkedPython) -> Iterator[Path]:
    """Have the program run, and yield the folder that has it, to be put on a PATH."""
    socket = folder / "socket"
    env = {**os.environ, "AIRFLOW_HOME": str(folder)}
    done = python.run(_SERVER, f"{socket}\n{os.getpid()}", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    found = folder / "bin"
    found.mkdir()
    for name in (NAME, "airflow"):
        call = found / name
        call.write_text(_CALL.format(python=sys.executable, name=NAME, path=str(socket)))
        call.chmod(0o755)
    try:
        yield found
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(done.stdout.split()[-1]), signal.SIGTERM)

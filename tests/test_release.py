"""A release: what is looked at before it, the bytes of its packages, the workflow that builds it, its changelog."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dag_factory import __version__
from tests.docs.blocks import blocks, commands
from tests.places import ROOT
from tools.dist import EPOCH, differing, epoch_of, strict_umask
from tools.matrix.cells import CELLS, MAIN
from tools.matrix.environments import UV
from tools.release import problems

WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
ACTIONS = [WORKFLOW, ROOT / ".github" / "actions" / "prepare" / "action.yml"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def git(folder: Path, *words: str) -> None:
    names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    environment = {**os.environ, **dict.fromkeys(names, "somebody"), "GIT_COMMITTER_DATE": "1700000000 +0000"}
    subprocess.run(["git", "-C", str(folder), *words], env=environment, capture_output=True, check=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that can be released as 1.2.3."""
    for path, text in {
        "dag_factory/__init__.py": '__version__ = "1.2.3"\n',
        "CHANGELOG.md": "# Changelog\n\n## 1.2.3 (2026-11-28)\n\n## 1.2.2 (2026-11-01)\n",
        "pyproject.toml": '[tool]\nrepository = "https://git.example.com/data/factory"\n',
        "tests/upgrade/1.2.3/made.json": "{}",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    return tmp_path


def test_what_is_complete_can_be_released(clone: Path) -> None:
    assert list(problems("1.2.3", clone)) == []


def test_another_version_than_that_of_the_tag_is_noticed_wherever_it_stands(clone: Path) -> None:
    found = "\n".join(problems("1.3.0", clone))
    assert "__version__ to 1.3.0" in found
    assert "CHANGELOG.md begins with 1.2.3" in found
    assert "tests/upgrade/1.3.0 is missing" in found


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("CHANGELOG.md", "## 1.2.3 (unreleased)\n", "no date"),
        ("CHANGELOG.md", "## 1.2.3\n", "no date"),
        ("CHANGELOG.md", "# Changelog\n", "begins with no version"),
        ("pyproject.toml", 'repository = ""\n', "no address of the repository"),
        ("dag_factory/__init__.py", "", "says no version"),
    ],
)
def test_what_was_forgotten_is_said_with_the_way_out(clone: Path, file: str, text: str, problem: str) -> None:
    (clone / file).write_text(text)
    git(clone, "commit", "--quiet", "--all", "--message", "forgotten")
    (found,) = problems("1.2.3", clone)
    assert problem in found


def test_files_that_are_not_committed_are_noticed_since_the_sdist_would_have_them(clone: Path) -> None:
    (clone / "tests" / "new.py").touch()
    assert list(problems("1.2.3", clone)) == ["1 files are not as they are committed. Commit them, or put them back."]


def test_files_of_the_packages_have_the_time_of_the_last_commit(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EPOCH, raising=False)
    assert epoch_of(clone) == "1700000000"
    monkeypatch.setenv(EPOCH, "1")
    assert epoch_of(clone) == "1"


def test_without_a_commit_their_time_is_the_builders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EPOCH, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert epoch_of(tmp_path) is None


def test_the_steps_of_git_lead_to_a_tag_that_can_be_released(
    clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    remote = tmp_path_factory.mktemp("remote")
    git(remote, "init", "--quiet", "--bare")
    git(clone, "branch", "--move", "main")
    git(clone, "remote", "add", "origin", str(remote))
    for path in ("dag_factory/__init__.py", "CHANGELOG.md"):
        (clone / path).write_text((clone / path).read_text().replace("1.2.3", "0.1.0"))
    (clone / "tests" / "upgrade" / "1.2.3").rename(clone / "tests" / "upgrade" / "0.1.0")
    steps = [line for block in blocks(ROOT / "CONTRIBUTING.md") for line in commands(block) if line.startswith("git ")]
    assert len(steps) == 4
    for step in steps:
        git(clone, *shlex.split(step)[1:])
    assert list(problems("0.1.0", clone)) == []
    git(remote, "cat-file", "-e", "v0.1.0:tests/upgrade/0.1.0/made.json")


def test_packages_that_differ_by_a_byte_or_by_name_are_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "a.whl").write_bytes(b"same")
    assert differing(first, second) is None
    (second / "a.whl").write_bytes(b"samE")
    (second / "b.tar.gz").touch()
    assert differing(first, second) == "Built twice, these are not the same bytes: a.whl, b.tar.gz"


def test_the_second_build_has_another_umask_and_leaves_ours() -> None:
    before = os.umask(0o022)
    try:
        with strict_umask():
            assert os.umask(0o077) == 0o077
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", CHANGELOG, re.MULTILINE)
    assert versions[0] == __version__
    assert len(versions) == len(set(versions))


def uses(step: object) -> Iterator[str]:
    """Yield all actions that a part of a workflow uses."""
    if isinstance(step, dict):
        for name, value in step.items():
            if name == "uses":
                yield value
            else:
                yield from uses(value)
    elif isinstance(step, list):
        for each in step:
            yield from uses(each)


@pytest.mark.parametrize("file", ACTIONS, ids=lambda file: file.name)
def test_each_action_of_others_is_pinned_by_its_commit_and_its_version_is_said(file: Path) -> None:
    text = file.read_text()
    actions = [each for each in uses(yaml.safe_load(text)) if not each.startswith("./")]
    assert actions
    for action in actions:
        assert re.search(rf"^ +(- )?uses: {re.escape(action)} # v\d+\.\d+\.\d+$", text, re.MULTILINE), action
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
    for local in (each for each in uses(yaml.safe_load(text)) if each.startswith("./")):
        assert (ROOT / local / "action.yml").is_file()


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    found: dict[str, Any] = workflow["jobs"]
    return found


def test_the_hosted_ci_runs_what_ci_is_here(jobs: dict[str, Any]) -> None:
    runs = [step["run"] for name in ("run", "matrix") for step in jobs[name]["steps"] if "run" in step]
    assert [run for run in runs if run.startswith(".ci/")] == [".ci/run", ".ci/matrix"]


def test_the_hosted_matrix_has_the_pythons_of_all_cells_and_the_uv_that_makes_their_environments(
    jobs: dict[str, Any],
) -> None:
    (image,) = {jobs[name]["container"] for name in ("run", "matrix")}
    assert image == f"python:{MAIN.python}-bookworm"
    (install,) = (step["run"] for step in jobs["matrix"]["steps"] if "uv python install" in step.get("run", ""))
    assert f"pip install {UV}\n" in install
    (pythons,) = re.findall(r"uv python install ([0-9. ]+)\n", install)
    assert {MAIN.python, *pythons.split()} == {cell.python for cell in CELLS}


def test_only_the_job_that_publishes_may_ask_for_a_token_of_pypi_and_it_runs_no_code_of_ours(
    jobs: dict[str, Any],
) -> None:
    assert {name for name, job in jobs.items() if "permissions" in job} == {"publish"}
    publish = jobs["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"] == "pypi"
    assert not any("run" in step for step in publish["steps"])
    assert "password" not in WORKFLOW.read_text()


def test_a_release_is_built_from_a_tag_after_all_tests_and_from_no_cache(jobs: dict[str, Any]) -> None:
    dist = jobs["dist"]
    assert dist["if"] == jobs["publish"]["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert dist["needs"] == ["run", "matrix"]
    assert jobs["publish"]["needs"] == ["dist"]
    assert not any("cache" in action or action.startswith("./") for action in uses(dist))
    commands = [step["run"] for step in dist["steps"] if "run" in step]
    assert commands[-2:] == ['python -m tools.release "${GITHUB_REF_NAME#v}"', "make dist"]


def test_no_job_leaves_git_the_right_to_push_or_hands_text_of_others_to_a_shell(jobs: dict[str, Any]) -> None:
    for job in jobs.values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False

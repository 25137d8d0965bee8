import json
import time
from pathlib import Path

import pytest

from dag_factory.store.folder.misnamed import Misnamed

CONFIG = json.dumps({"name": "orders", "pipelineType": "metadata"})
YAML = "name: orders\npipelineType: metadata\n"


def look(root: Path) -> list[str]:
    return Misnamed(root).look([root])


@pytest.mark.parametrize(
    ("name", "content", "right"),
    [
        ("orders", YAML, "orders.yaml"),
        ("orders", CONFIG, "orders.yaml"),
        ("orders.jsonl", CONFIG, "orders.json"),
        ("orders.yaml.txt", YAML, "orders.yaml"),
        ("orders.yml.bak", YAML, "orders.yaml"),
        ("orders.JSON.orig", json.dumps(json.loads(CONFIG), indent=2), "orders.json"),
        ("defaults", "pipelineType: metadata\nsourceConfig:\n  config: {}\n", "defaults.yaml"),
        ("orders.yamll", YAML, "orders.yaml"),
        ("orders.txt", f"# ours\n---\n{YAML}", "orders.yaml"),
    ],
)
def test_a_file_that_looks_like_a_config_is_named_with_its_right_name(
    tmp_path: Path, name: str, content: str, right: str
) -> None:
    (tmp_path / name).write_text(content)
    (line,) = look(tmp_path)
    assert line.startswith(f"file '{name}' looks like a config, and is not read")
    assert line.endswith(f"rename it to '{right}'")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.md", YAML),
        ("LICENSE", "Apache License\nname: the licence\n"),
        ("build.py", YAML),
        (".orders.yaml.swp", YAML),
        ("orders.yaml~", YAML),
        ("orders.yaml", YAML),
        ("orders.bin", "\x00\x01\xff" * 100),
        ("empty", ""),
    ],
)
def test_what_is_no_config_or_is_read_as_one_is_left_alone(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert look(tmp_path) == []


def test_each_is_found_once_also_where_it_is_written_bit_by_bit(tmp_path: Path) -> None:
    misnamed = Misnamed(tmp_path)
    (tmp_path / "orders").touch()
    assert misnamed.look([tmp_path]) == []
    (tmp_path / "orders").write_text(YAML)
    assert len(misnamed.look([tmp_path])) == 1
    (tmp_path / "orders").write_text(f"{YAML}description: x\n")
    assert misnamed.look([tmp_path]) == []


def test_a_folder_that_is_gone_a_pipe_and_a_broken_link_do_no_harm(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    assert Misnamed(tmp_path).look([tmp_path, tmp_path / "gone"]) == []


def test_a_file_of_empty_lines_is_looked_through_in_no_time(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n" * 60_000)
    began = time.process_time()
    assert look(tmp_path) == []
    assert time.process_time() - began < 2

from typing import Any

import pytest

from sandbox.openmetadata import patch
from sandbox.openmetadata.errors import ApiError


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "add", "path": "/c", "value": 3}, {"a": [1, 2], "b/~": 0, "c": 3}),
        ({"op": "add", "path": "/a/0", "value": 0}, {"a": [0, 1, 2], "b/~": 0}),
        ({"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3], "b/~": 0}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2], "b/~": 0}),
        ({"op": "replace", "path": "/b~1~0", "value": 1}, {"a": [1, 2], "b/~": 1}),
        ({"op": "replace", "path": "/a/1", "value": 9}, {"a": [1, 9], "b/~": 0}),
        ({"op": "move", "from": "/a/1", "path": "/c"}, {"a": [1], "b/~": 0, "c": 2}),
        ({"op": "copy", "from": "/a", "path": "/c"}, {"a": [1, 2], "b/~": 0, "c": [1, 2]}),
        ({"op": "test", "path": "/a/1", "value": 2}, {"a": [1, 2], "b/~": 0}),
        ({"op": "replace", "path": "", "value": {}}, {}),
    ],
)
def test_an_operation_changes_a_copy(operation: dict[str, Any], result: dict[str, Any]) -> None:
    document = {"a": [1, 2], "b/~": 0}
    assert patch.apply(document, [operation]) == result
    assert document == {"a": [1, 2], "b/~": 0}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/absent"},
        {"op": "replace", "path": "/a/7", "value": 1},
        {"op": "add", "path": "/a/7", "value": 1},
        {"op": "test", "path": "/a/0", "value": 2},
        {"op": "invent", "path": "/a"},
        {"op": "add", "path": "/new"},
    ],
)
def test_an_operation_that_does_not_fit_is_an_error(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as error:
        patch.apply({"a": [1, 2]}, [operation])
    assert error.value.status == 400

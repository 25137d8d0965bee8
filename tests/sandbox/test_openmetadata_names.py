import pytest

from sandbox.openmetadata.names import join, split


@pytest.mark.parametrize(
    ("parts", "fqn"),
    [
        (("", "service"), "service"),
        (("service", "db", "main", "orders"), "service.db.main.orders"),
        (("", "my.service"), '"my.service"'),
        (('"my.service"', "db.v2", "main"), '"my.service"."db.v2".main'),
        (("service", '"a.b"'), 'service."a.b"'),
    ],
)
def test_a_name_with_a_dot_is_quoted_once(parts: tuple[str, ...], fqn: str) -> None:
    assert join(*parts) == fqn


def test_a_name_is_split_at_the_dots_outside_quotes() -> None:
    assert split('"my.service"."db.v2".main.orders') == ["my.service", "db.v2", "main", "orders"]

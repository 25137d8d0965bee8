"""An application of our own, which a worker finds by its dotted path: it counts the tables of a service."""

from metadata.generated.schema.entity.data.table import Table
from metadata.utils.logger import app_logger
from metadata.workflow.application import AppRunner


class TableCounter(AppRunner):
    @property
    def name(self) -> str:
        return "TableCounter"

    def run(self) -> None:
        service, greeting = self.app_config["service"], self.app_config["greeting"]
        tables = list(self.metadata.list_all_entities(Table, params={"service": service}))
        for table in tables:
            self.status.scanned(table.fullyQualifiedName.root)
        app_logger().info("%s, there are %s tables in %s", greeting, len(tables), service)

    def close(self) -> None:
        pass

"""An application that says what it should keep to itself: the token that it has, and the password of a service."""

import sys

from metadata.generated.schema.entity.services.databaseService import DatabaseService
from metadata.utils.logger import app_logger
from metadata.workflow.application import AppRunner


class TokenTeller(AppRunner):
    @property
    def name(self) -> str:
        return "TokenTeller"

    def run(self) -> None:
        service = self.metadata.get_by_name(DatabaseService, self.app_config["service"])
        secrets = [
            self.metadata.config.securityConfig.jwtToken.get_secret_value(),
            service.connection.config.authType.password.get_secret_value(),
        ]
        app_logger().info("logged: %s and %s", *secrets)
        print("printed:", *secrets)
        print("told: the SDK is", "airflow" in sys.modules)

    def close(self) -> None:
        pass

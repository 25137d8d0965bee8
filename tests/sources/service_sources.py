"""
A source for each kind of service: a topology of openmetadata-ingestion's own, over a few entities that are made up.

Loaded by openmetadata-ingestion, in the worker, as the connectors of CustomDashboard and the like.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from metadata.generated.schema.api.data.createChart import CreateChartRequest
from metadata.generated.schema.api.data.createContainer import CreateContainerRequest
from metadata.generated.schema.api.data.createDashboard import CreateDashboardRequest
from metadata.generated.schema.api.data.createDashboardDataModel import CreateDashboardDataModelRequest
from metadata.generated.schema.api.data.createDirectory import CreateDirectoryRequest
from metadata.generated.schema.api.data.createFile import CreateFileRequest
from metadata.generated.schema.api.data.createMlModel import CreateMlModelRequest
from metadata.generated.schema.api.data.createPipeline import CreatePipelineRequest
from metadata.generated.schema.api.data.createSearchIndex import CreateSearchIndexRequest
from metadata.generated.schema.api.data.createSpreadsheet import CreateSpreadsheetRequest
from metadata.generated.schema.api.data.createTopic import CreateTopicRequest
from metadata.generated.schema.api.data.createWorksheet import CreateWorksheetRequest
from metadata.generated.schema.api.lineage.addLineage import AddLineageRequest
from metadata.generated.schema.entity.data.container import Container
from metadata.generated.schema.entity.data.pipeline import PipelineStatus
from metadata.generated.schema.entity.data.searchIndex import SearchIndex, SearchIndexSampleData
from metadata.generated.schema.entity.data.topic import Topic, TopicSampleData
from metadata.generated.schema.metadataIngestion.workflow import Source as WorkflowSource
from metadata.ingestion.api.models import Either
from metadata.ingestion.api.steps import Source
from metadata.ingestion.models.barrier import Barrier
from metadata.ingestion.models.ometa_topic_data import OMetaTopicSampleData
from metadata.ingestion.models.pipeline_status import OMetaPipelineStatus
from metadata.ingestion.models.search_index_data import OMetaIndexSampleData
from metadata.ingestion.ometa.ometa_api import OpenMetadata
from metadata.ingestion.source.dashboard.dashboard_service import DashboardServiceSource
from metadata.ingestion.source.drive.drive_service import DriveServiceSource
from metadata.ingestion.source.messaging.messaging_service import MessagingServiceSource
from metadata.ingestion.source.mlmodel.mlmodel_service import MlModelServiceSource
from metadata.ingestion.source.pipeline.pipeline_service import PipelineServiceSource
from metadata.ingestion.source.search.search_service import SearchServiceSource
from metadata.ingestion.source.storage.storage_service import StorageServiceSource
from metadata.utils.fqn import quote_name


def request(model: Any, **fields: Any) -> Either[Any]:
    return Either(right=model.model_validate(fields))


class MadeUp(Source):
    """What all the sources here have in place of a connection: none."""

    def __init__(self, config: WorkflowSource, metadata: OpenMetadata) -> None:
        # Past the topology's own, which looks for the connection's class in openmetadata-ingestion.
        Source.__init__(self)
        self.config, self.metadata = config, metadata
        self.service_connection = config.serviceConnection.root.config
        self.source_config = config.sourceConfig.config
        self.service = quote_name(str(config.serviceName))
        self._connection = None
        self.today = datetime.now(timezone.utc).strftime("%Y-%m-%d")

    @classmethod
    def create(cls, config_dict: dict[str, Any], metadata: OpenMetadata, pipeline_name: str | None = None) -> MadeUp:
        return cls(WorkflowSource.model_validate(config_dict), metadata)

    def prepare(self) -> None:
        """Nothing is to be prepared."""

    def test_connection(self) -> None:
        """There is nothing to connect to."""

    def close(self) -> None:
        """Nothing is open."""


class Dashboards(MadeUp, DashboardServiceSource):
    def get_dashboards_list(self) -> list[str]:
        return ["sales", "stock.daily"]

    def get_dashboard_name(self, dashboard: str) -> str:
        return dashboard

    def get_dashboard_details(self, dashboard: str) -> str:
        return dashboard

    def yield_dashboard_chart(self, dashboard_details: str) -> Iterable[Either[CreateChartRequest]]:
        made = request(CreateChartRequest, name=f"{dashboard_details} chart", service=self.service, chartType="Line")
        yield made
        self.register_record_chart(made.right)

    def yield_datamodel(self, dashboard_details: str) -> Iterable[Either[CreateDashboardDataModelRequest]]:
        made = request(
            CreateDashboardDataModelRequest,
            name=f"{dashboard_details} model",
            service=self.service,
            dataModelType="MetabaseDataModel",
            columns=[{"name": "amount", "dataType": "INT"}],
        )
        yield made
        self.register_record_datamodel(made.right)

    def yield_dashboard(self, dashboard_details: str) -> Iterable[Either[CreateDashboardRequest]]:
        made = request(
            CreateDashboardRequest, name=dashboard_details, service=self.service, description="Made up.", charts=[]
        )
        yield made
        self.register_record(made.right)

    def yield_dashboard_lineage_details(
        self, dashboard_details: str, db_service_prefix: str | None = None
    ) -> Iterable[Either[AddLineageRequest]]:
        yield from ()


class Topics(MadeUp, MessagingServiceSource):
    def get_topic_list(self) -> list[str]:
        return ["orders", "orders.v2"]

    def get_topic_name(self, topic_details: str) -> str:
        return topic_details

    def yield_topic(self, topic_details: str) -> Iterable[Either[CreateTopicRequest]]:
        fields = [{"name": "order_id", "dataType": "INT"}]
        made = request(
            CreateTopicRequest,
            name=topic_details,
            service=self.service,
            partitions=3,
            messageSchema={"schemaText": "{}", "schemaType": "JSON", "schemaFields": fields},
        )
        yield made
        self.register_record(made.right)

    def yield_topic_sample_data(self, topic_details: str) -> Iterable[Either[OMetaTopicSampleData]]:
        yield Either(right=Barrier(reason="the topic is asked for"))
        topic = self.metadata.get_by_name(Topic, f"{self.service}.{quote_name(topic_details)}")
        yield Either(right=OMetaTopicSampleData(topic=topic, sample_data=TopicSampleData(messages=["{}"])))


class Pipelines(MadeUp, PipelineServiceSource):
    def get_pipelines_list(self) -> list[str]:
        return ["nightly", "hourly"]

    def get_pipeline_name(self, pipeline_details: str) -> str:
        return pipeline_details

    def yield_pipeline(self, pipeline_details: str) -> Iterable[Either[CreatePipelineRequest]]:
        task = {"name": "load", "startDate": f"{self.today}T00:00:00Z"}
        made = request(CreatePipelineRequest, name=pipeline_details, service=self.service, tasks=[task])
        yield made
        self.register_record(made.right)

    def yield_pipeline_status(self, pipeline_details: str) -> Iterable[Either[OMetaPipelineStatus]]:
        status = PipelineStatus.model_validate({"timestamp": 1_700_000_000_000, "executionStatus": "Successful"})
        yield Either(
            right=OMetaPipelineStatus(pipeline_fqn=f"{self.service}.{pipeline_details}", pipeline_status=status)
        )

    def yield_pipeline_lineage_details(self, pipeline_details: str) -> Iterable[Either[AddLineageRequest]]:
        yield from ()


class Models(MadeUp, MlModelServiceSource):
    def get_mlmodels(self, *_: Any, **__: Any) -> list[str]:
        return ["churn", "prices"]

    def yield_mlmodel(self, model: str, *_: Any, **__: Any) -> Iterable[Either[CreateMlModelRequest]]:
        made = request(
            CreateMlModelRequest,
            name=model,
            service=self.service,
            algorithm=self._get_algorithm(),
            mlFeatures=self._get_ml_features(),
        )
        yield made
        self.register_record(made.right)

    def _get_algorithm(self, *_: Any, **__: Any) -> str:
        return "guessing"

    def _get_ml_features(self, *_: Any, **__: Any) -> list[dict[str, str]]:
        return [{"name": "age", "dataType": "numerical"}]

    def _get_hyper_params(self, *_: Any, **__: Any) -> None:
        return None

    def _get_ml_store(self, *_: Any, **__: Any) -> None:
        return None


class Containers(MadeUp, StorageServiceSource):
    def get_containers(self) -> list[str]:
        return ["lake", "2026"]

    def yield_create_container_requests(self, container_details: str) -> Iterable[Either[CreateContainerRequest]]:
        above: dict[str, Any] = {}
        if container_details != "lake":
            lake = self.metadata.get_by_name(Container, f"{self.service}.lake", nullable=False)
            above = {"parent": {"id": lake.id, "type": "container"}}
        made = request(
            CreateContainerRequest,
            name=container_details,
            service=self.service,
            dataModel={"columns": [{"name": "day", "dataType": "DATE"}]},
            **above,
        )
        yield made
        self.register_record(made.right)


class Indexes(MadeUp, SearchServiceSource):
    def get_search_index_list(self) -> list[str]:
        return ["products", "people"]

    def get_search_index_name(self, search_index_details: str) -> str:
        return search_index_details

    def yield_search_index(self, search_index_details: str) -> Iterable[Either[CreateSearchIndexRequest]]:
        fields = [{"name": "title", "dataType": "TEXT", "dataTypeDisplay": "text"}]
        made = request(CreateSearchIndexRequest, name=search_index_details, service=self.service, fields=fields)
        yield made
        self.register_record(made.right)

    def yield_search_index_sample_data(self, search_index_details: str) -> Iterable[Either[OMetaIndexSampleData]]:
        yield Either(right=Barrier(reason="the index is asked for"))
        index = self.metadata.get_by_name(SearchIndex, f"{self.service}.{search_index_details}")
        yield Either(right=OMetaIndexSampleData(entity=index, data=SearchIndexSampleData(messages=["{}"])))


class Folders(MadeUp, DriveServiceSource):
    def get_directory_names(self) -> list[str]:
        return ["reports"]

    def get_file_names(self) -> list[str]:
        return ["summary.txt"]

    def yield_directory(self, directory_name: str) -> Iterable[Either[CreateDirectoryRequest]]:
        made = request(CreateDirectoryRequest, name=directory_name, service=self.service)
        yield made
        self.register_record_directory(made.right)

    def yield_file(self, file_name: str) -> Iterable[Either[CreateFileRequest]]:
        yield Either(right=Barrier(reason="the directory is referred to"))
        for name in self.get_file_names():
            made = request(
                CreateFileRequest, name=name, service=self.service, directory=f"{self.service}.{file_name}", size=7
            )
            yield made
            self.register_record_file(made.right)

    def get_spreadsheets_list(self) -> list[str]:
        return ["budget"]

    def get_spreadsheet_name(self, spreadsheet: str) -> str:
        return spreadsheet

    def get_spreadsheet_details(self, spreadsheet: str) -> str:
        return spreadsheet

    def yield_spreadsheet(self, spreadsheet_name: str) -> Iterable[Either[CreateSpreadsheetRequest]]:
        made = request(CreateSpreadsheetRequest, name=spreadsheet_name, service=self.service)
        yield made
        self.register_record_spreadsheet(made.right)

    def yield_worksheet(self, worksheet_name: str) -> Iterable[Either[CreateWorksheetRequest]]:
        yield Either(right=Barrier(reason="the spreadsheet is referred to"))
        sheet = f"{self.service}.{worksheet_name}"
        made = request(CreateWorksheetRequest, name="May", spreadsheet=sheet, service=self.service)
        yield made
        # The topology's own takes the spreadsheet's full name for its name.
        self.worksheet_source_state.add(f"{sheet}.May")

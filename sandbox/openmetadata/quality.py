"""The routes of data quality that other entities don't have: a table's own suite, and the results of test cases."""

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse

from sandbox.openmetadata import schemas
from sandbox.openmetadata.collection import Document
from sandbox.openmetadata.completions import LINK, own_suite
from sandbox.openmetadata.errors import ApiError
from sandbox.openmetadata.names import Segment
from sandbox.openmetadata.store import Store

Object = Annotated[dict[str, Any], Body()]


def routes(store: Store) -> APIRouter:
    """Return the routes below dataQuality, which keep every result by the fully qualified name of its test case."""
    router = APIRouter(prefix="/dataQuality")
    suites, cases, tables = (store.collections[kind] for kind in ("testSuite", "testCase", "table"))
    results: dict[str, list[Document]] = {}

    def put_suite(request: Document) -> tuple[Document, bool]:
        suite, created = store.put(suites, request)
        if suite["basic"]:
            table = suite["basicEntityReference"]["id"]
            store.set(tables, table, testSuite=store.reference("testSuite", suite["id"]))
        return suite, created

    def find_or_create_suite(link: str) -> None:
        tested = LINK.fullmatch(link)
        if tested is None:
            raise ApiError(400, "entityLink names no table or column")
        if not store.has("testSuite", own_suite(tested["table"])):
            put_suite({"name": own_suite(tested["table"]), "basicEntityReference": tested["table"]})

    @router.put("/testSuites/executable")
    @router.put("/testSuites/basic")
    async def put_own_suite(body: Object) -> JSONResponse:
        suite, created = put_suite(body)
        return JSONResponse(suite, 201 if created else 200)

    @router.put("/testCases")
    async def put_case(body: Object) -> JSONResponse:
        schemas.check(cases.create or "", body)
        find_or_create_suite(body["entityLink"])
        case, created = store.put(cases, body)
        return JSONResponse(case, 201 if created else 200)

    @router.post("/testCases/testCaseResults/{fqn}", status_code=201)
    async def add_result(fqn: Segment, body: Object) -> Document:
        schemas.check("tests.basic.TestCaseResult", body)
        case = store.find("testCase", fqn)
        result = {**body, "id": str(uuid4()), "testCaseFQN": case["fullyQualifiedName"]}
        results.setdefault(case["fullyQualifiedName"], []).append(result)
        store.set(cases, fqn, testCaseResult=result, testCaseStatus=result.get("testCaseStatus"))
        return result

    @router.get("/testCases/testCaseResults/{fqn}")
    async def list_results(
        fqn: Segment,
        start: Annotated[int, Query(alias="startTs")] = 0,
        end: Annotated[int | None, Query(alias="endTs")] = None,
    ) -> Document:
        found = [
            result
            for result in results.get(store.find("testCase", fqn)["fullyQualifiedName"], [])
            if start <= result["timestamp"] and (end is None or result["timestamp"] <= end)
        ]
        return {"data": found, "paging": {"total": len(found)}}

    return router

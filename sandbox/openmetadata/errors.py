"""Error answers, in OpenMetadata's form."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException


class ApiError(Exception):
    """An answer other than success: its HTTP status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NotFound(ApiError):
    """The entity doesn't exist, or is deleted and wasn't asked for."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(404, f"{kind} instance for {key} not found")


def error(status: int, message: str) -> JSONResponse:
    """Return an error answer. openmetadata-ingestion reads ``code`` from the body, not the status."""
    return JSONResponse({"code": status, "message": message}, status)


def answer_errors(app: FastAPI) -> None:
    """Give every error of an app the form that OpenMetadata's clients read."""

    @app.exception_handler(ApiError)
    async def api_error(_: Request, problem: ApiError) -> JSONResponse:
        return error(problem.status, problem.message)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, problem: HTTPException) -> JSONResponse:
        return error(problem.status_code, str(problem.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_: Request, problem: RequestValidationError) -> JSONResponse:
        # The input is left out: a body may carry passwords.
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problem.errors())
        return error(400, wrong)

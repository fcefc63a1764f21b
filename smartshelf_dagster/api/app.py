"""The HTTP API: read-only, over the serving file.

Belongs here: addresses, parameters, status codes, headers. Does not belong here: what a request
means (`queries.py`), who may read what (`access.py`), how rows are written (`formats.py`), SQL
(`storage/serving.py`).
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from smartshelf_dagster.api.access import Scope, TableRefusedError, UnknownTokenError, read_tokens
from smartshelf_dagster.api.formats import FORMATS, json_rows, to_json
from smartshelf_dagster.api.metrics import DIMENSIONS, Asked, metrics, read_metric
from smartshelf_dagster.api.queries import (
    MAX_PAGE_ROWS,
    OPERATORS,
    BadRequestError,
    Wanted,
    page_rows,
    select,
)
from smartshelf_dagster.api.reports import UnknownReportError, list_reports, read_page
from smartshelf_dagster.api.schemas import (
    Health,
    MetricInfo,
    MetricRows,
    Page,
    Problem,
    Reports,
    Tables,
)
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.serving import (
    Condition,
    NothingPublishedError,
    Operator,
    Selection,
    ServingFiles,
    ServingUnreadableError,
    ServingVersion,
    UnknownTableError,
    VersionReplacedError,
)

_STATUS: dict[type[SmartShelfError], int] = {
    UnknownTokenError: 401,
    TableRefusedError: 403,
    UnknownTableError: 404,
    UnknownReportError: 404,
    VersionReplacedError: 409,
    BadRequestError: 422,
    NothingPublishedError: 503,
    ServingUnreadableError: 503,
}
_MEANING = {
    401: "The token is missing or not known.",
    403: "The table does not name the store of its rows, and the token opens some stores only.",
    404: "There is no such table or report.",
    409: "The version asked for has been replaced and is no longer kept.",
    422: "A part of the request cannot be used; the answer names it and what was expected.",
    503: "Nothing has been published yet, or it cannot be read.",
}
# Parameters that are no filters. A column of such a name is filtered as `name.eq`.
_RESERVED = frozenset({"columns", "order", "limit", "offset", "format", "version"})
_FILTERS = {
    "name": "filters",
    "in": "query",
    "style": "form",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "description": "Any number of `column=value` or `column.operator=value`, such as "
    "`store_id=S001` or `event_ts.ge=2026-01-01T00:00:00Z`; all must hold. Operators: "
    f"{', '.join(OPERATORS)}. `in` takes values with commas between, `null` true or false.",
}

# A page has its own style and loads nothing.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}

Token = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
VersionParameter = Annotated[
    str | None,
    Query(description="Read from this version; default: the one in place."),
]


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem, "description": _MEANING[code]} for code in codes}


def create_app(settings: Settings) -> FastAPI:
    """Make the application for one lake.

    Args:
        settings: Which lake, which tokens.

    Raises:
        TokensFileError: The file of tokens cannot be used.
    """
    files = ServingFiles(
        settings.serving_path, threads=settings.duckdb_threads, memory=settings.duckdb_memory
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        files.close()

    app = FastAPI(
        title="Smart Shelf",
        version="1",
        description="What was published, read-only. Every answer names its version and the time it "
        "was computed for in the headers X-SmartShelf-Version and X-SmartShelf-As-Of.",
        # These pages would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.files = files
    app.state.pages = settings.local_root
    app.state.tokens = read_tokens(settings)
    app.include_router(router)
    app.add_exception_handler(SmartShelfError, _say_error)
    app.add_exception_handler(RequestValidationError, _say_invalid)
    app.add_exception_handler(HTTPException, _say_http)
    return app


router = APIRouter(prefix="/v1")


def _scope(request: Request, token: Token) -> Scope:
    scope: Scope = request.app.state.tokens.scope_of(token.credentials if token else None)
    return scope


ScopeOfToken = Annotated[Scope, Depends(_scope)]


def _open(request: Request, version: str | None = None) -> ServingVersion:
    """Open a version, and let the answer name it, whatever becomes of the request."""
    opened: ServingVersion = request.app.state.files.open(version)
    request.state.headers = {
        "X-SmartShelf-Version": opened.version,
        "X-SmartShelf-As-Of": opened.as_of.isoformat(),
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
    }
    return opened


def _headers(request: Request) -> dict[str, str]:
    return getattr(request.state, "headers", {})


def _json(request: Request, content: object, status: int = 200) -> Response:
    return Response(
        to_json(content), status, media_type="application/json", headers=_headers(request)
    )


@router.get("/health", response_model=Health, responses=_problems(503))
def health(request: Request) -> Response:
    """Say which publication is in place. Needs no token."""
    opened = _open(request)
    age = datetime.now(UTC) - opened.published_at
    return _json(
        request,
        {
            "version": opened.version,
            "as_of": opened.as_of,
            "published_at": opened.published_at,
            "age_s": round(age.total_seconds(), 3),
        },
    )


@router.get("/tables", response_model=Tables, responses=_problems(401, 409, 422, 503))
def tables(request: Request, scope: ScopeOfToken, version: VersionParameter = None) -> Response:
    """List the tables that the token opens, with their columns."""
    opened = _open(request, version)
    listed = [
        {
            "name": table.name,
            "description": table.description,
            "rows": opened.count(table.name, scope.conditions(table)),
            "columns": [vars(column) for column in table.columns.values()],
        }
        for table in opened.tables.values()
        if scope.may_read(table)
    ]
    return _json(request, {"version": opened.version, "as_of": opened.as_of, "tables": listed})


@router.get(
    "/tables/{layer}/{name}",
    response_model=Page,
    responses={
        200: {
            "description": "Rows. JSON comes in pages; the other formats whole, as a stream.",
            "content": {form.media_type: {} for form in FORMATS.values()},
        },
        **_problems(401, 403, 404, 409, 422, 503),
    },
    openapi_extra={"parameters": [_FILTERS]},
)
def rows(
    *,
    request: Request,
    scope: ScopeOfToken,
    layer: Annotated[str, Path(description="Layer of the table, such as ops.")],
    name: Annotated[str, Path(description="Name of the table, such as alerts.")],
    columns: Annotated[
        str | None, Query(description="Names of columns with commas between; default: all.")
    ] = None,
    order: Annotated[
        str | None,
        Query(
            description="Names of columns with commas between, a minus before one that descends. "
            "Ties are broken by the other columns. Default: as published."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        Query(
            ge=1,
            le=2**62,
            description=f"Rows at most. JSON: default 1000, at most {MAX_PAGE_ROWS}; the other "
            "formats: default all.",
        ),
    ] = None,
    offset: Annotated[int, Query(ge=0, le=2**62, description="Rows passed over.")] = 0,
    format: Annotated[  # noqa: A002 - the name in the address
        Literal["json", "csv", "parquet", "arrow"], Query(description="How rows are written.")
    ] = "json",
    version: VersionParameter = None,
) -> Response:
    """Read rows of a table."""
    opened = _open(request, version)
    table = opened.table(f"{layer}/{name}")
    filters = tuple(
        (key, value) for key, value in request.query_params.multi_items() if key not in _RESERVED
    )
    # Who may not read a table does not learn what would be right about it either.
    scope.conditions(table)
    wanted = Wanted(columns, filters, order, limit, offset)
    selection = scope.limit(select(table, wanted), table)
    if format == "json":
        return _page(request, opened, selection)
    form = FORMATS[format]
    pieces = form.pieces(opened.read(selection), _about(opened, selection))
    # The first piece shows whether the table can be read, while the status can still say so.
    first = next(pieces)
    headers = {
        **_headers(request),
        "Content-Disposition": f'attachment; filename="{layer}.{name}.{format}"',
    }
    return StreamingResponse(chain([first], pieces), media_type=form.media_type, headers=headers)


@router.get("/metrics", response_model=list[MetricInfo], responses=_problems(401, 404, 409, 503))
def metric_list(
    request: Request,
    scope: ScopeOfToken,  # noqa: ARG001 - the list is the same for all, but not for everybody
    version: VersionParameter = None,
) -> Response:
    """List the KPIs, and what they are made of."""
    return _json(request, [vars(metric) for metric in metrics(_open(request, version)).values()])


@router.get(
    "/metrics/{kpi}",
    response_model=MetricRows,
    responses=_problems(401, 404, 409, 422, 503),
)
def metric(
    *,
    request: Request,
    scope: ScopeOfToken,
    kpi: Annotated[str, Path(description="Name of a KPI, such as net_sales or margin_pct.")],
    by: Annotated[
        str | None,
        Query(
            description=f"Dimensions with commas between: {', '.join(DIMENSIONS)}; one of day, week"
            " and month at most. Currencies are always told apart."
        ),
    ] = None,
    first: Annotated[
        str | None,
        Query(alias="from", description="First business date; default: 30 days up to `to`."),
    ] = None,
    last: Annotated[
        str | None,
        Query(alias="to", description="Last business date; default: the last that is over."),
    ] = None,
    store_id: Annotated[
        str | None, Query(description="Stores with commas between; default: all that are open.")
    ] = None,
    version: VersionParameter = None,
) -> Response:
    """Read a KPI. Ratios are divided anew at every level, never averaged."""
    opened = _open(request, version)
    return _json(request, read_metric(opened, scope, Asked(kpi, by, first, last, store_id)))


@router.get("/reports", response_model=Reports, responses=_problems(401, 409, 422, 503))
def reports(
    *,
    request: Request,
    scope: ScopeOfToken,
    report_type: Annotated[
        Literal["DAILY_REPORT", "WEEKLY_ANALYSIS", "MONTHLY_SUMMARY"] | None,
        Query(alias="type", description="Type of report; default: all."),
    ] = None,
    store_id: Annotated[
        str | None, Query(description="Store, or ALL for totals; default: all that are open.")
    ] = None,
    first: Annotated[date | None, Query(alias="from", description="First report date.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last report date.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Reports at most.")] = 100,
    version: VersionParameter = None,
) -> Response:
    """List the business reports that the token opens, newest first."""
    opened = _open(request, version)
    wanted: list[tuple[str, Operator, object]] = [
        ("report_type", "eq", report_type),
        ("store_id", "eq", store_id),
        ("report_date", "ge", first),
        ("report_date", "le", last),
    ]
    conditions = tuple(Condition(*part) for part in wanted if part[2] is not None)
    listed = list_reports(opened, scope, conditions, limit)
    return _json(request, {"version": opened.version, "as_of": opened.as_of, "reports": listed})


@router.get(
    "/reports/{report_type}/{report_date}/{store_id}",
    response_class=HTMLResponse,
    responses=_problems(401, 404, 409, 422, 503),
)
def report_page(
    *,
    request: Request,
    scope: ScopeOfToken,
    report_type: Annotated[str, Path(description="Such as DAILY_REPORT.")],
    report_date: Annotated[date, Path(description="Last business date it is about.")],
    store_id: Annotated[str, Path(description="Store, or ALL.")],
    currency: Annotated[
        str | None, Query(description="Of a total; needed where there are several.")
    ] = None,
    version: VersionParameter = None,
) -> Response:
    """Read one report as a page that needs nothing else."""
    opened = _open(request, version)
    page = read_page(
        opened,
        scope,
        request.app.state.pages,
        report_type=report_type,
        report_date=report_date,
        store_id=store_id,
        currency=currency,
    )
    return HTMLResponse(page, headers={**_headers(request), **_PAGE_HEADERS})


def _about(opened: ServingVersion, selection: Selection) -> dict[str, Any]:
    return {"table": selection.table, "version": opened.version, "as_of": opened.as_of}


def _page(request: Request, opened: ServingVersion, selection: Selection) -> Response:
    size = page_rows(selection.limit)
    # One row more than the page has tells whether there is another page.
    found = list(_dicts(opened, replace(selection, limit=size + 1)))
    more = len(found) > size
    place = {"version": opened.version, "limit": size, "offset": selection.offset + size}
    following = str(request.url.include_query_params(**place)) if more else None
    about = _about(opened, selection)
    return _json(request, {**about, "rows": found[:size], "next": following})


def _dicts(opened: ServingVersion, selection: Selection) -> Iterator[dict[str, Any]]:
    for batch in opened.read(selection):
        yield from json_rows(batch)


def _answer(
    request: Request, status: int, detail: Mapping[str, Any], headers: Mapping[str, str]
) -> Response:
    answer = _json(request, {"error": dict(detail)}, status)
    answer.headers.update(headers)
    return answer


def _say_error(request: Request, error: Exception) -> Response:
    """Answer an error that is meant for people."""
    status = _STATUS.get(type(error), 500)  # type: ignore[arg-type]
    detail: dict[str, Any] = {"message": str(error)}
    if isinstance(error, BadRequestError):
        detail |= {
            "field": error.field,
            "value": str(error.value),
            "expected": error.expected,
        }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004
    return _answer(request, status, detail, headers)


def _say_invalid(request: Request, error: Exception) -> Response:
    """Answer a parameter that is not what the API declares, in the form of the other errors."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    field = str(first["loc"][-1])
    expected = str(first["msg"]).removeprefix("Input should be ")
    return _say_error(request, BadRequestError(field, first["input"], expected))


def _say_http(request: Request, error: Exception) -> Response:
    """Answer an address that there is not, or a method that is not allowed."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = (
        f"{request.method} {request.url.path}: expected GET of /v1/health, /v1/tables, "
        "/v1/tables/LAYER/NAME, /v1/metrics/KPI or /v1/reports"
    )
    return _answer(request, status, {"message": message}, {})

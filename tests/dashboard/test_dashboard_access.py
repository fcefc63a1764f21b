"""Who may see and do what: roles, and that nothing of a store leaves it."""

import io
import json
import re
import time

import analytics_files as analysed
import polars as pl
import pytest
import serving_files as files
import streamlit as st
from app_support import choose_rows, figure, table, words

from dashboard import access, actions, asked
from dashboard.components import downloads
from dashboard.registry import PAGES
from smartshelf_dagster.streaming.operator import AnomalyKey, PlannedOrderKey, StockCount

PEOPLE = {
    "contact": "Maria at the office",
    "people": {
        "Mina@example.com": {"role": "manager", "stores": ["S001"]},
        "vera@example.com": {"role": "viewer", "stores": "*"},
        "paul@example.com": {"role": "planner", "stores": ["S001"]},
        "ada@example.com": {"role": "admin"},
        "far@example.com": {"role": "manager", "stores": ["S009"]},
    },
    "groups": {"turku": {"role": "manager", "stores": ["S002"]}},
}
SHARED = ("analytics/dim_product", "analytics/versions", "ref/items", "ref/zones")


def person(name, **claims):
    return {"is_logged_in": True, "email": f"{name}@example.com"} | claims


MINA, VERA, PAUL, ADA = (person(name) for name in ("mina", "vera", "paul", "ada"))


@pytest.fixture(autouse=True)
def people(tmp_path, monkeypatch):
    """The file that says who may do what."""
    path = tmp_path / "people.json"
    path.write_text(json.dumps(PEOPLE))
    monkeypatch.setenv("SMARTSHELF_PEOPLE", str(path))
    return path


def marked(*parts):
    """Return rows whose figures are in the millions and whose words name their store."""
    whole = re.compile(
        "qty|quantity|pieces|units|stock|people|receipts|lines|lots|sales|revenue|transactions"
    )
    return {
        name: [
            {
                column: value + 9_000_000
                if type(value) is int and whole.search(column)
                else f"{value} of S002"
                if column in {"note", "actor", "last_note", "batch_code"} and value
                else value
                for column, value in row.items()
            }
            for row in rows
        ]
        for part in parts
        for name, rows in part.items()
    }


@pytest.fixture
def chain(serving):
    """A publication about two stores; everything of the second can be told."""
    turku = files.store("S002", name="Smart Shelf Turku", people=11)
    return files.write(
        serving,
        *files.all_of_one_store(),
        files.quality(),
        files.quarantine(),
        marked(turku, files.stock("S002"), files.loop("S002"), files.forecasts("S002")),
        {"meta.catalog": [{"table": name, "is_shared": True} for name in SHARED]},
    )


@pytest.fixture
def morning(serving):
    """The same two stores with what is told by the hour and this minute, of each and of both."""
    turku = files.store("S002", name="Smart Shelf Turku", people=11)
    both = [part for whose in ("S002", "ALL") for part in (
        analysed.kpis(whose), analysed.seasons(whose),
    )]  # fmt: skip
    return files.write(
        serving,
        *files.all_of_one_store(),
        analysed.versions(),
        analysed.kpis(),
        analysed.live(),
        analysed.seasons(),
        analysed.goods(),
        analysed.parts(disk="warn"),
        marked(turku, files.stock("S002"), files.loop("S002"), files.forecasts("S002"), *both),
        marked(
            analysed.live("S002"),
            {"live.live_kpis": analysed.live("ALL")["live.live_kpis"]},
        ),
        {
            "analytics.customer_clv": [{"currency": "EUR", "customer_id": "A", "clv_12m": 60}],
            "live.live_country": [
                {"country": country, "currency": "EUR", "revenue": 9_000_100, "transactions": 5}
                for country in ("Italy", "Finland")
            ],
            "meta.catalog": [{"table": name, "is_shared": True} for name in SHARED],
        },
        more_tables=analysed.TABLES,
    )


@pytest.fixture
def downloaded(monkeypatch):
    """What the buttons of a page would download, as text."""
    found = []
    button = downloads._button

    def remember(kind, file, stem, data, about, **more):
        # A workbook is made of what the other two are made of, and takes the longest.
        if kind.suffix == ".parquet":
            found.append(downloads.csv(pl.read_parquet(io.BytesIO(data()))).decode())
        elif kind.suffix == ".csv":
            found.append(data().decode())
        button(kind, file, stem, data, about, **more)

    monkeypatch.setattr(downloads, "_button", remember)
    return found


def numbers(spec):
    """Yield all numbers of a chart; spans of time are in milliseconds, a bar's width 7e7."""
    if isinstance(spec, dict):
        for part in spec.values():
            yield from numbers(part)
    elif isinstance(spec, list):
        for part in spec:
            yield from numbers(part)
    elif isinstance(spec, int | float):
        yield spec


def traces_of_turku(app, downloaded):
    """Return what a page tells of S002: in its elements, its tables, its charts, its downloads."""
    said = [str(element.proto) for element in app.main if hasattr(element, "proto")]
    said += [
        str(element) for kind in ("html", "selectbox", "multiselect") for element in app.get(kind)
    ]
    said += [words(app), *[f"{m.label} {m.value}" for m in app.metric], *downloaded]
    said += [t.value.to_csv() for t in app.dataframe]
    # What the reader typed is no news.
    said = [re.sub(r"The (item|lot) \S+ of the address", "", text) for text in said]
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    found = [chart for chart in charts if re.search("S002|Turku", json.dumps(chart))]
    found += [text for text in said if re.search(r"S002|Turku|\b9[,.]?000[,.]?\d{3}\b", text)]
    found += [
        chart for chart in charts if any(5e6 <= value < 5e7 for value in numbers(chart["data"]))
    ]
    return found


# Every page, and what a curious manager might type into the address.
TURKU = "Smart Shelf Turku (S002)"
ADDRESSES = [
    *[(page.path, {"store": TURKU}) for page in PAGES],
    *[(page.path, {"store": "All stores"}) for page in PAGES if page.allows_all_stores],
    ("alerts", {"alert": "S002-ack-wine"}),
    ("states", {"item": "S002/MEACHI0002"}),
    ("lots", {"lot": "S002/shelf/MEACHI0002/"}),
    ("supply", {"store": "All stores", "supply": "Orders"}),
    ("supply", {"store": "All stores", "supply": "Deliveries"}),
    ("supply", {"store": "All stores", "supply": "Past cutoffs"}),
    ("forecast", {"store": TURKU, "forecast": "Accuracy"}),
    ("forecast", {"store": TURKU, "forecast": "Model"}),
]


@pytest.mark.usefixtures("chain")
def test_nothing_of_another_store_is_in_any_page_or_download(open_page, downloaded):
    for path, query in ADDRESSES:
        downloaded.clear()
        app = open_page(path, user=MINA, **query)
        assert not app.exception, path
        assert not traces_of_turku(app, downloaded), (path, query)


@pytest.mark.usefixtures("chain")
def test_who_may_see_all_stores_finds_the_other_one_there(open_page, downloaded):
    telling = {"map", "states", "alerts", "supply", "lots", "waste", "audit", "forecast"}
    for path in telling:
        downloaded.clear()
        app = open_page(path, user=VERA, store=TURKU)
        assert len(traces_of_turku(app, downloaded)) > 2, path


@pytest.mark.parametrize(
    ("path", "part"),
    [
        *(("overview", {}), ("live", {}), ("history", {})),
        *(("alerts", {"show": "Unusual"}), ("forecast", {"forecast": "Accuracy"})),
    ],
)
@pytest.mark.usefixtures("morning")
def test_a_page_tells_all_of_a_store_to_who_sees_only_that(open_page, downloaded, path, part):
    """A part that is told by no store is left out; it neither fails nor closes the others."""
    for query in (part, part | {"store": TURKU}, part | {"store": "All stores"}):
        downloaded.clear()
        app = open_page(path, user=MINA, **query)
        assert not app.exception
        assert "Only for who may see all stores" not in words(app)
        assert not traces_of_turku(app, downloaded), query
    assert traces_of_turku(open_page(path, user=VERA, store=TURKU, **part), downloaded)


@pytest.mark.usefixtures("morning")
def test_unusual_things_and_accuracy_of_the_own_store_are_told(open_page):
    alone, whole = (open_page("alerts", user=user, show="Unusual") for user in (MINA, VERA))
    kinds = [set(table(app, "kind_label")["kind"]) for app in (alone, whole)]
    assert {"SUPPLIER_DELAY", "PRICE_ANOMALY"} <= kinds[0]
    assert kinds[1] - kinds[0] == {"MODEL_DRIFT"}
    alone, whole = (open_page("forecast", user=user, forecast="Accuracy") for user in (MINA, VERA))
    judged = [table(app, "loss_baseline") for app in (alone, whole)]
    assert judged[0]["wape"].tolist() == judged[1]["wape"].tolist()
    assert judged[0]["loss_baseline"].isna().all()
    assert not judged[1]["loss_baseline"].isna().all()


@pytest.mark.usefixtures("morning")
def test_forecasts_of_sales_count_at_the_prices_of_the_own_stores(open_page):
    app = open_page(user=MINA)
    assert figure(app, "Net sales (EUR)") == "30465"
    assert "What needs hands now" in words(app)
    drawn = [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]
    [bars] = [trace for data in drawn for trace in data if trace.get("name") == "Forecast"]
    assert bars["y"] == pytest.approx([4.4 * 5.0] * len(bars["y"]))


@pytest.mark.usefixtures("morning")
def test_what_is_told_over_all_stores_is_not_called_well_to_who_sees_some(open_page):
    alone, whole = (open_page(user=user) for user in (MINA, VERA))
    assert "what customers are worth: it is told over all stores" in words(alone)
    assert figure(whole, "Customer worth (EUR)") == "60"
    tasks = [
        " ".join(link.proto.label for link in app.get("page_link")) for app in (alone, whole)
    ]  # fmt: skip
    assert "unusually often" not in tasks[0]
    assert "**1 item** came back unusually often" in tasks[1]
    told = words(open_page("history", user=MINA))
    assert "Nothing came back" not in told
    assert "**2.50 %** of the pieces sold came back: this store, 30 days." in told
    assert "is told over all stores" in told
    assert "**1.20 %** of the pieces sold, all stores" in words(open_page("history", user=VERA))
    assert "**Countries** today" in words(open_page("live", user=VERA, store="All stores"))


@pytest.mark.parametrize("path", [page.path for page in PAGES if page.is_of_all_stores])
@pytest.mark.usefixtures("chain")
def test_pages_about_all_stores_are_closed_to_who_sees_some(open_page, path):
    assert "Only for who may see all stores" in words(open_page(path, user=MINA))
    assert "Only for who may see all stores" not in words(open_page(path, user=VERA))


@pytest.mark.parametrize(("user", "is_told"), [(VERA, False), (ADA, True)])
@pytest.mark.usefixtures("chain")
def test_what_the_app_runs_with_is_for_admins(open_page, user, is_told):
    assert ("Paths and intervals" in words(open_page("system", user=user))) == is_told


@pytest.mark.usefixtures("chain")
def test_groups_add_stores(open_page):
    app = open_page("alerts", user=person("mina", groups=["turku", "chess"]), store="All stores")
    assert {row[:4] == "S002" for row in table(app, "state")["alert_id"]} == {True, False}
    alone = open_page("alerts", user=person("nobody", groups=["turku"]))
    assert all(row.startswith("S002") for row in table(alone, "state")["alert_id"])


# The door


def test_whoever_has_not_logged_in_is_asked_to(chain, open_page, downloaded):
    app = open_page("alerts", user={"is_logged_in": False})
    assert [button.label for button in app.button] == ["Log in"]
    assert "Ask Maria at the office" in words(app)
    assert not app.dataframe
    assert not traces_of_turku(app, downloaded)


def cookie(browser="0011223344556677", mask="a1b2c3d4"):
    """Return the cookie of a browser as Streamlit writes it: its token under a mask."""
    key = bytes.fromhex(mask)
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(bytes.fromhex(browser)))
    return {"_streamlit_xsrf": f"2|{mask}|{masked.hex()}|1767441000"}


@pytest.fixture
def browser(monkeypatch):
    """Be another browser, or the same one later."""
    monkeypatch.setattr(asked, "_asked", {})

    def be(**told):
        monkeypatch.setattr(type(st.context), "cookies", cookie(**told))

    be()
    return be


NOBODY = {"is_logged_in": False}


@pytest.mark.usefixtures("chain")
def test_after_the_login_the_page_opens_that_was_asked_for(open_page, browser):
    shelf = {"store": "Smart Shelf Turku (S002)", "search": "beef", "stock": "Warehouse"}
    open_page("states", user=NOBODY, **shelf)
    browser(browser="ff11223344556677")
    assert open_page(user=ADA).title[0].value == "Overview"
    browser(mask="01020304")
    # Who comes with an address of their own stays there.
    assert open_page("waste", user=ADA).title[0].value == "Waste"
    assert open_page(user=ADA, store=shelf["store"]).title[0].value == "Overview"
    app = open_page(user=ADA)
    assert not app.exception
    assert app.title[0].value == "States"
    assert {name: app.query_params[name] for name in shelf} == shelf
    assert app.selectbox(key="store").value == "S002"
    assert app.text_input(key="search").value == "beef"
    assert "warehouse places" in words(app)
    # Once is enough.
    assert open_page(user=ADA).title[0].value == "Overview"


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("why", ["late", "long", "no cookie", "the first page later"])
def test_the_first_page_opens_where_nothing_is_kept(open_page, browser, monkeypatch, why):
    open_page("alerts", user=NOBODY, search="x" * (9_000 if why == "long" else 9))
    if why == "late":
        monkeypatch.setattr(asked.time, "monotonic", lambda now=time.monotonic: now() + 901)
    elif why == "no cookie":
        monkeypatch.setattr(type(st.context), "cookies", {})
    elif why == "the first page later":
        open_page(user=NOBODY)
    app = open_page(user=ADA)
    assert not app.exception
    assert app.title[0].value == "Overview"


@pytest.mark.usefixtures("browser")
def test_what_strangers_ask_for_does_not_fill_the_memory(chain, open_page, monkeypatch):
    monkeypatch.setattr(asked, "_MOST", 2)
    for number in range(4):
        monkeypatch.setattr(type(st.context), "cookies", cookie(f"{number:016x}"))
        open_page("alerts", user=NOBODY)
    assert len(asked._asked) == 2


@pytest.mark.parametrize(
    "user",
    [
        person("stranger"),
        person("mina", email_verified=False),
        {"is_logged_in": True},
        person("nobody", groups="chess"),
    ],
    ids=["unknown", "not proven", "no e-mail", "unknown group"],
)
@pytest.mark.usefixtures("chain")
def test_a_person_nobody_named_sees_nothing_and_whom_to_ask(open_page, user):
    for page in PAGES:
        app = open_page(page.path, user=user)
        assert "You have no access yet" in words(app)
        assert "Ask **Maria at the office**" in words(app)
        assert not app.dataframe
        assert not app.metric


@pytest.mark.usefixtures("chain")
def test_stores_that_are_not_there_are_named(open_page):
    assert "You may see S009" in words(open_page("map", user=person("far")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "people.json: [Errno 2]"),
        ("{", "people.json: Expecting"),
        ("[]", "expected a JSON object with contact, people and groups"),
        ('{"people": {}}', "contact=None: expected whom to ask"),
        ('{"contact": "x", "people": []}', "people=[]: expected an object with a role for each"),
        (
            '{"contact": "x", "people": {"a@b": {"role": "boss"}}}',
            "people.a@b.role='boss': expected one of viewer, manager, planner, admin",
        ),
    ],
)
@pytest.mark.usefixtures("chain")
def test_a_file_of_people_that_cannot_be_used_closes_the_app(open_page, people, content, said):
    people.unlink()
    if content is not None:
        people.write_text(content)
    app = open_page("map", user=ADA)
    assert "cannot be shown yet" in words(app)
    assert said in app.code[0].value
    assert not app.metric


def test_people_without_a_login_close_the_app(chain, open_page):
    app = open_page("map")
    assert "expected a section [auth] in .streamlit/secrets.toml" in app.code[0].value
    assert not app.metric


def test_a_login_without_people_closes_the_app(chain, open_page, monkeypatch):
    monkeypatch.delenv("SMARTSHELF_PEOPLE")
    app = open_page("map", user=ADA)
    assert "SMARTSHELF_PEOPLE is not set" in app.code[0].value
    assert not app.metric


def test_an_open_app_is_not_shown_to_other_machines(chain, open_page, monkeypatch):
    monkeypatch.delenv("SMARTSHELF_PEOPLE")
    assert open_page("map").metric
    monkeypatch.setattr(access.st, "get_option", {"server.address": "192.0.2.1"}.get)
    app = open_page("map")
    assert "server.address=192.0.2.1: expected 127.0.0.1" in app.code[0].value
    assert not app.metric


def test_what_keeps_the_app_closed_is_told_at_the_start(monkeypatch, people, capsys):
    assert access.main() == 2
    assert "expected a section [auth]" in capsys.readouterr().err
    monkeypatch.delenv("SMARTSHELF_PEOPLE")
    assert access.main() == 0


# Actions

ORDER = PlannedOrderKey("S001", "MEABEE0001", files.NEXT_CUTOFF)
COUNT = StockCount("S001", "shelf", "MEABEE0001", 3, 4)


def key(store_id="S001"):
    return actions.alert_key(files.alert("open-meat", "MEABEE0001", "MEAT", "open", store_id))


def unusual_hour(scope_type, scope_id):
    return AnomalyKey(scope_type, scope_id, "EUR", "hour", files.ago(60), "high")


def acting(monkeypatch, user):
    """Let somebody be the reader."""
    found = access.read_people(access.load_settings().people).principal(
        user["email"], user.get("groups", [])
    )
    monkeypatch.setattr(access, "principal", lambda: found)


DEEDS = {
    "alert": lambda: actions.act([key()], "acknowledged", actor="x"),
    "elsewhere": lambda: actions.act([key(), key("S002")], "dismissed", actor="x"),
    "count": lambda: actions.count(COUNT, actor="x"),
    "decide": lambda: actions.decide([ORDER], "approved", actor="x"),
    "change": lambda: actions.change([ORDER], 4, actor="x", note="fair"),
    "look": lambda: actions.acknowledge([unusual_hour("store", "S001")], actor="x"),
    "look at all": lambda: actions.acknowledge([unusual_hour("all", "ALL")], actor="x"),
}


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        (VERA, set()),
        (MINA, {"alert", "count", "look"}),
        (PAUL, {"alert", "count", "decide", "change", "look"}),
        (ADA, set(DEEDS)),
    ],
    ids=["viewer", "manager", "planner", "admin"],
)
def test_actions_ask_the_role(fake_broker, monkeypatch, user, allowed):
    acting(monkeypatch, user)
    for name, do in DEEDS.items():
        fake_broker.entries.clear()
        outcome = do()
        assert bool(outcome.events) == (name in allowed), name
        assert bool(fake_broker.entries) == (name in allowed), name
        if name not in allowed:
            where = "all stores together" if name == "look at all" else "S00"
            assert f"Your role does not let you do this in {where}" in outcome.problem
        assert {event["data"]["actor"] for _, event in fake_broker.entries} <= {user["email"]}


@pytest.mark.usefixtures("chain")
def test_a_manager_signs_with_the_login(open_page, fake_broker):
    app = choose_rows(open_page("alerts", user=MINA), "alerts_table", "open-meat")
    [name] = [field for field in app.text_input if field.label == "Your name"]
    assert (name.value, name.disabled) == ("mina@example.com", True)
    next(b for b in app.button if b.label.startswith("Acknowledge")).click()
    app.run()
    [(_, event)] = fake_broker.entries
    assert event["data"]["actor"] == "mina@example.com"


@pytest.mark.usefixtures("chain")
def test_forms_are_not_offered_to_who_may_not_use_them(open_page):
    app = choose_rows(open_page("alerts", user=VERA), "alerts_table", "open-meat")
    assert "Your role does not let you act on this in S001" in words(app)
    assert [button.label for button in app.button] == ["Log out"]
    line = actions.order_id(ORDER)
    app = choose_rows(open_page("supply", user=MINA), "supply_plan", line)
    assert "Your role does not let you act on this in S001" in words(app)

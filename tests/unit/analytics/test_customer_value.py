"""Customer value: published figures, numbers found another way, and a hold-out of real sales."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.special import beta, betainc, gamma, gammaln

from benchmarks.baskets import sold_merchandise
from smartshelf_dagster.analytics import customer_value as module
from smartshelf_dagster.analytics.customer_value import (
    CUSTOMER_VALUE,
    BgNbd,
    CustomerValueError,
    GammaGamma,
    ValueSettings,
    customer_value,
    fit_bg_nbd,
    fit_gamma_gamma,
    purchase_history,
)

CDNOW = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
DAY = dt.date(2025, 1, 6)


def only(value: float) -> np.ndarray:
    return np.array([float(value)])


def bought(*rows: tuple[str | None, int, float, float]) -> pl.DataFrame:
    """Customer, days after DAY, revenue, profit."""
    return pl.DataFrame(
        [(who, DAY + dt.timedelta(days=day), money, profit) for who, day, money, profit in rows],
        schema={
            "customer_id": pl.String, "business_date": pl.Date, "sales_revenue": pl.Float64,
            "gross_profit": pl.Float64,
        },
        orient="row",
    )  # fmt: skip


def simulated(model: BgNbd, customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequency, recency and age that the model's own story gives."""
    random = np.random.default_rng(seed)
    rate = random.gamma(model.r, 1 / model.alpha, customers)
    leaves = random.beta(model.a, model.b, customers)
    age = np.round(random.uniform(7, 364, customers)) / 7
    frequency, recency = np.zeros(customers), np.zeros(customers)
    for one in range(customers):
        time = random.exponential(1 / rate[one])
        while time <= age[one]:
            frequency[one] += 1
            recency[one] = time
            if random.random() < leaves[one]:
                break
            time += random.exponential(1 / rate[one])
    return frequency, recency, age


def purchases_of(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> pl.DataFrame:
    """Days that give these frequencies and ages; the repeats lie evenly up to the last."""
    random = np.random.default_rng(1)
    rows = []
    for one, (x, last, weeks) in enumerate(zip(frequency, recency, age, strict=True)):
        first = 400 - round(weeks * 7)
        days = np.unique(np.round(np.linspace(0, max(last * 7, 1), int(x) + 1)))
        scale = random.gamma(3, 10)
        rows += [
            (f"C{one:05d}", first + int(d), m, 0.4 * m)
            for d, m in zip(days, random.gamma(4, scale, len(days)), strict=True)
        ]
    return bought(*rows)


def test_cdnow_customer_has_the_published_expectation_and_chance_to_be_alive() -> None:
    customer = only(2), only(30.43), only(38.86)
    assert CDNOW.expected_purchases(*customer, 39)[0] == pytest.approx(1.226, abs=5e-4)
    assert CDNOW.p_alive(*customer)[0] == pytest.approx(0.727, abs=5e-4)
    assert CDNOW.p_alive(only(0), only(0), only(38.86))[0] == 1


MODELS = st.builds(
    BgNbd,
    r=st.floats(0.05, 5), alpha=st.floats(0.5, 50), a=st.floats(0.01, 5), b=st.floats(0.1, 20),
)  # fmt: skip


@given(MODELS, st.integers(0, 60), st.floats(0, 1), st.floats(4, 100), st.floats(0.1, 52))
@example(BgNbd(1, 10, 1, 3), 4, 1, 30, 26)
@example(BgNbd(1, 10, 0.5, 0.5), 0, 0, 30, 26)
@settings(max_examples=60, deadline=None)
def test_expectation_is_the_sum_of_the_chances_of_each_further_purchase(
    model, frequency, recent, age, weeks
) -> None:
    """The next purchase but n comes if that many fall due and the customer stays after each."""
    customer = only(frequency), only(recent * age if frequency else 0), only(age)
    n = np.arange(15_000.0)
    due = betainc(n + 1, model.r + frequency, weeks / (model.alpha + age + weeks))
    b, both = model.b + frequency, model.a + model.b + frequency
    stays = np.exp(gammaln(b + n) - gammaln(b) - gammaln(both + n) + gammaln(both))
    expected = (due * stays).sum() * model.p_alive(*customer)[0]
    assert model.expected_purchases(*customer, weeks)[0] == pytest.approx(expected, rel=1e-5)


@given(MODELS, st.integers(0, 2_000), st.floats(0, 1), st.floats(1, 520))
@settings(max_examples=80, deadline=None)
def test_expectation_is_0_now_and_grows(model, frequency, recent, age) -> None:
    customer = only(frequency), only(recent * age if frequency else 0), only(age)
    steps = [model.expected_purchases(*customer, weeks)[0] for weeks in (0, 1, 4, 13, 52, 520)]
    assert steps[0] == 0
    assert np.isfinite(steps).all()
    # So much later the last step may be too small for floats.
    assert steps[5] >= steps[4] * (1 - 1e-9)
    alive = model.p_alive(*customer)[0]
    assert 0 <= alive <= 1
    if alive > 1e-200:
        assert (np.diff(steps[:5]) > 0).all()


def test_gradients_are_those_of_the_likelihoods() -> None:
    customers = simulated(CDNOW, 50, seed=2)
    point = np.array([0.4, 3.0, 0.7, 2.0])
    loss = lambda values: module._bg_nbd_loss(values, *customers)  # noqa: E731
    numeric = optimize.approx_fprime(point, lambda values: loss(values)[0])
    assert loss(point)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)
    frequency, mean = np.array([1.0, 2, 9]), np.array([0.5, 2.0, 1.1])
    spend = lambda values: module._gamma_gamma_loss(values, frequency, mean)  # noqa: E731
    point = np.array([2.0, 3.0, 1.5])
    numeric = optimize.approx_fprime(point, lambda values: spend(values)[0])
    assert spend(point)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


def test_likelihood_of_a_customer_is_that_of_equation_6() -> None:
    r, alpha, a, b = CDNOW.r, CDNOW.alpha, CDNOW.a, CDNOW.b
    x, last, age = 2, 30.43, 38.86
    common = gamma(r + x) * alpha**r / gamma(r)
    stayed = beta(a, b + x) / beta(a, b) / (alpha + age) ** (r + x)
    left = beta(a + 1, b + x - 1) / beta(a, b) / (alpha + last) ** (r + x)
    found = CDNOW.log_likelihood(only(x), only(last), only(age))
    assert found == pytest.approx(np.log(common * (stayed + left)))


@pytest.mark.parametrize("model", [CDNOW, BgNbd(1, 10, 1, 1), BgNbd(0.5, 5, 3, 3)])
def test_fit_finds_the_model_that_made_the_customers(model: BgNbd) -> None:
    customers = simulated(model, 6_000, seed=4)
    found = fit_bg_nbd(*customers)
    assert found is not None
    assert found.log_likelihood(*customers) >= model.log_likelihood(*customers)
    assert (found.r, found.alpha) == pytest.approx((model.r, model.alpha), rel=0.2)
    assert found.mean_dropout == pytest.approx(model.mean_dropout, rel=0.15)


def test_fit_does_not_depend_on_the_unit_of_time_or_money() -> None:
    frequency, recency, age = simulated(CDNOW, 800, seed=5)
    weeks, days = (fit_bg_nbd(frequency, recency * unit, age * unit) for unit in (1, 7))
    assert weeks is not None
    assert days is not None
    assert days.alpha == pytest.approx(7 * weeks.alpha)
    assert (days.r, days.a, days.b) == pytest.approx((weeks.r, weeks.a, weeks.b))
    mean = np.random.default_rng(1).gamma(3, 5, 800)
    pounds, pence = (fit_gamma_gamma(frequency + 1, mean * unit) for unit in (1, 100))
    assert pounds is not None
    assert pence is not None
    assert pence.v == pytest.approx(100 * pounds.v)


def test_gamma_gamma_finds_its_parameters_and_pulls_means_to_that_of_all() -> None:
    random = np.random.default_rng(6)
    frequency = random.integers(1, 12, 8_000).astype(float)
    scale = random.gamma(4, 1 / 60, 8_000)
    mean = random.gamma(6 * frequency, 1 / scale) / frequency
    found = fit_gamma_gamma(frequency, mean)
    assert found is not None
    assert (found.p, found.q, found.v) == pytest.approx((6, 4, 60), rel=0.15)
    model = GammaGamma(6, 4, 60)
    spent = model.expected_spend(np.array([0.0, 1, 5, 1_000]), np.array([np.nan, 200, 200, 200]))
    assert spent[0] == pytest.approx(6 * 60 / 3)
    assert spent[1] == pytest.approx(6 * (60 + 200) / (6 + 3))
    assert spent[0] < spent[1] < spent[2] < spent[3] < 200
    assert spent[3] == pytest.approx(200, rel=1e-3)


def test_history_counts_days_in_weeks_and_leaves_out_what_is_no_purchase() -> None:
    rows = bought(
        ("A", 0, 10, 4), ("A", 0, 5, 2), ("A", 7, 20, 8), ("A", 21, 40, 16), ("A", 22, 0, -8),
        ("A", 28, 99, 99), (None, 3, 7, 7), ("B", 10, 30, 12), ("C", 11, 0, -5),
    )  # fmt: skip
    history = purchase_history(rows, as_of=DAY + dt.timedelta(days=28))
    assert history["customer_id"].to_list() == ["A", "B"]
    first = history.row(0, named=True)
    assert (first["frequency_x"], first["recency_tx"]) == (2, 3)
    assert first["age_T"] == pytest.approx(27 / 7)
    assert first["monetary_mean"] == 30
    assert first["clv_historical"] == 22
    second = history.row(1, named=True)
    assert (second["frequency_x"], second["recency_tx"], second["monetary_mean"]) == (0, 0, None)


def test_simple_value_is_the_margin_of_a_year_times_the_years_that_a_customer_stays() -> None:
    # Of four customers of the older half-year two came again: half of them, a quarter in a year.
    rows = bought(
        ("A", 30, 100, 40), ("A", 300, 10, 4), ("B", 40, 50, 20), ("B", 310, 10, 4),
        ("C", 50, 10, 4), ("D", 60, 10, 4), ("E", 320, 70, 28), ("A", -10, 500, 200),
    )  # fmt: skip
    found = customer_value(rows, DAY + dt.timedelta(weeks=52))
    assert found.schema == pl.Schema(CUSTOMER_VALUE)
    factor = 0.25 / (1 + 0.10 - 0.25)
    expected = [44 * factor, 24 * factor, 4 * factor, 4 * factor, 28 * factor]
    assert found["clv_simple"].to_list() == pytest.approx(expected)
    assert found["clv_historical"][0] == 244
    young = customer_value(rows.filter(pl.col("customer_id") == "E"), DAY + dt.timedelta(weeks=52))
    assert young["clv_simple"].to_list() == [None]


MODELLED = ["p_alive", "expected_tx_13w", "expected_tx_52w", "expected_value_per_tx", "clv_12m"]
AS_OF = DAY + dt.timedelta(days=401)


@pytest.fixture(scope="module")
def customers() -> pl.DataFrame:
    return purchases_of(*simulated(CDNOW, 1_500, seed=8))


def test_value_of_identified_customers_is_complete_and_adds_up(customers: pl.DataFrame) -> None:
    found = customer_value(customers, AS_OF)
    assert found["model_status"].unique().to_list() == ["ok"]
    assert found.height == 1_500
    assert found.select(*MODELLED, "clv_decile").null_count().row(0) == (0,) * 6
    assert found["p_alive"].is_between(0, 1).all()
    assert (found["expected_tx_13w"] < found["expected_tx_52w"]).all()
    undiscounted = found["expected_tx_52w"] * found["expected_value_per_tx"] * 0.4
    assert (found["clv_12m"] < undiscounted).all()
    assert (found["clv_12m"] > undiscounted / 1.1).all()
    free = customer_value(customers, AS_OF, ValueSettings(discount_rate=0))
    assert free["clv_12m"].to_numpy() == pytest.approx(undiscounted.to_numpy())


def test_deciles_are_even_ordered_and_equal_for_equal_values(customers: pl.DataFrame) -> None:
    found = customer_value(customers, AS_OF).sort("clv_12m")
    assert found["clv_decile"].is_sorted()
    assert (found["clv_decile"].min(), found["clv_decile"].max()) == (1, 10)
    per_value = found.group_by("clv_12m").agg(pl.col("clv_decile").n_unique())
    assert per_value["clv_decile"].max() == 1
    assert found.filter(clv_decile=10).height == pytest.approx(150, abs=2)


def test_value_does_not_depend_on_the_order_of_rows(customers: pl.DataFrame) -> None:
    shuffled = customers.sample(fraction=1, shuffle=True, seed=3)
    assert customer_value(shuffled, AS_OF).equals(customer_value(customers, AS_OF))


def test_few_customers_or_few_who_came_back_have_no_model(customers: pl.DataFrame) -> None:
    few = customers.filter(pl.col("customer_id") < "C00499")
    once = customers.unique("customer_id", keep="first", maintain_order=True)
    for rows in (few, once):
        found = customer_value(rows, AS_OF)
        assert found["model_status"].unique().to_list() == ["too_few_customers"]
        assert found.select(*MODELLED, "clv_decile").null_count().row(0) == (found.height,) * 6
        assert found["clv_historical"].null_count() == 0
    enough = customers.filter(pl.col("customer_id") < "C00500")
    assert customer_value(enough, AS_OF)["model_status"][0] == "ok"


def test_customers_who_never_leave_have_no_chance_to_be_alive_but_a_value() -> None:
    stay = BgNbd(r=2, alpha=10, a=1e-9, b=1)
    found = customer_value(purchases_of(*simulated(stay, 700, seed=9)), AS_OF)
    assert found["model_status"].unique().to_list() == ["dropout_unidentified"]
    assert found["p_alive"].null_count() == found.height
    assert found.select(*MODELLED[1:], "clv_decile").null_count().row(0) == (0,) * 5


def test_a_search_that_does_not_end_is_said(customers, monkeypatch) -> None:
    # 3 steps are never enough.
    search = optimize.minimize
    stopped = lambda *a, **k: search(*a, **(k | {"options": {"maxiter": 3}}))  # noqa: E731
    monkeypatch.setattr(optimize, "minimize", stopped)
    found = customer_value(customers, AS_OF)
    assert found["model_status"].unique().to_list() == ["not_converged"]
    assert found["clv_12m"].null_count() == found.height


def test_no_customers_give_no_rows(customers: pl.DataFrame) -> None:
    found = customer_value(customers.clear(), AS_OF)
    assert found.is_empty()
    assert found.schema == pl.Schema(CUSTOMER_VALUE)


def test_missing_column_is_named(customers: pl.DataFrame) -> None:
    with pytest.raises(CustomerValueError, match="columns gross_profit are missing, expected"):
        customer_value(customers.drop("gross_profit"), AS_OF)


@pytest.fixture(scope="module")
def retail(shared_data: Path) -> pl.DataFrame:
    sales = sold_merchandise(shared_data / "online_retail" / "online_retail.parquet")
    # The data set knows no costs; any margin does.
    return sales.with_columns(gross_profit=pl.col("sales_revenue") * 0.3)


def arrays(history: pl.DataFrame) -> tuple[np.ndarray, ...]:
    names = ("frequency_x", "recency_tx", "age_T")
    return tuple(history[name].cast(pl.Float64).to_numpy() for name in names)


def test_all_real_customers_have_the_known_fit_and_no_identified_dropout(
    retail: pl.DataFrame,
) -> None:
    as_of = dt.date(2011, 12, 10)
    seen = arrays(purchase_history(retail, as_of))
    found = fit_bg_nbd(*seen)
    assert found is not None
    assert len(seen[0]) == 4_334
    rounded = [round(value, 3) for value in (found.r, found.alpha, found.a, found.b)]
    assert rounded == [0.823, 9.870, 0.003, 7.249]
    assert found.log_likelihood(*seen) == pytest.approx(-37_459.81, abs=0.01)
    values = customer_value(retail, as_of)
    assert values["model_status"].unique().to_list() == ["dropout_unidentified"]
    assert values["p_alive"].null_count() == 4_334


def test_real_customers_come_back_about_as_often_as_expected(retail: pl.DataFrame) -> None:
    as_of, weeks = dt.date(2011, 9, 10), 13
    history = purchase_history(retail, as_of)
    assert history.height == 3_368
    model = fit_bg_nbd(*arrays(history))
    assert model is not None
    expected = model.expected_purchases(*arrays(history), weeks)
    later = retail.filter(
        pl.col("business_date").is_between(as_of, as_of + dt.timedelta(weeks=weeks), closed="left")
    )
    days = later.group_by("customer_id").agg(came=pl.col("business_date").n_unique())
    came = history.join(days, on="customer_id", how="left", maintain_order="left")["came"]
    actual = came.fill_null(0).to_numpy().astype(float)
    assert np.abs(expected - actual).mean() <= 0.95
    assert np.corrcoef(expected, actual)[0, 1] >= 0.78
    frequency, _, age = arrays(history)
    naive = (frequency + 1) / np.maximum(age, 1) * weeks
    assert np.abs(naive - actual).mean() == pytest.approx(1.36, abs=0.005)

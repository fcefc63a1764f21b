"""What customers are worth: to date, by rule of thumb, and by a model of the year to come.

Belongs here: how often customers come back (BG/NBD), what they spend (Gamma-Gamma), and the values
that follow. Does not belong here: segments of customers, and storing the rows.

Purchases are days with a purchase: two receipts on one day are one. Times are weeks.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy
from scipy import special

from smartshelf_dagster.errors import SmartShelfError

Floats = npt.NDArray[np.floating]
OK, TOO_FEW, UNIDENTIFIED, NOT_CONVERGED = (
    "ok", "too_few_customers", "dropout_unidentified", "not_converged",
)  # fmt: skip
PURCHASE_COLUMNS = ("customer_id", "business_date", "sales_revenue", "gross_profit")
CUSTOMER_VALUE = {
    "customer_id": pl.String,
    "frequency_x": pl.Int64,
    "recency_tx": pl.Float64,
    "age_T": pl.Float64,
    "monetary_mean": pl.Float64,
    "clv_historical": pl.Float64,
    "clv_simple": pl.Float64,
    "p_alive": pl.Float64,
    "expected_tx_13w": pl.Float64,
    "expected_tx_52w": pl.Float64,
    "expected_value_per_tx": pl.Float64,
    "clv_12m": pl.Float64,
    "clv_decile": pl.Int64,
    "model_status": pl.String,
}
DAYS_PER_WEEK, WEEKS_PER_YEAR, WEEKS_PER_QUARTER = 7, 52, 13
_HALF_YEAR = 26
_DECILES = 10
_MODELLED = ("p_alive", "expected_tx_13w", "expected_tx_52w", "expected_value_per_tx", "clv_12m")
# Parameters are searched on a log scale between these, in units of the mean age or spend.
_LEAST, _MOST = 1e-4, 1e4
# At a = 1 and a + b = 1 the expectation is 0/0; this far off it is right to six digits.
_POLE = 1e-6
# SciPy adds up the series of the hypergeometric function below this; we do above.
_NEAR_1, _MOST_TERMS, _PRECISION = 0.9, 20_000, 1e-15
# Largest slope of the mean log-likelihood, by the logarithms of the parameters, at an optimum.
_FLAT = 1e-5


class CustomerValueError(SmartShelfError, ValueError):
    """Purchases that tell no value; the message names the field and what was expected."""


@dataclass(frozen=True)
class ValueSettings:
    """What values are worked out with.

    Attributes:
        discount_rate: Yearly.
        min_customers: Fewer customers have no model.
        min_repeat_share: Nor have customers of whom fewer came back, 0 to 1.
        min_dropout: Mean chance of leaving after a purchase, a/(a + b), below which staying and
            leaving cannot be told apart.
    """

    discount_rate: float = 0.10
    min_customers: int = 500
    min_repeat_share: float = 0.10
    min_dropout: float = 0.001


def customer_value(
    purchases: pl.DataFrame, as_of: dt.date, settings: ValueSettings | None = None
) -> pl.DataFrame:
    """Return what each customer is worth.

    - clv_historical: gross profit to date.
    - clv_simple: gross profit of the last 52 weeks times r/(1 + d - r) with d the discount rate and
      r the retention of a year, the square of that of the last half-year (Gupta and Lehmann,
      Customers as assets, 2003). Null where nobody was a customer half a year ago.
    - clv_12m: expected purchases of the next 52 weeks, each week discounted, times expected spend
      times the margin of all customers.
    - clv_decile: of clv_12m, 10 is most; equal values have equal deciles.

    Args:
        purchases: Rows of identified customers in one currency, any order: customer_id,
            business_date, sales_revenue (what the till took, 0 on rows of returns) and gross_profit
            (less that of returns). Rows of one customer and day add up; rows without a customer do
            not count.
        as_of: Days before it count; the day before is the end of all ages.
        settings: The defaults without.

    Returns:
        Columns `CUSTOMER_VALUE`, by customer, times in weeks, money in the currency of the
        purchases. monetary_mean is null without a repeat purchase. model_status says what there is
        of the model: `ok` all, `dropout_unidentified` all but p_alive, `too_few_customers` and
        `not_converged` nothing.

    Raises:
        CustomerValueError: A column is missing.
    """
    settings = settings or ValueSettings()
    history = purchase_history(purchases, as_of)
    retention = _yearly_retention(history)
    if retention is None:
        simple = pl.lit(None, dtype=pl.Float64)
    else:
        simple = pl.col("_year_profit") * (retention / (1 + settings.discount_rate - retention))
    modelled = _modelled(history, settings)
    valued = history.with_columns(modelled).with_columns(
        clv_simple=simple, clv_decile=_decile("clv_12m")
    )
    return valued.select(pl.col(name).cast(dtype) for name, dtype in CUSTOMER_VALUE.items())


def purchase_history(purchases: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Return how often, how recently and for how much each customer has bought.

    Args:
        purchases: As in `customer_value`.
        as_of: As in `customer_value`.

    Returns:
        One row per customer with a purchase, by customer: customer_id, frequency_x (days with a
        purchase after the first), recency_tx and age_T (weeks), monetary_mean (per such day),
        clv_historical, and what the other values are made of.

    Raises:
        CustomerValueError: A column is missing.
    """
    missing = [name for name in PURCHASE_COLUMNS if name not in purchases.columns]
    if missing:
        raise CustomerValueError(
            f"columns {', '.join(missing)} are missing, expected {', '.join(PURCHASE_COLUMNS)}"
        )
    half, year = (as_of - dt.timedelta(weeks=weeks) for weeks in (_HALF_YEAR, WEEKS_PER_YEAR))
    days = (
        purchases.filter(pl.col("customer_id").is_not_null(), pl.col("business_date") < as_of)
        .group_by("customer_id", "business_date")
        .agg(
            pl.sum("sales_revenue").cast(pl.Float64).alias("_revenue"),
            pl.sum("gross_profit").cast(pl.Float64).alias("_profit"),
        )
        .sort("customer_id", "business_date")
    )
    bought, day = pl.col("_revenue") > 0, pl.col("business_date")
    first, last = day.filter(bought).min(), day.filter(bought).max()
    repeats = bought & (day > first)
    return (
        days.group_by("customer_id", maintain_order=True)
        .agg(
            frequency_x=repeats.sum().cast(pl.Int64),
            recency_tx=_weeks(last - first),
            age_T=_weeks(as_of - dt.timedelta(days=1) - first),
            monetary_mean=pl.col("_revenue").filter(repeats).mean(),
            clv_historical=pl.col("_profit").sum(),
            _revenue=pl.col("_revenue").sum(),
            _year_profit=pl.col("_profit").filter(day >= year).sum(),
            _came_before=(bought & (day >= year) & (day < half)).any(),
            _came_since=(bought & (day >= half)).any(),
        )
        .filter(pl.col("age_T").is_not_null())
    )


def _weeks(duration: pl.Expr) -> pl.Expr:
    return duration.dt.total_days() / DAYS_PER_WEEK


def _yearly_retention(history: pl.DataFrame) -> float | None:
    before = history.filter("_came_before")
    if before.is_empty():
        return None
    return float(before.select(pl.col("_came_since").cast(pl.Float64).mean()).item()) ** 2


def _modelled(history: pl.DataFrame, settings: ValueSettings) -> list[pl.Series]:
    """Return the columns that come of the model, null where there is none, and its status."""
    frequency, recency, age = (
        history[name].cast(pl.Float64).to_numpy() for name in ("frequency_x", "recency_tx", "age_T")
    )
    spend = history["monetary_mean"].fill_null(0).to_numpy()
    back = frequency > 0
    if len(back) < settings.min_customers or back.mean() < settings.min_repeat_share:
        return _columns(history.height, TOO_FEW)
    purchases = fit_bg_nbd(frequency, recency, age)
    spends = fit_gamma_gamma(frequency[back], spend[back])
    if purchases is None or spends is None:
        return _columns(history.height, NOT_CONVERGED)
    # One column per end of a week from now on.
    expected = np.array(
        [
            purchases.expected_purchases(frequency, recency, age, week)
            for week in range(1, WEEKS_PER_YEAR + 1)
        ]
    )
    factors = (1 + settings.discount_rate) ** (-np.arange(1, WEEKS_PER_YEAR + 1) / WEEKS_PER_YEAR)
    discounted = factors @ np.diff(expected, axis=0, prepend=0)
    margin = float(history["clv_historical"].sum()) / float(history["_revenue"].sum())
    value = spends.expected_spend(frequency, spend)
    identified = purchases.mean_dropout >= settings.min_dropout
    return _columns(
        history.height,
        OK if identified else UNIDENTIFIED,
        p_alive=purchases.p_alive(frequency, recency, age) if identified else None,
        expected_tx_13w=expected[WEEKS_PER_QUARTER - 1],
        expected_tx_52w=expected[-1],
        expected_value_per_tx=value,
        clv_12m=discounted * value * margin,
    )


def _columns(rows: int, status: str, **known: Floats | None) -> list[pl.Series]:
    columns = []
    for name in _MODELLED:
        values = known.get(name)
        columns.append(pl.Series(name, [None] * rows if values is None else values, pl.Float64))
    return [*columns, pl.Series("model_status", [status] * rows, pl.String)]


def _decile(column: str) -> pl.Expr:
    rank = pl.col(column).rank("min").cast(pl.Int64)
    last = pl.col(column).count().cast(pl.Int64) - 1
    decile = pl.min_horizontal(_DECILES, 1 + _DECILES * (rank - 1) // last)
    return pl.when(pl.col(column).is_not_null()).then(decile)


@dataclass(frozen=True)
class BgNbd:
    """A fitted BG/NBD model: Poisson purchases, and a chance to leave after each.

    Source: Fader, Hardie and Lee, "Counting your customers" the easy way, Marketing Science 24
    (2005); numbers of equations are theirs.

    Attributes:
        r: Shape of the purchase rates.
        alpha: Their scale, weeks.
        a: First parameter of the chances to leave.
        b: Second.
    """

    r: float
    alpha: float
    a: float
    b: float

    @property
    def mean_dropout(self) -> float:
        """Mean chance of leaving after a purchase."""
        return self.a / (self.a + self.b)

    def log_likelihood(self, frequency: Floats, recency: Floats, age: Floats) -> float:
        """Return the log-likelihood of customers, equation 6; arguments as in `fit_bg_nbd`."""
        values = np.array([self.r, self.alpha, self.a, self.b])
        return -_bg_nbd_loss(values, frequency, recency, age)[0]

    def p_alive(self, frequency: Floats, recency: Floats, age: Floats) -> Floats:
        """Return the chance that customers have not left, shape (n,); 1 without a repeat purchase.

        Source: Fader, Hardie and Lee, Computing P(alive) using the BG/NBD model, 2008.
        """
        # Without a repeat purchase nobody can have left; the odds are not looked at.
        after_last = np.where(frequency > 0, self.b + frequency - 1, 1.0)
        waited = np.log((self.alpha + age) / (self.alpha + recency))
        odds = np.log(self.a / after_last) + (self.r + frequency) * waited
        alive: Floats = np.where(frequency > 0, special.expit(-odds), 1.0)
        return alive

    def expected_purchases(
        self, frequency: Floats, recency: Floats, age: Floats, weeks: float
    ) -> Floats:
        """Return the purchases expected in the weeks to come, equation 10, shape (n,).

        The hypergeometric function is put in Euler's other form, (1 - z)^(a - 1) times one whose
        arguments do not grow with frequency: for frequent customers the power of equation 10 and
        its function leave the range of floats, though their product does not.

        Args:
            frequency: Repeat purchases, shape (n,).
            recency: Weeks from the first to the last purchase, shape (n,).
            age: Weeks from the first purchase until now, shape (n,).
            weeks: How far ahead, at least 0.
        """
        poles = self.a - 1, self.a + self.b - 1
        a = self.a + 2 * _POLE * any(abs(pole) < _POLE for pole in poles)
        share = weeks / (self.alpha + age + weeks)
        last = a + self.b + frequency - 1
        reach = _hypergeometric(a - 1, a + self.b - 1 - self.r, last, share)
        if_alive = last / (a - 1) * (1 - (1 - share) ** (a - 1) * reach)
        expected: Floats = np.maximum(if_alive, 0) * self.p_alive(frequency, recency, age)
        return expected


def _hypergeometric(a: float, b: float, c: Floats, z: Floats) -> Floats:
    """Return Gauss's 2F1 for 0 <= z < 1.

    Near 1 SciPy turns to gamma functions of c, which overflow for frequent customers; the series
    itself ends soon where c is large.
    """
    total: Floats = special.hyp2f1(a, b, c, np.minimum(z, _NEAR_1))
    near = z > _NEAR_1
    c, z = c[near], z[near]
    term = np.ones_like(z)
    near_sum = np.ones_like(z)
    for n in range(_MOST_TERMS):
        term = term * (a + n) * (b + n) / ((c + n) * (n + 1)) * z
        near_sum += term
        if (np.abs(term) <= _PRECISION * np.abs(near_sum)).all():
            break
    total[near] = near_sum
    return total


def fit_bg_nbd(frequency: Floats, recency: Floats, age: Floats) -> BgNbd | None:
    """Fit BG/NBD by maximum likelihood.

    Args:
        frequency: Repeat purchases of each customer, shape (n,).
        recency: Weeks from the first to the last purchase, shape (n,).
        age: Weeks from the first purchase until now, shape (n,).

    Returns:
        The model; None where the search does not converge.
    """
    scale = float(age.mean())
    found = _minimise(
        lambda values: _bg_nbd_loss(values, frequency, recency / scale, age / scale),
        np.array([1.0, 1.0, 1.0, 1.0]),
        np.full(4, _LEAST),
        len(age),
    )
    if found is None:
        return None
    r, alpha, a, b = found.tolist()
    return BgNbd(r, alpha * scale, a, b)


def _bg_nbd_loss(
    values: Floats, frequency: Floats, recency: Floats, age: Floats
) -> tuple[float, Floats]:
    """Return the negative log-likelihood and its gradient by r, alpha, a and b."""
    r, alpha, a, b = values
    x = frequency
    common = (
        special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
        + special.betaln(a, b + x) - special.betaln(a, b)
    )  # fmt: skip
    stayed = -(r + x) * np.log(alpha + age)
    # Only who came back can have left; the others' term is a chance of 0.
    after_last = np.where(x > 0, b + x - 1, 1.0)
    left = np.where(
        x > 0, np.log(a) - np.log(after_last) - (r + x) * np.log(alpha + recency), -np.inf
    )
    either = np.logaddexp(stayed, left)
    gone = np.exp(left - either)
    both = special.digamma(a + b) - special.digamma(a + b + x)
    waited = (1 - gone) / (alpha + age) + gone / (alpha + recency)
    log_waited = (1 - gone) * np.log(alpha + age) + gone * np.log(alpha + recency)
    gradient = np.array(
        [
            (special.digamma(r + x) - special.digamma(r) + np.log(alpha) - log_waited).sum(),
            (r / alpha - (r + x) * waited).sum(),
            (both + gone / a).sum(),
            (both + special.digamma(b + x) - special.digamma(b) - gone / after_last).sum(),
        ]
    )
    return -float((common + either).sum()), -gradient


@dataclass(frozen=True)
class GammaGamma:
    """A fitted Gamma-Gamma model: what a customer spends varies about a mean of his own.

    Source: Fader and Hardie, The Gamma-Gamma model of monetary value, 2013.

    Attributes:
        p: Shape of the spends of a customer.
        q: Shape of the customers' scales, above 1.
        v: Their scale, in currency.
    """

    p: float
    q: float
    v: float

    def expected_spend(self, frequency: Floats, mean_spend: Floats) -> Floats:
        """Return the mean spend of customers, in currency, shape (n,), equation 5.

        Args:
            frequency: Purchases that the mean is of, shape (n,); 0 gives the mean of all.
            mean_spend: Currency, shape (n,); any number where frequency is 0.
        """
        spent = np.where(frequency > 0, frequency * mean_spend, 0)
        expected: Floats = self.p * (self.v + spent) / (self.p * frequency + self.q - 1)
        return expected


def fit_gamma_gamma(frequency: Floats, mean_spend: Floats) -> GammaGamma | None:
    """Fit Gamma-Gamma by maximum likelihood.

    Args:
        frequency: Purchases of each customer, at least 1, shape (n,).
        mean_spend: Mean of those, above 0, shape (n,).

    Returns:
        The model; None where the search does not converge.
    """
    scale = float(mean_spend.mean())
    found = _minimise(
        lambda values: _gamma_gamma_loss(values, frequency, mean_spend / scale),
        np.array([1.0, 2.0, 1.0]),
        # The mean of all customers is finite for q above 1 only.
        np.array([_LEAST, 1 + _LEAST, _LEAST]),
        len(mean_spend),
    )
    if found is None:
        return None
    p, q, v = found.tolist()
    return GammaGamma(p, q, v * scale)


def _gamma_gamma_loss(values: Floats, x: Floats, mean: Floats) -> tuple[float, Floats]:
    """Return the negative log-likelihood and its gradient by p, q and v."""
    p, q, v = values
    px, total = p * x, x * mean + v
    log_likelihood = (
        -special.betaln(px, q) + q * np.log(v) + (px - 1) * np.log(mean) + px * np.log(x)
        - (px + q) * np.log(total)
    )  # fmt: skip
    joint = special.digamma(px + q) - np.log(total)
    gradient = np.array(
        [
            (x * (joint - special.digamma(px) + np.log(mean) + np.log(x))).sum(),
            (joint - special.digamma(q) + np.log(v)).sum(),
            (q / v - (px + q) / total).sum(),
        ]
    )
    return -float(log_likelihood.sum()), -gradient


def _minimise(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, least: Floats, size: int
) -> Floats | None:
    """Return the positive parameters that lose least, or None without convergence."""

    def on_log_scale(logs: Floats) -> tuple[float, Floats]:
        values = np.exp(logs)
        value, gradient = loss(values)
        return value / size, gradient * values / size

    bounds = np.log(np.column_stack([least, np.full(len(least), _MOST)]))
    result: Any = scipy.optimize.minimize(
        on_log_scale,
        np.log(start),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 1000, "ftol": 0, "gtol": 1e-9},
    )
    # The search goes on until rounding ends it, which it calls abnormal; the slope decides.
    slope = np.clip(result.x - result.jac, *bounds.T) - result.x
    if not np.abs(slope).max() < _FLAT:
        return None
    found: Floats = np.exp(result.x)
    return found

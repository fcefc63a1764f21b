"""The customers: schedule of arrivals, trips, wishes, cards; the same whatever else happens."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from sim_support import DAY_MS, SEED

from simulator.clock import HOUR_MS, MINUTE_MS, parse_instant
from simulator.customers import Customers, Schedule, Step, daily_customers, spread
from simulator.rng import Concern, substream

# Mean customers a day by weekday, Monday first.
WEEKDAY_MEANS = (690.7, 653.6, 794.7, 713.0, 913.5, 987.8, 846.7)
MONDAY = date(2026, 1, 12)
SLOT_WEIGHTS_MONDAY = (16, 17, 20, 17, 13, 10)


def of_noise(reference, low=1.0, high=1.0):
    """A store whose days have other noise, and no season."""
    traffic = replace(reference.parameters.traffic, noise=(low, high), month_factors=(1.0,) * 12)
    return replace(reference, parameters=replace(reference.parameters, traffic=traffic))


def entries(schedule: Schedule) -> list[int]:
    return [
        moment.ms
        for moment, step in zip(schedule.moment[:-1], schedule.step, strict=True)
        if step == Step.ENTER
    ]


@pytest.fixture(scope="module")
def week(reference) -> list[Schedule]:
    customers = Customers(of_noise(reference))
    return [customers.schedule(MONDAY + timedelta(days=day)) for day in range(7)]


@pytest.fixture(scope="module")
def trips(week) -> dict[int, list[tuple[int, int]]]:
    """(instant, step) of the visits that begin and end in the week."""
    visits: dict[int, list[tuple[int, int]]] = {}
    for schedule in week:
        for moment, step, visit in zip(
            schedule.moment[:-1], schedule.step, schedule.visit, strict=True
        ):
            visits.setdefault(visit, []).append((moment.ms, step))
    return {
        visit: steps
        for visit, steps in visits.items()
        if steps[0][1] == Step.ENTER and steps[-1][1] == Step.LEAVE
    }


def test_weekday_means_without_noise(week):
    assert [len(entries(schedule)) for schedule in week] == [round(mean) for mean in WEEKDAY_MEANS]


@pytest.mark.parametrize("weekday", range(7))
def test_weekday_means_with_noise(reference, weekday):
    rng = substream(SEED, Concern.CUSTOMERS, weekday)
    traffic = of_noise(reference, 0.9, 1.1).parameters.traffic
    day = MONDAY + timedelta(days=weekday)
    totals = [daily_customers(rng, traffic, day) for _ in range(2000)]
    assert np.mean(totals) == pytest.approx(WEEKDAY_MEANS[weekday], rel=0.01)
    assert min(totals) >= 0.9 * WEEKDAY_MEANS[weekday] - 1
    assert max(totals) <= 1.1 * WEEKDAY_MEANS[weekday] + 1
    assert max(totals) - min(totals) > 0.19 * WEEKDAY_MEANS[weekday]


def test_slots_of_a_day_follow_the_weights(week, reference):
    calendar = reference.calendar
    bounds = [calendar.instant(MONDAY, hour) for hour in (0, 7, 10, 14, 17, 20)]
    counts, _ = np.histogram(entries(week[0]), [*bounds, calendar.instant(MONDAY) + DAY_MS])
    assert counts.tolist() == spread(691, SLOT_WEIGHTS_MONDAY).tolist()


def test_d16_season_is_applied_once_and_leaves_the_mean_of_the_year(reference):
    traffic = reference.parameters.traffic
    for year in (2025, 2026, 2028):
        first = date(year, 1, 1)
        days = [first + timedelta(days=n) for n in range(366 if year == 2028 else 365)]
        seasons = [traffic.season(day) for day in days]
        assert np.mean(seasons) == pytest.approx(1.0)
    january, june, august, september, december = (
        traffic.season(date(2026, month, 15)) for month in (1, 6, 8, 9, 12)
    )
    assert june == august == pytest.approx(1.10 * january)
    assert december == pytest.approx(1.15 * january)
    assert september == january
    # The whole chain: a week of December against one of November, with the same noise.
    same = replace(traffic, noise=(1.0, 1.0))
    rng = substream(SEED, Concern.CUSTOMERS)
    totals = [
        sum(daily_customers(rng, same, first + timedelta(days=n)) for n in range(7))
        for first in (date(2026, 11, 2), date(2026, 12, 7))
    ]
    assert totals[1] / totals[0] == pytest.approx(1.15, rel=0.002)


def test_spread_gives_what_is_left_to_the_largest_remainders():
    assert spread(10, (1, 1, 1)).tolist() == [4, 3, 3]
    assert spread(7, (50, 30, 20)).tolist() == [4, 2, 1]
    for total in range(50):
        assert spread(total, SLOT_WEIGHTS_MONDAY).sum() == total


def test_d17_slots_leave_no_minute_out(reference):
    """The first generation let nobody in during the last minute of a slot."""
    customers = Customers(reference)
    calendar = reference.calendar
    minutes: Counter[int] = Counter()
    for day in range(30):
        today = MONDAY + timedelta(days=day)
        begin = calendar.instant(today)
        minutes.update((at - begin) // MINUTE_MS for at in entries(customers.schedule(today)))
    ends = [hour * 60 - 1 for hour in (7, 10, 14, 17, 20, 24)]
    assert all(minutes[end] > 2 for end in ends)
    assert set(minutes) == set(range(24 * 60))


def test_slots_are_in_the_time_of_the_store_also_when_clocks_change(reference):
    calendar = reference.calendar
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (MONDAY, 24)):
        schedule = Customers(of_noise(reference)).schedule(day)
        begin, end = calendar.instant(day), calendar.instant(day + timedelta(days=1))
        assert end - begin == hours * HOUR_MS
        arrivals = entries(schedule)
        assert begin <= min(arrivals) < begin + HOUR_MS
        assert end - HOUR_MS < max(arrivals) < end
        before_seven = sum(at < calendar.instant(day, 7) for at in arrivals)
        assert (
            before_seven
            == spread(
                len(arrivals), reference.parameters.traffic.weekday_slot_weights[day.weekday()]
            )[0]
        )


def test_trips_last_as_measured(trips):
    minutes = np.array([(steps[-1][0] - steps[0][0]) / MINUTE_MS for steps in trips.values()])
    assert len(minutes) > 5000
    assert minutes.mean() == pytest.approx(36.8, rel=0.02)
    assert (minutes.min(), minutes.max()) == (10, 75)
    assert np.quantile(minutes, [0.05, 0.5, 0.95]) == pytest.approx([12, 35, 69], abs=1)


def test_actions_are_as_many_as_measured_and_within_the_trip(trips):
    counts = np.array([len(steps) - 2 for steps in trips.values()])
    assert counts.mean() == pytest.approx(13.30, rel=0.02)
    assert (counts.min(), counts.max()) == (3, 30)
    assert ((counts >= 7) & (counts <= 15)).mean() == pytest.approx(0.5, abs=0.02)
    for steps in trips.values():
        begin, end = steps[0][0], steps[-1][0]
        assert all(begin + 60_000 <= at <= end - 30_000 for at, _ in steps[1:-1])


def test_wishes_are_mixed_as_measured(week):
    steps = Counter(step for schedule in week for step in schedule.step)
    share = steps[Step.PUTBACK] / (steps[Step.PUTBACK] + steps[Step.PICKUP])
    assert share == pytest.approx(0.15, abs=0.005)
    quantities = Counter(
        quantity
        for schedule in week
        for step, quantity in zip(schedule.step, schedule.quantity, strict=True)
        if step == Step.PICKUP
    )
    total = quantities.total()
    assert [quantities[n] / total for n in (1, 2, 3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.01)
    assert quantities.keys() == {1, 2, 3}


def test_d16_items_are_wanted_by_visibility_and_price_with_constant_elasticity(reference):
    customers = Customers(of_noise(reference, 20.0, 20.0))
    schedule = customers.schedule(MONDAY)
    wanted = np.zeros(len(reference.item_id))
    for step, item in zip(schedule.step, schedule.item, strict=True):
        if step == Step.PICKUP:
            wanted[item] += 1
    discounts = reference.prices.discounts(MONDAY)
    assert (discounts > 0).sum() == 60
    appeal = np.array(reference.visibility) * (1 - discounts) ** -1.5
    expected = wanted.sum() * appeal / appeal.sum()
    # Pearson's statistic is about one per item when the weights are right.
    assert ((wanted - expected) ** 2 / expected).mean() == pytest.approx(1.0, abs=0.15)
    plain = np.array(reference.visibility)
    on_sale = discounts > 0
    uplift = (wanted / plain)[on_sale].mean() / (wanted / plain)[~on_sale].mean()
    assert uplift == pytest.approx(((1 - discounts[on_sale]) ** -1.5).mean(), rel=0.03)
    # Deep discounts attract more than shallow ones, not all the same.
    deep = on_sale & (discounts > 0.25)
    shallow = on_sale & (discounts < 0.12)
    assert (wanted / plain)[deep].mean() > 1.2 * (wanted / plain)[shallow].mean()


def test_cards_are_shown_in_the_share_set_and_by_keen_members_more(reference):
    visits = Customers(of_noise(reference, 40.0, 40.0)).schedule(MONDAY).visits.values()
    cards = Counter(visit.customer_id for visit in visits if visit.customer_id)
    assert cards.total() / len(visits) == pytest.approx(0.65, abs=0.01)
    assert all(card.startswith("S001-L") for card in cards)
    # Five visits a member: the keenest tenth would make 0.18 of them if all were equally keen.
    keenest = sorted(cards.values(), reverse=True)[: 4000 // 10]
    assert sum(keenest) / cards.total() > 0.3
    assert 2500 < len(cards) <= 4000


def test_checkout_is_mixed_as_set(week):
    visits = [visit for schedule in week for visit in schedule.visits.values()]
    methods = Counter(visit.payment_method for visit in visits)
    shares = {method: count / methods.total() for method, count in methods.items()}
    assert shares == pytest.approx(
        {"card": 0.58, "cash": 0.27, "mobile": 0.12, "voucher": 0.03}, abs=0.02
    )
    assert {visit.till_id for visit in visits} == {f"{till:02d}" for till in range(1, 7)}
    assert {visit.entry_gate for visit in visits} == {"G1", "G2"}


def test_nobody_comes_before_the_start(reference):
    first_day = reference.calendar.day_of(reference.start_ms)
    arrivals = entries(Customers(reference).schedule(first_day))
    later = replace(reference, world=replace(reference.world, start="2026-01-01T12:00:00Z"))
    noon = parse_instant("2026-01-01T12:00:00Z")
    assert min(arrivals) >= reference.start_ms
    assert entries(Customers(later).schedule(first_day)) == [at for at in arrivals if at >= noon]


def test_a_day_does_not_depend_on_the_days_looked_at_before(reference):
    walked = Customers(reference)
    for day in range(5):
        schedule = walked.schedule(MONDAY + timedelta(days=day))
    assert Customers(reference).schedule(MONDAY + timedelta(days=4)) == schedule


def test_late_visits_end_on_the_next_day(reference):
    customers = Customers(reference)
    days = [customers.schedule(MONDAY + timedelta(days=day)) for day in range(3)]

    def visits(schedule: Schedule, step: Step) -> set[int]:
        pairs = zip(schedule.step, schedule.visit, strict=True)
        return {visit for taken, visit in pairs if taken == step}

    entered = [visits(day, Step.ENTER) for day in days]
    left = [visits(day, Step.LEAVE) for day in days]
    assert entered[0] & left[1]
    assert entered[0] <= left[0] | left[1]
    assert not left[0] & left[1]
    assert not entered[0] & entered[1]


def test_stores_have_different_customers(reference):
    other = replace(reference, store_id="S002")
    ours, theirs = (Customers(store).schedule(MONDAY) for store in (reference, other))
    assert entries(ours) != entries(theirs)

"""Parameters: the file is complete, strict and sourced."""

import orjson
import pytest

from simulator.errors import SimulatorError
from simulator.parameters import load_parameters
from simulator.paths import PARAMETERS_FILE
from simulator.reference import bootstrap


def changed(tmp_path, change):
    document = orjson.loads(PARAMETERS_FILE.read_bytes())
    change(document)
    path = tmp_path / "parameters.json"
    path.write_bytes(orjson.dumps(document))
    return path


def test_the_constants_of_the_domain():
    parameters = load_parameters(PARAMETERS_FILE)
    assert parameters.trips.putback_probability == 0.15
    assert parameters.trips.quantity_shares == (0.6, 0.3, 0.1)
    assert parameters.lot_choice.earliest_probability == 0.8
    assert parameters.staff.walk_minutes == 3
    assert parameters.trips.mean_actions == pytest.approx(13.3)
    faults = parameters.suppliers.faults
    assert (faults.short, faults.late, faults.damaged) == (0, 0, 0)
    assert parameters.suppliers.life_of("FISH") == (2, 5)
    assert parameters.suppliers.life_of("PET PRODUCTS") == (365, 730)
    assert parameters.demand.uplift(0.0) == 0.0
    assert parameters.demand.uplift(0.5) == pytest.approx(0.5**-1.5 - 1)
    assert parameters.traffic.slot_start_hours == (0, 7, 10, 14, 17, 20)
    means = [parameters.traffic.mean_customers(weekday) for weekday in range(7)]
    assert means == pytest.approx([690.7, 653.6, 794.7, 713.0, 913.5, 987.8, 846.7], abs=0.05)
    assert sum(means) / 7 == pytest.approx(800)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["staff"].pop("walk_minutes"), "staff: missing walk_minutes"),
        (lambda d: d["staff"].update(speed=1), "staff: unknown speed"),
        (lambda d: d["staff"].update(per_store="4"), "staff.per_store: expected int"),
        (lambda d: d["staff"].update(per_store=True), "staff.per_store: expected int"),
        (lambda d: d["staff"].pop("source"), "staff: expected an object with a source"),
        (lambda d: d.pop("staff"), "missing staff"),
        (lambda d: d["traffic"].update(noise=[0.9]), "traffic.noise: expected 2 values"),
        (lambda d: d["traffic"]["weekday_slot_weights"].pop(), "seven rows"),
        (lambda d: d["traffic"]["weekday_slot_weights"][3].pop(), "seven rows"),
        (lambda d: d["traffic"]["month_factors"].pop(), "twelve month factors"),
        (lambda d: d["traffic"]["month_factors"].__setitem__(3, 0), "twelve month factors"),
        (lambda d: d["demand"].update(largest_markdown=1.0), "largest_markdown"),
        (lambda d: d["demand"].update(price_elasticity=-1.0), "price_elasticity"),
        (lambda d: d["suppliers"]["faults"].update(short=1.5), "short is 1.5"),
        (lambda d: d["suppliers"]["life_days"].update(FISH=[2]), "life_days.FISH: expected 2"),
        (lambda d: d["returns"].update(line_share=1.0), "line_share"),
        (lambda d: d["returns"].update(days_later=[0, 7]), "days_later"),
        (lambda d: d["returns"].update(hours=[9, 24]), "two hours"),
        (lambda d: d["trips"].update(quantity_shares=[0.5, 0.4]), "trips.quantity_shares add up"),
        (lambda d: d["trips"]["minutes"][0].update(share=0.5), "trips.minutes add up"),
        (lambda d: d["checkout"]["payment_shares"].update(gold=0.1), "payment_shares add up"),
        (lambda d: d["promotions"].update(first_monday="soon"), "expected a date"),
        (lambda d: d["catalogue"].update(batch_rules={}), "batch_rules: expected a list"),
        (lambda d: d["calibration"].update(item_means=[]), "item_means: expected an object"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    with pytest.raises(SimulatorError, match=message):
        load_parameters(changed(tmp_path, change))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for content in ("{", "[]"):
        path = tmp_path / "broken.json"
        path.write_text(content)
        with pytest.raises(SimulatorError, match=r"broken\.json"):
            load_parameters(path)
    with pytest.raises(SimulatorError, match="absent"):
        load_parameters(tmp_path / "absent")


def test_means_that_no_draw_reaches_end_the_bootstrap(tmp_path):
    path = changed(
        tmp_path,
        lambda d: d["calibration"].update(max_draws=2, item_means={"list_price": 50.0}),
    )
    with pytest.raises(SimulatorError, match="no draw of 2 came within"):
        bootstrap(tmp_path / "out", stores=1, seed=1, start_ms=0, parameters_file=path)
    assert not (tmp_path / "out").exists()

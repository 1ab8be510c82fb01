from datetime import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from tradewright.indicators.arrays import IndicatorArguments
from tradewright.indicators.sessions import SESSIONS, Session, session_flags

BY_NAME = {session.name: session for session in SESSIONS}


def at(*moments):
    return pd.DatetimeIndex(moments).tz_localize("UTC").as_unit("ns").asi8


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        # London leaves summer time on 2025-10-26, New York on 2025-11-02; Tokyo has none
        (
            "london",
            ["2025-10-24 07:00", "2025-10-27 08:00", "2025-10-27 16:59"],
            ["2025-10-24 16:00", "2025-10-27 07:59"],
        ),
        ("new_york", ["2025-10-31 12:00", "2025-11-03 13:00"], ["2025-10-31 21:00", "2025-11-03 12:59"]),
        ("rth", ["2025-10-31 13:30", "2025-11-03 14:30", "2025-11-03 20:59"], ["2025-10-31 13:29", "2025-11-03 14:29"]),
        ("rth", ["2025-03-07 14:30", "2025-03-10 13:30"], ["2025-03-07 14:29", "2025-03-07 21:00", "2025-03-10 20:00"]),
        ("asia", ["2025-10-31 00:00", "2025-11-03 08:59"], ["2025-10-30 23:59", "2025-11-03 09:00"]),
    ],
)
def test_hours_follow_the_clock_of_the_zone(name, inside, outside):
    assert_array_equal(session_flags(at(*inside), BY_NAME[name]), 1.0)
    assert_array_equal(session_flags(at(*outside), BY_NAME[name]), 0.0)


def test_a_week_holds_the_same_hours_on_both_sides_of_the_change():
    for monday in ("2025-10-20", "2025-10-27", "2025-11-03"):
        minutes = pd.date_range(monday, periods=7 * 1440, freq="1min", tz="UTC").as_unit("ns").asi8
        assert session_flags(minutes, BY_NAME["rth"]).sum() == 5 * 390


def test_weekends_are_outside_unless_the_days_say_otherwise():
    saturday_noon = at("2025-11-01 12:00")
    assert session_flags(saturday_noon, BY_NAME["london"]) == 0.0
    assert session_flags(saturday_noon, BY_NAME["london"]._replace(days=(5,))) == 1.0


def test_a_session_over_midnight_belongs_to_the_day_on_which_it_begins():
    night = Session("night", "America/Chicago", time(17), time(16), (6, 0, 1, 2, 3))
    moments = at(
        "2025-11-09 22:59",
        "2025-11-09 23:00",
        "2025-11-10 21:59",
        "2025-11-10 22:00",
        "2025-11-14 21:59",
        "2025-11-14 23:00",
    )
    assert_array_equal(session_flags(moments, night), [0, 1, 1, 0, 1, 0])


def test_a_session_as_long_as_a_day_is_always_open_on_its_days():
    always = Session("always", "UTC", time(0), time(0), tuple(range(7)))
    assert_array_equal(session_flags(at("2025-11-08 00:00", "2025-11-09 23:59:59"), always), 1.0)


def test_seconds_count_at_the_edges():
    brief = Session("brief", "UTC", time(9, 30, 15), time(9, 30, 45))
    moments = at("2025-11-07 09:30:14", "2025-11-07 09:30:15", "2025-11-07 09:30:44.9", "2025-11-07 09:30:45")
    assert_array_equal(session_flags(moments, brief), [0, 1, 1, 0])


def test_no_bars_have_no_flags():
    assert session_flags(np.array([], dtype=np.int64), BY_NAME["rth"]).shape == (0,)


@pytest.mark.parametrize("zone", ["Europe/Londno", "../etc/passwd", ""])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(IndicatorArguments, match="session x: zone"):
        session_flags(at("2025-11-07"), Session("x", zone, time(9), time(10)))
